"""Every bug of the museum is caught by the check it names, which passes the right code; and it hides where it says."""

from functools import partial

import numpy as np
import pytest
import torch

from lstm_helpers import bugs
from lstm_helpers.backprop import lstm_backward
from lstm_helpers.bugs import BUGS, GRADIENT_BUGS, PARTS, awkward_case, backward_by_step, buggy_backward, error_report
from lstm_helpers.cell import GATES, LSTMParams, lstm_forward, lstm_step
from lstm_helpers.gradcheck import gradcheck
from lstm_helpers.network import LSTM, mse
from lstm_helpers.torch_bridge import cell_to_torch, run_torch, to_torch

WEIGHTS = ("weight_ih", "weight_hh", "bias")
QUIET = 1e-12

# --- the checks: each takes an implementation, and raises if it is wrong ---------------------------


def gradients_equal_central_differences(backward):
    case = awkward_case(3)
    trace, params = case.trace, case.params

    def loss(arrays):
        weights = LSTMParams(arrays["weight_ih"], arrays["weight_hh"], arrays["bias"])
        run = lstm_forward(arrays["x"], weights, arrays["h0"], arrays["c0"])
        return (run.h * case.dh).sum() + (run.c_n * case.dc_n).sum()

    arrays = {name: getattr(params, name) for name in WEIGHTS} | {
        name: getattr(trace, name) for name in ("x", "h0", "c0")
    }
    gradients = vars(backward(trace, params, case.dh, None, case.dc_n.copy()))
    gradcheck(loss, arrays, gradients, blocks=dict.fromkeys(WEIGHTS, GATES))


def outputs_equal_torch(step_forward):
    case = awkward_case(3)  # h0, c0 and the bias of each gate are not 0, and all differ
    x, h, c = case.trace.x[0], case.trace.h0, case.trace.c0
    step = step_forward(x, h, c, case.params)
    x, h, c = (torch.tensor(np.array(array)) for array in (x, h, c))
    with torch.no_grad():
        wanted = cell_to_torch(case.params)(x, (h, c))
    for got, want in zip((step.h, step.c), wanted, strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-12, atol=1e-12)


def arrays_handed_in_stay_as_they_are(backward):
    case = awkward_case(3)
    given = {"dh": case.dh, "dh_n": case.dh[0].copy(), "dc_n": case.dc_n}
    before = {name: array.copy() for name, array in given.items()}
    backward(case.trace, case.params, **given)
    for name, array in given.items():
        np.testing.assert_array_equal(array, before[name], err_msg=name)


def one_update_changes_every_weight(update):
    rng = np.random.default_rng(0)
    weight, gradient = rng.standard_normal((2, 3, 4))
    assert (update(weight, gradient, 0.1) != weight).all()


def shapes_that_differ_are_refused(loss):
    with pytest.raises(ValueError, match="shape"):
        loss(np.array([6.5]), np.array([[5.0], [6.0], [7.0], [8.0]]))


def large_numbers_give_no_nan(function):
    assert not np.isnan(function(np.array([-1e3, -710.0, 0.0, 710.0, 1e3]))).any()


def every_character_is_read(starts):
    text_len, seq_len = 189, 28
    read = {start + k for start in starts(text_len, seq_len) for k in range(seq_len + 1)}
    assert len(read) > text_len - seq_len  # all but a rest that fills no window


def no_two_gates_start_alike(draw):
    matrices = draw(5, 4, 0)
    for k, matrix in enumerate(matrices):
        assert not any(np.isclose(matrix, other).any() for other in matrices[k + 1 :])


CHECKS = {
    check.__name__: check
    for check in (
        gradients_equal_central_differences,
        outputs_equal_torch,
        arrays_handed_in_stay_as_they_are,
        one_update_changes_every_weight,
        shapes_that_differ_are_refused,
        large_numbers_give_no_nan,
        every_character_is_read,
        no_two_gates_start_alike,
    )
}


def right_backward(trace, params, dh=None, dh_n=None, dc_n=None):
    return backward_by_step(trace, params, dh, dh_n, dc_n).total()


RIGHT = {
    "gradients_equal_central_differences": [lstm_backward, right_backward],
    "outputs_equal_torch": [lstm_step],
    "arrays_handed_in_stay_as_they_are": [lstm_backward, right_backward],
    "one_update_changes_every_weight": [bugs.readout_updated],
    "shapes_that_differ_are_refused": [mse],
    "large_numbers_give_no_nan": [np.tanh, bugs.softmax],
    "every_character_is_read": [bugs.windows],
    "no_two_gates_start_alike": [bugs.separate_weights],
}


@pytest.mark.parametrize("name", BUGS)
def test_the_check_that_a_bug_names_catches_it(name):
    bug = BUGS[name]
    wrong = partial(buggy_backward, name) if bug.kind == "backward" else bug.run
    with pytest.raises((AssertionError, pytest.fail.Exception)):
        CHECKS[bug.caught_by](wrong)


@pytest.mark.parametrize(
    ("check", "right"), [(check, right) for check, all_right in RIGHT.items() for right in all_right]
)
def test_the_same_check_passes_the_right_code(check, right):
    CHECKS[check](right)


def test_every_check_catches_something():
    assert {bug.caught_by for bug in BUGS.values()} == set(CHECKS) == set(RIGHT)


@pytest.mark.parametrize("name", [name for name in GRADIENT_BUGS if name != "changed_callers_array"])
def test_central_differences_catch_every_bug_that_changes_the_first_call(name):
    with pytest.raises(AssertionError, match="gradient of"):
        gradients_equal_central_differences(partial(buggy_backward, name))


# --- where they hide ------------------------------------------------------------------------------


def errors_of_weights(bug, names=WEIGHTS, **options):
    report = error_report(bug, awkward_case(**options))
    return np.array([report[part][-1] for part in PARTS if part.partition("[")[0] in names])


THROUGH_TIME = ("missing_transpose", "no_gradient_from_next_step", "no_gradient_through_h", "overwritten_dh")


@pytest.mark.parametrize("bug", THROUGH_TIME)
def test_a_bug_between_steps_hides_in_all_weights_at_one_step(bug):
    assert np.nanmax(errors_of_weights(bug, seq_len=1)) < QUIET
    assert np.nanmax(errors_of_weights(bug, seq_len=2)) > 0.01


@pytest.mark.parametrize("bug", THROUGH_TIME)
def test_a_bug_between_steps_hides_in_weight_hh_up_to_two_steps_from_a_start_at_zero(bug):
    assert np.nanmax(errors_of_weights(bug, ["weight_hh"], seq_len=2, zero_start=True)) < QUIET
    assert np.nanmax(errors_of_weights(bug, ["weight_hh"], seq_len=2)) > 0.01
    assert np.nanmax(errors_of_weights(bug, ["weight_hh"], seq_len=3, zero_start=True)) > 0.01


def test_a_missing_transpose_hides_if_each_recurrent_matrix_is_symmetric():
    case = awkward_case(5)
    halves = np.split(case.params.weight_hh, 4)
    params = LSTMParams(case.params.weight_ih, np.concatenate([half + half.T for half in halves]), case.params.bias)
    trace = lstm_forward(case.trace.x, params, case.trace.h0, case.trace.c0)
    report = error_report("missing_transpose", bugs.Case(params, trace, case.dh, case.dc_n))
    assert max(np.nanmax(errors) for errors in report.values()) < QUIET


@pytest.mark.parametrize(
    ("bug", "hidden", "shown"),
    [
        ("missing_brackets", {"seq_len": 1, "loss": "every h"}, {"seq_len": 1}),
        ("missing_brackets", {"seq_len": 1, "loss": "every h"}, {"seq_len": 2, "loss": "every h"}),
        ("missing_forget_slope", {"seq_len": 1, "zero_start": True}, {"seq_len": 1}),
        ("missing_forget_slope", {"seq_len": 1, "zero_start": True}, {"seq_len": 2, "zero_start": True}),
        ("changed_callers_array", {"seq_len": 5, "loss": "every h"}, {"seq_len": 5}),
        ("wrong_bias", {"seq_len": 5, "zero_bias": True}, {"seq_len": 5}),
        ("gates_fed_c", {"seq_len": 1, "zero_start": True}, {"seq_len": 1}),
        ("gates_fed_c", {"seq_len": 1, "zero_start": True}, {"seq_len": 2, "zero_start": True}),
    ],
)
def test_a_bug_hides_where_it_says(bug, hidden, shown):
    assert np.nanmax(errors_of_weights(bug, **hidden)) < QUIET
    assert np.nanmax(errors_of_weights(bug, **shown)) > 0.01


def test_the_first_call_of_the_bug_that_spoils_its_callers_array_is_right():
    case = awkward_case(4)
    dc_n = case.dc_n.copy()
    first = buggy_backward("changed_callers_array", case.trace, case.params, case.dh, dc_n=dc_n)
    right = lstm_backward(case.trace, case.params, case.dh, dc_n=case.dc_n)
    for name in WEIGHTS:
        np.testing.assert_allclose(getattr(first, name), getattr(right, name), rtol=1e-12)
    assert (dc_n != case.dc_n).all()


def test_what_hides_the_bugs_around_the_cell():
    one = np.array([[6.0]])
    assert bugs.broadcasting_mse(np.array([6.5]), one[0]) == mse(np.array([6.5]), one[0])[0]  # a batch of one
    z = np.linspace(-709, 709, 1001)
    np.testing.assert_allclose(bugs.overflowing_tanh(z), np.tanh(z), rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(bugs.softmax_without_max(z), bugs.softmax(z), rtol=1e-9, atol=1e-300)
    shapes = [matrix.shape for matrix in bugs.shared_weights(5, 4, 0)]
    assert shapes == [matrix.shape for matrix in bugs.separate_weights(5, 4, 0)]


# --- figures that were published or measured --------------------------------------------------------


def test_figures_of_the_bugs_around_the_cell():
    targets = np.array([[5.0], [6.0], [7.0], [8.0]])
    # A prediction that is the same for all is best at the mean, and then the loss is the variance of the targets.
    assert bugs.broadcasting_mse(np.array([6.5]), targets) == targets.var() == 1.25
    assert np.isfinite(bugs.overflowing_tanh(709.0))
    assert np.isnan(bugs.overflowing_tanh(710.0))
    assert np.isnan(bugs.softmax_without_max(np.array([710.0, 0.0]))).any()
    last = bugs.overlapping_windows(189, 28)[-1]  # seven alphabets of 27 signs, windows of 28 steps and one target
    assert round((last + 28 + 1) / 189, 2) == 0.18
    stacked = np.concatenate(bugs.shared_weights(5, 4, 0))
    run = lstm_forward(np.ones((6, 2, 5)), LSTMParams(stacked, np.zeros((16, 4)), np.zeros(16)))
    np.testing.assert_array_equal(run.i, run.f)  # three gates, and one opening
    np.testing.assert_array_equal(run.i, run.o)


def test_the_missing_transpose_in_a_net_as_large_as_the_alphabets():
    H, D, T = 32, 27, 28
    rng = np.random.default_rng(0)
    params = LSTMParams(0.5 * rng.standard_normal((4 * H, D)), 0.5 * rng.standard_normal((4 * H, H)), np.zeros(4 * H))
    trace = lstm_forward(np.eye(D)[np.arange(T) % D][:, None], params)
    dh = rng.standard_normal(trace.h.shape)
    wrong, right = buggy_backward("missing_transpose", trace, params, dh), lstm_backward(trace, params, dh)
    for gate in GATES:
        rows = params.gate(gate)
        error = np.linalg.norm((wrong.weight_hh - right.weight_hh)[rows]) / np.linalg.norm(right.weight_hh[rows])
        assert 1.1 < error < 1.5


# --- the tools of the museum ------------------------------------------------------------------------


def test_without_a_bug_the_gradients_are_those_of_torch_and_of_backprop():
    case = awkward_case(6)
    got = right_backward(case.trace, case.params, case.dh, case.dh[0], case.dc_n)
    helper = lstm_backward(case.trace, case.params, case.dh, case.dh[0], case.dc_n)
    net = LSTM(5, 4, seed=0)
    net.layers = ((case.params,),)
    states = (case.trace.h0[None], case.trace.c0[None])
    oracle = run_torch(to_torch(net), case.trace.x, *states, None, case.dh, case.dh[:1], case.dc_n[None]).gradients
    for name in ("x", "h0", "c0", *WEIGHTS):
        wanted = oracle[f"{name}_l0" if name in WEIGHTS else name].reshape(getattr(got, name).shape)
        np.testing.assert_allclose(getattr(got, name), wanted, rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(getattr(got, name), getattr(helper, name), rtol=1e-12, atol=1e-12)


def test_the_share_of_a_step_is_what_the_gradient_loses_without_it():
    case = awkward_case(4)
    shares = backward_by_step(case.trace, case.params, case.dh, None, case.dc_n)
    last = case.trace.step(3)
    dz = bugs.right_step(last, case.params, case.dh[3], case.dc_n)[0]
    np.testing.assert_allclose(shares.weight_hh[3], dz.T @ last.h_prev, rtol=1e-12)
    np.testing.assert_allclose(shares.bias[3], dz.sum(axis=0), rtol=1e-12)


def test_the_report_says_where():
    report = error_report("missing_transpose", awkward_case(4))
    assert tuple(report) == PARTS
    assert all(errors.shape == (5,) for errors in report.values())
    for part in PARTS[:-2]:
        assert report[part][3] < QUIET  # the last step is right
        assert report[part][2] > 1e-3  # the one before is not
        assert report[part][4] > 1e-3  # nor is the sum
    assert np.isnan(report["h0"][:-1]).all()
    assert report["h0"][-1] > 0.1


def test_the_report_tells_nothing_to_compare_from_infinitely_wrong():
    report = error_report("missing_forget_slope", awkward_case(1, zero_start=True))
    assert np.isnan(report["weight_hh[f]"]).all()  # h0 is 0: no gradient, right or wrong
    assert bugs.relative_error(np.array([1.0]), np.array([0.0])) == np.inf


def test_first_wrong_length():
    first = bugs.first_wrong_length("missing_transpose", zero_start=True, longest=4)
    assert first == {"weight_ih": 2, "weight_hh": 3, "bias": 2, "x": 2, "h0": 1, "c0": 2}
    assert set(bugs.first_wrong_length("wrong_bias", zero_bias=True, longest=3).values()) == {None}


def test_every_exhibit_says_what_it_is():
    assert len(BUGS) >= 10
    for name, bug in BUGS.items():
        assert bug.name == name == bug.run.__name__
        assert bug.kind in ("backward", "forward", "around")
        for text in (bug.title, bug.mistake, bug.source, bug.hides):
            assert text[0].isupper() or text.startswith(("dh ", "dc ", "tanh "))
            assert not text.startswith(" ")
    assert set(GRADIENT_BUGS) == {name for name, bug in BUGS.items() if bug.kind != "around"}


def test_bad_input():
    case = awkward_case(2)
    with pytest.raises(ValueError, match="bug is 'typo', wanted one of missing_transpose"):
        backward_by_step(case.trace, case.params, bug="typo")
    with pytest.raises(ValueError, match="loss is 'none', wanted one of every h and the last c"):
        awkward_case(2, loss="none")
    short = lstm_forward(case.trace.x, case.params, lengths=[2, 1, 2])
    with pytest.raises(ValueError, match=r"trace has lengths \[2, 1, 2\], wanted 2"):
        backward_by_step(short, case.params)
    with pytest.raises(ValueError, match=r"dh has shape \(2, 3, 3\)"):
        backward_by_step(case.trace, case.params, case.dh[..., :3])
