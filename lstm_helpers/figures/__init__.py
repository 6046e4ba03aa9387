"""Pictures: each function draws one idea on the axes it is given, and a twin says it in words.

Nothing here is global: give a function a ``matplotlib.figure.Figure`` or an ``Axes``, it draws
there. Only `show` displays. The colours stand in `style` and nowhere else; the scrubber in the browser
gets them from here, with the data.
"""

from lstm_helpers.figures.cell_diagram import CELL_DIAGRAM, PIPE_WIDTH, cell_alt, draw_cell, wire_colour, wire_values
from lstm_helpers.figures.curves import draw_gate_curves, gate_curves_alt
from lstm_helpers.figures.doors import draw_notebook_and_doors, notebook_and_doors_alt
from lstm_helpers.figures.fading import draw_fading, fading_alt
from lstm_helpers.figures.files import write_svgs
from lstm_helpers.figures.gates import (
    draw_concatenation,
    draw_gate_block,
    draw_side_by_side,
    draw_sigmoid,
    draw_slopes,
    draw_valves,
)
from lstm_helpers.figures.going_back import (
    PATHS,
    RIGHT_BELOW,
    draw_eight_paths,
    draw_errors,
    draw_path_sizes,
    draw_two_uses,
    eight_paths_alt,
    error_cells,
    error_text,
    errors_alt,
    label_paths,
    path_colour,
    path_shades,
    path_sizes_alt,
    two_uses_alt,
)
from lstm_helpers.figures.ledger import draw_ledger, draw_presets, ledger_alt, move_ledger, presets_alt
from lstm_helpers.figures.moving import SHARP, Blit, new_figure
from lstm_helpers.figures.nn_lstm import draw_layouts, draw_parameters, draw_unrolled, unrolled_alt
from lstm_helpers.figures.overview import draw_overview, overview_alt
from lstm_helpers.figures.speed import draw_speed, speed_alt
from lstm_helpers.figures.style import (
    CURVE_COLOURS,
    CURVE_DASHES,
    CURVE_MARKERS,
    GATE_COLOURS,
    GATE_DASHES,
    GATE_MAP,
    GATE_MARKERS,
    SIGNAL_NAMES,
    SIGNALS,
    STATE_MAP,
    colour_map,
    is_gate,
    number,
    show,
    state_limit,
    value_range,
)
from lstm_helpers.figures.tokens import label_time, token_rows, visible, visible_row
from lstm_helpers.figures.training import (
    LADDER,
    descent_alt,
    draw_descent,
    draw_ladder,
    draw_loss,
    draw_shares,
    ladder_alt,
    loss_alt,
    shares_alt,
)
from lstm_helpers.figures.two_directions import (
    CHARACTER_STROKES,
    draw_by_position,
    draw_character,
    draw_letters,
    draw_reach,
    draw_seed_dots,
    draw_two_readers,
    letters_alt,
    reach_alt,
    two_readers_alt,
)
