"""Optimisers and clipping against torch, the loop against a loop written out, and the stop button."""

import re
import signal
import threading
import time

import numpy as np
import pytest
import torch

from lstm_helpers import tasks, training
from lstm_helpers.gradcheck import gradcheck
from lstm_helpers.network import LSTM, Linear, mse
from lstm_helpers.training import adam, clip_by_norm, parameters_of, sequence_loss, sgd, shuffled_batches, train

SHAPES = {"weight": (5, 3), "bias": (5,), "scale": (2, 1, 4)}


def random_arrays(seed, scale=1.0, dtype=np.float64):
    rng = np.random.default_rng(seed)
    return {name: (scale * rng.normal(size=shape)).astype(dtype) for name, shape in SHAPES.items()}


# --- optimisers and clipping against torch --------------------------------------------------------

OPTIMISERS = {
    "sgd": (lambda p: sgd(p, lr=0.3), lambda p: torch.optim.SGD(p, lr=0.3)),
    "momentum": (lambda p: sgd(p, lr=0.1, momentum=0.9), lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9)),
    "adam": (lambda p: adam(p, lr=0.02), lambda p: torch.optim.Adam(p, lr=0.02)),
    "adam, all set": (
        lambda p: adam(p, lr=0.5, betas=(0.7, 0.95), eps=1e-3),
        lambda p: torch.optim.Adam(p, lr=0.5, betas=(0.7, 0.95), eps=1e-3),
    ),
}


@pytest.mark.parametrize("name", OPTIMISERS)
@pytest.mark.parametrize(("dtype", "rtol"), [(np.float64, 1e-12), (np.float32, 1e-5)])
def test_optimisers_equal_torch_step_by_step(name, dtype, rtol):
    ours, theirs = OPTIMISERS[name]
    parameters = random_arrays(0, dtype=dtype)
    tensors = {key: torch.tensor(array) for key, array in parameters.items()}
    update, optimiser = ours(parameters), theirs(list(tensors.values()))
    for step in range(30):
        gradients = random_arrays(step + 1, scale=10.0 ** (step % 7 - 3), dtype=dtype)
        update(gradients)
        for key, tensor in tensors.items():
            tensor.grad = torch.tensor(gradients[key])
        optimiser.step()
        for key, tensor in tensors.items():
            assert parameters[key].dtype == dtype
            wanted = tensor.numpy()
            np.testing.assert_allclose(parameters[key], wanted, rtol=rtol, atol=rtol * np.abs(wanted).max())


@pytest.mark.parametrize("scale", [0.0, 1e-9, 0.1, 1.0, 1e6])
@pytest.mark.parametrize("max_norm", [0.5, 5.0, np.inf])
def test_clipping_equals_torch(scale, max_norm):
    gradients = random_arrays(3, scale)
    tensors = [torch.zeros(shape, dtype=torch.float64, requires_grad=True) for shape in SHAPES.values()]
    for tensor, gradient in zip(tensors, gradients.values(), strict=True):
        tensor.grad = torch.tensor(gradient)
    wanted = torch.nn.utils.clip_grad_norm_(tensors, max_norm)
    clipped, norm = clip_by_norm(gradients, max_norm)
    np.testing.assert_allclose(norm, wanted.item(), rtol=1e-12)
    for tensor, (name, array) in zip(tensors, clipped.items(), strict=True):
        np.testing.assert_allclose(array, tensor.grad.numpy(), rtol=1e-12)
        np.testing.assert_array_equal(gradients[name], random_arrays(3, scale)[name])  # the caller's arrays stay
        assert not np.shares_memory(array, gradients[name])


def test_clipping_keeps_the_direction_and_does_not_overflow():
    gradients = {"a": np.array([3e200, 0.0]), "b": np.array([[4e200]])}
    clipped, norm = clip_by_norm(gradients, 1.0)
    assert norm == pytest.approx(5e200, rel=1e-12)
    np.testing.assert_allclose(clipped["a"], [0.6, 0.0], rtol=1e-12)
    np.testing.assert_allclose(clipped["b"], [[0.8]], rtol=1e-12)


def test_updates_change_the_parameters_in_place_and_leave_the_gradients():
    for make, _ in OPTIMISERS.values():
        parameters, gradients = random_arrays(0), random_arrays(1)
        arrays = dict(parameters)
        make(parameters)(gradients | {"x": np.ones(3)})  # gradients of other things are left alone
        for name in SHAPES:
            assert parameters[name] is arrays[name]
            assert (parameters[name] != random_arrays(0)[name]).all()
            np.testing.assert_array_equal(gradients[name], random_arrays(1)[name])


def test_a_refused_update_changes_nothing():
    for make, _ in OPTIMISERS.values():
        parameters = random_arrays(0)
        update = make(parameters)
        for bad, message in (
            ({"bias": np.zeros(5)}, "gradients lacks weight, scale; it has bias"),
            (random_arrays(1) | {"scale": np.full((2, 1, 4), np.nan)}, r"gradients\['scale'\] holds NaN"),
            (random_arrays(1) | {"bias": np.zeros(4)}, r"gradients\['bias'\] has shape \(4,\), wanted \(5,\)"),
            (random_arrays(1, dtype=np.float32), r"gradients\['weight'\] is float32, weight is float64"),
        ):
            with pytest.raises(ValueError, match=message):
                update(bad)
        for name, array in random_arrays(0).items():
            np.testing.assert_array_equal(parameters[name], array)
        update(random_arrays(1))
        fresh = random_arrays(0)
        make(fresh)(random_arrays(1))  # and has not counted as a step either
        np.testing.assert_array_equal(parameters["bias"], fresh["bias"])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda p: sgd(p, lr=0), "lr is 0, wanted a number above 0"),
        (lambda p: sgd(p, lr=-1.0), "lr is -1.0, wanted a number above 0"),
        (lambda p: adam(p, lr=np.nan), "lr is nan, wanted"),
        (lambda p: sgd(p, lr=1, momentum=1), "momentum is 1, wanted a number from 0 to below 1"),
        (lambda p: adam(p, lr=1, betas=(0.9, 1.0)), r"betas\[1\] is 1.0, wanted a number from 0 to below 1"),
        (lambda p: adam(p, lr=1, betas=(-0.1, 0.9)), r"betas\[0\] is -0.1"),
        (lambda p: adam(p, lr=1, eps=0), "eps is 0, wanted a number above 0"),
        (lambda p: sgd({}, lr=1), "parameters is empty"),
        (lambda p: adam({"a": 1.0}, lr=1), r"parameters\['a'\] is float, wanted an array that can be changed"),
        (lambda p: adam({"a": np.arange(3)}, lr=1), r"parameters\['a'\] is int64"),
        (lambda p: clip_by_norm(p, 0), "max_norm is 0, wanted a number above 0"),
        (lambda p: clip_by_norm(p, np.nan), "max_norm is nan"),
        (lambda p: clip_by_norm({}, 1), "gradients is empty"),
        (lambda p: clip_by_norm({"a": np.array([np.inf])}, 1), r"gradients\['a'\] holds infinity"),
    ],
)
def test_bad_settings_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call(random_arrays(0))


# --- a network as parameters and a loss -----------------------------------------------------------


@pytest.mark.parametrize("last_only", [False, True])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_gradients_of_a_network_equal_finite_differences(last_only, bidirectional):
    rng = np.random.default_rng(0)
    net = LSTM(3, 4, num_layers=2, bidirectional=bidirectional, seed=1)
    head = Linear(8 if bidirectional else 4, 5, seed=2)
    x, target = rng.normal(size=(6, 2, 3)), rng.integers(0, 5, (2,) if last_only else (6, 2))
    parameters = parameters_of(net, head)
    loss_and_gradients = sequence_loss(net, head, last_only=last_only)
    _, gradients = loss_and_gradients(x, target)

    def loss(arrays):
        kept = {name: array.copy() for name, array in parameters.items()}
        for name, array in arrays.items():
            parameters[name][...] = array
        value = loss_and_gradients(x, target)[0]
        for name, array in kept.items():
            parameters[name][...] = array
        return value

    assert gradients.keys() >= parameters.keys()
    gradcheck(loss, parameters, {name: gradients[name] for name in parameters}, directions=3)


def test_another_loss_and_another_backward():
    net, head = LSTM(2, 3, seed=0), Linear(3, 1, seed=1)
    x, target = np.random.default_rng(2).normal(size=(5, 4, 2)), np.ones((4, 1))
    value, gradients = sequence_loss(net, head, loss=mse, last_only=True)(x, target)
    prediction = head.forward(net.forward(x).output[-1])
    assert value == pytest.approx(((prediction - 1) ** 2).mean(), rel=1e-12)
    seen = []

    def backward(trace, doutput):
        seen.append((trace.output.shape, doutput))
        return {name: 7 * array for name, array in net.backward(trace, doutput).items()}

    other = sequence_loss(net, head, loss=mse, last_only=True, backward=backward)(x, target)[1]
    np.testing.assert_allclose(other["weight_hh_l0"], 7 * gradients["weight_hh_l0"])
    np.testing.assert_array_equal(other["head.weight"], gradients["head.weight"])
    assert seen[0][0] == (5, 4, 3)
    assert (seen[0][1][:-1] == 0).all()
    with pytest.raises(ValueError, match="target has shape"):
        sequence_loss(net, head, loss=mse)(x, target)


def test_shuffled_batches_give_each_sequence_once_with_its_target():
    x, target = np.arange(3 * 10 * 2).reshape(3, 10, 2), np.arange(3 * 10).reshape(3, 10)
    rng = np.random.default_rng(0)
    orders = []
    for wanted in (target, target[0]):
        batches = shuffled_batches(x, wanted, 4)
        for _ in range(2):
            given = list(batches(rng))
            assert [batch.shape[1] for batch, _ in given] == [4, 4, 2]
            order = np.concatenate([batch[0, :, 0] for batch, _ in given]) // 2
            np.testing.assert_array_equal(np.concatenate([t for _, t in given], axis=-1), wanted[..., order])
            assert sorted(order) == list(range(10))
            orders.append(order.tolist())
    assert len({tuple(order) for order in orders}) == 4


@pytest.mark.parametrize(
    ("x", "target", "size", "message"),
    [
        (np.zeros((3, 4, 1)), np.zeros((3, 5)), 2, "target has shape .3, 5.: 5 sequences, x has 4"),
        (np.zeros((3, 4, 1)), np.zeros((3,)), 2, "3 sequences, x has 4"),
        (np.zeros((3, 4, 1)), np.zeros((3, 4)), 5, "batch_size is 5, wanted 1 to 4"),
        (np.zeros((3,)), np.zeros((3,)), 1, "x has shape"),
    ],
)
def test_batches_that_do_not_fit_are_refused(x, target, size, message):
    with pytest.raises(ValueError, match=message):
        shuffled_batches(x, target, size)


# --- the loop ------------------------------------------------------------------------------------


def valley(parameters):
    """The loss |p|^2 / 2 plus what the batch adds: its gradient is p."""

    def loss_and_gradients(offset):
        return float((parameters["p"] ** 2).sum() / 2 + offset), {"p": parameters["p"].copy()}

    return loss_and_gradients


def three_batches(rng):
    yield from ((0.0,), (1.0,), (2.0,))


def test_the_loop_is_what_one_would_write():
    parameters, by_hand = {"p": np.array([4.0, -2.0])}, np.array([4.0, -2.0])
    history = train(
        parameters,
        valley(parameters),
        three_batches,
        sgd(parameters, lr=0.1),
        epochs=4,
        seed=0,
        max_norm=2.0,
        score=lambda: -float(np.abs(parameters["p"]).max()),
        progress=False,
    )
    losses, norms, scores = [], [], [-4.0]
    for _ in range(4):
        for offset in (0.0, 1.0, 2.0):
            losses.append((by_hand**2).sum() / 2 + offset)
            norms.append(np.linalg.norm(by_hand))
            by_hand = by_hand - 0.1 * by_hand * min(1, 2 / (norms[-1] + 1e-6))
        scores.append(-np.abs(by_hand).max())
    np.testing.assert_allclose(parameters["p"], by_hand, rtol=1e-12)
    np.testing.assert_allclose(history.batch_loss, losses, rtol=1e-12)
    np.testing.assert_allclose(history.loss, np.mean(np.reshape(losses, (4, 3)), axis=1), rtol=1e-12)
    np.testing.assert_allclose(history.norm, norms, rtol=1e-12)
    np.testing.assert_allclose(history.score, scores, rtol=1e-12)
    assert history.updates.tolist() == [0, 3, 6, 9, 12]
    assert (history.epochs, history.best_epoch, history.stopped) == (4, 4, "all epochs done")
    assert re.fullmatch(
        r"History\(all epochs done: 4 epochs, 12 updates, loss 10.1 in .*, score -4 before, .*\)", repr(history)
    )
    with pytest.raises(ValueError, match="read-only"):
        history.loss[0] = 0


def test_the_same_seed_trains_the_same_network():
    x, target = tasks.alphabet(8)

    def once(seed):
        net, head = LSTM(27, 6, seed=0), Linear(6, 27, seed=0)
        parameters = parameters_of(net, head)
        batches, update = shuffled_batches(x, target, 3), adam(parameters, lr=0.05)
        return train(
            parameters, sequence_loss(net, head), batches, update, epochs=2, seed=seed, progress=False
        ).batch_loss

    np.testing.assert_array_equal(once(1), once(1))
    assert (once(1) != once(2)).any()


def test_a_reached_target_stops_the_training():
    parameters, scores = {"p": np.ones(2)}, iter([0.0, 0.3, 0.5, 0.9])
    options = {"epochs": 10, "seed": 0, "progress": False}
    update = sgd(parameters, lr=0.1)
    history = train(
        parameters, valley(parameters), three_batches, update, score=lambda: next(scores), target=0.5, **options
    )
    assert (history.stopped, history.epochs, history.score.tolist()) == ("target reached", 2, [0.0, 0.3, 0.5])
    with pytest.raises(ValueError, match="target is 0.5, but there is no score"):
        train(parameters, valley(parameters), three_batches, update, target=0.5, **options)


def test_the_best_epoch_has_the_highest_score_and_of_several_the_lowest_loss():
    for scores, best in (([0, 1, 3, 3, 2], 3), ([5, 1, 3, 3, 2], 0), ([0, 0, 0, 0, 0], 4), (None, 4)):
        parameters = {"p": np.ones(2)}
        given = iter(scores or [])
        history = train(
            parameters,
            valley(parameters),
            three_batches,
            sgd(parameters, lr=0.1),
            epochs=4,
            seed=0,
            score=None if scores is None else lambda given=given: float(next(given)),
            progress=False,
        )
        assert history.best_epoch == best
        assert len(history.score) == (0 if scores is None else 5)


def test_bad_arguments_of_the_loop():
    parameters = {"p": np.ones(2)}
    update = sgd(parameters, lr=0.1)

    def run(parameters=parameters, loss=None, batches=three_batches, epochs=1, **options):
        return train(parameters, loss or valley(parameters), batches, update, epochs=epochs, seed=0, **options)

    for call, message in (
        (lambda: run({}), "parameters is empty"),
        (lambda: run(epochs=0), "epochs is 0, wanted at least 1"),
        (lambda: run(max_norm=-1), "max_norm is -1, wanted a number above 0"),
        (lambda: run(batches=lambda rng: []), "batches gave no batch in epoch 1"),
        (lambda: run(loss=lambda offset: (np.nan, {"p": np.ones(2)})), "loss is nan, wanted a finite number"),
        (lambda: run(loss=lambda offset: (1.0, {"q": np.ones(2)})), "gradients lacks p; it has q"),
        (lambda: run(score=lambda: np.inf), "score is inf, wanted a finite number"),
    ):
        with pytest.raises(ValueError, match=message):
            call()


# --- the stop button -----------------------------------------------------------------------------


def interrupted_training(when, scores):
    """Train until update number `when`, where Ctrl+C is pressed after the parameters were half changed."""
    arrays = {"p": np.array([4.0, -2.0]), "q": np.zeros(3)}  # those that the network holds
    parameters = dict(arrays)
    after_epoch, given, count = [parameters["p"].copy()], iter(scores), 0

    def loss_and_gradients(offset):
        return float((parameters["p"] ** 2).sum()), {"p": parameters["p"].copy(), "q": np.ones(3)}

    def update(gradients):
        nonlocal count
        count += 1
        parameters["p"] -= 0.1 * gradients["p"]
        if count == when:
            raise KeyboardInterrupt
        parameters["q"] -= 0.1

    def score():
        if count:
            after_epoch.append(parameters["p"].copy())
        return next(given)

    history = train(
        parameters, loss_and_gradients, three_batches, update, epochs=9, seed=0, score=score, progress=False
    )
    return history, arrays, after_epoch


@pytest.mark.parametrize(
    ("when", "epochs", "best", "words"),
    [
        (2, 0, 0, "Interrupted after 0 whole epochs. The parameters are those before the training.\n"),
        (5, 1, 1, "Interrupted after 1 whole epoch. The parameters are those after epoch 1, the best so far.\n"),
        (11, 3, 2, "Interrupted after 3 whole epochs. The parameters are those after epoch 2, the best so far.\n"),
    ],
)
def test_an_interrupt_leaves_the_best_parameters_and_the_history_and_says_so(capsys, when, epochs, best, words):
    history, arrays, after_epoch = interrupted_training(when, [0.0, 1.0, 3.0, 2.0, 2.0])
    assert capsys.readouterr().out == words
    assert (history.stopped, history.epochs, history.best_epoch) == ("interrupted", epochs, best)
    assert len(history.score) == epochs + 1
    assert history.updates[-1] == 3 * epochs
    assert len(history.batch_loss) == len(history.norm) == when - 1
    np.testing.assert_array_equal(arrays["p"], after_epoch[best])
    np.testing.assert_allclose(arrays["q"], -0.1 * 3 * best)


def test_a_real_signal_in_the_middle_of_training(capsys):
    net, head = LSTM(27, 16, seed=0), Linear(16, 27, seed=0)
    parameters = parameters_of(net, head)
    x, target = tasks.alphabet(8)
    press = threading.Timer(0.5, signal.raise_signal, [signal.SIGINT])
    press.start()
    start = time.perf_counter()
    history = train(
        parameters,
        sequence_loss(net, head),
        shuffled_batches(x, target, 4),
        adam(parameters, lr=0.01),
        epochs=100_000,
        seed=0,
    )
    press.join()
    assert time.perf_counter() - start < 20
    assert history.stopped == "interrupted"
    assert history.epochs > 0
    assert "Interrupted after" in capsys.readouterr().out
    assert all(np.isfinite(array).all() for array in parameters.values())


def test_an_interrupt_before_the_first_epoch_is_not_ours_to_catch():
    def score():
        raise KeyboardInterrupt

    parameters = {"p": np.ones(2)}
    with pytest.raises(KeyboardInterrupt):
        train(parameters, valley(parameters), three_batches, sgd(parameters, lr=1), epochs=1, seed=0, score=score)


# --- the bar -------------------------------------------------------------------------------------


def test_the_bar_counts_epochs_in_a_terminal_and_can_be_switched_off(capsys):
    for progress in (True, False):
        parameters, scores = {"p": np.ones(2)}, iter([0.0, 0.5, 2.0])
        train(
            parameters,
            valley(parameters),
            three_batches,
            sgd(parameters, lr=0.1),
            epochs=5,
            seed=0,
            score=lambda scores=scores: next(scores),
            target=1,
            progress=progress,
        )
        out, err = capsys.readouterr()
        assert out == ""
        if progress:
            last = err.split("\r")[-1]
            assert "100%" in last  # a target reached is no failure
            assert "2/2" in last
            assert "epoch" in last
            assert "score 2" in last
        else:
            assert err == ""


# --- writing with a trained network --------------------------------------------------------------


def cycle(size, strength=9.0):
    """A network that says after each symbol k: k + 1, by a head that reads one unit for each symbol."""
    net, head = LSTM(size, size, seed=0), Linear(size, size, seed=0)
    params = net.layers[0][0]
    params.weight_ih[:], params.weight_hh[:], params.bias[:] = 0, 0, 9.0
    params.bias[params.gate("f")] = -9.0
    params.weight_ih[params.gate("g")] = 9 * np.eye(size)
    params.bias[params.gate("g")] = 0
    head.weight[:], head.bias[:] = strength * np.roll(np.eye(size), 1, axis=0), 0
    return net, head


def test_generate_picks_the_most_likely_symbol_and_reads_it():
    net, head = cycle(5)
    assert training.generate(net, head, [3], 7).tolist() == [4, 0, 1, 2, 3, 4, 0]
    assert training.generate(net, head, [3, 1], 2).tolist() == [2, 3]


def test_generate_carries_its_states():
    net, head = LSTM(6, 8, seed=3), Linear(8, 6, seed=4)
    head.weight *= 30
    written = training.generate(net, head, [2, 5], 20)
    read = np.concatenate([[2, 5], written])
    logits = head.forward(net.forward(tasks.one_hot(read, 6)[:, None]).output[:, 0])
    np.testing.assert_array_equal(written, logits.argmax(axis=-1)[1:-1])
    assert len(set(written.tolist())) > 1


def test_temperature_draws_with_the_probabilities_of_softmax():
    net, head = cycle(4, strength=2.0)
    for temperature in (0.5, 1.0, 3.0):
        written = training.generate(net, head, [0], 1500, temperature=temperature, seed=1)
        followed = (np.concatenate([[0], written[:-1]]) + 1) % 4 == written
        logit = head.forward(net.forward(np.eye(4)[[0]][:, None]).output[-1, 0])
        assert followed.mean() == pytest.approx(training.softmax(logit, temperature)[1], abs=0.04)
    again = training.generate(net, head, [0], 50, temperature=1.0, seed=1)
    np.testing.assert_array_equal(again, training.generate(net, head, [0], 50, temperature=1.0, seed=1))


def test_softmax_at_a_temperature():
    logits = np.array([[1.0, 3.0, 2.0], [0.0, 0.0, 5.0]])
    wanted = torch.softmax(torch.tensor(logits) / 0.7, dim=-1).numpy()
    np.testing.assert_allclose(training.softmax(logits, 0.7), wanted, rtol=1e-12)
    np.testing.assert_array_equal(training.softmax(np.array([1000.0, 0.0]), 0.01), [1, 0])
    np.testing.assert_allclose(training.softmax(np.array([1000.0, 0.0]), 1e9), [0.5, 0.5], atol=1e-6)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda net, head: training.generate(net, head, [], 3), "start is empty"),
        (lambda net, head: training.generate(net, head, [5], 3), r"start\[0\] is 5, wanted 0 to 4"),
        (lambda net, head: training.generate(net, head, [0], 0), "length is 0, wanted at least 1"),
        (lambda net, head: training.generate(net, head, [0], 3, temperature=-1), "temperature is -1"),
        (lambda net, head: training.softmax(np.zeros(3), 0), "temperature is 0, wanted a number above 0"),
        (
            lambda net, head: training.generate(LSTM(5, 3, bidirectional=True, seed=0), head, [0], 1),
            "net reads in two directions",
        ),
    ],
)
def test_bad_requests_to_write_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call(*cycle(5))


# --- what notebook 04 claims of the alphabet ------------------------------------------------------


@pytest.mark.parametrize("seed", range(10))
def test_the_alphabet_is_learned_within_six_epochs(seed):
    """50 characters from "a" on without a mistake, within 6 epochs of 7 updates, for every one of ten seeds."""
    x, target = tasks.alphabet(28)
    rng = np.random.default_rng(seed)
    net, head = LSTM(27, 32, seed=rng), Linear(32, 27, seed=rng)
    parameters = parameters_of(net, head)

    def right_letters():
        written = training.generate(net, head, [0], 50)
        return float((written == np.arange(1, 51) % 27).sum())

    history = train(
        parameters,
        sequence_loss(net, head),
        shuffled_batches(x, target, 4),
        adam(parameters, lr=0.05),
        epochs=6,
        seed=seed,
        score=right_letters,
        target=50,
        progress=False,
    )
    assert history.stopped == "target reached"
    assert history.epochs <= 6
