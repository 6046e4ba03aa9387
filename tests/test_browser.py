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
    cells = [nbformat.v4.new_code_cell(EXAMPLE.strip())]
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
    scrubber = example.locator(SCRUBBER)
    for name in ("t", "unit", "batch"):
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
            const { t, unit, batch, first } = root.dataset;
            return { t: +t, unit: +unit, batch: +batch, first: +first,
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


def expected_wires(trace, t, unit, batch):
    step = trace.step(t)
    value = {name: float(getattr(step, name)[batch, unit]) for name in (*SIGNALS, "c_prev", "h_prev")}
    value["f_c"] = value["f"] * value["c_prev"]
    value["i_g"] = value["i"] * value["g"]
    value["tanh_c"] = np.tanh(value["c"])
    return value


def assert_drawn(scrubber, trace, t, unit, batch=0):
    seen = drawn(scrubber)
    assert (seen["t"], seen["unit"], seen["batch"]) == (t, unit, batch)
    wires = expected_wires(trace, t, unit, batch)
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


def expected_colours(values, signal, trace):
    """The colours of a heatmap, by our own interpolation between the map's stops."""
    low, high = figures.value_range(signal, trace)
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


@pytest.mark.parametrize("theme", ["JupyterLab Light", "JupyterLab Dark"])
def test_text_can_be_read_in_both_themes(live, theme):
    """Contrast of at least 4.5 to 1 (WCAG 2.2, success criterion 1.4.3) for every text of the widget."""
    page = live.page
    page.evaluate("theme => window.jupyterapp.commands.execute('apputils:change-theme', { theme })", theme)
    page.wait_for_function("theme => document.body.dataset.jpThemeName === theme", arg=theme)
    page.wait_for_timeout(300)
    worst = live.evaluate(
        """root => {
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
            for (const node of root.querySelectorAll('*')) {
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
    {name: getattr(w.trace, name).tolist() for name in ("i", "f", "g", "o", "c", "h", "c0", "h0")}
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
        for k, arrays in enumerate(traces):
            _drive(scrubbers.nth(k), {key: np.array(value) for key, value in arrays.items()})
        assert page.problems == []
    finally:
        close_sessions(lab)


def _drive(scrubber, arrays):
    """Through every step of one scrubber by keyboard, comparing what is drawn with the kernel's numbers."""
    scrubber.scroll_into_view_if_needed()
    scrubber.focus()
    press(scrubber, "Home")
    T, _, H = arrays["h"].shape
    for t in range(T):
        seen = drawn(scrubber)
        unit, batch = seen["unit"], seen["batch"]
        assert seen["t"] == t
        assert 0 <= unit < H
        for signal in SIGNALS:
            wanted = pytest.approx(arrays[signal][t, batch, unit], rel=FLOAT32, abs=FLOAT32)
            for kind in ("wires", "curves", "heat"):
                assert float(seen[kind][signal]["value"]) == wanted, f"{kind} {signal} at t = {t}"
        for signal in ("c", "h"):
            before = arrays[f"{signal}0"] if t == 0 else arrays[signal][t - 1]
            wanted = pytest.approx(before[batch, unit], rel=FLOAT32, abs=FLOAT32)
            assert float(seen["wires"][f"{signal}_prev"]["value"]) == wanted
        press(scrubber, "ArrowRight")


@pytest.mark.parametrize("name", NAMES)
def test_a_fresh_clone_shows_its_pictures_without_trust_and_without_a_kernel(lab, page, name):
    stored = nbformat.read(NOTEBOOKS / name, as_version=4)
    wanted = sum("image/png" in output.get("data", {}) for cell in stored.cells for output in cell.get("outputs", []))
    open_notebook(page, lab, name, kernel=False)
    assert page.evaluate("lab.panel().sessionContext.session") is None
    assert not page.evaluate("[...lab.panel().content.model.cells].some(cell => cell.type === 'code' && cell.trusted)")
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
    page = static_page(GateScrubber(example_run(), tokens=TOKENS))
    for width in (720, 1000, 1600):
        page.set_viewport_size({"width": width, "height": 1000})
        painted(page)
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), f"too wide at {width}"
