"""The feedback of notebook 04: a stub is "not yet", each plausible slip has its own message, the answer is right."""

import numpy as np
import pytest

from lstm_helpers import checks, training


def assert_wrong(feedback, *words):
    assert feedback.status == "wrong", feedback
    for word in words:
        assert word in feedback.message
    assert repr(feedback).startswith("Look here: ")


def stub(*arguments): ...


def raises(*arguments):
    return np.ones(3) @ np.ones(4)


# --- predictions -----------------------------------------------------------------------------------

PREDICTIONS = [
    (
        checks.clip_prediction,
        3,
        {
            5: "by itself",
            6: "above 5",
            2.5: "evenly",
            10: "before clipping",
            0.5: "factor",
            30 / 14: "right angles",
            7: "",
        },
    ),
    (
        checks.adam_prediction,
        0.1,
        {
            1e-4: "plain SGD",
            1e-5: "not yet divided",
            0.3162277: "divisors",
            1: "multiplied by lr",
            0.001: "drops out",
            9: "t = 1",
        },
    ),
    (
        checks.pair_table_prediction,
        0.75,
        {1: "one answer only", 0.5: "How many of four", 0.25: "one by one", 2 / 3: "twice as often", 0.9: "four"},
    ),
    (
        checks.temperature_prediction,
        54.6,
        {
            7.389: "temperature 1",
            2.718: "Divide",
            4: "Then comes exp",
            0.982: "probability",
            14.78: "inside",
            99: "exp",
        },
    ),
]


@pytest.mark.parametrize(("check", "answer"), [(check, answer) for check, answer, _ in PREDICTIONS])
def test_the_right_prediction(check, answer):
    assert check(answer).status == "right"
    assert check(...).status == check(None).status == "not yet"
    assert check([answer, answer]).status == "wrong"
    assert check("much").status == "wrong"


@pytest.mark.parametrize(
    ("check", "answer", "words"),
    [(check, answer, words) for check, _, slips in PREDICTIONS for answer, words in slips.items()],
)
def test_each_wrong_prediction_has_its_own_message(check, answer, words):
    assert_wrong(check(answer), words)


def test_predictions_agree_with_the_helpers():
    clipped, _ = training.clip_by_norm({"a": np.full(4, 3.0), "b": np.full(4, 4.0)}, 5)  # lengths 6 and 8
    assert checks.clip_prediction(np.linalg.norm(clipped["a"])).status == "right"
    parameters = {"p": np.zeros(1)}
    training.adam(parameters, lr=0.1)({"p": np.array([-0.001])})
    assert parameters["p"][0] == pytest.approx(0.1, rel=1e-4)
    p = training.softmax(np.array([2.0, 0.0]), 0.5)
    assert checks.temperature_prediction(p[0] / p[1]).status == "right"
    assert checks.pair_table_prediction(right_pair_table("abac" * 400)).status == "right"


# --- functions -------------------------------------------------------------------------------------


@pytest.mark.parametrize("check", [checks.clip, checks.adam, checks.pair_table, checks.temperature])
def test_a_stub_is_not_yet_and_an_error_is_told(check):
    assert check(stub).status == check(...).status == "not yet"
    assert_wrong(check(raises), "ValueError")
    assert check(lambda *arguments: "text").status == "wrong"


def one_factor(gradients, max_norm):
    norm = np.sqrt(sum((gradient**2).sum() for gradient in gradients.values()))
    return {name: gradient * min(1, max_norm / norm) for name, gradient in gradients.items()}


def in_place(gradients, max_norm):
    for name, gradient in one_factor(gradients, max_norm).items():
        gradients[name][...] = gradient
    return gradients


def squared_length(gradients, max_norm):
    norm = sum((gradient**2).sum() for gradient in gradients.values())
    return {name: gradient * min(1, max_norm / norm) for name, gradient in gradients.items()}


def always_as_long(gradients, max_norm):
    norm = np.sqrt(sum((gradient**2).sum() for gradient in gradients.values()))
    return {name: gradient * max_norm / norm for name, gradient in gradients.items()}


def test_clip_right():
    assert checks.clip(one_factor).status == "right"
    assert checks.clip(lambda gradients, max_norm: training.clip_by_norm(gradients, max_norm)[0]).status == "right"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda g, m: {k: v * min(1, m / np.linalg.norm(v)) for k, v in g.items()}, "array is clipped by itself"),
        (lambda g, m: {k: np.clip(v, -m, m) for k, v in g.items()}, "number is clipped by itself"),
        (always_as_long, "made longer"),
        (squared_length, "root is missing"),
        (lambda g, m: {k: v / 1.0 for k, v in g.items()}, "for gradients of length"),
        (lambda g, m: {k: v / np.sqrt(sum((w**2).sum() for w in g.values())) for k, v in g.items()}, "1 long"),
        (in_place, "changes the arrays"),
        (lambda g, m: list(one_factor(g, m).values()), "return a dict"),
    ],
)
def test_clip_slips(answer, words):
    assert_wrong(checks.clip(answer), words)


def adam_with(corrected=True, power=2, root=True, sign=1, beta1=0.9, beta2=0.999, late=0):
    def my_adam(parameter, gradient, m, v, t):
        m = beta1 * m + (1 - beta1) * gradient
        v = beta2 * v + (1 - beta2) * np.abs(gradient) ** power
        up = m / (1 - beta1 ** (t + late)) if corrected else m
        down = v / (1 - beta2 ** (t + late)) if corrected else v
        return parameter - sign * 0.1 * up / ((np.sqrt(down) if root else down) + 1e-8), m, v

    return my_adam


def changes_m(parameter, gradient, m, v, t):
    m *= 0.9
    m += 0.1 * gradient
    return adam_with()(parameter, gradient, (m - 0.1 * gradient) / 0.9, v, t)


def test_adam_right():
    assert checks.adam(adam_with()).status == "right"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (adam_with(corrected=False), "divisors are missing"),
        (adam_with(power=1), "squares of the gradients"),
        (adam_with(root=False), "root is missing"),
        (adam_with(sign=-1), "against"),
        (adam_with(beta1=0.999, beta2=0.9), "changed places"),
        (adam_with(late=1), "t + 1"),
        (adam_with(beta1=0.5), "m after update 1"),
        (changes_m, "changes an array"),
        (lambda p, g, m, v, t: adam_with()(p, g, m, v, t)[0], "return three arrays"),
    ],
)
def test_adam_slips(answer, words):
    assert_wrong(checks.adam(answer), words)


def followers(text):
    after = {}
    for now, then in zip(text, text[1:], strict=False):
        after.setdefault(now, []).append(then)
    return after


def right_pair_table(text):
    return sum(max(then.count(c) for c in set(then)) for then in followers(text).values()) / (len(text) - 1)


def last_follower(text):
    after = followers(text)
    return sum(then.count(then[-1]) for then in after.values()) / (len(text) - 1)


def mean_over_letters(text):
    return np.mean([max(then.count(c) for c in set(then)) / len(then) for then in followers(text).values()])


def test_pair_table_right():
    assert checks.pair_table(right_pair_table).status == "right"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (last_follower, "seen last"),
        (mean_over_letters, "mean over letters"),
        (lambda text: right_pair_table(text) * (len(text) - 1), "how many are right"),
        (lambda text: right_pair_table(text) * (len(text) - 1) / len(text), "len(text) - 1"),
        (lambda text: max(text[1:].count(c) for c in set(text)) / (len(text) - 1), "commonest"),
        (lambda text: 0.5, "your share"),
    ],
)
def test_pair_table_slips(answer, words):
    assert_wrong(checks.pair_table(answer), words)


def soft(z, axis=-1):
    exp = np.exp(z - z.max(axis=axis, keepdims=True))
    return exp / exp.sum(axis=axis, keepdims=True)


def test_temperature_right():
    assert checks.temperature(lambda z, at: soft(z / at)).status == "right"
    assert checks.temperature(training.softmax).status == "right"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda z, at: soft(z * at), "Divide by it"),
        (lambda z, at: soft(z) / at, "before exp"),
        (lambda z, at: soft(z), "leaves the temperature out"),
        (lambda z, at: soft(z / at, axis=0), "row"),
        (lambda z, at: np.exp(z / at) / np.exp(z / at).sum(), "row"),
        (lambda z, at: np.exp(z / at), "sum of the row"),
        (lambda z, at: np.exp(z / at) / np.exp(z / at).sum(axis=-1, keepdims=True), "overflow"),
        (lambda z, at: soft(z / at)[:, 0], "shape"),
    ],
)
def test_temperature_slips(answer, words):
    assert_wrong(checks.temperature(answer), words)
