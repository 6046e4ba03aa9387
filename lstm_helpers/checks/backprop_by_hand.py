"""Feedback on the exercises of notebook 03."""

import numpy as np

from lstm_helpers.bugs import awkward_case, right_step
from lstm_helpers.cell import GATES
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


def shared_weight_prediction(answer):
    """Exercise 1a: what is left when a loop assigns where it should add."""
    return expect_choice(
        answer,
        "a",
        "each turn overwrites the one before, and the loop goes back: the last turn is the first step. dw = w² · a_0.",
        {
            "b": "that share is computed, in the first turn of the loop. What do the two turns after it do with dw?",
            "c": "w is used three times, so three shares have to be added. How many survive an `=`?",
            "d": "every turn writes something into dw. Which turn is the last one?",
        },
    )


def shared_weight(function):
    """Exercise 1b: ``shared_weight_gradient(a, w)``, the gradient of the last a in a weight that is used T times."""
    for a, w in (([1.5, 2.35, 0.675, 1.46], 0.9), ([0.4, -1.2, 0.7, 0.3, 2.1, -0.6], -1.3)):
        a = np.array(a)
        got, feedback = call(function, a.copy(), w)
        if feedback:
            return feedback
        if np.ndim(got) != 0:
            return wrong(f"your function returns shape {np.shape(got)}. One weight has one gradient: add the shares.")
        passed = w ** np.arange(len(a) - 1)[::-1]  # the product of the slopes after each step
        before = a[:-1]
        for mistake, message in (
            (passed[0] * before[0], "that is the share of the first step alone. Start dw at 0 and use +=."),
            (before[-1], "that is the share of the last step alone. Go on: the steps before it use w as well."),
            ((passed * a[1:]).sum(), "w multiplies the a *before* the step: a[t], not a[t + 1]."),
            (before.sum(), "the shares are added, but da stays 1 on its way back: da = da * w is missing."),
            ((passed * w * before).sum(), "one w too many in each share: add to dw first, then multiply da by w."),
        ):
            if same(got, mistake):
                return wrong(message)
        feedback = compare("the gradient", got, (passed * before).sum())
        if feedback:
            return wrong(f"for {len(before)} steps, {feedback.message} Go back with da = 1; each step adds da * a[t].")
    return right("T uses, T shares, one sum. A weight of an LSTM is used at each step and collects its gradient so.")


def dc_prev_prediction(answer):
    """Exercise 2a: one unit, with numbers."""
    return expect_number(
        answer,
        0.58,
        "(2 + 1 · 0.5 · (1 − 0.6²)) · 0.25 = 2.32 · 0.25 = 0.58.",
        {
            0.5: "that is 2 · 0.25. c also acts on the loss through h: where is that part?",
            2.32: "that is dc, what arrives at c. On its way to the c before it passes the forget gate.",
            2.08: "both parts of dc pass the forget gate, not only the one through h. Mind the brackets.",
            0.82: "both parts of dc pass the forget gate, not only the one from later. Mind the brackets.",
            0.575: "0.6 is tanh(c). The slope of tanh there is 1 − 0.6².",
            0.625: "the path from h to c goes through tanh; its slope 1 − 0.6² is missing.",
            0.66: "the path from h to c goes through the output gate, too: times 0.5.",
            0.08: "that is the part through h only. What comes from later, dc_next, counts as well.",
            0.55: "the slope of tanh is 1 − tanh², not 1 − tanh.",
        },
        "first dc, with both its sources; then the forget gate.",
        tolerance=0.002,
    )


def dc_prev(function):
    """Exercise 2b: ``derived_dc_prev(dh, dc_next, o, c, f)``."""
    rng = np.random.default_rng(2)
    dh, dc_next, c = rng.normal(size=(3, 3, 4))
    o, f = rng.uniform(0.1, 0.9, size=(2, 3, 4))
    given = [array.copy() for array in (dh, dc_next, o, c, f)]
    got, feedback = call(function, *given)
    if feedback:
        return feedback
    through_h, slope = dh * o * (1 - np.tanh(c) ** 2), 1 - np.tanh(c) ** 2
    for mistake, message in (
        (dc_next * f, "the path through h is missing: c is used in h = o · tanh(c), so dh comes back to c."),
        (dc_next + through_h, "that is dc. On its way to the c before it passes the forget gate."),
        (dc_next + through_h * f, "both parts of dc pass the forget gate: brackets."),
        (dc_next * f + through_h, "both parts of dc pass the forget gate: brackets."),
        (through_h * f, "what comes from later, dc_next, counts as well."),
        ((dc_next + dh * slope) * f, "h = o · tanh(c): the output gate is missing on the path through h."),
        ((dc_next + dh * o) * f, "h = o · tanh(c): the slope of tanh is missing on the path through h."),
        ((dc_next + dh * o * np.tanh(c)) * f, "that is tanh(c). Its slope is 1 − tanh²(c)."),
        ((dc_next + dh * o * (1 - c**2)) * f, "the slope of tanh is 1 − tanh²(c): c itself is not squashed yet."),
        ((dc_next + through_h) * f * (1 - f), "f multiplies c_prev, so the slope is f. f (1 − f) belongs to z_f."),
    ):
        if same(got, mistake):
            return wrong(message)
    feedback = compare("dc_prev", got, (dc_next + through_h) * f)
    if feedback:
        return wrong(f"{feedback.message} c_prev is used once in the step, in c = f · c_prev + i · g.")
    if not all(map(np.array_equal, given, (dh, dc_next, o, c, f))):
        return wrong("the result is right, but your function changes an array of its caller. Avoid += on arguments.")
    return right("dc_prev = (dc_next + dh · o · (1 − tanh²(c))) · f. This is the line that the LSTM was invented for.")


def museum_prediction(answer_transpose, answer_slope, answer_brackets):
    """Exercise 3: the smallest T at which the gradient of weight_hh is wrong, for three bugs."""
    answers = {
        "missing_transpose": (answer_transpose, 3),
        "missing_forget_slope": (answer_slope, 2),
        "missing_brackets": (answer_brackets, 3),
    }
    reasons = {
        ("missing_transpose", 1): "with one step, dh_prev goes to h0 and into no weight.",
        ("missing_transpose", 2): "with two steps, only the dz of the first step is wrong. Its h_prev is h0 = 0.",
        ("missing_forget_slope", 1): "with one step, c_prev is c0 = 0, so df is 0, with or without the slope.",
        ("missing_forget_slope", 3): "one less: the second step has a c_prev and an h_prev that are not 0.",
        ("missing_brackets", 1): "with one step and the loss on h, dc_next is 0: the part without brackets is 0.",
        ("missing_brackets", 2): "with two steps, dc_next is not 0 in the first step only. What is h_prev there?",
    }
    if any(is_empty(answer) for answer, _ in answers.values()):
        return not_yet("write a number for each of the three bugs.")
    for bug, (answer, wanted) in answers.items():
        if not isinstance(answer, (int, float, np.number)) or isinstance(answer, bool):
            return wrong(f"{bug}: write one number.")
        if answer != wanted:
            hint = reasons.get((bug, answer), "ask of each step: is its dz wrong, and is its h_prev other than 0?")
            return wrong(f"{bug}, not {answer}: {hint}")
    return right("3, 2 and 3. With a start at zero, a test of two steps would have passed two of these three.")


def broken_step_prediction(answer):
    """Exercise 4a: how far a wrong dz_g spreads within one step."""
    return expect_choice(
        answer,
        "b",
        "dz_g goes into the g rows of all weights, and x and h0 add up all four gates, so they are wrong as a whole.",
        {
            "a": "what do dx = dz @ weight_ih and dh_prev = dz @ weight_hh add up?",
            "c": "the rows of i, f and o are made from dz_i, dz_f and dz_o. Does dz_g go into those?",
            "d": "that holds for mistakes in what is handed on. This one is in a gradient that the step itself uses.",
        },
    )


def repaired_step(function):
    """Exercise 4b: ``repaired_step(step, params, dh, dc)`` returns dz, dh_prev and dc_prev."""
    case = awkward_case(2)
    step, params = case.trace.step(1), case.params
    dh, dc = case.dh[1].copy(), case.dc_n.copy()
    got, feedback = call(function, step, params, dh, dc)
    if feedback:
        return feedback
    if not isinstance(got, tuple) or len(got) != 3:
        return wrong("return three things, as the broken one does: dz, dh_prev, dc_prev.")
    wanted = right_step(step, params, case.dh[1], case.dc_n)
    changed = not np.array_equal(dc, case.dc_n)
    for mine, right_one, name in zip(got, wanted, ("dz", "dh_prev", "dc_prev"), strict=True):
        feedback = compare(name, mine, right_one)
        if feedback is None:
            continue
        if name == "dz" and np.shape(mine) == right_one.shape:
            off = [gate for gate in GATES if not same(mine[:, params.gate(gate)], right_one[:, params.gate(gate)])]
            if off == ["g"]:
                return wrong("the columns of dz that belong to g are off. Is g a sigmoid? What is the slope of a tanh?")
            lines = ", ".join(f"dz_{gate}" for gate in off)
            return wrong(f"dz is off for {', '.join(off)}: look at {lines}, and at dc, which goes into i, f and g.")
        return wrong(feedback.message)
    if changed:
        return wrong(
            "all numbers are right, the first time. But the array that the caller handed in as dc is changed, "
            "and a second call with it goes wrong. Which line adds into an argument?"
        )
    if not np.array_equal(dh, case.dh[1]):
        return wrong("all numbers are right, but the array that the caller handed in as dh is changed.")
    return right("dc = dc + … makes a new array, and the slope of the candidate, a tanh, is 1 − g².")


def peephole_prediction(answer):
    """Exercise 5a: paths into c_t with peepholes."""
    return expect_number(
        answer,
        5,
        "h_t, c past the forget gate, and three peepholes: the output gate now, input and forget gate one step later.",
        {
            2: "those are the two of the LSTM without peepholes. Who else reads c_t now?",
            3: "that counts one peephole. Each of the three gates reads a cell state.",
            4: "one reader is missing. Input and forget gate read the old cell state: for c_t, those of step t + 1.",
            6: "one too many. The candidate has no peephole, and the loss does not look at c.",
            8: "paths into h are not counted: asked is who reads c_t.",
        },
        "go through the six equations and mark where c_t is read, at step t and at step t + 1.",
    )


def peephole_dc_prev(function):
    """Exercise 5b: the whole way back to c_prev in a cell with peepholes."""
    rng = np.random.default_rng(5)
    i, f, o = rng.uniform(0.1, 0.9, size=(3, 3, 4))
    g = rng.uniform(-0.9, 0.9, size=(3, 4))
    dh, dc_next, c_prev = rng.normal(size=(3, 3, 4))
    p_i, p_f, p_o = rng.normal(size=(3, 4))
    c = f * c_prev + i * g
    given = [dh, dc_next, i, f, g, o, c, c_prev, p_i, p_f, p_o]
    got, feedback = call(function, *[array.copy() for array in given])
    if feedback:
        return feedback

    dz_o = dh * np.tanh(c) * o * (1 - o)
    through_h = dh * o * (1 - np.tanh(c) ** 2)

    def back(dc, peep_i=p_i, peep_f=p_f):
        return dc * f + dc * g * i * (1 - i) * peep_i + dc * c_prev * f * (1 - f) * peep_f

    dc = dc_next + through_h + dz_o * p_o
    plain = dc_next + through_h
    for mistake, message in (
        (plain * f, "that is the LSTM without peepholes. Three gates read a cell state now."),
        (back(plain), "the output gate reads c_t before h is made: dz_o · p_o belongs into dc."),
        (dc * f, "c_prev is read by the input gate and by the forget gate as well: two more summands."),
        (back(dc, peep_i=0), "the input gate reads c_prev, too: its dz_i comes back through p_i."),
        (back(dc, peep_f=0), "the forget gate reads c_prev, too: its dz_f comes back through p_f."),
        (back(plain) + dz_o * p_o, "the output gate reads c_t, not c_prev: dz_o · p_o belongs into dc."),
        (back(plain + dh * np.tanh(c) * p_o), "on the way from o to c lies the slope o (1 − o) of the gate."),
        (dc * f + dc * g * p_i + dc * c_prev * p_f, "between a gate and its z lies the slope, as in i (1 − i)."),
        (back(dc_next + dz_o * p_o), "the path from h to c through tanh is missing in dc."),
    ):
        if same(got, mistake):
            return wrong(message)
    feedback = compare("dc_prev", got, back(dc))
    if feedback:
        return wrong(
            f"{feedback.message} First dz_o from dh; then dc from dc_next, dh, dz_o; then dz_i and dz_f; then dc_prev."
        )
    return right("five paths into c, in the right order. You can derive a cell that nobody has derived for you.")
