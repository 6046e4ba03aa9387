"""Feedback on the exercises of notebook 01."""

import numpy as np

from lstm_helpers.cell import GATES, LSTMParams, lstm_step, sigmoid
from lstm_helpers.checks.feedback import (
    call,
    compare,
    expect_choice,
    expect_number,
    is_empty,
    not_yet,
    right,
    same,
    wrong,
)


def opening(answer):
    """Exercise 1a: one gate with numbers for the head."""
    return expect_number(
        answer,
        0.5,
        "z = 4 · 1 − 8 · 0.5 + 0 = 0, and σ(0) = 0.5.",
        {
            0.0: "that is z. The valve is open to σ(z).",
            sigmoid(4): "that is σ(4): what u · h_prev adds to z is missing.",
            sigmoid(8): "that is σ(8): u is −8, so the previous h closes the valve.",
            sigmoid(-4): "that is σ(−4): h_prev is 0.5, so u · h_prev is −4, not −8.",
        },
        "first z = w · x + u · h_prev + b, then σ(z).",
        tolerance=0.004,
    )


def bias_for_opening(function):
    """Exercise 1b: the inverse of the sigmoid."""
    openings = np.array([0.9, 0.5, 0.2, 0.99])
    got = []
    for one in openings:
        bias, feedback = call(function, float(one))
        if feedback:
            return feedback
        try:
            got.append(float(bias))
        except (TypeError, ValueError):
            return wrong(f"bias_for({one}) is not one number.")
    got, logit = np.array(got), np.log(openings / (1 - openings))
    for mistake, message in (
        (openings, "you return the opening itself, but σ(0.9) is 0.71. Which z has σ(z) = 0.9?"),
        (-logit, "the sign is the wrong way round: your bias for 0.9 opens the gate to 0.1."),
        (np.log(openings), "ln(opening) is never above 0, so this gate is never more than half open. Divide first."),
        (openings / (1 - openings), "opening / (1 − opening) is e to the power z. One step is missing to get z."),
        (sigmoid(openings), "that is σ(opening). Asked is the other way: from the opening back to z."),
    ):
        if np.allclose(got, mistake, atol=1e-9):
            return wrong(message)
    opened = sigmoid(got)
    if not np.allclose(got, logit, atol=1e-6):
        k = int(np.argmax(np.abs(opened - openings)))
        return wrong(f"your bias for {openings[k]} opens the gate to {opened[k]:.4g}. Solve σ(b) = opening for b.")
    return right("b = ln(opening / (1 − opening)); for 0.9 it is ln 9 = 2.197. This function is called the logit.")


def gate_shape(answer):
    """Exercise 2a: the shape of a gate."""
    if is_empty(answer):
        return not_yet("write the shape as a tuple, such as (2, 7).")
    try:
        answer = tuple(int(size) for size in answer)
    except (TypeError, ValueError):
        return wrong("write the shape as a tuple of two whole numbers, such as (2, 7).")
    messages = {
        (5, 3): "that is the shape of x. A gate has one opening for each unit, not for each feature.",
        (2,): "that is one row. Each of the 5 sequences of the batch gets its own.",
        (2, 3): "that is the shape of W. W is multiplied with x and does not stay.",
        (2, 5): "rows are the batch: in code, each sequence is a row. (2, 5) is the layout of the mathematics.",
        (5, 8): "that is all four gates side by side. Asked is one.",
        (5, 2): "5 sequences, 2 units: one opening for each, the same shape as c and h.",
    }
    if answer == (5, 2):
        return right(messages[answer])
    return wrong(messages.get(answer, "x is (N, D) = (5, 3) and h is (N, H) = (5, 2). A gate is multiplied with c."))


def one_gate(function):
    """Exercise 2b: a gate from x, the previous h and its three weights."""
    rng = np.random.default_rng(1)
    x, h = rng.normal(size=(5, 3)), rng.normal(size=(5, 2))
    W, U, b = rng.normal(size=(2, 3)), rng.normal(size=(2, 2)), rng.normal(size=2)
    got, feedback = call(function, x.copy(), h.copy(), W.copy(), U.copy(), b.copy())
    if feedback:
        return _with_shapes(feedback, x=x, h_prev=h, W=W, U=U, b=b)
    z = x @ W.T + h @ U.T + b
    for mistake, message in (
        (z, "that is z, the pre-activation. A gate is σ(z)."),
        (np.tanh(z), "tanh gives values from −1 to 1. That is for the candidate; a gate is σ(z)."),
        (sigmoid(x @ W.T + h @ U + b), "U is square, so h_prev @ U runs without an error, but rows want h_prev @ U.T."),
        (sigmoid(z - b), "the bias is missing."),
        (sigmoid(x @ W.T + b), "the previous h is missing: a gate sees x and h_prev."),
        (sigmoid(-z), "this gate shuts where it should open: exp wants −z, as in 1 / (1 + exp(−z))."),
    ):
        if same(got, mistake):
            return wrong(message)
    return compare("your gate", got, sigmoid(z)) or right("one gate, in the form that all three share.")


def parameter_count(answer):
    """Exercise 3a: how many numbers one LSTM layer learns."""
    return expect_number(
        answer,
        48,
        "4 (H D + H H + H) = 4 (6 + 4 + 2) = 48.",
        {
            12: "that is one of the four: H D + H H + H = 6 + 4 + 2.",
            36: "three gates make 36, but the candidate has weights of its own too.",
            40: "the biases are missing: H for each of the four.",
            24: "W alone for four gates. U and b are learned too.",
            56: "that counts two biases, as torch keeps them. Here there is one.",
            60: "U is (H, H), not (H, D): a gate sees the H numbers of the previous h.",
        },
        "count W (H, D), U (H, H) and b (H,) of one gate, then think how many there are.",
    )


def four_gates(function):
    """Exercise 3b: i, f, g, o from one 4H-wide product."""
    rng = np.random.default_rng(2)
    params = LSTMParams(rng.normal(size=(8, 3)), rng.normal(size=(8, 2)), rng.normal(size=8))
    x, h = rng.normal(size=(5, 3)), rng.normal(size=(5, 2))
    weights = params.weight_ih.copy(), params.weight_hh.copy(), params.bias.copy()
    got, feedback = call(function, x.copy(), h.copy(), *weights)
    if feedback and "equal division" in feedback.message:
        return wrong("np.split cuts rows here, and there are 5. The gates lie side by side: cut along axis=1.")
    if feedback:
        return _with_shapes(feedback, x=x, h_prev=h, weight_ih=weights[0], weight_hh=weights[1], bias=weights[2])
    try:
        got = tuple(got)
    except TypeError:
        got = ()
    if len(got) != 4:
        return wrong("return four arrays: i, f, g, o.")
    blocks = dict(zip(GATES, np.split(x @ weights[0].T + h @ weights[1].T + weights[2], 4, axis=1), strict=True))
    functions = {"σ": sigmoid, "tanh": np.tanh, "nothing": np.array}
    without_bias = np.split(x @ weights[0].T + h @ weights[1].T, 4, axis=1)
    for name, result in zip(GATES, got, strict=True):
        wanted = "tanh" if name == "g" else "σ"
        block, function = next(
            ((k, word) for k, z in blocks.items() for word, apply in functions.items() if same(result, apply(z))),
            (name, wanted),
        )
        if block != name:
            return wrong(f"what you return as {name} is made from the block of {block}. The order is i, f, g, o.")
        if function == "nothing":
            return wrong(f"what you return as {name} is a pre-activation: it still has to go through {wanted}.")
        if function != wanted:
            why = "g must be able to be negative" if name == "g" else f"{name} is a gate, from 0 to 1"
            return wrong(f"{name} went through {function}, wanted {wanted}: {why}.")
        if same(result, functions[wanted](without_bias[GATES.index(name)])):
            return wrong(f"{name} is what comes out without the bias: add it once to the whole 4H-wide product.")
        if problem := compare(name, result, functions[wanted](blocks[name])):
            return problem
    return right("one product, cut in four.")


def mystery_block():
    """An LSTM whose four blocks stand in another order, and one step of it with its gates in plain sight.

    Returns
    -------
    block : LSTMParams
        Its rows are in blocks of H = 2, but not in the order of `GATES`.
    step : Step
        What the LSTM computes when its blocks are read in their own order.
    """
    rng = np.random.default_rng(5)
    params = LSTMParams(rng.normal(size=(8, 3)), rng.normal(size=(8, 2)), rng.normal(size=8))
    x, h, c = rng.normal(size=(4, 3)), rng.normal(size=(4, 2)), rng.normal(size=(4, 2))
    rows = np.concatenate([np.arange(8)[params.gate(name)] for name in _MYSTERY_ORDER])
    block = LSTMParams(params.weight_ih[rows], params.weight_hh[rows], params.bias[rows])
    return block, lstm_step(x, h, c, params)


_MYSTERY_ORDER = "iofg"  # as ONNX has it, with its c for our g


def permuted_block(answer):
    """Exercise 4a: what one sees when the blocks stand in the wrong order."""
    return expect_choice(
        answer,
        "d",
        "the shapes fit, every gate is in (0, 1), and all the numbers are wrong. Only a comparison can tell.",
        {
            "a": "all four blocks have the same shape, so no shape can be wrong.",
            "b": "no number gets large or invalid: each block is as good a block as the others.",
            "c": "whatever stands in a gate's block goes through σ, so it comes out in (0, 1).",
        },
    )


def block_order(answer):
    """Exercise 4b: the order of the blocks of `mystery_block`."""
    if is_empty(answer):
        return not_yet('write four letters, such as "ifgo".')
    try:
        letters = "".join(answer)
    except TypeError:
        return wrong('write four letters, such as "ifgo".')
    if sorted(letters) != sorted(GATES):
        return wrong(f"{letters!r} does not name each of {', '.join(GATES)} once.")
    if letters == _MYSTERY_ORDER:
        return right("i, o, f, g: the order in which the ONNX format stores an LSTM (it calls g the cell gate).")
    if letters == "".join(GATES):
        return wrong("that is the order of this series. Compare each block's σ(z), or tanh(z), with the gates in seen.")
    if letters == "".join(GATES[_MYSTERY_ORDER.index(name)] for name in GATES):
        return wrong("you turned the question round. The first letter names the gate that stands in the first block.")
    k = next(k for k in range(4) if letters[k] != _MYSTERY_ORDER[k])
    return wrong(f"block {k} (counted from 0) is not {letters[k]}. Take σ of its z, and tanh for g, and compare.")


def slope_at(answer):
    """Exercise 5a: the slope of a gate that is open to 0.8."""
    return expect_number(
        answer,
        0.16,
        "s (1 − s) = 0.8 · 0.2 = 0.16. The gate's own value is enough, nobody has to know z.",
        {
            0.8: "that is the gate itself.",
            0.2: "that is 1 − s, one of the two factors.",
            0.25: "that is the highest slope, at s = 0.5. At s = 0.8 it is less.",
            0.36: "1 − s² is the slope of tanh.",
            sigmoid(0.8) * sigmoid(-0.8): "0.8 is the gate s, not z: it has been through σ already.",
        },
        "the slope of the sigmoid is s (1 − s), where s is the gate.",
        tolerance=0.002,
    )


def slope_of_gate(function):
    """Exercise 5b: the slope of the sigmoid, from its value; of any shape."""
    gate = sigmoid(np.array([[-3.0, -1.0, 0.0], [0.5, 2.0, 6.0]]))
    got, feedback = call(function, gate.copy())
    if feedback:
        return feedback
    for mistake, message in (
        (1 - gate**2, "1 − s² is the slope of tanh. That one is for the candidate."),
        (sigmoid(gate) * (1 - sigmoid(gate)), "what comes in is the gate itself: it has been through σ already."),
        (gate * (gate - 1), "the sign is the wrong way round: the sigmoid never falls."),
        (1 - gate, "that is one factor of two."),
    ):
        if same(got, mistake):
            return wrong(message)
    return compare("your slope", got, gate * (1 - gate)) or right("this line comes back in every backward pass.")


def late_gate(answer):
    """Exercise 6a: the step at which a gate opens that listens to another unit's h."""
    return expect_number(
        answer,
        4,
        "the read is at t = 3 and makes h of unit 0 large; a gate sees the h of the step before, so it opens at t = 4.",
        {
            3: "t = 3 is where the token is read and h of unit 0 becomes large. Which h do its gates see?",
            5: "that is one too many: the first token is at t = 0.",
            1: "the token at t = 1 is write, but unit 2 has no weight on any token. What does it listen to?",
            10: "that is the second read. Asked is the first time, and the step at which the gate itself opens.",
            11: "the gate does open there, for the second time. Asked is the first.",
        },
        "find the step at which h of unit 0 is large: that is what feeds the input gate of unit 2.",
    )


def leak_left(answer):
    """Exercise 6b: what a forget gate at 0.9 leaves after four steps."""
    return expect_number(
        answer,
        0.9**4,
        "0.9 · 0.9 · 0.9 · 0.9 = 0.6561. What is kept is a product of gates.",
        {
            0.9: "that is left after one step; from t = 1 to t = 5 there are four.",
            0.6: "that takes 0.1 away four times. A gate multiplies: each step keeps 0.9 of what is left.",
            0.9**5: "that is five steps. The forget gates at work are those of t = 2, 3, 4 and 5.",
            1 - 0.9**4: "that is the part that is lost. Asked is the part that is left.",
        },
        "multiply what is left by the forget gate once for each step after t = 1, up to t = 5. Give three digits.",
        tolerance=0.002,
    )


def _with_shapes(feedback, **arrays):
    """Add the shapes to what a failed product says, which names operands but not variables."""
    if "matmul" not in feedback.message and "broadcast" not in feedback.message:
        return feedback
    shapes = ", ".join(f"{name} {array.shape}" for name, array in arrays.items())
    return wrong(f"two shapes do not fit. Yours: {shapes}. The rows of a batch want the weights transposed (.T).")
