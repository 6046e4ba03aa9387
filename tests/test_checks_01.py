"""The exercises of notebook 01: the stub gets "not yet", each plausible mistake its own message, the answer "right"."""

import numpy as np
import pytest

from lstm_helpers import checks
from lstm_helpers.cell import GATES, LSTMParams, lstm_forward, sigmoid

# --- answers that are written down


@pytest.mark.parametrize(
    ("check", "answer"),
    [
        (checks.late_gate, 4),
        (checks.leak_left, 0.9**4),
        (checks.leak_left, 0.656),
        (checks.opening, 0.5),
        (checks.slope_at, 0.16),
        (checks.gate_shape, (5, 2)),
        (checks.gate_shape, [5, 2]),
        (checks.parameter_count, 48),
        (checks.permuted_block, "d"),
        (checks.permuted_block, " D "),
        (checks.block_order, "iofg"),
        (checks.block_order, ["i", "o", "f", "g"]),
    ],
)
def test_right_answers(check, answer):
    assert check(answer).status == "right"


WRONG = [
    (
        checks.late_gate,
        [(3, "Which h"), (5, "first token"), (1, "no weight on any token"), (11, "second time"), (7, "h of unit 0")],
    ),
    (
        checks.leak_left,
        [(0.9, "after one step"), (0.6, "multiplies"), (0.59, "five steps"), (0.344, "lost"), (0.2, "once for")],
    ),
    (
        checks.slope_at,
        [
            (0.8, "itself"),
            (0.2, "two factors"),
            (0.25, "highest"),
            (0.36, "tanh"),
            (0.214, "already"),
            (1, "s (1 − s)"),
        ],
    ),
    (checks.opening, [(0, "that is z"), (0.982, "missing"), (1.0, "closes"), (0.018, "not −8"), (0.7, "first z")]),
    (
        checks.gate_shape,
        [((5, 3), "feature"), ((2, 5), "layout"), ((5, 8), "side by side"), ((3, 3), "multiplied with c")],
    ),
    (checks.gate_shape, [((2,), "one row"), ((2, 3), "shape of W"), (5, "tuple")]),
    (
        checks.parameter_count,
        [(12, "one of the four"), (40, "biases"), (36, "candidate"), (56, "torch"), (7, "count W")],
    ),
    (checks.parameter_count, [(24, "U and b"), (60, "previous h"), ("many", "one number")]),
    (checks.permuted_block, [("a", "same shape"), ("b", "as good"), ("c", "goes through σ"), ("e", "choose one")]),
    (
        checks.block_order,
        [("ifgo", "this series"), ("igof", "round"), ("iogf", "block 2"), ("iiii", "each of"), (3, "four letters")],
    ),
]


@pytest.mark.parametrize(("check", "answers"), WRONG)
def test_wrong_answers_are_told_apart(check, answers):
    messages = []
    for answer, part in answers:
        feedback = check(answer)
        assert feedback.status == "wrong", answer
        assert part in feedback.message, answer
        messages.append(feedback.message)
    assert len(set(messages)) == len(messages)


# --- functions that are written


def one_gate(x, h_prev, W, U, b):
    return 1 / (1 + np.exp(-(x @ W.T + h_prev @ U.T + b)))


def four_gates(x, h_prev, weight_ih, weight_hh, bias, order=(0, 1, 2, 3), squash="sstt"):
    z = np.split(x @ weight_ih.T + h_prev @ weight_hh.T + bias, 4, axis=1)
    functions = {"s": sigmoid, "t": np.tanh, "-": lambda block: block}
    return tuple(functions[name](z[k]) for k, name in zip(order, squash, strict=True))


def permuted(order, squash="ssts"):
    return lambda *arrays: four_gates(*arrays, order=order, squash=squash)


def bias_for(opening):
    return np.log(opening / (1 - opening))


FUNCTIONS = [
    (
        checks.bias_for_opening,
        bias_for,
        [
            (lambda opening: opening, "the opening itself"),
            (lambda opening: -bias_for(opening), "sign"),
            (np.log, "never above 0"),
            (lambda opening: opening / (1 - opening), "One step"),
            (sigmoid, "other way"),
            (lambda opening: 1.0, "Solve"),
            (lambda opening: 2.197, "opens the gate to 0.9"),
            (lambda opening: [opening, opening], "not one number"),
            (lambda opening: bias_for(opening, 2), "TypeError"),
        ],
    ),
    (
        checks.one_gate,
        one_gate,
        [
            (lambda x, h, W, U, b: x @ W.T + h @ U.T + b, "pre-activation"),
            (lambda x, h, W, U, b: np.tanh(x @ W.T + h @ U.T + b), "candidate"),
            (lambda x, h, W, U, b: sigmoid(x @ W.T + h @ U + b), "U is square"),
            (lambda x, h, W, U, b: one_gate(x, h, W, U, 0), "bias"),
            (lambda x, h, W, U, b: one_gate(x, 0 * h, W, U, b), "previous h is missing"),
            (lambda x, h, W, U, b: 1 - one_gate(x, h, W, U, b), "shuts where"),
            (lambda x, h, W, U, b: sigmoid(x @ W + h @ U + b), "transposed"),
            (lambda x, h, W, U, b: one_gate(x, h, W, U, b).T, "shape (2, 5)"),
            (lambda x, h, W, U, b: one_gate(x, h, W, U, b) / 2, "wanted"),
            (lambda x, h, W, U, b: x @ undefined, "NameError"),  # noqa: F821
        ],
    ),
    (
        checks.slope_of_gate,
        lambda gate: gate * (1 - gate),
        [
            (lambda gate: 1 - gate**2, "tanh"),
            (lambda gate: sigmoid(gate) * (1 - sigmoid(gate)), "already"),
            (lambda gate: gate * (gate - 1), "sign"),
            (lambda gate: 1 - gate, "one factor"),
            (lambda gate: 0.25, "shape"),
        ],
    ),
    (
        checks.four_gates,
        permuted((0, 1, 2, 3)),
        [
            (permuted((0, 1, 2, 3), "----"), "still has to go through σ"),
            (permuted((0, 1, 2, 3), "ss-s"), "still has to go through tanh"),
            (permuted((0, 1, 2, 3), "ssss"), "g must be able to be negative"),
            (permuted((0, 1, 2, 3), "tttt"), "i is a gate"),
            (permuted((0, 1, 3, 2), "ssst"), "as g is made from the block of o"),
            (permuted((0, 2, 1, 3)), "as f is made from the block of g"),
            (permuted((1, 0, 2, 3)), "as i is made from the block of f"),
            (lambda *arrays: permuted((0, 1, 2, 3))(*arrays)[:3], "four arrays"),
            (lambda x, h, *weights: four_gates(x, h, *(w.T for w in weights)), "transposed"),
            (lambda x, h, w, u, b: permuted((0, 1, 2, 3))(x, h, w, u, 0 * b), "without the bias"),
            (lambda x, h, w, u, b: permuted((0, 1, 2, 3))(x, h, w, u, b - 0.1), "i at"),
            (lambda x, h, w, u, b: np.split(x @ w.T + h @ u.T + b, 4), "axis=1"),
        ],
    ),
]


@pytest.mark.parametrize(("check", "solution", "mistakes"), FUNCTIONS)
def test_functions(check, solution, mistakes):
    assert check(solution).status == "right"
    messages = []
    for mistake, part in mistakes:
        feedback = check(mistake)
        assert feedback.status == "wrong", part
        assert part in feedback.message
        messages.append(feedback.message)
    assert len(set(messages)) == len(messages)


STUBS = [check for check, _, _ in FUNCTIONS] + [check for check, _ in WRONG]


@pytest.mark.parametrize("check", STUBS)
@pytest.mark.parametrize("stub", [..., None])
def test_an_empty_stub_is_not_yet(check, stub):
    assert check(stub).status == "not yet"


@pytest.mark.parametrize("check", [check for check, _, _ in FUNCTIONS])
def test_a_function_with_an_empty_body_is_not_yet(check):
    assert check(lambda *arguments: ...).status == "not yet"


@pytest.mark.parametrize("result", [1.0, "ifgo!", {}, [1, 2, 3, "g"]])
def test_four_gates_takes_any_nonsense(result):
    assert checks.four_gates(lambda *arrays: result).status == "wrong"


# --- the block in another order


def test_the_mystery_block_is_what_its_check_says():
    block, step = checks.mystery_block()
    z = np.split(step.x @ block.weight_ih.T + step.h_prev @ block.weight_hh.T + block.bias, 4, axis=1)
    for name, pre_activation in zip("iofg", z, strict=True):
        squash = np.tanh if name == "g" else sigmoid
        np.testing.assert_allclose(squash(pre_activation), getattr(step, name), rtol=1e-12)
        others = [getattr(step, other) for other in GATES if other != name]
        assert all(np.abs(squash(pre_activation) - other).max() > 0.1 for other in others)


def test_a_leak_of_four_steps_is_what_the_lstm_does():
    """The number of exercise 6b, from the LSTM: forget gate 0.9, nothing written after t = 1."""
    params = LSTMParams(np.array([[0.0], [0.0], [9.0], [0.0]]), np.zeros((4, 1)), np.array([0, np.log(9), 0, 0]))
    x = np.zeros((6, 1, 1))
    x[1] = 1
    trace = lstm_forward(x, params)
    kept = trace.c[5, 0, 0] / trace.c[1, 0, 0]
    assert checks.leak_left(kept).status == "right"
