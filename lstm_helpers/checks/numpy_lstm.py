"""Feedback on the exercises of notebook 04."""

import numpy as np

from lstm_helpers import tasks
from lstm_helpers.checks.feedback import call, compare, expect_number, right, same, wrong


def clip_prediction(answer):
    """Exercise 1a: two gradients of length 6 and 8, clipped together to 5: how long is the first one then?"""
    return expect_number(
        answer,
        3,
        "together they are sqrt(6² + 8²) = 10 long, twice too long. Both are halved.",
        {
            5: "that clips the first gradient by itself. All gradients count as one long vector: how long is it?",
            6: "6 is above 5, and both together are longer still. They are clipped.",
            2.5: "nothing is shared out evenly: the direction must stay, so the first stays 6/8 of the second.",
            4: "that is the length of the second one, or you shared 5 out some other way. Both get the same factor.",
            30 / 14: "lengths at right angles do not add up as 6 + 8. Square, add, take the root.",
            10: "that is the length of both together, before clipping.",
            0.5: "that is the factor. By how much is the first one shortened, from 6?",
        },
        "all gradients are one long vector; find its length, then the one factor that makes it 5.",
        tolerance=0.01,
    )


def clip(function):
    """Exercise 1b: ``my_clip(gradients, max_norm)``, a dict of arrays in, a dict of arrays out."""
    rng = np.random.default_rng(4)
    gradients = {"weight": rng.normal(size=(4, 3)), "bias": rng.normal(size=4), "head": 3 * rng.normal(size=(2, 2))}
    norm = np.sqrt(sum((array**2).sum() for array in gradients.values()))
    for max_norm in (norm / 4, 5 * norm):
        given = {name: array.copy() for name, array in gradients.items()}
        got, feedback = call(function, given, max_norm)
        if feedback:
            return feedback
        if not isinstance(got, dict) or got.keys() != gradients.keys():
            return wrong("return a dict with the same names as `gradients`, and an array for each.")
        if any(not np.array_equal(given[name], array) for name, array in gradients.items()):
            return wrong("your function changes the arrays that it was given. Make new ones: factor * gradient.")
        wanted = {name: array * min(1, max_norm / norm) for name, array in gradients.items()}
        slips = {
            "each array is clipped by itself, which turns the direction. Find one length for all of them.": {
                name: array * min(1, max_norm / np.linalg.norm(array)) for name, array in gradients.items()
            },
            "each number is clipped by itself, which turns the direction. Shorten all by one common factor.": {
                name: np.clip(array, -max_norm, max_norm) for name, array in gradients.items()
            },
            "short gradients are made longer. Clipping leaves them alone: the factor is at most 1.": {
                name: array * max_norm / norm for name, array in gradients.items()
            },
            "the root is missing: the length is the square root of the sum of all squares.": {
                name: array * min(1, max_norm / norm**2) for name, array in gradients.items()
            },
            "together they are 1 long now. Wanted is max_norm, at most.": {
                name: array / norm for name, array in gradients.items()
            },
        }
        for message, slip in slips.items():
            if _close(got, slip) and not _close(slip, wanted):
                return wrong(message)
        for name, array in wanted.items():
            feedback = compare(name, got[name], array, tolerance=1e-5)  # with or without torch's 1e-6
            if feedback:
                return wrong(f"for gradients of length {norm:.3g} and max_norm {max_norm:.3g}: {feedback.message}")
    return right("one length, one factor, never above 1. A step into the same direction, and not too far.")


def _close(got, wanted):
    return all(compare("", got[name], wanted[name], tolerance=1e-5) is None for name in wanted)


def adam_prediction(answer):
    """Exercise 2a: how far Adam's first update goes with lr = 0.1 and a gradient of 0.001."""
    return expect_number(
        answer,
        0.1,
        "at t = 1, m divided by 0.1 is the gradient, v divided by 0.001 is its square; gradient / |gradient| is 1. "
        "The first update is lr, whatever the gradient's size.",
        {
            0.0001: "that is plain SGD, lr · gradient. Adam divides by the root of v: what is it at t = 1?",
            0.00001: "that is lr · m with m not yet divided by 1 − beta1, and without the division by the root of v.",
            0.3162277: "nearly: that leaves out both divisors. m is 0.1 · gradient, v is 0.001 · gradient².",
            0.001: "the gradient's size drops out: it stands above and below the line. Put t = 1 in.",
            1: "gradient / |gradient| is 1, right. And then it is multiplied by lr.",
            0.01: "m / (1 − beta1) is the whole gradient at t = 1, not a tenth of it.",
        },
        "put t = 1 into the four lines: m and v start at 0.",
        tolerance=1e-6,
    )


def adam(function):
    """Exercise 2b: ``my_adam(parameter, gradient, m, v, t)`` returns the three new arrays; three updates in a row."""
    lr, beta1, beta2, eps = 0.1, 0.9, 0.999, 1e-8
    slips = {
        "the two divisors are missing: m / (1 − beta1**t) and v / (1 − beta2**t).": {"corrected": False},
        "v collects the squares of the gradients: gradient**2.": {"square": False},
        "the root is missing: divide by the square root of v, plus eps.": {"root": False},
        "the sign: the parameter goes *against* m.": {"sign": -1},
        "0.9 belongs to m and 0.999 to v; yours have changed places.": {"beta1": beta2, "beta2": beta1},
        "the first update is t = 1, and your divisors use t + 1.": {"late": 1},
    }

    def adam_update(p, g, m, v, t, *, corrected=True, square=True, root=True, sign=1, late=0, beta1=beta1, beta2=beta2):
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * (g**2 if square else np.abs(g))
        up, down = (m / (1 - beta1 ** (t + late)), v / (1 - beta2 ** (t + late))) if corrected else (m, v)
        return p - sign * lr * up / ((np.sqrt(down) if root else down) + eps), m, v

    rng = np.random.default_rng(3)
    parameter, m, v = rng.normal(size=4), np.zeros(4), np.zeros(4)
    for t in (1, 2, 3):
        gradient = rng.normal(size=4) * 10.0 ** np.arange(-2, 2)
        given = [array.copy() for array in (parameter, gradient, m, v)]
        got, feedback = call(function, *given, t)
        if feedback:
            return feedback
        if not isinstance(got, tuple) or len(got) != 3:
            return wrong("return three arrays: the new parameter, the new m, the new v.")
        if not all(map(np.array_equal, given, (parameter, gradient, m, v))):
            return wrong("your function changes an array that it was given. Avoid += and -= on arguments here.")
        wanted = adam_update(parameter, gradient, m, v, t)
        for message, slip in slips.items():
            mistake = adam_update(parameter, gradient, m, v, t, **slip)
            if all(map(same, got, mistake)) and not all(map(same, mistake, wanted)):
                return wrong(message)
        for k, name in ((1, "m"), (2, "v"), (0, "parameter")):
            feedback = compare(f"{name} after update {t}", got[k], wanted[k])
            if feedback:
                return wrong(f"{feedback.message} Compare with the four lines above.")
        parameter, m, v = wanted
    return right("the same three updates as torch's, to the last digits. The first went by 0.1 in every direction.")


def pair_table_prediction(answer):
    """Exercise 3a: the share that the best table of pairs gets right on "abac" again and again."""
    return expect_number(
        answer,
        0.75,
        "after b and after c always comes a: right. After a, which is every second character, comes b or c, half each.",
        {
            1: "what does the table say for a? Both b and c come after it, and it has one answer only.",
            0.5: "the characters after b and after c are right as well. How many of four is that?",
            0.25: "that is a guess among four. Go through the four places one by one.",
            2 / 3: "not every letter counts the same: a comes twice as often as b or c.",
            5 / 6: "that is the mean over the three letters. a comes twice as often as b or c.",
        },
        "take four characters in a row, and for each the one that comes most often after it.",
        tolerance=0.005,
    )


def pair_table(function):
    """Exercise 3b: ``best_pair_table(text)``, the share of all characters but the first that the best table knows."""
    rng = np.random.default_rng(5)
    texts = (tasks.ALPHABET * 3, "abac" * 10 + "a", "".join(rng.choice(list("xyz"), 300, p=[0.6, 0.3, 0.1])) + "xq")
    for text in texts:
        got, feedback = call(function, text)
        if feedback:
            return feedback
        pairs = list(zip(text, text[1:], strict=False))
        after = {now: [b for a, b in pairs if a == now] for now, _ in pairs}
        best = {now: max(set(then), key=then.count) for now, then in after.items()}
        share = sum(best[now] == then for now, then in pairs) / len(pairs)
        last = {now: then[-1] for now, then in after.items()}
        most = max(set(text[1:]), key=text[1:].count)
        for mistake, message in (
            (share * len(pairs), "that is how many are right. Asked is the share, from 0 to 1."),
            (
                sum(last[now] == then for now, then in pairs) / len(pairs),
                "your table keeps the follower seen last. Keep the one that came most often.",
            ),
            (
                np.mean([then.count(best[now]) / len(then) for now, then in after.items()]),
                "that is the mean over letters. A letter that comes more often counts more: count characters.",
            ),
            (
                text[1:].count(most) / len(pairs),
                "that says the commonest character every time. The table looks at the current character first.",
            ),
            (share * len(pairs) / len(text), "the first character is not predicted: divide by len(text) - 1."),
        ):
            if same(got, mistake) and not same(mistake, share):
                return wrong(message)
        feedback = compare(f"for {text[:8]!r}…, your share", got, share)
        if feedback:
            return wrong(f"{feedback.message} For each character: which one comes after it most often, and how often?")
    return right("this is the number to beat before anyone speaks of memory.")


def temperature_prediction(answer):
    """Exercise 4a: logits 2 and 0 at temperature 0.5: how many times as likely is the first?"""
    return expect_number(
        answer,
        np.exp(4),
        "e to the power (2 − 0) / 0.5 = 4. At temperature 1 it is 7.4 times, at 0.5 its square.",
        {
            np.exp(2): "that is temperature 1. At 0.5 the logits are divided by 0.5 first.",
            np.exp(1): "that multiplies by the temperature. Divide: 2 / 0.5.",
            4: "4 is the difference of the logits after the division. Then comes exp.",
            1 / (1 + np.exp(-4)): "that is the probability of the first. How many times that of the second is it?",
            2 * np.exp(2): "the division stands inside the exponential: exp(2 / 0.5), not exp(2) / 0.5.",
        },
        "divide both logits by 0.5, take exp of each, and divide the first by the second.",
        tolerance=0.6,
    )


def temperature(function):
    """Exercise 4b: ``my_softmax(logits, temperature)`` for logits (N, C)."""
    logits = np.random.default_rng(6).normal(size=(4, 3)) * 3

    def soft(z, axis=-1):
        return np.exp(z) / np.exp(z).sum(axis=axis, keepdims=True)

    for at in (1.0, 0.5, 3.0):
        got, feedback = call(function, logits.copy(), at)
        if feedback:
            return feedback
        wanted = soft(logits / at)
        for mistake, message in (
            (soft(logits * at), "a high temperature makes the likely symbol surer here. Divide by it."),
            (soft(logits) / at, "the division comes before exp, not after: these do not sum to 1."),
            (soft(logits), "your function leaves the temperature out."),
            (soft(logits / at, axis=0), "each *row* sums to 1: sum over the last axis, axis=-1."),
            (np.exp(logits / at) / np.exp(logits / at).sum(), "each *row* sums to 1: axis=-1, keepdims=True."),
            (np.exp(logits / at), "divide by the sum of the row, so that it is a row of probabilities."),
        ):
            if same(got, mistake) and not same(mistake, wanted):
                return wrong(message)
        feedback = compare(f"at temperature {at:g}, the probability", got, wanted)
        if feedback:
            return feedback
    with np.errstate(all="ignore"):
        large, feedback = call(function, np.array([[1000.0, 0.0]]), 0.5)
    if feedback:
        return feedback
    if not same(large, [[1, 0]]):
        return wrong("right, but logits of 1000 overflow: subtract the largest logit of each row before exp.")
    return right("divide by the temperature, subtract the largest, exp, divide by the sum.")
