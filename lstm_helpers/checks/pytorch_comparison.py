"""Feedback on the exercises of notebook 05."""

import numpy as np

from lstm_helpers.cell import LSTMParams
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


def lstm_shapes(answer_output, answer_h_n):
    """Exercise 1a: the shapes that a bidirectional, batch-first nn.LSTM of three layers gives."""
    if any(is_empty(answer) for answer in (answer_output, answer_h_n)):
        return not_yet("write both shapes.")
    traps_output = {
        (4, 50, 20): "each direction has an h of 20 numbers, and output joins the two.",
        (50, 4, 40): "with batch_first, output has the batch first as well.",
        (50, 4, 20): "batch_first puts the batch first in output, and two directions are joined.",
        (4, 50, 120): "output is that of the last layer alone, not of all three.",
        (4, 50, 60): "output is that of the last layer alone, in its two directions.",
        (4, 40): "output has h at every step, not only at the last.",
    }
    traps_h_n = {
        (4, 6, 20): "batch_first leaves h_n alone: layers and directions come first there, always.",
        (3, 4, 20): "each layer has two last states, one for each direction.",
        (3, 4, 40): "output joins the two directions along the last axis, h_n stacks them along the first.",
        (2, 4, 20): "h_n holds the last states of every layer, not only of the last one.",
        (1, 4, 40): "h_n holds the last states of every layer, and does not join the directions.",
        (6, 50, 20): "h_n has no steps: it is what is left after the last one.",
    }
    for name, answer, wanted, traps in (
        ("output", answer_output, (4, 50, 40), traps_output),
        ("h_n", answer_h_n, (6, 4, 20), traps_h_n),
    ):
        shape = _as_shape(answer)
        if shape is None:
            return wrong(f"{name}: write a shape, such as (2, 3, 4).")
        if shape != wanted:
            return wrong(f"{name}, not {shape}: {traps.get(shape, 'find the row of the table that is most like it.')}")
    return right("output has the batch first and both directions side by side; h_n has neither.")


def _as_shape(answer):
    """A tuple of ints from a tuple, list or torch.Size; None from anything else."""
    try:
        shape = tuple(answer)
    except TypeError:
        return None
    whole = all(isinstance(n, (int, np.integer)) and not isinstance(n, bool) for n in shape)
    return tuple(map(int, shape)) if whole else None


def shape_rule(function):
    """Exercise 1b: ``my_shapes(T, N, H, num_layers, bidirectional, batch_first)``, the shapes of output and h_n."""
    for T, N, H, num_layers, bidirectional, batch_first in (
        (7, 3, 6, 1, False, False),
        (7, 3, 6, 2, False, False),
        (7, 3, 6, 1, True, False),
        (7, 3, 6, 1, False, True),
        (5, 4, 8, 3, True, True),
        (5, 4, 8, 3, True, False),
    ):
        got, feedback = call(function, T, N, H, num_layers, bidirectional, batch_first)
        if feedback:
            return feedback
        if not isinstance(got, tuple) or len(got) != 2:
            return wrong("return two shapes: that of output, then that of h_n.")
        if any(is_empty(shape) for shape in got):
            return not_yet("your function does not return both shapes yet.")
        directions = 2 if bidirectional else 1
        first = (N, T) if batch_first else (T, N)
        which = f"num_layers={num_layers}, bidirectional={bidirectional}, batch_first={batch_first}"
        output, h_n = map(_as_shape, got)
        if output != (*first, directions * H):
            hint = "Mind the order of its axes." if output == (*first[::-1], directions * H) else ""
            hint = hint or ("It joins the directions." if output == (*first, H) else "It is the last layer's.")
            return wrong(f"output is {got[0]}, wanted {(*first, directions * H)} for {which}. {hint}")
        if h_n != (num_layers * directions, N, H):
            hint = "One state for each layer and direction."
            if h_n == (N, num_layers * directions, H):
                hint = "batch_first leaves h_n alone."
            elif h_n == (num_layers, N, directions * H):
                hint = "h_n stacks the directions, it does not join them."
            return wrong(f"h_n is {got[1]}, wanted {(num_layers * directions, N, H)} for {which}. {hint}")
    return right("these two lines are what people look up most often about nn.LSTM.")


def projection_prediction(answer):
    """Exercise 2a: how many parameters a projection costs or saves."""
    return expect_choice(
        answer,
        "c",
        "299,008 against 1,183,744. The new matrix has 64 · 512 entries; weight_hh goes from 2048 · 512 to 2048 · 64.",
        {
            "a": "there is a new matrix, weight_hr. But what does weight_hh read now: 512 numbers, or 64?",
            "b": "count the columns of weight_hh in both cases: it reads h, and h has 64 entries now.",
        },
    )


def parameter_formula(function):
    """Exercise 2b: ``count_parameters(D, H, num_layers, directions, proj_size)`` as nn.LSTM has them."""

    def count(D, H, L, directions, P, *, hh=None, up=None, join=True, biases=2, hr=True):
        R = P or H
        total = 0
        for k in range(L):
            reads = D if k == 0 else (directions if join else 1) * (up or R)
            total += directions * (4 * H * (reads + (hh or R) + biases) + (P * H if hr else 0))
        return total

    plain = ((5, 6, 1, 1, 0), (5, 6, 1, 2, 0), (5, 7, 3, 1, 0), (5, 6, 3, 2, 0))
    for sizes in (*plain, (9, 8, 1, 1, 3), (9, 8, 2, 1, 3), (9, 8, 3, 2, 3), (64, 512, 2, 2, 64)):
        got, feedback = call(function, *sizes)
        feedback = feedback or _count_feedback(got, count, sizes)
        if feedback:
            return feedback
    return right("you can now say how large any nn.LSTM is before you make one.")


def _count_feedback(got, count, sizes):
    D, H, L, directions, P = sizes
    wanted = count(*sizes)
    if isinstance(got, (int, float, np.number)) and not isinstance(got, bool) and got == wanted:
        return None
    if not isinstance(got, (int, float, np.number)) or isinstance(got, bool):
        return wrong(f"your function returns {type(got).__name__}, wanted a number.")
    which = f"D={D}, H={H}, num_layers={L}, directions={directions}, proj_size={P}"
    for mistake, message in (
        (count(*sizes, biases=1), "torch has two biases for each gate, not one."),
        (count(*sizes, biases=0), "the biases are missing, two of 4H each."),
        (count(*sizes, join=False), "from layer 1 on, a layer reads both directions of the one below, side by side."),
        (directions * count(D, H, L, 1, P), "an upper layer reads both directions of the one below, side by side."),
        (count(D, H, L, 1, P), "each direction has weights of its own."),
        (count(D, H, 1, directions, P) * L, "the upper layers read h, not x: their weight_ih has other columns."),
        (count(D, H, L, directions, 0), "with proj_size, h has P entries, and there is a weight_hr (P, H)."),
        (count(*sizes, hr=False), "weight_hr (P, H) is missing, in each layer and direction."),
        (count(*sizes, hh=H), "weight_hh reads h, and h has P entries now."),
        (count(*sizes, up=H), "an upper layer reads h, and h has P entries now."),
        (count(*sizes, hh=H, up=H), "whoever reads h reads P entries now: weight_hh, and the layer above."),
        (count(*sizes) // 4, "there are four gates: 4H rows."),
    ):
        if got == mistake:
            return wrong(f"not {got:,.0f} for {which}: {message}")
    return wrong(f"{got:,.0f} for {which}, torch has {wanted:,}. Count matrix by matrix: rows times columns.")


def copied_bias_prediction(answer):
    """Exercise 3a: what happens when the +1 of the old TensorFlow cell is forgotten."""
    return expect_choice(
        answer,
        "b",
        "every shape fits. At a pre-activation of 0, σ(1) = 0.73 has become σ(0) = 0.5, at each step of each sequence.",
        {
            "a": "does a 1 that is not added change the shape of anything?",
            "c": "then the bias would be right again after more training. But here a trained network is carried over.",
        },
    )


def old_tensorflow_weights(function):
    """Exercise 3b: ``from_old_tensorflow(kernel, bias)`` gives an `LSTMParams`."""
    D, H = 5, 3
    rng = np.random.default_rng(5)
    kernel, bias = rng.normal(size=(D + H, 4 * H)), rng.normal(size=4 * H)
    given = kernel.copy(), bias.copy()
    got, feedback = call(function, *given)
    if feedback:
        return feedback
    if not isinstance(got, LSTMParams):
        return wrong(f"your function returns {type(got).__name__}, wanted LSTMParams(weight_ih, weight_hh, bias).")
    W, U = kernel[:D].T, kernel[D:].T
    order = np.concatenate([np.arange(H) + k * H for k in (0, 2, 1, 3)])  # theirs: i, j, f, o
    one = np.repeat([0.0, 1.0, 0.0, 0.0], H)  # for the forget gate, in our order
    for name, mine, wanted, traps in (
        (
            "weight_ih",
            got.weight_ih,
            W[order],
            {
                "its rows are in their order still: i, j, f, o. Ours is i, f, g, o, and j is g.": W,
                "those are rows of the other matrix: they write [x, h], x first.": kernel[H:].T[order],
            },
        ),
        ("weight_hh", got.weight_hh, U[order], {"its rows are in their order still: i, j, f, o.": U}),
        (
            "bias",
            got.bias,
            bias[order] + one,
            {
                "the 1 is missing, which their step adds to the forget gate.": bias[order],
                "it is in their order still: i, j, f, o.": bias,
                "the 1 is in the wrong block: it belongs to f, not to g.": bias[order] + one[order],
                "it is in their order still, with the 1 in the second block.": bias + one,
                "it is in their order still, with the 1 in the third block.": bias + one[order],
                "the 1 is for the forget gate alone.": bias[order] + 1,
            },
        ),
    ):
        for message, trap in traps.items():
            if same(mine, trap):
                return wrong(f"{name}: {message}")
        feedback = compare(name, mine, wanted)
        if feedback:
            return wrong(f"{feedback.message} Convert one gate, and compare it with their step.")
    if not (np.array_equal(given[0], kernel) and np.array_equal(given[1], bias)):
        return wrong("the result is right, but your function changes an array of its caller. Add the 1 to a copy.")
    return right("every gate of their step is ours now. Old checkpoints can be read.")


def perfect_loss(answer):
    """Exercise 4a: the loss of perfect predictions (4, 1) against the same numbers as (4,)."""
    return expect_number(
        answer,
        7.0,
        "every prediction meets every target: the mean of 16 squares, which is twice the variance. Perfect is not 0.",
        {
            0: "that is the loss for equal shapes. What is the shape of (4, 1) minus (4,)?",
            3.5: "that is the variance, the loss of four times the mean. Here the predictions are 1, 2, 3 and 6.",
            112: "that is the sum of all 16 squares. The loss is their mean.",
            28: "that is the sum of 16 squares divided by 4. There are 16 of them.",
            14: "that is the sum of squares around the mean. Write the table of the 16 differences.",
        },
        "write the 4 by 4 table of the differences, square each, and take the mean.",
        tolerance=0.01,
    )


def strict_loss(function, tensor):
    """Exercise 4b: ``strict_mse(prediction, target)``; `tensor` makes a tensor, such as ``torch.tensor``."""
    prediction = tensor([[1.0], [2.0], [4.0], [7.0]], requires_grad=True)
    target = tensor([[1.0], [3.0], [2.0], [6.5]])
    squares, wanted = [0.0, 1.0, 4.0, 0.25], [[0.0], [-0.5], [1.0], [0.25]]
    got, feedback = call(function, prediction, target)
    if feedback:
        return wrong(f"{feedback.message} The shapes were equal, (4, 1).") if feedback.status == "wrong" else feedback
    if not hasattr(got, "backward"):
        return wrong(f"your loss is a {type(got).__name__}, and nothing can be learned from it. Leave it a tensor.")
    if tuple(got.shape) != ():
        return wrong(f"your loss has shape {tuple(got.shape)}, wanted one number: the mean.")
    value = got.item()
    for mistake, message in (
        (sum(squares), "that is the sum. The M in MSE is for mean."),
        (np.sqrt(np.mean(squares)), "that is the root of the mean. Leave it squared."),
        (np.mean(np.sqrt(squares)), "that is the mean of the distances. They are to be squared."),
    ):
        if np.isclose(value, mistake, rtol=1e-5):
            return wrong(message)
    if not np.isclose(value, np.mean(squares), rtol=1e-5):
        return wrong(f"your loss is {value:.4g}, wanted {np.mean(squares):.4g}.")
    try:
        got.backward()
    except RuntimeError:
        return wrong("nothing flows back through your loss. Compute it from the tensors, with no detach and no item.")
    feedback = compare("the gradient of the prediction", prediction.grad.tolist(), wanted, tolerance=1e-5)
    if feedback:
        return feedback
    four, column, row = [1.0, 2.0, 3.0, 6.0], [[1.0], [2.0], [3.0], [6.0]], [[1.0, 2.0, 3.0, 6.0]]
    for a, b in ((column, four), (four, column), ([1.0], column), ([[1.0]], column), (column, row)):
        shapes = f"{np.shape(a)} against {np.shape(b)}"
        try:
            value = np.asarray(function(tensor(a), tensor(b)), dtype=float)
        except (ValueError, AssertionError) as error:
            if not str(error):
                return wrong(f"{shapes}: your error says nothing. Let it say both shapes; its reader will be you.")
            continue
        except Exception as error:
            return wrong(f"{shapes}: stops with {type(error).__name__}: {error} Raise a ValueError of your own.")
        if (abs(value) < 1e-6).all():
            return wrong(f"{shapes}: your loss bends one to the other and says 0. Which was meant? Raise instead.")
        return wrong(f"{shapes}: your loss lets it pass. Compare the whole shapes, not their lengths or sizes.")
    return right("four words, `if a.shape != b.shape`, and this trap is shut for good.")
