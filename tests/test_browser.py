"""The notebooks and the scrubber as a reader has them: a real JupyterLab in a real Chromium."""

import json
import os
import shutil
from pathlib import Path

import nbformat
import numpy as np
import pytest
from browser import CHROMIUM_FLAGS, INSTALL, close_sessions, find_chromium, jupyter_lab, open_notebook, run_all
from notebook_runs import METADATA
from playwright.sync_api import expect, sync_playwright

from lstm_helpers import figures
from lstm_helpers.cell import LSTMParams, lstm_forward
from lstm_helpers.network import LSTM
from lstm_helpers.widgets import GateScrubber

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
NAMES = sorted(path.name for path in NOTEBOOKS.glob("*.ipynb"))
SCRUBBER = "[data-testid=gate-scrubber]"
SIGNALS = ("i", "f", "g", "o", "c", "h")
FLOAT32 = 1e-6  # the run travels as 32-bit floats

# A notebook of its own, whose numbers the tests compute again by themselves.
SIZES = {"T": 9, "N": 2, "D": 3, "H": 5}
TOKENS = ["我", "a", "long-token", "<b>", "&", "e", "f", "g", "end"]


def example_run():
    rng = np.random.default_rng(7)
    T, N, D, H = SIZES.values()
    params = LSTMParams(rng.normal(size=(4 * H, D)), rng.normal(size=(4 * H, H)), rng.normal(size=4 * H))
    return lstm_forward(rng.normal(size=(T, N, D)), params, rng.normal(size=(N, H)), rng.normal(size=(N, H)), [9, 6])


EXAMPLE = f"""
import numpy as np
from lstm_helpers.cell import LSTMParams, lstm_forward
from lstm_helpers.widgets import GateScrubber
rng = np.random.default_rng(7)
T, N, D, H = {tuple(SIZES.values())}
params = LSTMParams(rng.normal(size=(4 * H, D)), rng.normal(size=(4 * H, H)), rng.normal(size=4 * H))
trace = lstm_forward(rng.normal(size=(T, N, D)), params, rng.normal(size=(N, H)), rng.normal(size=(N, H)), [9, 6])
scrubber = GateScrubber(trace, tokens={TOKENS})
scrubber
"""

# A network, two layers in two directions, over sequences of 7 and 5 characters.
SENTENCES = [list("我爱中国，你好"), list("我爱中国。")]
NETWORK_SIZES = {"T": 7, "N": 2, "D": 3, "H": 4}


def example_network():
    rng = np.random.default_rng(11)
    T, N, D, H = NETWORK_SIZES.values()
    net = LSTM(D, H, 2, True, seed=rng)
    return net.forward(rng.normal(size=(T, N, D)), *rng.normal(size=(2, 4, N, H)), [7, 5])


NETWORK_EXAMPLE = f"""
from lstm_helpers.network import LSTM
rng = np.random.default_rng(11)
T, N, D, H = {tuple(NETWORK_SIZES.values())}
net = LSTM(D, H, 2, True, seed=rng)
run = net.forward(rng.normal(size=(T, N, D)), *rng.normal(size=(2, 4, N, H)), [7, 5])
both = GateScrubber(run, {SENTENCES})
both
"""


@pytest.fixture(scope="session")
def chromium():
    path = find_chromium()
    if path is None:
        problem = f"no Chromium found; to install one: {INSTALL}"
        if os.environ.get("CI"):
            pytest.fail(problem)
        pytest.skip(problem)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=CHROMIUM_FLAGS)
        yield browser
        browser.close()


def new_page(chromium, **options):
    """A page that remembers what went wrong in its JavaScript."""
    page = chromium.new_context(viewport={"width": 1400, "height": 1000}, **options).new_page()
    page.problems = []
    page.on("pageerror", lambda error: page.problems.append(str(error)))
    return page


@pytest.fixture
def page(chromium):
    page = new_page(chromium)
    yield page
    page.context.close()


@pytest.fixture(scope="session")
def lab(tmp_path_factory):
    """A JupyterLab over a copy of the notebooks, so that nothing the tests do is saved into the originals."""
    root, home = tmp_path_factory.mktemp("notebooks"), tmp_path_factory.mktemp("jupyter")
    shutil.copytree(NOTEBOOKS, root, dirs_exist_ok=True, ignore=shutil.ignore_patterns(".ipynb_checkpoints"))
    cells = [nbformat.v4.new_code_cell(source.strip()) for source in (EXAMPLE, NETWORK_EXAMPLE)]
    notebook = nbformat.v4.new_notebook(cells=cells, metadata=nbformat.from_dict(METADATA))
    nbformat.write(notebook, root / "example.ipynb")
    with jupyter_lab(root, home) as url:
        yield url


@pytest.fixture(scope="module")
def example(chromium, lab):
    """The example notebook, open and run: once for all tests, since opening takes longer than they do."""
    page = new_page(chromium)
    open_notebook(page, lab, "example.ipynb")
    assert run_all(page) == []
    yield page
    page.context.close()
    close_sessions(lab)


@pytest.fixture
def live(example):
    """The example's scrubber, at the first step of the first unit."""
    example.evaluate("lab.ask('scrubber.t = scrubber.unit = scrubber.batch = 0')")
    scrubber = example.locator(SCRUBBER).nth(0)
    for name in ("t", "unit", "batch"):
        expect(scrubber).to_have_attribute(f"data-{name}", "0")
    yield scrubber
    assert example.problems == []


@pytest.fixture
def network(example):
    """The example's scrubber of a network, at its first place."""
    example.evaluate("lab.ask('both.t = both.unit = both.batch = both.layer = both.direction = 0')")
    scrubber = example.locator(SCRUBBER).nth(1)
    for name in ("t", "unit", "batch", "layer", "direction"):
        expect(scrubber).to_have_attribute(f"data-{name}", "0")
    yield scrubber
    assert example.problems == []


# --- reading what is drawn ---------------------------------------------------------------------


def press(scrubber, key):
    """Press a key where the reader would, and wait for the paint."""
    scrubber.press(key)
    painted(scrubber.page)


def painted(page):
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")


def drawn(scrubber):
    """All the numbers that are on the screen: the place, and the values by wire, curve and heatmap."""
    return scrubber.evaluate(
        """root => {
            const values = (kind) => Object.fromEntries([...root.querySelectorAll(`[data-${kind}]`)].map(
                node => [node.dataset[kind], { value: node.dataset.value, text: node.textContent }]));
            const { t, unit, batch, layer, direction, first } = root.dataset;
            return { t: +t, unit: +unit, batch: +batch, layer: +layer, direction: +direction, first: +first,
                     wires: values('wire'), curves: values('curve'), heat: values('gate') };
        }"""
    )


def pixels(scrubber, signal):
    """The heatmap of a signal, (rows, columns, 4)."""
    width, height, flat = scrubber.locator(f"canvas[data-gate={signal}]").evaluate(
        """canvas => [canvas.width, canvas.height,
            [...canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data]]"""
    )
    return np.array(flat).reshape(height, width, 4)


def step_of(t, length, direction):
    """Which step of its reading a direction does at position t: the reverse one reads from the end of the sequence."""
    return length - 1 - t if direction == 1 and t < length else t


def expected_wires(trace, step, unit, batch):
    step = trace.step(step)
    value = {name: float(getattr(step, name)[batch, unit]) for name in (*SIGNALS, "c_prev", "h_prev")}
    value["f_c"] = value["f"] * value["c_prev"]
    value["i_g"] = value["i"] * value["g"]
    value["tanh_c"] = np.tanh(value["c"])
    return value


def assert_drawn(scrubber, trace, t, unit, batch=0, *, layer=0, direction=0):
    """Everything on the screen is what the trace did at position t; returns the numbers by wire."""
    seen = drawn(scrubber)
    place = [seen[name] for name in ("t", "unit", "batch", "layer", "direction")]
    assert place == [t, unit, batch, layer, direction]
    wires = expected_wires(trace, step_of(t, trace.lengths[batch], direction), unit, batch)
    for name, value in wires.items():
        wire = seen["wires"][name]
        assert float(wire["value"]) == pytest.approx(value, rel=FLOAT32, abs=FLOAT32), f"wire {name} at t = {t}"
        text = float(wire["text"].replace("−", "-"))
        assert text == pytest.approx(value, abs=6e-4, rel=6e-3), f"the text on wire {name} at t = {t}"
    for kind in ("curves", "heat"):
        assert set(seen[kind]) == set(SIGNALS)
        for signal in SIGNALS:
            got = float(seen[kind][signal]["value"])
            assert got == pytest.approx(wires[signal], rel=FLOAT32, abs=FLOAT32), f"{kind} {signal} at t = {t}"
    return wires


def expected_colours(values, signal, trace, limit=None):
    """The colours of a heatmap, by our own interpolation between the map's stops."""
    low, high = (-limit, limit) if limit and signal == "c" else figures.value_range(signal, trace)
    stops = figures.GATE_MAP if figures.is_gate(signal) else figures.STATE_MAP
    rgb = np.array([[int(stop[k : k + 2], 16) for k in (1, 3, 5)] for stop in stops])
    share = np.clip((values - low) / (high - low), 0, 1) * (len(stops) - 1)
    return np.stack([np.interp(share, np.arange(len(stops)), rgb[:, channel]) for channel in range(3)], axis=-1)


# --- the scrubber in JupyterLab ----------------------------------------------------------------


def test_every_step_by_keyboard_shows_the_numbers_of_the_trace(live):
    trace = example_run()
    live.focus()
    press(live, "Home")
    for t in range(trace.seq_len):
        assert_drawn(live, trace, t, unit=0)
        press(live, "ArrowRight")
    assert drawn(live)["t"] == trace.seq_len - 1, "one step beyond the end stays at the end"
    for t in reversed(range(trace.seq_len - 1)):
        press(live, "ArrowLeft")
        assert drawn(live)["t"] == t
    press(live, "End")
    assert drawn(live)["t"] == trace.seq_len - 1
    for unit in range(1, trace.hidden_size):
        press(live, "ArrowDown")
        assert_drawn(live, trace, trace.seq_len - 1, unit)
    press(live, "ArrowUp")
    assert drawn(live)["unit"] == trace.hidden_size - 2


def test_keys_do_not_reach_the_notebook(live):
    page = live.page
    before = page.evaluate("lab.panel().content.activeCellIndex")
    cells = page.evaluate("lab.panel().content.model.cells.length")
    live.focus()
    for key in ("ArrowDown", "ArrowUp", "a", "b", "d", "d", "x"):
        press(live, key)
    assert page.evaluate("lab.panel().content.activeCellIndex") == before
    assert page.evaluate("lab.panel().content.model.cells.length") == cells


def test_every_step_by_mouse(live):
    trace = example_run()
    for signal in ("i", "h"):
        box = live.locator(f"canvas[data-gate={signal}]").bounding_box()
        for t in range(trace.seq_len):
            unit = (2 * t) % trace.hidden_size
            x = box["x"] + box["width"] * (t + 0.5) / trace.seq_len
            y = box["y"] + box["height"] * (unit + 0.5) / trace.hidden_size
            live.page.mouse.click(x, y)
            painted(live.page)
            assert_drawn(live, trace, t, unit)


def test_dragging_the_slider_passes_every_step(live):
    trace = example_run()
    slider = live.locator("[data-action=t]")
    box = slider.bounding_box()
    seen = set()
    live.page.mouse.move(box["x"] + 8, box["y"] + box["height"] / 2)
    live.page.mouse.down()
    for x in np.linspace(8, box["width"] - 8, 60):
        live.page.mouse.move(box["x"] + x, box["y"] + box["height"] / 2)
        painted(live.page)
        seen.add(drawn(live)["t"])
    live.page.mouse.up()
    assert seen == set(range(trace.seq_len))


def test_the_buttons_and_play(live):
    trace = example_run()
    for name, t in (("first", 0), ("next", 1), ("next", 2), ("previous", 1), ("last", trace.seq_len - 1)):
        live.locator(f"[data-action={name}]").click()
        painted(live.page)
        assert drawn(live)["t"] == t, name
    live.locator("[data-action=first]").click()
    live.focus()
    live.press("Space")
    expect(live).to_have_attribute("data-playing", "true")
    live.page.wait_for_function("document.querySelector('[data-testid=gate-scrubber]').dataset.t === '2'")
    live.press("Space")
    expect(live).to_have_attribute("data-playing", "false")


def test_heatmaps_have_the_colours_of_the_values(live):
    trace = example_run()
    for signal in SIGNALS:
        values = getattr(trace, signal)[:, 0].T  # (H, T)
        shown = pixels(live, signal)
        assert shown.shape[:2] == values.shape
        np.testing.assert_array_equal(shown[..., 3], 255)
        np.testing.assert_allclose(shown[..., :3], expected_colours(values, signal, trace), atol=3)


def test_another_sequence_of_the_batch_and_its_padding(live):
    trace = example_run()
    live.locator("[data-action=batch]").select_option("1")
    live.focus()
    press(live, "Home")
    for t in range(trace.lengths[1]):
        assert_drawn(live, trace, t, unit=0, batch=1)
        press(live, "ArrowRight")
    expect(live.locator("[data-text=sentence]")).to_contain_text("padding")
    np.testing.assert_array_equal(pixels(live, "f")[:, 6:, 3], 0)


def test_traits_go_both_ways(live):
    page = live.page
    live.focus()
    press(live, "End")
    press(live, "ArrowDown")
    expected = f"{SIZES['T'] - 1} 1"
    page.wait_for_function(f"async () => (await lab.ask('print(scrubber.t, scrubber.unit)')).trim() === '{expected}'")
    page.evaluate("lab.ask('scrubber.t = 4; scrubber.unit = 3; scrubber.batch = 1')")
    expect(live).to_have_attribute("data-batch", "1")
    painted(page)
    assert_drawn(live, example_run(), t=4, unit=3, batch=1)


def test_tokens_are_text_and_the_current_one_is_whole(live):
    live.focus()
    press(live, "Home")
    for token in TOKENS:
        expect(live.locator("[data-text=where]")).to_contain_text(f"‘{token}’")
        press(live, "ArrowRight")


# --- two directions and several layers ---------------------------------------------------------


def turned(array, lengths):
    """Each sequence of array (T, N, H) turned round within its own length."""
    array = array.copy()
    for batch, length in enumerate(lengths):
        array[:length, batch] = array[:length, batch][::-1]
    return array


def assert_reads(scrubber, network, t, unit, batch, layer):
    """The two bars that meet at t and the sentence about them: what each direction has read."""
    T, H = len(network.output), network.layers[0][0].hidden_size
    end = network.lengths[batch] - 1
    marks = scrubber.evaluate(
        """root => {
            const box = root.querySelector('canvas[data-gate=i]').getBoundingClientRect();
            return Object.fromEntries([...root.querySelectorAll('[data-read]')].map(bar => {
                const { left, right, height } = bar.getBoundingClientRect();
                return [bar.dataset.read, { span: [bar.dataset.from, bar.dataset.to], height,
                    columns: [(left - box.left) / box.width, (right - box.left) / box.width] }];
            }));
        }"""
    )
    words = scrubber.locator("[data-text=joined]").inner_text()
    if t > end:
        assert [mark["span"] for mark in marks.values()] == [["", ""], ["", ""]]
        assert all(mark["height"] == 0 for mark in marks.values())
        assert words.startswith("padding: nothing is read here")
        return
    assert {name: mark["span"] for name, mark in marks.items()} == {
        "forward": ["0", str(t)],
        "reverse": [str(end), str(t)],
    }
    assert marks["forward"]["columns"] == pytest.approx([0, (t + 1) / T], abs=0.003)
    assert marks["reverse"]["columns"] == pytest.approx([t / T, (end + 1) / T], abs=0.003)
    read = "".join(SENTENCES[batch][: t + 1]), "".join(reversed(SENTENCES[batch][t : end + 1]))
    start = (
        "forward has read {}, backward has read {}; "
        if layer == 0
        else ("forward has read layer 0's features of {}, backward has read those of {}; ")
    )
    assert start.format(*read) in words
    halves = [network.layers[layer][0].h, turned(network.layers[layer][1].h, network.lengths)]
    h = [figures.number(half[t, batch, unit], 3) for half in halves]
    assert words.endswith(f"joins h→ ({H} numbers, unit {unit}: {h[0]}) and h← ({H} numbers, unit {unit}: {h[1]})")


def walk(scrubber, network, layer, direction, unit=0, batch=0):
    """Through every position of one layer and direction by keyboard."""
    trace, H = network.layers[layer][direction], network.layers[0][0].hidden_size
    c = turned(trace.c, trace.lengths) if direction else trace.c
    scrubber.focus()
    press(scrubber, "Home")
    for t in range(trace.seq_len):
        wires = assert_drawn(scrubber, trace, t, unit, batch, layer=layer, direction=direction)
        # The same once more, by position: c_prev comes from where the direction has been before.
        before = t + 1 if direction else t - 1
        if t < trace.lengths[batch]:
            outside = before in (-1, trace.lengths[batch])
            assert wires["c_prev"] == (trace.c0[batch, unit] if outside else c[before, batch, unit])
        if layer == 1:
            assert wires["h"] == network.output[t, batch, direction * H + unit]
        assert_reads(scrubber, network, t, unit, batch, layer)
        press(scrubber, "ArrowRight")


@pytest.mark.parametrize("layer", [0, 1])
@pytest.mark.parametrize("batch", [0, 1])
def test_every_position_in_every_layer_and_direction(network, layer, batch):
    run = example_network()
    network.locator("[data-action=batch]").select_option(str(batch))
    network.locator("[data-action=layer]").select_option(str(layer))
    for direction in (0, 1):
        network.locator("[data-action=direction]").select_option(str(direction))
        walk(network, run, layer, direction, batch=batch)
        for signal in SIGNALS:
            part = run.layers[layer][direction]
            values = getattr(part, signal)
            values = (turned(values, run.lengths) if direction else values)[: run.lengths[batch], batch].T
            limit = float(network.locator("[data-row=c] [data-end]").first.inner_text())
            assert limit == figures.state_limit(*(part for both in run.layers for part in both))  # one scale for all
            shown = pixels(network, signal)
            wanted = expected_colours(values, signal, part, limit)
            np.testing.assert_allclose(shown[:, : run.lengths[batch], :3], wanted, atol=3)
            np.testing.assert_array_equal(shown[:, run.lengths[batch] :, 3], 0)
    first = "its step 0 is the last token; c_prev comes from the right"
    expect(network.locator("[data-text=view]")).to_contain_text(first)


def test_a_key_turns_the_direction_and_the_words_say_which(network):
    run, end = example_network(), NETWORK_SIZES["T"] - 1
    network.focus()
    press(network, "End")
    assert_drawn(network, run.layers[0][0], end, 0)
    press(network, "r")
    assert_drawn(network, run.layers[0][1], end, 0, direction=1)
    expect(network.locator("[data-text=sentence]")).to_contain_text("layer 0, backward, its step 0, unit 0: c = ")
    expect(network.locator(".gs-here").first).to_have_text("← 好")
    press(network, "r")
    assert_drawn(network, run.layers[0][0], end, 0)
    expect(network.locator(".gs-here").first).to_have_text("好 →")


def test_playing_goes_the_way_of_reading(network):
    end = NETWORK_SIZES["T"] - 1
    network.focus()
    press(network, "r")
    press(network, "Space")  # from the first position, where this direction has ended: again from the last
    expect(network).to_have_attribute("data-t", str(end))
    expect(network).to_have_attribute("data-t", str(end - 1))
    press(network, "Space")
    expect(network).to_have_attribute("data-playing", "false")


def test_layer_and_direction_go_both_ways(network):
    page = network.page
    page.evaluate("lab.ask('both.layer = 1; both.direction = 1; both.t = 3; both.unit = 2; both.batch = 1')")
    expect(network).to_have_attribute("data-batch", "1")
    painted(page)
    assert_drawn(network, example_network().layers[1][1], 3, 2, 1, layer=1, direction=1)
    network.locator("[data-action=layer]").select_option("0")
    network.focus()
    press(network, "r")
    page.wait_for_function("async () => (await lab.ask('print(both.layer, both.direction)')).trim() === '0 0'")


def test_a_list_keeps_its_arrow_keys(network):
    press(network.locator("[data-action=batch]"), "ArrowDown")
    expect(network).to_have_attribute("data-batch", "1")
    assert drawn(network)["unit"] == 0


def test_one_direction_shows_no_choice_of_them(live):
    for selector in ("[data-action=layer]", "[data-action=direction]", "[data-read]"):
        assert live.locator(selector).count() == 0
    assert not live.locator("[data-text=joined]").is_visible()
    live.focus()
    press(live, "r")
    assert drawn(live)["direction"] == 0


# --- looks -------------------------------------------------------------------------------------


@pytest.mark.parametrize("theme", ["JupyterLab Light", "JupyterLab Dark"])
def test_text_can_be_read_in_both_themes(live, network, theme):
    """Contrast of at least 4.5 to 1 (WCAG 2.2, success criterion 1.4.3) for every text of the widget."""
    page = live.page
    page.evaluate("theme => window.jupyterapp.commands.execute('apputils:change-theme', { theme })", theme)
    page.wait_for_function("theme => document.body.dataset.jpThemeName === theme", arg=theme)
    page.wait_for_timeout(300)
    worst = page.evaluate(
        """() => {
            const parse = (text) => (text.match(/[\\d.]+/g) ?? []).map(Number);
            const light = ([r, g, b]) => [r, g, b].map(v => v / 255).map(
                v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
                .reduce((sum, v, k) => sum + v * [0.2126, 0.7152, 0.0722][k], 0);
            const behind = (node) => {
                for (; node; node = node.parentElement) {
                    const colour = parse(getComputedStyle(node).backgroundColor);
                    if (colour.length === 3 || colour[3] > 0.8) return colour;
                }
                return [255, 255, 255];
            };
            let worst = [99, ''];
            for (const node of document.querySelectorAll('[data-testid=gate-scrubber] *')) {
                const own = [...node.childNodes].filter(child => child.nodeType === 3);
                const text = own.map(child => child.data).join('').trim();
                if (!text || !node.getClientRects().length || node.tagName === 'OPTION') continue;
                const style = getComputedStyle(node);
                const ink = parse(node instanceof SVGElement ? style.fill : style.color);
                const [a, b] = [light(ink), light(behind(node))].sort((x, y) => y - x);
                const contrast = (a + 0.05) / (b + 0.05);
                if (contrast < worst[0]) worst = [contrast, `${text} (${node.className.baseVal ?? node.className})`];
            }
            return worst;
        }"""
    )
    assert worst[0] >= 4.5, f"contrast {worst[0]:.1f} of {worst[1]!r}"


# --- the notebooks -----------------------------------------------------------------------------

ASK_FOR_TRACES = """
import json as _json
from ipywidgets.widgets.widget import _instances as _all
from lstm_helpers.widgets import GateScrubber as _Scrubber
print(_json.dumps([
    [[{name: getattr(part, name).tolist() for name in ("i", "f", "g", "o", "c", "h", "c0", "h0", "lengths")}
      for part in both] for both in getattr(w.trace, "layers", ((w.trace,),))]
    for w in _all.values() if isinstance(w, _Scrubber)
]))
"""


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_runs_and_its_scrubbers_tell_the_truth(lab, page, name):
    open_notebook(page, lab, name)
    try:
        assert run_all(page) == []
        traces = json.loads(page.evaluate("code => lab.ask(code)", ASK_FOR_TRACES) or "[]")
        scrubbers = page.locator(SCRUBBER)
        expect(scrubbers).to_have_count(len(traces), timeout=20_000)
        for k, layers in enumerate(traces):
            _drive(scrubbers.nth(k), layers)
        assert page.problems == []
    finally:
        close_sessions(lab)


def _drive(scrubber, layers):
    """Through all of one scrubber by its lists and by keyboard, comparing what is drawn with the kernel's numbers."""
    scrubber.scroll_into_view_if_needed()
    for layer, both in enumerate(layers):
        for direction, arrays in enumerate(both):
            for name, value, count in (("layer", layer, len(layers)), ("direction", direction, len(both))):
                if count > 1:
                    scrubber.locator(f"[data-action={name}]").select_option(str(value))
            painted(scrubber.page)
            seen = drawn(scrubber)
            assert (seen["layer"], seen["direction"]) == (layer, direction)
            _drive_part(scrubber, {key: np.array(value) for key, value in arrays.items()}, direction)


def _drive_part(scrubber, arrays, direction):
    """Through every position of one layer and direction; the arrays are in the order of reading."""
    scrubber.focus()
    press(scrubber, "Home")
    T, _, H = arrays["h"].shape
    for t in range(T):
        seen = drawn(scrubber)
        unit, batch = seen["unit"], seen["batch"]
        assert seen["t"] == t
        assert 0 <= unit < H
        step = step_of(t, arrays["lengths"][batch], direction)
        for signal in SIGNALS:
            wanted = pytest.approx(arrays[signal][step, batch, unit], rel=FLOAT32, abs=FLOAT32)
            for kind in ("wires", "curves", "heat"):
                assert float(seen[kind][signal]["value"]) == wanted, f"{kind} {signal} at t = {t}"
        for signal in ("c", "h"):
            before = arrays[f"{signal}0"] if step == 0 else arrays[signal][step - 1]
            wanted = pytest.approx(before[batch, unit], rel=FLOAT32, abs=FLOAT32)
            assert float(seen["wires"][f"{signal}_prev"]["value"]) == wanted
        press(scrubber, "ArrowRight")


@pytest.mark.parametrize("name", NAMES)
def test_a_fresh_clone_shows_its_pictures_without_trust_and_without_a_kernel(lab, page, name):
    stored = nbformat.read(NOTEBOOKS / name, as_version=4)
    wanted = sum("image/png" in output.get("data", {}) for cell in stored.cells for output in cell.get("outputs", []))
    open_notebook(page, lab, name, kernel=False)
    assert page.evaluate("lab.panel().sessionContext.session") is None
    trusted = page.evaluate("lab.code().filter(cell => cell.trusted).map(cell => cell.sharedModel.getSource())")
    assert trusted == []
    sizes = page.evaluate(
        """async () => {
            const sizes = [];
            for (const cell of lab.panel().content.widgets) {
                await lab.panel().content.scrollToCell(cell);
                await cell.ready;
                for (const img of cell.node.querySelectorAll('.jp-OutputArea img')) {
                    await img.decode();
                    sizes.push([img.naturalWidth, img.getBoundingClientRect().width]);
                }
            }
            return sizes;
        }"""
    )
    assert len(sizes) == wanted
    assert all(natural > 100 and shown > 100 for natural, shown in sizes)
    assert page.get_by_text("model not found").count() == 0


# --- the page without a kernel -----------------------------------------------------------------


@pytest.fixture
def static_page(chromium, tmp_path):
    """Opens the HTML of a scrubber from a file, with the network off."""
    pages = []

    def open_page(scrubber):
        path = tmp_path / "scrubber.html"
        path.write_text(scrubber.to_html(), encoding="utf-8")
        page = new_page(chromium, offline=True)
        pages.append(page)
        page.requests = []
        page.on("request", lambda request: page.requests.append(request.url))
        page.goto(path.as_uri())
        page.wait_for_selector(f"{SCRUBBER}[data-t]")
        return page

    yield open_page
    for page in pages:
        page.context.close()


def test_the_static_page_scrubs_with_the_network_off(static_page):
    trace = example_run()
    page = static_page(GateScrubber(trace, tokens=TOKENS))
    scrubber = page.locator(SCRUBBER)
    press(scrubber, "Home")
    for t in range(trace.seq_len):
        assert_drawn(scrubber, trace, t, unit=0)
        press(scrubber, "ArrowRight")
    assert page.problems == []
    assert [url for url in page.requests if not url.startswith("file:")] == []


def test_the_static_page_of_a_network_with_the_network_off(static_page):
    run = example_network()
    page = static_page(GateScrubber(run, SENTENCES, batch=1, unit=3, layer=1, direction=1))
    scrubber = page.locator(SCRUBBER)
    for layer in (1, 0):
        scrubber.locator("[data-action=layer]").select_option(str(layer))
        for direction in (1, 0):
            walk(scrubber, run, layer, direction, unit=3, batch=1)
            press(scrubber, "r")
    assert page.problems == []
    assert [url for url in page.requests if not url.startswith("file:")] == []


def test_what_was_read_in_a_run_that_is_wider_than_the_window(static_page):
    T, t = 90, 70
    run = LSTM(1, 2, 1, True, seed=0).forward(np.random.default_rng(0).normal(size=(T, 1, 1)))
    scrubber = static_page(GateScrubber(run, t=t, direction=1)).locator(SCRUBBER)
    first = assert_drawn(scrubber, run.layers[0][1], t, 0, direction=1) and drawn(scrubber)["first"]
    bars = scrubber.locator("[data-read]").evaluate_all("bars => bars.map(({ style }) => [style.left, style.width])")
    left, right = 100 * (t - first) / 60, 100 * (t + 1 - first) / 60
    assert [[float(part.rstrip("%")) for part in bar] for bar in bars] == [
        pytest.approx([0, right], abs=0.01),
        pytest.approx([left, 100 - left], abs=0.01),
    ]
    words = scrubber.locator("[data-text=joined]")
    expect(words).to_contain_text("forward has read t = 0 to 70, backward has read t = 89 to 70; the output joins")


def test_the_characters_of_notebook_06_come_along(static_page):
    trace = lstm_forward(np.eye(4)[:, None], LSTMParams.init(4, 2, seed=0))
    page = static_page(GateScrubber(trace, tokens=list("我爱中国")))
    expect(page.locator(SCRUBBER).locator("[data-text=where]")).to_contain_text("我")
    painted(page)
    used = page.evaluate("document.fonts.ready.then(fonts => [...fonts].map(font => [font.family, font.status]))")
    assert [status for family, status in used if "gate scrubber glyphs" in family] == ["loaded"]


def test_long_and_wide_runs_are_windowed_and_binned_and_say_so(static_page):
    rng = np.random.default_rng(3)
    T, N, D, H = 500, 1, 4, 250
    params = LSTMParams(rng.normal(size=(4 * H, D)), rng.normal(size=(4 * H, H)) / 8, rng.normal(size=4 * H))
    trace = lstm_forward(rng.normal(size=(T, N, D)), params)
    page = static_page(GateScrubber(trace, t=123, unit=77))
    scrubber = page.locator(SCRUBBER)
    assert_drawn(scrubber, trace, 123, 77)
    first, per_row = drawn(scrubber)["first"], 8
    for signal in SIGNALS:
        rows = [getattr(trace, signal)[:, 0, k : k + per_row].mean(axis=1) for k in range(0, H, per_row)]
        values = np.array(rows)[:, first : first + 60]
        np.testing.assert_allclose(pixels(scrubber, signal)[..., :3], expected_colours(values, signal, trace), atol=3)
    view = scrubber.locator("[data-text=view]")
    expect(view).to_contain_text("mean of 8 units")
    expect(view).to_contain_text(f"steps {first + 1}–{first + 60} of 500")
    for key, t in (("End", 499), ("Home", 0)):
        press(scrubber, key)
        assert_drawn(scrubber, trace, t, 77)


@pytest.mark.parametrize(("T", "H"), [(1, 1), (3, 1), (60, 32), (61, 33)])
def test_small_and_edge_sizes(static_page, T, H):
    rng = np.random.default_rng(T)
    params = LSTMParams(rng.normal(size=(4 * H, 2)), rng.normal(size=(4 * H, H)), rng.normal(size=4 * H))
    trace = lstm_forward(rng.normal(size=(T, 1, 2)), params)
    scrubber = static_page(GateScrubber(trace)).locator(SCRUBBER)
    for key, t in (("End", T - 1), ("Home", 0)):
        press(scrubber, key)
        assert_drawn(scrubber, trace, t, 0)


def test_nothing_overlaps_or_is_cut_off(static_page):
    for scrubber in (GateScrubber(example_run(), tokens=TOKENS), GateScrubber(example_network(), SENTENCES)):
        page = static_page(scrubber)
        for width in (720, 1000, 1600):
            page.set_viewport_size({"width": width, "height": 1000})
            painted(page)
            assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), f"too wide at {width}"
