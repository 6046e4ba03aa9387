"""The pictures of notebook 06 show what they are given, and need no font for Chinese."""

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont
from matplotlib.ft2font import FT2Font
from matplotlib.patches import FancyBboxPatch, Rectangle

from lstm_helpers import figures

SENTENCE, WORDS = "我爱中国", ["wǒ\nI", "ài\nlove", "zhōng\nmiddle", "guó\ncountry"]


def axes(columns=None):
    fig = Figure(figsize=(9, 4))
    FigureCanvasAgg(fig)
    return fig.subplots() if columns is None else fig.subplots(1, columns)


@pytest.mark.parametrize("upside_down", [False, True])
def test_characters_are_strokes_inside_their_square_and_upright(upside_down):
    for character, strokes in figures.CHARACTER_STROKES.items():
        ax = axes()
        ax.set(xlim=(0, 10), ylim=(10, 0) if upside_down else (0, 10))
        figures.draw_character(ax, character, 4, 5, 2)
        assert len(ax.lines) == len(strokes)
        assert not ax.texts
        points = np.concatenate([line.get_xydata() for line in ax.lines])
        assert (np.abs(points - [4, 5]) <= 1).all()
        assert (np.ptp(points, axis=0) > 1.2).all()
        drawn = np.concatenate([ax.transData.transform(line.get_xydata())[:, 1] for line in ax.lines])
        wanted = np.concatenate([[y for _, y in stroke] for stroke in strokes])
        assert np.corrcoef(drawn, -wanted)[0, 1] > 0.999  # the first y of a stroke's list is at the top


def test_every_letter_of_the_two_readers_is_in_the_font():
    ax = axes()
    figures.draw_two_readers(ax, SENTENCE, WORDS)
    glyphs = FT2Font(findfont(FontProperties())).get_charmap()
    for text in ax.texts:
        assert all(ord(letter) in glyphs for letter in text.get_text().replace("\n", "")), text


def test_two_readers_count_from_both_ends():
    ax = axes()
    figures.draw_two_readers(ax, SENTENCE, WORDS)
    counts = {tuple(text.get_position()): int(text.get_text()) for text in ax.texts if text.get_text().isdigit()}
    assert {position: count for position, count in counts.items() if position[1] == 1} == {
        (t, 1.0): t + 1 for t in range(4)
    }
    assert {position: count for position, count in counts.items() if position[1] == 2} == {
        (t, 2.0): 4 - t for t in range(4)
    }
    assert sum(isinstance(patch, FancyBboxPatch) for patch in ax.patches) == 8
    words = figures.two_readers_alt(SENTENCE, WORDS)
    assert "我 (wǒ), 爱 (ài), 中 (zhōng), 国 (guó)" in words
    assert "1 and 4, 2 and 3, 3 and 2, 4 and 1" in words


def test_reach_shows_its_numbers_and_says_where_it_is_nothing():
    full = np.arange(1.0, 10).reshape(3, 3) / 10
    reaches = {"forwards": np.tril(full), "backwards": np.triu(full), "joined": full, "alone": np.diag([0.1, 0.2, 0.3])}
    panels = axes(4)
    figures.draw_reach(panels, reaches, ["a", "b", "c"])
    for ax, (name, reach) in zip(panels, reaches.items(), strict=True):
        assert ax.get_title() == name
        for text in ax.texts:
            s, t = text.get_position()
            assert text.get_text() == ("0" if reach[t, s] == 0 else f"{reach[t, s]:.2f}")
        np.testing.assert_array_equal(ax.images[0].get_array().mask, reach == 0)
    words = figures.reach_alt(reaches)
    for said in (
        "forwards: 0 for every later token, at most 0.90",
        "backwards: 0 for every earlier token, at most 0.90",
        "joined: no side is 0",
        "alone: 0 but for the token itself, at most 0.30",
    ):
        assert said in words


def test_letters_stand_in_their_boxes_and_padding_is_hatched():
    tables = {"padded": [["a", "b", "c"], ["d", "", ""]], "turned": [["c", "b", "a"], ["d", "", ""]]}
    panels = axes(2)
    figures.draw_letters(panels, tables)
    for ax, (name, rows) in zip(panels, tables.items(), strict=True):
        assert ax.get_title() == name
        assert {(*text.get_position(), text.get_text()) for text in ax.texts if text.get_text()} == {
            (t, n, letter) for n, row in enumerate(rows) for t, letter in enumerate(row) if letter
        }
        hatched = [patch.get_xy() for patch in ax.patches if isinstance(patch, Rectangle) and patch.get_hatch()]
        assert hatched == [(0.5, 0.5), (1.5, 0.5)]
    assert "padded: abc, d..; turned: cba, d.." in figures.letters_alt(tables)


def test_by_position_draws_median_range_and_limit():
    ax = axes()
    runs = {"one": np.array([[0.1, 0.5], [0.2, 0.6], [0.6, 0.7]]), "two": [1.0, 1.0]}
    figures.draw_by_position(ax, runs, {"limit": [0.5, 0.9]})
    lines = {line.get_label(): line.get_ydata().tolist() for line in ax.lines}
    assert lines == {"one": [0.2, 0.6], "two": [1.0, 1.0], "limit": [0.5, 0.9]}
    band = ax.collections[0].get_paths()[0].vertices[:, 1]
    assert (band.min(), band.max()) == (0.1, 0.7)
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["one", "two", "limit"]


def test_seed_dots_are_at_their_scores_with_the_limit_beside_them():
    ax = axes()
    scores = {"trap": [0.25, 0.3, 0.27], "right": [1.0, 1.0, 0.99]}
    figures.draw_seed_dots(ax, scores, {"trap": 0.32})
    dots = [line for line in ax.lines if line.get_marker() == "o"]
    assert [line.get_xdata().tolist() for line in dots] == list(scores.values())
    for row, line in enumerate(dots):
        assert (np.abs(line.get_ydata() - row) < 0.2).all()
    assert [list(line.get_xdata()) for line in ax.lines if line.get_linewidth() == 2.5] == [[0.32, 0.32]]
    assert [label.get_text() for label in ax.get_yticklabels()] == list(scores)
