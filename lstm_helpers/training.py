"""Training: SGD, momentum, Adam, clipping by norm, and one loop with a progress bar.

For the optimisers and the loop a network is a dict of arrays, which are changed in place, and a
function that gives the loss and its gradients. `parameters_of` and `sequence_loss` make the two
from an `LSTM` and a `Linear` head.

Methods: momentum, Polyak (1964, "Some methods of speeding up the convergence of iteration
methods"); Adam, Kingma & Ba (2015, "Adam: A Method for Stochastic Optimization"); clipping by
norm, Pascanu, Mikolov & Bengio (2013, "On the difficulty of training recurrent neural networks").
Details are those of ``torch.optim`` and ``torch.nn.utils.clip_grad_norm_``.
"""

from dataclasses import dataclass

import numpy as np
from tqdm.auto import tqdm

from lstm_helpers.network import softmax_cross_entropy
from lstm_helpers.validate import float_array, integer, read_only

# --- optimisers: each is called with the gradients and changes the parameters in place -----------


def sgd(parameters, *, lr, momentum=0.0):
    """Stochastic gradient descent: one step against the gradient, or against its running sum.

        v = momentum * v + gradient
        parameter = parameter - lr * v

    Parameters
    ----------
    parameters : dict of str to ndarray
        Changed in place by every update.
    lr : float
        The learning rate, above 0.
    momentum : float
        0 (plain SGD) to below 1.

    Returns
    -------
    callable
        ``update(gradients)``, with a gradient for each name in `parameters`; other names are
        left alone. It raises a ValueError if one is missing, has another shape or dtype, or is
        not finite, and then changes nothing.

    Raises
    ------
    ValueError
        For parameters that are not writeable arrays of floats, and for numbers out of range.
    """
    _check_parameters(parameters)
    _check_number("lr", lr, 0, np.inf, low_included=False)
    _check_number("momentum", momentum, 0, 1)
    velocity = {name: np.zeros_like(array) for name, array in parameters.items()}

    def update(gradients):
        gradients = _checked_gradients(gradients, parameters)
        for name, gradient in gradients.items():
            velocity[name] = momentum * velocity[name] + gradient
            parameters[name] -= lr * velocity[name]

    return update


def adam(parameters, *, lr, betas=(0.9, 0.999), eps=1e-8):
    """Adam: each number has a step size of its own, about `lr` whatever the gradient's scale.

        m = beta1 * m + (1 - beta1) * gradient
        v = beta2 * v + (1 - beta2) * gradient**2
        parameter = parameter - lr * (m / (1 - beta1**t)) / (sqrt(v / (1 - beta2**t)) + eps)

    m and v start at 0; the divisors undo that, for the update number t = 1, 2, …

    Parameters
    ----------
    parameters : dict of str to ndarray
        Changed in place by every update.
    lr : float
        The learning rate, above 0.
    betas : (float, float)
        Each 0 to below 1.
    eps : float
        Above 0.

    Returns
    -------
    callable
        ``update(gradients)``, as for `sgd`.

    Raises
    ------
    ValueError
        As `sgd`.
    """
    _check_parameters(parameters)
    _check_number("lr", lr, 0, np.inf, low_included=False)
    beta1, beta2 = betas
    _check_number("betas[0]", beta1, 0, 1)
    _check_number("betas[1]", beta2, 0, 1)
    _check_number("eps", eps, 0, np.inf, low_included=False)
    m = {name: np.zeros_like(array) for name, array in parameters.items()}
    v = {name: np.zeros_like(array) for name, array in parameters.items()}
    t = 0

    @np.errstate(under="ignore")  # the square of a vanishing gradient is 0
    def update(gradients):
        nonlocal t
        gradients = _checked_gradients(gradients, parameters)
        t += 1
        for name, gradient in gradients.items():
            m[name] = beta1 * m[name] + (1 - beta1) * gradient
            v[name] = beta2 * v[name] + (1 - beta2) * gradient**2
            m_hat, v_hat = m[name] / (1 - beta1**t), v[name] / (1 - beta2**t)
            parameters[name] -= lr * m_hat / (np.sqrt(v_hat) + eps)

    return update


def clip_by_norm(gradients, max_norm):
    """Shorten all gradients by one common factor if together they are longer than `max_norm`.

    The direction stays; short gradients stay as they are.

    Parameters
    ----------
    gradients : dict of str to ndarray
        All of them count as one long vector.
    max_norm : float
        Above 0; infinity clips nothing.

    Returns
    -------
    clipped : dict of str to ndarray
        New arrays.
    norm : float
        The length before: the square root of the sum of all squares.

    Raises
    ------
    ValueError
        If a gradient is not finite, or `max_norm` is not above 0.
    """
    if not gradients:
        raise ValueError("gradients is empty, wanted at least one array")
    if not max_norm > 0:
        raise ValueError(f"max_norm is {max_norm}, wanted a number above 0")
    arrays = {name: float_array(f"gradients[{name!r}]", gradient) for name, gradient in gradients.items()}
    largest = max(float(np.abs(array).max()) for array in arrays.values())
    norm = 0.0
    if largest > 0:  # taken out first, so that no square overflows
        with np.errstate(under="ignore"):
            squares = sum(((array / largest) ** 2).sum(dtype=np.float64) for array in arrays.values())
        norm = largest * float(np.sqrt(squares))
    factor = min(1.0, max_norm / (norm + 1e-6))  # torch's 1e-6: no division by 0
    return {name: factor * array for name, array in arrays.items()}, norm


# --- a network as parameters and a loss ----------------------------------------------------------


def parameters_of(net, head):
    """The weights of an `LSTM` and its `Linear` head in one dict, the arrays themselves.

    Returns
    -------
    dict of str to ndarray
        The names of ``net.parameters()``, then ``"head.weight"`` and ``"head.bias"``.
    """
    return net.parameters() | {f"head.{name}": array for name, array in head.parameters().items()}


def sequence_loss(net, head, *, loss=softmax_cross_entropy, last_only=False, backward=None):
    """Make the function that `train` needs: from a batch to the loss and all its gradients.

    Parameters
    ----------
    net : LSTM
    head : Linear
    loss : callable
        `softmax_cross_entropy` or `mse`: from predictions and targets to a loss and its gradient.
    last_only : bool
        Whether the head reads the last output only, and a target is (N,) or (N, C), or every
        output, and a target is (T, N) or (T, N, C).
    backward : callable, optional
        In place of ``net.backward``: from the trace and the gradient of its output to a dict with
        the gradients of ``net.parameters()``. For trying out wrong ones.

    Returns
    -------
    callable
        ``loss_and_gradients(x, target)``, with x (T, N, D): the loss, and a dict with a gradient
        for each name in `parameters_of`. It raises what `loss` and ``net.forward`` raise.
    """
    backward = net.backward if backward is None else backward

    def loss_and_gradients(x, target):
        trace = net.forward(x)
        read = trace.output[-1] if last_only else trace.output
        value, dprediction = loss(head.forward(read), target)
        head_gradients = head.backward(read, dprediction)
        if last_only:
            doutput = np.zeros_like(trace.output)
            doutput[-1] = head_gradients["x"]
        else:
            doutput = head_gradients["x"]
        gradients = dict(backward(trace, doutput))
        return value, gradients | {f"head.{name}": head_gradients[name] for name in ("weight", "bias")}

    return loss_and_gradients


def shuffled_batches(x, target, batch_size):
    """Cut data into batches, in another order every epoch.

    Parameters
    ----------
    x : ndarray (T, N, ...)
    target : ndarray (T, N, ...) or (N,)
    batch_size : int
        1 to N; the last batch of an epoch may be smaller.

    Returns
    -------
    callable
        ``batches(rng)`` for `train`: gives the pairs (x, target) of one epoch.

    Raises
    ------
    ValueError
        If x and target have different numbers of sequences, or `batch_size` does not fit.
    """
    x, target = np.asarray(x), np.asarray(target)
    if x.ndim < 2 or target.ndim < 1:
        raise ValueError(f"x has shape {x.shape}, target {target.shape}: wanted (T, N, ...), and (T, N, ...) or (N,)")
    N, axis = x.shape[1], min(1, target.ndim - 1)
    if target.shape[axis] != N:
        raise ValueError(f"target has shape {target.shape}: {target.shape[axis]} sequences, x has {N}")
    batch_size = integer("batch_size", batch_size, 1, N)

    def batches(rng):
        order = rng.permutation(N)
        for start in range(0, N, batch_size):
            chosen = order[start : start + batch_size]
            yield x[:, chosen], np.take(target, chosen, axis=axis)

    return batches


# --- the loop ------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class History:
    """What happened in a training; E epochs were finished, U updates made.

    Attributes
    ----------
    loss : ndarray (E,)
        For each epoch the mean of its batches' losses, each taken before its update.
    score : ndarray (E + 1,) or (0,)
        The score before the training and after each epoch; empty if there was none.
    updates : ndarray of int (E + 1,)
        How many updates had been made before the training (0) and after each epoch.
    batch_loss, norm : ndarray (U,)
        For each update the loss, and the length of the gradient before it was clipped; those of
        an interrupted epoch, too.
    stopped : str
        "all epochs done", "target reached" or "interrupted".
    best_epoch : int
        The epoch with the best score (of several, the one with the lowest loss), or without a
        score the one with the lowest loss; 0 is before the training.
    """

    loss: np.ndarray
    score: np.ndarray
    updates: np.ndarray
    batch_loss: np.ndarray
    norm: np.ndarray
    stopped: str
    best_epoch: int

    def __post_init__(self):
        for name in ("loss", "score", "updates", "batch_loss", "norm"):
            object.__setattr__(self, name, read_only(np.array(getattr(self, name))))

    @property
    def epochs(self):
        """How many epochs were finished."""
        return len(self.loss)

    def __repr__(self):
        text = f"{self.stopped}: {_count(self.epochs, 'epoch')}, {_count(int(self.updates[-1]), 'update')}"
        if self.epochs:
            text += f", loss {self.loss[0]:.3g} in the first epoch, {self.loss[-1]:.3g} in the last"
        if len(self.score):
            text += f", score {self.score[0]:.3g} before, {self.score[-1]:.3g} after"
        return f"History({text})"


def train(
    parameters,
    loss_and_gradients,
    batches,
    update,
    *,
    epochs,
    seed,
    max_norm=np.inf,
    score=None,
    target=None,
    progress=True,
):
    """Train: for each epoch, for each batch, one update; with a progress bar.

    Ctrl+C, or the stop button of a notebook, ends the training and nothing else: the parameters
    become those of the best epoch so far, a line says so, and the history until then is returned.

    Parameters
    ----------
    parameters : dict of str to ndarray
        What is trained, in place; see `parameters_of`.
    loss_and_gradients : callable
        ``loss_and_gradients(*batch)`` gives the loss and a dict with a gradient for each name in
        `parameters` (other names are left alone); see `sequence_loss`.
    batches : callable
        ``batches(rng)`` gives the batches of one epoch; see `shuffled_batches`. `rng` is one
        generator for the whole training.
    update : callable
        The optimiser, such as ``adam(parameters, lr=0.01)``.
    epochs : int
        At least 1.
    seed : int or numpy.random.Generator
        For the batches.
    max_norm : float
        Clip the gradients to this length, see `clip_by_norm`.
    score : callable, optional
        ``score()`` says how good the parameters are now, higher is better; called once before the
        training and after every epoch.
    target : float, optional
        Stop as soon as the score is at least this.
    progress : bool
        Whether to show the bar: a widget in a notebook, a line on stderr in a terminal.

    Returns
    -------
    History

    Raises
    ------
    ValueError
        For bad arguments, an epoch without a batch, and a loss, a score or a gradient that is not
        finite. (A learning rate that is too high shows so.)
    """
    _check_parameters(parameters)
    epochs = integer("epochs", epochs, 1)
    if target is not None and score is None:
        raise ValueError(f"target is {target}, but there is no score to compare it with")
    rng = np.random.default_rng(seed)
    now = 0.0 if score is None else _finite("score", score())
    steps, ends = [], [(0, np.inf, now)]  # of each update loss and norm; of each epoch updates so far, loss and score
    best_quality, best_epoch, best_parameters = (now, -np.inf), 0, _copies(parameters)
    stopped = "all epochs done"
    bar = tqdm(total=epochs, unit="epoch", disable=not progress)
    try:
        for epoch in range(1, epochs + 1):
            for batch in batches(rng):
                loss, gradients = loss_and_gradients(*batch)
                gradients, norm = clip_by_norm(_checked_gradients(gradients, parameters), max_norm)
                update(gradients)
                steps.append((_finite("loss", loss), norm))
            losses = [loss for loss, _ in steps[ends[-1][0] :]]
            if not losses:
                raise ValueError(f"batches gave no batch in epoch {epoch}, wanted at least one")
            mean_loss = float(np.mean(losses))
            now = 0.0 if score is None else _finite("score", score())
            ends.append((len(steps), mean_loss, now))
            if (now, -mean_loss) > best_quality:
                best_quality, best_epoch, best_parameters = (now, -mean_loss), epoch, _copies(parameters)
            bar.set_postfix_str(f"loss {mean_loss:.3g}" + ("" if score is None else f", score {now:.3g}"))
            bar.update()
            if target is not None and now >= target:
                stopped = "target reached"
                bar.total = epoch  # or the bar would look as if something had gone wrong
                bar.refresh()
                break
    except KeyboardInterrupt:
        stopped = "interrupted"
        for name, array in best_parameters.items():
            parameters[name][...] = array
    finally:
        bar.close()
    if stopped == "interrupted":
        where = f"after epoch {best_epoch}, the best so far" if best_epoch else "before the training"
        print(f"Interrupted after {_count(len(ends) - 1, 'whole epoch')}. The parameters are those {where}.")
    updates, losses, scores = zip(*ends, strict=True)
    return History(
        loss=losses[1:],
        score=() if score is None else scores,
        updates=updates,
        batch_loss=[loss for loss, _ in steps],
        norm=[norm for _, norm in steps],
        stopped=stopped,
        best_epoch=best_epoch,
    )


# --- writing with a trained network --------------------------------------------------------------


def softmax(logits, temperature=1.0):
    """Probabilities from logits (..., C) at a temperature above 0: low is daring little, high is daring much.

    ``exp(logits / temperature)``, divided by its sum; the largest logit is subtracted first, so
    that no exponential overflows.
    """
    logits = float_array("logits", logits)
    if not 0 < temperature < np.inf:
        raise ValueError(f"temperature is {temperature}, wanted a number above 0")
    with np.errstate(under="ignore"):
        exp = np.exp((logits - logits.max(axis=-1, keepdims=True)) / temperature)
        return exp / exp.sum(axis=-1, keepdims=True)


def generate(net, head, start, length, *, temperature=0.0, seed=0):
    """Let a network that predicts the next symbol write: each symbol it picks is its next input.

    Parameters
    ----------
    net : LSTM
        In one direction; its input is one-hot.
    head : Linear
    start : sequence of int
        Symbols that it reads first, at least one.
    length : int
        How many symbols it writes, at least 1.
    temperature : float
        0 picks the most likely symbol; above 0 a symbol is drawn, see `softmax`.
    seed : int or numpy.random.Generator

    Returns
    -------
    ndarray of int (length,)
        Without `start`.

    Raises
    ------
    ValueError
        For two directions, a symbol that is not there, an empty start.
    """
    if net.bidirectional:
        raise ValueError("net reads in two directions, wanted one: what is not yet written cannot be read")
    start = [integer(f"start[{k}]", symbol, 0, net.input_size - 1) for k, symbol in enumerate(start)]
    if not start:
        raise ValueError("start is empty, wanted at least one symbol")
    length = integer("length", length, 1)
    rng = np.random.default_rng(seed)
    one_hot = np.eye(net.input_size, dtype=net.dtype)
    written, reading, h, c = [], start, None, None
    while len(written) < length:
        trace = net.forward(one_hot[reading][:, None], h, c)
        h, c = trace.h_n, trace.c_n
        logits = head.forward(trace.output[-1, 0])
        if temperature == 0:
            symbol = int(logits.argmax())
        else:
            symbol = int(rng.choice(len(logits), p=softmax(logits, temperature)))
        written.append(symbol)
        reading = [symbol]
    return np.array(written)


# --- checks --------------------------------------------------------------------------------------


def _check_parameters(parameters):
    if not parameters:
        raise ValueError("parameters is empty, wanted at least one array")
    for name, array in parameters.items():
        if not isinstance(array, np.ndarray) or not array.flags.writeable:
            raise ValueError(f"parameters[{name!r}] is {type(array).__name__}, wanted an array that can be changed")
        float_array(f"parameters[{name!r}]", array)


def _checked_gradients(gradients, parameters):
    """The gradients of the parameters alone, each checked, in the parameters' order."""
    missing = [name for name in parameters if name not in gradients]
    if missing:
        raise ValueError(f"gradients lacks {', '.join(missing)}; it has {', '.join(gradients)}")
    return {
        name: float_array(f"gradients[{name!r}]", gradients[name], array.shape, like=(name, array.dtype))
        for name, array in parameters.items()
    }


def _finite(name, value):
    if not np.isfinite(value):
        raise ValueError(f"{name} is {value}, wanted a finite number")
    return float(value)


def _check_number(name, value, low, high, *, low_included=True):
    """Raise a ValueError unless `value` is from `low` to below `high`."""
    if not low <= value < high or (value == low and not low_included):
        wanted = f"a number {'from' if low_included else 'above'} {low}"
        wanted += f" to below {high}" if high < np.inf else ""
        raise ValueError(f"{name} is {value}, wanted {wanted}")


def _copies(parameters):
    return {name: array.copy() for name, array in parameters.items()}


def _count(n, noun):
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"
