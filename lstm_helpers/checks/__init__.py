"""Feedback on the exercises: says what is wrong and what to look at; never raises on an empty stub.

Every check takes the reader's answer and returns a `Feedback`, which Jupyter shows as one line.
A module for each notebook; `feedback` has what they share.
"""

from lstm_helpers.checks.backprop_by_hand import (
    broken_step_prediction,
    dc_prev,
    dc_prev_prediction,
    museum_prediction,
    peephole_dc_prev,
    peephole_prediction,
    repaired_step,
    shared_weight,
    shared_weight_prediction,
)
from lstm_helpers.checks.bilstm import (
    delayed,
    one_step_late,
    padded_reading,
    silent_weights,
    summary_from_output,
    summary_rows,
    summed_backward,
    turn_round,
)
from lstm_helpers.checks.cell_update import (
    asked_latch,
    bias_that_keeps,
    cell_update,
    gate_that_loses,
    three_steps,
    toggle,
)
from lstm_helpers.checks.feedback import Feedback, call, compare, is_empty, not_yet, right, wrong
from lstm_helpers.checks.gates import (
    bias_for_opening,
    block_order,
    four_gates,
    gate_shape,
    late_gate,
    leak_left,
    mystery_block,
    one_gate,
    opening,
    parameter_count,
    permuted_block,
    slope_at,
    slope_of_gate,
)
from lstm_helpers.checks.numpy_lstm import (
    adam,
    adam_prediction,
    clip,
    clip_prediction,
    pair_table,
    pair_table_prediction,
    temperature,
    temperature_prediction,
)
from lstm_helpers.checks.pytorch_comparison import (
    copied_bias_prediction,
    lstm_shapes,
    old_tensorflow_weights,
    parameter_formula,
    perfect_loss,
    projection_prediction,
    shape_rule,
    strict_loss,
)
from lstm_helpers.checks.why_lstm import (
    gate_for_half_life,
    installation,
    larger_weight,
    plain_gradient,
    plain_unit,
    set_the_doors,
    slow_fading,
    steps_to_half,
)
