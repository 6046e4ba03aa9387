"""The feedback of notebook 05: a stub is "not yet", each plausible slip has its own message, the answer is right."""

import numpy as np
import pytest
import torch

from lstm_helpers import checks
from lstm_helpers.cell import LSTMParams, lstm_step, sigmoid


def assert_wrong(feedback, *words):
    assert feedback.status == "wrong", feedback
    for word in words:
        assert word in feedback.message, feedback
    assert repr(feedback).startswith("Look here: ")


# --- exercise 1 ----------------------------------------------------------------------------------


@pytest.mark.parametrize("answers", [(..., ...), ((4, 50, 40), ...), (..., (6, 4, 20)), (None, None)])
def test_lstm_shapes_not_yet(answers):
    assert checks.lstm_shapes(*answers).status == "not yet"


@pytest.mark.parametrize(
    ("output", "h_n", "words"),
    [
        ((4, 50, 20), (6, 4, 20), "output joins the two"),
        ((50, 4, 40), (6, 4, 20), "output has the batch first as well"),
        ((4, 40), (6, 4, 20), "at every step"),
        ((4, 50, 120), (6, 4, 20), "the last layer alone"),
        ((4, 50, 40), (4, 6, 20), "batch_first leaves h_n alone"),
        ((4, 50, 40), (3, 4, 20), "two last states"),
        ((4, 50, 40), (3, 4, 40), "stacks them"),
        ((4, 50, 40), (1, 4, 40), "every layer"),
        ((4, 50, 40), (9, 9, 9), "find the row of the table"),
        (40, (6, 4, 20), "write a shape"),
        ("4, 50, 40", (6, 4, 20), "write a shape"),
        ((4, 50, 40.0), (6, 4, 20), "write a shape"),
    ],
)
def test_lstm_shapes_wrong(output, h_n, words):
    assert_wrong(checks.lstm_shapes(output, h_n), words)


def test_lstm_shapes_right_is_what_torch_says():
    output, (h_n, _) = torch.nn.LSTM(10, 20, 3, batch_first=True, bidirectional=True)(torch.zeros(4, 50, 10))
    assert checks.lstm_shapes(output.shape, list(h_n.shape)).status == "right"


def right_shapes(T, N, H, num_layers, bidirectional, batch_first):
    directions = 2 if bidirectional else 1
    return (*((N, T) if batch_first else (T, N)), directions * H), (num_layers * directions, N, H)


def shapes_of_torch(T, N, H, num_layers, bidirectional, batch_first):
    module = torch.nn.LSTM(5, H, num_layers, bidirectional=bidirectional, batch_first=batch_first)
    output, (h_n, _) = module(torch.zeros((N, T, 5) if batch_first else (T, N, 5)))
    return output.shape, h_n.shape


def stub(*arguments): ...


@pytest.mark.parametrize("function", [stub, ..., lambda *a: (..., ...), lambda *a: (right_shapes(*a)[0], ...)])
def test_shape_rule_not_yet(function):
    assert checks.shape_rule(function).status == "not yet"


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (lambda T, N, H, L, two, first: ((T, N, H), (L, N, H)), "It joins the directions"),
        (lambda T, N, H, L, two, first: ((T, N, H * (1 + two)), (L * (1 + two), N, H)), "order of its axes"),
        (
            lambda T, N, H, L, two, first: (
                right_shapes(T, N, H, L, two, first)[0],
                (N, L * (1 + two), H) if first else (L * (1 + two), N, H),
            ),
            "batch_first leaves h_n alone",
        ),
        (
            lambda T, N, H, L, two, first: (right_shapes(T, N, H, L, two, first)[0], (L, N, H * (1 + two))),
            "stacks the directions",
        ),
        (lambda T, N, H, L, two, first: (right_shapes(T, N, H, L, two, first)[0], (L, N, H)), "One state for each"),
        (lambda T, N, H, L, two, first: (right_shapes(T, N, H, L, two, first)[0], (1 + two, N, H)), "One state for"),
        (lambda T, N, H, L, two, first: ((T, N, L * H), (L, N, H)), "It is the last layer's"),
        (lambda *a: right_shapes(*a)[0], "return two shapes"),
        (lambda T, N, H: ((T, N, H), (1, N, H)), "stops with TypeError"),
    ],
)
def test_shape_rule_wrong(function, words):
    assert_wrong(checks.shape_rule(function), words)


@pytest.mark.parametrize("function", [right_shapes, shapes_of_torch])
def test_shape_rule_right(function):
    assert checks.shape_rule(function).status == "right"


# --- exercise 2 ----------------------------------------------------------------------------------


def test_projection_prediction():
    assert checks.projection_prediction(...).status == "not yet"
    assert_wrong(checks.projection_prediction("a"), "weight_hh")
    assert_wrong(checks.projection_prediction("b"), "64 entries")
    assert_wrong(checks.projection_prediction("d"), "choose one of a, b, c")
    assert checks.projection_prediction("C ").status == "right"
    sizes = [sum(p.numel() for p in torch.nn.LSTM(64, 512, proj_size=P).parameters()) for P in (64, 0)]
    assert "{:,} against {:,}".format(*sizes) in checks.projection_prediction("c").message
    assert 0.2 < sizes[0] / sizes[1] < 0.3, "about a quarter"


def counted(D, H, num_layers, directions, proj_size):
    module = torch.nn.LSTM(D, H, num_layers, bidirectional=directions == 2, proj_size=proj_size)
    return sum(p.numel() for p in module.parameters())


def formula(*, biases=2, join=True, times=True, hr=True, hh_reads_h=True, up_reads_h=True):
    def count(D, H, num_layers, directions, proj_size):
        total, P = 0, proj_size or H
        for k in range(num_layers):
            reads = D if k == 0 else (directions if join else 1) * (P if up_reads_h else H)
            total += 4 * H * (reads + (P if hh_reads_h else H) + biases) + (proj_size * H if hr else 0)
        return total * (directions if times else 1)

    return count


@pytest.mark.parametrize("function", [stub, ..., None])
def test_parameter_formula_not_yet(function):
    assert checks.parameter_formula(function).status == "not yet"


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (formula(biases=1), "two biases"),
        (formula(biases=0), "the biases are missing"),
        (formula(join=False), "both directions"),
        (formula(times=False), "weights of its own"),
        (formula(hr=False), "weight_hr (P, H) is missing"),
        (formula(hh_reads_h=False), "weight_hh reads h"),
        (formula(up_reads_h=False), "an upper layer reads h"),
        (formula(hh_reads_h=False, up_reads_h=False), "weight_hh reads h"),
        (lambda D, H, L, directions, P: formula()(D, H, 1, directions, P) * L, "the upper layers read h, not x"),
        (lambda D, H, L, directions, P: formula()(D, H, L, directions, 0), "h has P entries"),
        (lambda *sizes: counted(*sizes) // 4, "four gates"),
        (lambda *sizes: counted(*sizes) + 1, "torch has 312"),
        (lambda *sizes: str(counted(*sizes)), "returns str, wanted a number"),
        (lambda D, H: 0, "stops with TypeError"),
    ],
)
def test_parameter_formula_wrong(function, words):
    assert_wrong(checks.parameter_formula(function), words)


@pytest.mark.parametrize("function", [counted, formula(), lambda *sizes: float(counted(*sizes))])
def test_parameter_formula_right(function):
    assert checks.parameter_formula(function).status == "right"


# --- exercise 3 ----------------------------------------------------------------------------------


def test_copied_bias_prediction():
    assert checks.copied_bias_prediction(...).status == "not yet"
    assert_wrong(checks.copied_bias_prediction("a"), "shape")
    assert_wrong(checks.copied_bias_prediction("c"), "carried over")
    assert checks.copied_bias_prediction("b").status == "right"


def convert(order=(0, 2, 1, 3), one=1, x_first=True, ones_for=None, in_place=False):
    """TensorFlow's old cell made into ours, with slips to choose from; `one` is the block that gets the 1."""

    def from_old_tensorflow(kernel, bias):
        H = kernel.shape[1] // 4
        D = len(kernel) - H
        W, U = (kernel[:D], kernel[D:]) if x_first else (kernel[H:], kernel[:H])
        rows = np.concatenate([np.arange(H) + k * H for k in order])
        if in_place:
            bias[2 * H : 3 * H] += 1
            return LSTMParams(W.T[rows], U.T[rows], bias[rows])
        new = bias[rows]
        if one is not None:
            new[one * H : (one + 1) * H] += 1
        return LSTMParams(W.T[rows], U.T[rows], new + (0 if ones_for is None else ones_for))

    return from_old_tensorflow


def test_the_right_conversion_does_what_the_old_cell_did():
    """Their step as TensorFlow 1 has it (BasicLSTMCell with forget_bias 1), gate by gate."""
    D, H, N = 5, 3, 4
    rng = np.random.default_rng(0)
    kernel, bias = rng.normal(size=(D + H, 4 * H)), rng.normal(size=4 * H)
    x, h, c = rng.normal(size=(N, D)), rng.normal(size=(N, H)), rng.normal(size=(N, H))
    i, j, f, o = np.split(np.concatenate([x, h], axis=1) @ kernel + bias, 4, axis=1)
    new_c = c * sigmoid(f + 1.0) + sigmoid(i) * np.tanh(j)
    step = lstm_step(x, h, c, convert()(kernel, bias))
    np.testing.assert_allclose(step.f, sigmoid(f + 1.0), rtol=1e-12)
    np.testing.assert_allclose(step.c, new_c, rtol=1e-12)
    np.testing.assert_allclose(step.h, np.tanh(new_c) * sigmoid(o), rtol=1e-12)
    assert checks.old_tensorflow_weights(convert()).status == "right"


@pytest.mark.parametrize("function", [stub, ..., None])
def test_old_tensorflow_weights_not_yet(function):
    assert checks.old_tensorflow_weights(function).status == "not yet"


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (convert(order=(0, 1, 2, 3)), ("weight_ih", "their order still")),
        (convert(x_first=False), ("weight_ih", "x first")),
        (convert(one=None), ("bias", "the 1 is missing")),
        (convert(one=2), ("bias", "wrong block")),
        (convert(one=None, ones_for=1), ("bias", "forget gate alone")),
        (convert(order=(0, 2, 3, 1)), ("weight_ih", "wanted")),
        (convert(in_place=True), ("changes an array of its caller",)),
        (lambda kernel, bias: LSTMParams(kernel, kernel, bias), ("stops with ValueError",)),
        (lambda kernel, bias: (kernel, kernel, bias), ("returns tuple",)),
    ],
)
def test_old_tensorflow_weights_wrong(function, words):
    assert_wrong(checks.old_tensorflow_weights(function), *words)


@pytest.mark.parametrize(
    ("bias_of", "words"),
    [
        (lambda bias, one: bias, "it is in their order still: i, j"),
        (lambda bias, one: bias + np.roll(one, 3), "the 1 in the third block"),
        (lambda bias, one: bias + one, "the 1 in the second block"),
    ],
)
def test_a_bias_in_their_order_is_told_apart(bias_of, words):
    def function(kernel, bias):
        good = convert()(kernel, bias)
        return LSTMParams(good.weight_ih, good.weight_hh, bias_of(bias, np.repeat([0.0, 1, 0, 0], len(bias) // 4)))

    assert_wrong(checks.old_tensorflow_weights(function), "bias", words)


# --- exercise 4 ----------------------------------------------------------------------------------


def test_perfect_loss():
    targets = np.array([1.0, 2, 3, 6])
    wanted = ((targets[:, None] - targets) ** 2).mean()
    assert checks.perfect_loss(...).status == "not yet"
    assert checks.perfect_loss(wanted).status == "right"
    assert_wrong(checks.perfect_loss(0), "equal shapes")
    assert_wrong(checks.perfect_loss(targets.var()), "variance")
    assert_wrong(checks.perfect_loss(112), "sum of all 16")
    assert_wrong(checks.perfect_loss(5), "4 by 4 table")
    assert_wrong(checks.perfect_loss("seven"), "one number")


def strict(compare, loss=lambda a, b: ((a - b) ** 2).mean(), error=ValueError, message="shapes differ"):
    def strict_mse(prediction, target):
        if not compare(prediction, target):
            raise error(message)
        return loss(prediction, target)

    return strict_mse


def same(a, b):
    return a.shape == b.shape


def with_assert(prediction, target):
    assert prediction.shape == target.shape, f"{prediction.shape} against {target.shape}"
    return torch.nn.functional.mse_loss(prediction, target)


@pytest.mark.parametrize("function", [strict(same), with_assert])
def test_strict_loss_right(function):
    assert checks.strict_loss(function, torch.tensor).status == "right"


@pytest.mark.parametrize("function", [stub, ..., None])
def test_strict_loss_not_yet(function):
    assert checks.strict_loss(function, torch.tensor).status == "not yet"


def inner(a, b):
    return ((a - b) ** 2).mean()


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (lambda a, b: ((a - b) ** 2).mean(), "(4, 1) against (4,): your loss lets it pass"),
        (strict(lambda a, b: len(a) == len(b)), "(4, 1) against (4,): your loss lets it pass"),
        (strict(lambda a, b: a.ndim == b.ndim), "(1, 1) against (4, 1): your loss lets it pass"),
        (strict(lambda a, b: a.numel() == b.numel()), "lets it pass"),
        (lambda a, b: inner(a.reshape(-1), b.reshape(-1)), "bends one to the other and says 0"),
        (lambda a, b: inner(a, b.view_as(a)), "bends one to the other and says 0"),
        (strict(same, lambda a, b: ((a - b) ** 2).sum()), "that is the sum"),
        (strict(same, lambda a, b: ((a - b) ** 2).mean().sqrt()), "root of the mean"),
        (strict(same, lambda a, b: (a - b).abs().mean()), "mean of the distances"),
        (strict(same, lambda a, b: ((a - b) ** 2).mean().item()), "is a float"),
        (strict(same, lambda a, b: ((a - b) ** 2).mean().detach()), "nothing flows back"),
        (strict(same, lambda a, b: (a - b) ** 2), "has shape (4, 1), wanted one number"),
        (strict(same, lambda a, b: ((a - b) ** 2).mean() + 1), "wanted 1.312"),
        (strict(same, error=KeyError), "stops with KeyError"),
        (strict(same, message=""), "your error says nothing"),
        (strict(lambda a, b: not same(a, b)), "The shapes were equal, (4, 1)"),
    ],
)
def test_strict_loss_wrong(function, words):
    assert_wrong(checks.strict_loss(function, torch.tensor), words)
