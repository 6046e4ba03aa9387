"""Feedback on the exercises of notebook 06."""

import numpy as np

from lstm_helpers import tasks
from lstm_helpers.backprop import lstm_backward
from lstm_helpers.cell import LSTMParams, lstm_forward
from lstm_helpers.checks.feedback import call, compare, expect_choice, is_empty, not_yet, right, same, wrong


def padded_reading(answer):
    """Exercise 1a: when padding first changes the state of a reader that meets it first."""
    return expect_choice(
        answer,
        "b",
        "reversed, the two steps of padding come first. x is 0 there, but the biases are not: the gates open, a "
        "candidate is written, and h and c have moved before the first letter comes.",
        {
            "a": "y comes at step 2. The padding stood at the end, so after x[::-1] it stands at the beginning.",
            "c": "zeros leave out W x, not the biases: c = f · 0 + i · g, and i and g come from the biases.",
            "d": "s is the first letter of the word. Read from the end, it comes last.",
        },
    )


def turn_round(function):
    """Exercise 1b: ``turn_round(x, lengths)`` turns each sequence round within its own length."""
    x = np.arange(1.0, 41.0).reshape(5, 4, 2)
    lengths = np.array([3, 5, 1, 2])
    ended = np.arange(5)[:, None] >= lengths
    x[ended] *= -1  # noise in the padding
    given, given_lengths = x.copy(), lengths.copy()
    got, problem = call(function, given, given_lengths)
    if problem is not None:
        return problem
    if not (np.array_equal(given, x) and np.array_equal(given_lengths, lengths)):
        return wrong("your function changes an array that it was given. Work on x.copy().")
    wanted = x.copy()
    for n, length in enumerate(lengths):
        wanted[:length, n] = x[:length, n][::-1]
    without_padding = np.where(ended[..., None], 0, wanted)
    end_first = np.stack([np.roll(x[::-1, n], -(5 - length), axis=0) for n, length in enumerate(lengths)], axis=1)
    slips = {
        "that turns the whole array round: padding first, then the words. Only x[:length, n] is to be turned.": x[::-1],
        "you turn the batch round, not the time. Time is the first axis of (T, N, D).": x[:, ::-1],
        "you turn the features round. Time is the first axis of (T, N, D).": x[:, :, ::-1],
        "all sequences are turned within the same length. Each has its own: lengths[n].": _turned(x, lengths[[0] * 4]),
        "one step too few is turned: x[:length, n] has the steps 0 to length - 1.": _turned(x, lengths - 1),
        "the sequences are right, and the padding is gone. Let what stands there stay.": without_padding,
        "the sequences are right, but the padding is turned round as well. Let it stay as it is.": end_first,
        "that is x as it came.": x,
    }
    for message, slip in slips.items():
        if same(got, slip):
            return wrong(message)
    return compare("turn_round(x, lengths)", got, wanted) or right(
        "each sequence is turned within its own length, and the padding stays at the end. Turning twice gives x back, "
        "so the same function serves on the way in and on the way out."
    )


def _turned(x, lengths):
    turned = x.copy()
    for n, length in enumerate(lengths):
        turned[:length, n] = x[:length, n][::-1]
    return turned


def summary_rows(answer):
    """Exercise 2a: which rows of h_n belong to the last layer."""
    return expect_choice(
        answer,
        "c",
        "the order is layer 0 forward, layer 0 backward, layer 1 forward, layer 1 backward. h_n[-2] and h_n[-1] are "
        "the last two, for any number of layers.",
        {
            "a": "those are both directions of layer 0. The rows go layer by layer, so the last layer comes last.",
            "b": "those are the backward directions of both layers. The rows go layer by layer, not direction by "
            "direction.",
            "d": "that is the backward direction of the last layer. The forward one has read everything too.",
        },
    )


def summary_from_output(function):
    """Exercise 2b: ``summary(output, lengths)`` takes each direction where it has read everything."""
    T, N, H = 6, 4, 3
    lengths = np.array([6, 2, 4, 1])
    output = np.arange(1.0, T * N * 2 * H + 1).reshape(T, N, 2 * H)
    output[np.arange(T)[:, None] >= lengths] = 0
    got, problem = call(function, output.copy(), lengths.copy())
    if problem is not None:
        return problem
    rows = np.arange(N)
    ends = output[lengths - 1, rows]
    wanted = np.concatenate([ends[:, :H], output[0, :, H:]], axis=1)
    slips = {
        "output[-1] is 0 where a sequence is shorter than T, and its backward half has read one step.": output[-1],
        "the forward half is right. The backward half of a sequence's last step has read that one step; it has read "
        "everything at step 0.": ends,
        "the backward half is right. The forward half of step 0 has read that one step; it has read everything at "
        "the sequence's own end.": output[0],
        "the backward half is right. The forward half must come from each sequence's own end, lengths - 1, not from "
        "the end of the array.": np.concatenate([output[-1, :, :H], output[0, :, H:]], axis=1),
        "both halves are right, in the other order. The forward one comes first.": np.roll(wanted, H, axis=1),
        "the halves are changed: the forward one has read everything at the end, the backward one at the "
        "beginning.": np.concatenate([output[0, :, :H], ends[:, H:]], axis=1),
        "that is the last sequence, not the last step. Time is the first axis of (T, N, 2H).": output[:, -1],
    }
    for message, slip in slips.items():
        if same(got, slip):
            return wrong(message)
    return compare("summary(output, lengths)", got, wanted) or right(
        "forwards from each sequence's own last step, backwards from step 0: the numbers of h_n[-2] and h_n[-1]."
    )


def silent_weights(answer):
    """Exercise 3a: which weights get no gradient from the first position."""
    forward = "at position 0 the forward LSTM has made a step, from x[0] with weight_ih."
    return expect_choice(
        answer,
        "b",
        "at position 0 the forward LSTM has made one step, from h0 = 0, and a gradient of weight_hh is always "
        "dz times the h before. The backward LSTM has made ten steps by then, so both its matrices have a part in it.",
        {
            "a": f"{forward} The gradient of weight_ih is dz times x, which is not 0.",
            "c": "the backward LSTM comes to position 0 last, after it has read all ten letters with weight_ih.",
            "d": "position 0 is the backward LSTM's tenth step. Nine of them had an h before them to multiply.",
            "e": f"{forward} What stood before this step? h0, which is 0, and weight_hh multiplies it.",
        },
    )


def summed_backward(function):
    """Exercise 3b: ``summed_backward(left, right, forwards, backwards, doutput)`` for added directions gives dx."""
    rng = np.random.default_rng(6)
    T, N, D, H = 5, 2, 3, 4
    forwards, backwards = (LSTMParams.init(D, H, seed=rng) for _ in range(2))
    x, doutput = rng.standard_normal((T, N, D)), rng.standard_normal((T, N, H))
    left, right_trace = lstm_forward(x, forwards), lstm_forward(x[::-1], backwards)
    got, problem = call(function, left, right_trace, forwards, backwards, doutput.copy())
    if problem is not None:
        if "has 2 features" in problem.message or "(5, 2, 2)" in problem.message:
            return wrong("nothing was joined here, so nothing is to be cut: each direction gets the whole of doutput.")
        return problem
    dleft = lstm_backward(left, forwards, dh=doutput).x
    dright = lstm_backward(right_trace, backwards, dh=doutput[::-1]).x
    not_turned = lstm_backward(right_trace, backwards, dh=doutput).x
    slips = {
        "the backward LSTM's dx is in its reading order: reverse it before you add it.": dleft + dright,
        "the backward LSTM read in the other order, so its dh must be reversed too: doutput[::-1].": (
            dleft + not_turned[::-1]
        ),
        "the backward LSTM's order is nowhere accounted for: reverse its dh on the way in and its dx on the way "
        "out.": dleft + not_turned,
        "that is the forward LSTM's part alone. Both have read x: two uses, two gradients, one sum.": dleft,
        "that is the backward LSTM's part alone. Both have read x: two uses, two gradients, one sum.": dright[::-1],
        "a sum hands its gradient on whole, to each of its terms. Nothing is to be halved.": (dleft + dright[::-1]) / 2,
    }
    for message, slip in slips.items():
        if same(got, slip):
            return wrong(message)
    return compare("dx", got, dleft + dright[::-1]) or right(
        "a sum hands its whole gradient to both. The rest is as for joined directions: reverse, go back, reverse, add."
    )


def one_step_late(answer):
    """Exercise 4a: a delay of one step where two are needed."""
    return expect_choice(
        answer,
        "a",
        "with a delay of one it has read letter t + 1 when it tags t. Letter t + 2 is still a toss of a coin: 0.6, "
        "not a bit more. With a delay of two it is 1.",
        {
            "b": "what would it know more than before? Letter t + 1 says nothing about letter t + 2: all are drawn "
            "independently.",
            "c": "the tag of t needs letter t + 2. One step late, t + 1 is the last letter that has been read.",
        },
    )


def delayed(function):
    """Exercise 4b: ``delayed(x, target, delay)`` gives x with empty steps at the end and targets that come later."""
    x, target = tasks.look_ahead(6, 3, ahead=2, seed=1)
    target = target + 4  # no target is 0, so that what stands in the empty places can be told apart
    delay = 2
    result, problem = call(function, x.copy(), target.copy(), delay)
    if problem is not None:
        return problem
    if not isinstance(result, tuple) or len(result) != 2:
        return wrong("return two arrays: x_late, target_late.")
    if any(is_empty(array) for array in result):
        return not_yet("return both arrays, x_late and target_late.")
    empty, nothing = np.zeros((delay, *x.shape[1:])), np.zeros((delay, target.shape[1]))
    for message, which, slip in (
        ("x is late and the target is not. The network reads x at once: the empty steps come after it.", 0, [empty, x]),
        ("x has its old length. It needs `delay` empty steps more, or the last answers never come.", 0, [x]),
        ("the last steps repeat x. They should be empty: zeros.", 0, [x, x[-delay:]]),
        ("target comes no later: the zeros belong before it, not after it.", 1, [target, nothing]),
        ("np.roll brings the last targets round to the front, where nothing is asked.", 1, [np.roll(target, delay, 0)]),
        ("target lost its last steps: they come later, after the end of x.", 1, [nothing, target[:-delay]]),
        ("target has its old length. It begins with `delay` rows of zeros.", 1, [target]),
    ):
        if same(result[which], np.concatenate(slip)):
            return wrong(message)
    problem = compare("x_late", result[0], np.concatenate([x, empty]))
    problem = problem or compare("target_late", result[1], np.concatenate([nothing, target]))
    return problem or right(
        "the answer for t comes at step t + delay. The solutions train an LSTM on this: with a delay of two it gets "
        "every tag right, with one direction."
    )
