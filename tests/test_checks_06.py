"""The feedback of notebook 06: a stub is "not yet", each plausible slip has its own message, the answer is right."""

import numpy as np
import pytest

from lstm_helpers import checks
from lstm_helpers.backprop import lstm_backward


def assert_wrong(feedback, words):
    assert feedback.status == "wrong", feedback
    assert words in feedback.message
    assert repr(feedback).startswith("Look here: ")


def stub(*arguments): ...


CHOICES = {
    checks.padded_reading: ("b", {"a": "y comes at step 2", "c": "leave out W x, not the biases", "d": "comes last"}),
    checks.summary_rows: ("c", {"a": "of layer 0", "b": "layer by layer", "d": "has read everything too"}),
    checks.silent_weights: (
        "b",
        {"a": "is dz times x", "c": "position 0 last", "d": "tenth step", "e": "What stood before this step?"},
    ),
    checks.one_step_late: ("a", {"b": "says nothing about letter t + 2", "c": "the last letter that has been read"}),
}


@pytest.mark.parametrize("check", CHOICES, ids=lambda check: check.__name__)
def test_choices(check):
    right, wrong = CHOICES[check]
    assert check(...).status == check(None).status == "not yet"
    assert check(right).status == check(f" {right.upper()} ").status == "right"
    for letter, words in wrong.items():
        assert_wrong(check(letter), words)
    assert_wrong(check("z"), "choose one of a, b, c")


FUNCTIONS = [checks.turn_round, checks.summary_from_output, checks.summed_backward, checks.delayed]


@pytest.mark.parametrize("check", FUNCTIONS, ids=lambda check: check.__name__)
def test_functions_not_yet_or_broken(check):
    assert check(stub).status == check(...).status == check(None).status == "not yet"
    assert_wrong(check(lambda *arguments: arguments[-1].nothing), "AttributeError")
    assert check(lambda *arguments: "no numbers").status == "wrong"
    assert check(lambda *arguments: np.zeros(3)).status == "wrong"


# --- turn_round ----------------------------------------------------------------------------------


def turned(x, lengths):
    result = x.copy()
    for n, length in enumerate(lengths):
        result[:length, n] = x[:length, n][::-1]
    return result


def turned_in_place(x, lengths):
    for n, length in enumerate(lengths):
        x[:length, n] = x[:length, n][::-1].copy()
    return x


def without_padding(x, lengths):
    return turned(x, lengths) * (np.arange(len(x))[:, None] < lengths)[..., None]


def with_turned_padding(x, lengths):
    result = turned(x, lengths)
    for n, length in enumerate(lengths):
        result[length:, n] = result[length:, n][::-1]
    return result


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (lambda x, lengths: x[::-1], "the whole array round"),
        (lambda x, lengths: x[:, ::-1], "the batch round"),
        (lambda x, lengths: x[:, :, ::-1], "the features round"),
        (lambda x, lengths: turned(x, [lengths[0]] * 4), "Each has its own"),
        (lambda x, lengths: turned(x, lengths - 1), "one step too few"),
        (without_padding, "the padding is gone"),
        (with_turned_padding, "the padding is turned round as well"),
        (lambda x, lengths: x, "as it came"),
        (turned_in_place, "changes an array that it was given"),
        (lambda x, lengths: x[:3], "has shape (3, 4, 2), wanted (5, 4, 2)"),
        (lambda x, lengths: turned(x, lengths) + 1e-3, "turn_round(x, lengths) at"),
    ],
)
def test_turn_round_wrong(function, words):
    assert_wrong(checks.turn_round(function), words)


def by_index(x, lengths):
    t = np.arange(len(x))[:, None]
    return x[np.where(t < lengths, lengths - 1 - t, t), np.arange(len(lengths))]


@pytest.mark.parametrize("function", [turned, by_index])
def test_turn_round_right(function):
    assert checks.turn_round(function).status == "right"


# --- summary_from_output -------------------------------------------------------------------------


def halves(output, lengths):
    H, rows = output.shape[2] // 2, np.arange(output.shape[1])
    return output[lengths - 1, rows, :H], output[0, :, H:]


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (lambda output, lengths: output[-1], "output[-1] is 0 where"),
        (lambda output, lengths: output[lengths - 1, np.arange(4)], "The backward half of a sequence's last step"),
        (lambda output, lengths: output[0], "The forward half of step 0"),
        (
            lambda output, lengths: np.concatenate([output[-1, :, :3], output[0, :, 3:]], axis=1),
            "not from the end of the array",
        ),
        (lambda output, lengths: np.concatenate(halves(output, lengths)[::-1], axis=1), "in the other order"),
        (
            lambda output, lengths: np.concatenate([output[0, :, :3], output[lengths - 1, np.arange(4), 3:]], axis=1),
            "the halves are changed",
        ),
        (lambda output, lengths: output[:, -1], "the last sequence, not the last step"),
        (lambda output, lengths: output[lengths - 1], "has shape (4, 4, 6), wanted (4, 6)"),
    ],
)
def test_summary_wrong(function, words):
    assert_wrong(checks.summary_from_output(function), words)


def test_summary_right():
    assert checks.summary_from_output(lambda *given: np.concatenate(halves(*given), axis=1)).status == "right"


# --- summed_backward -----------------------------------------------------------------------------


def dx(turn_in, turn_out, left_share=1, right_share=1):
    def function(left, right, forwards, backwards, doutput):
        dright = lstm_backward(right, backwards, dh=doutput[::-1] if turn_in else doutput).x
        dleft = lstm_backward(left, forwards, dh=doutput).x
        return left_share * dleft + right_share * (dright[::-1] if turn_out else dright)

    return function


def cut_in_two(left, right, forwards, backwards, doutput):
    dleft, dright = np.split(doutput, 2, axis=2)
    return lstm_backward(left, forwards, dh=dleft).x + lstm_backward(right, backwards, dh=dright[::-1]).x[::-1]


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (dx(True, False), "reverse it before you add it"),
        (dx(False, True), "its dh must be reversed too"),
        (dx(False, False), "nowhere accounted for"),
        (dx(True, True, right_share=0), "the forward LSTM's part alone"),
        (dx(True, True, left_share=0), "the backward LSTM's part alone"),
        (dx(True, True, 0.5, 0.5), "Nothing is to be halved"),
        (cut_in_two, "nothing is to be cut"),
        (lambda *given: given[-1], "dx has shape (5, 2, 4), wanted (5, 2, 3)"),
    ],
)
def test_summed_backward_wrong(function, words):
    assert_wrong(checks.summed_backward(function), words)


def test_summed_backward_right():
    assert checks.summed_backward(dx(True, True)).status == "right"


# --- delayed -------------------------------------------------------------------------------------


def late(x, target, delay):
    nothing = np.zeros((delay, target.shape[1]), dtype=int)
    return np.concatenate([x, np.zeros((delay, *x.shape[1:]))]), np.concatenate([nothing, target])


def half_done(x, target, delay):
    return late(x, target, delay)[0], ...


def with_x(make):
    return lambda x, target, delay: (make(x, delay), late(x, target, delay)[1])


def with_target(make):
    return lambda x, target, delay: (late(x, target, delay)[0], make(target, delay))


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (with_x(lambda x, delay: np.concatenate([np.zeros((delay, *x.shape[1:])), x])), "The network reads x at once"),
        (with_x(lambda x, delay: x), "x has its old length"),
        (with_x(lambda x, delay: np.concatenate([x, x[-delay:]])), "should be empty"),
        (with_target(lambda y, delay: np.concatenate([y, 0 * y[:delay]])), "target comes no later"),
        (with_target(lambda y, delay: np.roll(y, delay, axis=0)), "np.roll"),
        (with_target(lambda y, delay: np.concatenate([0 * y[:delay], y[:-delay]])), "target lost its last steps"),
        (with_target(lambda y, delay: y), "target has its old length"),
        (with_target(lambda y, delay: np.concatenate([0 * y[:1], y])), "target_late has shape (7, 3), wanted (8, 3)"),
        (with_x(lambda x, delay: np.concatenate([x, x[:1]])), "x_late has shape (7, 3, 2), wanted (8, 3, 2)"),
        (lambda x, target, delay: x, "return two arrays"),
    ],
)
def test_delayed_wrong(function, words):
    assert_wrong(checks.delayed(function), words)


def test_delayed_half_done_and_right():
    assert checks.delayed(half_done).status == "not yet"
    assert checks.delayed(late).status == "right"
