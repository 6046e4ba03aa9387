"""Networks of LSTMs: layers, two directions, variable lengths; a linear head; two losses.

Names and layout are those of ``torch.nn.LSTM``. Two directions: Graves & Schmidhuber (2005,
"Framewise phoneme classification with bidirectional LSTM", Neural Networks 18(5-6)).
"""

from dataclasses import dataclass

import numpy as np

from lstm_helpers.backprop import check_fit
from lstm_helpers.cell import LSTMParams, Trace, check_gate_blocks
from lstm_helpers.fast import run_backward, run_forward
from lstm_helpers.validate import as_array, float_array, float_dtype, integer, read_only, sequence_lengths


class StateArray(np.ndarray):
    """A NumPy array that ``torch.nn.Module.load_state_dict`` takes as it takes a tensor.

    torch accepts any object that says how torch's functions apply to it, by a method called
    ``__torch_function__`` (torch documentation, "Extending torch"). Here, each array becomes a
    tensor like the one it meets. torch itself is not needed, and not imported.
    """

    @classmethod
    def __torch_function__(cls, function, types, arguments, options=None):
        tensor = next(argument for argument in arguments if not isinstance(argument, cls))
        arguments = [tensor.new_tensor(np.asarray(a)) if isinstance(a, cls) else a for a in arguments]
        return function(*arguments, **(options or {}))


@dataclass(frozen=True, eq=False)
class NetworkTrace:
    """Everything that a network did over a batch of sequences.

    Attributes
    ----------
    output : ndarray (T, N, directions * H)
        The last layer's h, both directions side by side; 0 where a sequence has ended.
    h_n, c_n : ndarray (layers * directions, N, H)
        The last states, in torch's order: layer 0 forward, layer 0 reverse, layer 1 forward, …
        The reverse direction's last step is the sequence's first token.
    layers : tuple of tuple of Trace
        ``layers[k][direction]``, direction 0 forward, 1 reverse. Each Trace is in the order in
        which its LSTM *read*: step 0 of direction 1 is the sequence's last token.
    lengths : ndarray of int (N,)
    """

    output: np.ndarray
    h_n: np.ndarray
    c_n: np.ndarray
    layers: tuple[tuple[Trace, ...], ...]
    lengths: np.ndarray

    def __post_init__(self):
        vars(self).update({name: read_only(getattr(self, name)) for name in ("output", "h_n", "c_n", "lengths")})


class LSTM:
    """Layers of LSTMs in one or two directions, like ``torch.nn.LSTM`` (time first).

    Parameters
    ----------
    input_size, hidden_size : int
        D and H, at least 1.
    num_layers : int
        Each layer reads the output of the one before.
    bidirectional : bool
        Whether each layer has a second LSTM that reads from the end.
    seed : int or numpy.random.Generator
    dtype : float32 or float64

    Attributes
    ----------
    layers : tuple of tuple of LSTMParams
        ``layers[k][direction]``: the weights, free to be trained in place.
    bias : bool
        Whether there are biases; False only after `from_state_dict` of a mapping that has none.

    Raises
    ------
    ValueError
        If a size is not a whole number of at least 1, or for another dtype.
    """

    def __init__(self, input_size, hidden_size, num_layers=1, bidirectional=False, *, seed, dtype=np.float64):
        hidden_size = integer("hidden_size", hidden_size, 1)
        rng = np.random.default_rng(seed)
        directions = 2 if bidirectional else 1
        sizes = [input_size] + [directions * hidden_size] * (integer("num_layers", num_layers, 1) - 1)
        self.layers = tuple(
            tuple(LSTMParams.init(size, hidden_size, seed=rng, dtype=dtype) for _ in range(directions))
            for size in sizes
        )
        self.bias = True

    @classmethod
    def from_state_dict(cls, mapping):
        """Build a network from weights under torch's names, as NumPy arrays or tensors.

        Parameters
        ----------
        mapping : mapping of str to array_like
            ``weight_ih_l0``, ``weight_hh_l0``, ``bias_ih_l0``, ``bias_hh_l0``, then ``…_l0_reverse``
            for a second direction, ``…_l1`` for a second layer. The two biases of torch are added
            into one. Either all layers have both, or none has any.

        Raises
        ------
        ValueError
            For an unknown or missing name, shapes that do not fit each other, other dtypes than
            float32 and float64, mixed dtypes, NaN or infinity.
        """
        if not hasattr(mapping, "items"):
            raise ValueError(f"mapping is a {type(mapping).__name__}, wanted a mapping of names to arrays")
        arrays = {str(name): _detached(value) for name, value in mapping.items()}
        num_layers = sum(name.startswith("weight_ih_l") and not name.endswith("_reverse") for name in arrays)
        suffixes = [("", "_reverse")[: 2 if "weight_ih_l0_reverse" in arrays else 1]] * max(num_layers, 1)
        with_bias = any(name.startswith("bias_") for name in arrays)
        kinds = ["weight_ih", "weight_hh"] + ["bias_ih", "bias_hh"] * with_bias
        wanted = {f"{kind}_l{k}{suffix}" for k, both in enumerate(suffixes) for suffix in both for kind in kinds}
        for problem, names in (("unknown", arrays.keys() - wanted), ("missing", wanted - arrays.keys())):
            if names:
                raise ValueError(
                    f"mapping has {problem} names: {', '.join(sorted(names))}; wanted {', '.join(sorted(wanted))}"
                )

        net = cls.__new__(cls)
        net.bias = with_bias
        net.layers = tuple(
            tuple(_params_from_torch_names(arrays, f"_l{k}{suffix}", with_bias) for suffix in both)
            for k, both in enumerate(suffixes)
        )
        net._check_sizes()
        return net

    def state_dict(self):
        """The weights under torch's names, as new arrays that torch's ``load_state_dict`` takes.

        torch keeps two biases that it adds up: ours goes into ``bias_ih``, and ``bias_hh`` is 0.
        """
        state = {}
        for suffix, params in self._named_layers():
            state[f"weight_ih{suffix}"] = params.weight_ih.copy().view(StateArray)
            state[f"weight_hh{suffix}"] = params.weight_hh.copy().view(StateArray)
            if self.bias:
                state[f"bias_ih{suffix}"] = params.bias.copy().view(StateArray)
                state[f"bias_hh{suffix}"] = np.zeros_like(params.bias).view(StateArray)
        return state

    def parameters(self):
        """The weights themselves, not copies, under the names that `backward` gives their gradients.

        Returns
        -------
        dict of str to ndarray
            ``weight_ih_l0``, ``weight_hh_l0``, ``bias_l0``, ``weight_ih_l0_reverse``, …; without
            the biases if there are none. Change an array in place to train it.
        """
        return {
            f"{kind}{suffix}": getattr(params, kind)
            for suffix, params in self._named_layers()
            for kind in ("weight_ih", "weight_hh", "bias")
            if self.bias or kind != "bias"
        }

    @property
    def input_size(self):
        return self.layers[0][0].input_size

    @property
    def hidden_size(self):
        return self.layers[0][0].hidden_size

    @property
    def num_layers(self):
        return len(self.layers)

    @property
    def bidirectional(self):
        return len(self.layers[0]) == 2

    @property
    def dtype(self):
        return self.layers[0][0].dtype

    def forward(self, x, h0=None, c0=None, lengths=None):
        """Run the network over a batch of sequences.

        Parameters
        ----------
        x : ndarray (T, N, D)
        h0, c0 : ndarray (layers * directions, N, H), optional
            The states before each LSTM's first step; zeros if missing.
        lengths : array_like of int (N,), optional
            How many steps each sequence has, 1 to T, in any order. Padded steps give output 0 and
            pass the state on; what x holds there has no effect.

        Returns
        -------
        NetworkTrace

        Raises
        ------
        ValueError
            For shapes or dtypes that do not fit, NaN, infinity, bad lengths, T = 0, and for numbers
            so large that a pre-activation overflows.
        """
        self._check_sizes()
        x = float_array("x", x, ("T", "N", "D"), like=("weight_ih_l0", self.dtype), finite=False)  # run_forward looks
        T, N, D = x.shape
        if self.input_size != D:
            raise ValueError(f"x has {D} features, weight_ih wants {self.input_size}")
        lengths = sequence_lengths(lengths, T, N)
        states = (self.num_layers * len(self.layers[0]), N, self.hidden_size)
        h0, c0 = (
            [None] * states[0] if given is None else float_array(name, given, states, like=("weight_ih_l0", self.dtype))
            for name, given in (("h0", h0), ("c0", c0))
        )
        h_n, c_n = np.empty((2, *states), self.dtype)
        layers = []
        for k, both in enumerate(self.layers):
            traces, outputs = [], []
            for direction, params in enumerate(both):
                state = k * len(both) + direction
                reading = _reverse(x, lengths) if direction else x
                trace = run_forward(reading, params, h0[state], c0[state], lengths)
                traces.append(trace)
                outputs.append(_reverse(trace.h, lengths) if direction else trace.h)
                h_n[state], c_n[state] = trace.h_n, trace.c_n
            x = np.concatenate(outputs, axis=2) if len(outputs) > 1 else outputs[0]
            layers.append(tuple(traces))
        return NetworkTrace(x, h_n, c_n, tuple(layers), lengths)

    def backward(self, trace, doutput=None, dh_n=None, dc_n=None):
        """Go back through the network.

        Parameters
        ----------
        trace : NetworkTrace
            What `forward` returned.
        doutput : ndarray (T, N, directions * H), optional
        dh_n, dc_n : ndarray (layers * directions, N, H), optional
            Gradients of the loss with respect to what `forward` returned; missing means zeros.

        Returns
        -------
        dict of str to ndarray
            "x" (T, N, D), "h0" and "c0" (layers * directions, N, H), and the names of `parameters`.

        Raises
        ------
        ValueError
            If a gradient's shape or dtype does not fit, or it holds NaN or infinity; if the trace
            is one of a network with other layers, directions or sizes.
        """
        self._check_sizes()
        got, wanted = ((len(layers), len(layers[0])) for layers in (trace.layers, self.layers))
        if got != wanted:
            raise ValueError("trace has {} layers of {} directions, this network has {} of {}".format(*got, *wanted))
        like = ("output", trace.output.dtype)
        if doutput is None:
            doutput = np.zeros_like(trace.output)
        dx = float_array("doutput", doutput, trace.output.shape, like=like)
        dh_n, dc_n = (
            np.zeros_like(trace.h_n) if gradient is None else float_array(name, gradient, trace.h_n.shape, like=like)
            for name, gradient in (("dh_n", dh_n), ("dc_n", dc_n))
        )
        dh0, dc0 = np.empty_like(trace.h_n), np.empty_like(trace.c_n)
        H, gradients = self.hidden_size, {}
        for k in reversed(range(self.num_layers)):
            both = self.layers[k]
            halves, dx = dx, None
            for direction, params in enumerate(both):
                state = k * len(both) + direction
                dh = halves[:, :, direction * H : (direction + 1) * H]  # each direction has its own half of the output
                dh = _reverse(dh, trace.lengths) if direction else dh
                check_fit(trace.layers[k][direction], params)
                grads = run_backward(trace.layers[k][direction], params, dh, dh_n[state], dc_n[state])
                dh0[state], dc0[state] = grads.h0, grads.c0
                # Both directions read the same input: two uses, two gradients, one sum.
                dx = dx + _reverse(grads.x, trace.lengths) if direction else grads.x
                for kind in ("weight_ih", "weight_hh", "bias"):
                    gradients[f"{kind}_l{k}{'_reverse' * direction}"] = getattr(grads, kind)
        return {"x": dx, "h0": dh0, "c0": dc0} | {name: gradients[name] for name in self.parameters()}

    def _named_layers(self):
        for k, both in enumerate(self.layers):
            for direction, params in enumerate(both):
                yield f"_l{k}{'_reverse' * direction}", params

    def _check_sizes(self):
        H, directions = self.hidden_size, len(self.layers[0])
        for k, both in enumerate(self.layers):
            D = self.input_size if k == 0 else directions * H
            for direction, params in enumerate(both):
                suffix = f"_l{k}{'_reverse' * direction}"
                like = ("weight_ih_l0", self.dtype)
                float_array(f"weight_ih{suffix}", params.weight_ih, (4 * H, D), like=like)
                float_array(f"weight_hh{suffix}", params.weight_hh, (4 * H, H), like=like)
                float_array(f"bias{suffix}", params.bias, (4 * H,), like=like)


def _detached(value):
    return value.detach().cpu() if hasattr(value, "detach") else value  # a tensor, perhaps one that needs gradients


def _params_from_torch_names(arrays, suffix, with_bias):
    weight_ih = float_array(f"weight_ih{suffix}", arrays[f"weight_ih{suffix}"], ("4H", "D"))
    check_gate_blocks(f"weight_ih{suffix}", weight_ih)
    H, like = len(weight_ih) // 4, (f"weight_ih{suffix}", weight_ih.dtype)
    weight_hh = float_array(f"weight_hh{suffix}", arrays[f"weight_hh{suffix}"], (4 * H, H), like=like)
    bias = np.zeros(4 * H, weight_ih.dtype)
    if with_bias:
        for name in (f"bias_ih{suffix}", f"bias_hh{suffix}"):
            bias = bias + float_array(name, arrays[name], bias.shape, like=like)
    return LSTMParams(weight_ih, weight_hh, bias)


def _reverse(x, lengths):
    """Turn each sequence of x (T, N, …) round within its own length; what lies after its end stays where it is."""
    if (lengths == len(x)).all():
        return x[::-1]
    t = np.arange(len(x))[:, None]
    source = np.where(t < lengths, lengths - 1 - t, t)  # (T, N)
    return x[source, np.arange(x.shape[1])]


class Linear:
    """A linear head: ``y = x @ weight.T + bias``, like ``torch.nn.Linear``.

    Parameters
    ----------
    in_features, out_features : int
        At least 1.
    seed : int or numpy.random.Generator
        Weights and bias are uniform between ±1/sqrt(in_features), torch's range.
    dtype : float32 or float64

    Attributes
    ----------
    weight : ndarray (out_features, in_features)
    bias : ndarray (out_features,)

    Raises
    ------
    ValueError
        For sizes, dtypes or shapes that do not fit, NaN or infinity, here and in both methods.
    """

    def __init__(self, in_features, out_features, *, seed, dtype=np.float64):
        dtype = float_dtype(dtype)
        in_features, out_features = integer("in_features", in_features, 1), integer("out_features", out_features, 1)
        rng = np.random.default_rng(seed)
        bound = 1 / np.sqrt(in_features)
        self.weight = rng.uniform(-bound, bound, (out_features, in_features)).astype(dtype)
        self.bias = rng.uniform(-bound, bound, out_features).astype(dtype)

    def parameters(self):
        """The weights themselves, not copies: {"weight": …, "bias": …}."""
        return {"weight": self.weight, "bias": self.bias}

    @np.errstate(under="ignore")
    def forward(self, x):
        """From x (..., in_features) to (..., out_features)."""
        x = self._checked("x", x, self.weight.shape[1])
        return x @ self.weight.T + self.bias

    @np.errstate(under="ignore")
    def backward(self, x, dy):
        """From the input x and the gradient dy (..., out_features) of the output to {"x", "weight", "bias"}."""
        x = self._checked("x", x, self.weight.shape[1])
        dy = self._checked("dy", dy, self.weight.shape[0])
        if x.shape[:-1] != dy.shape[:-1]:
            raise ValueError(f"dy has shape {dy.shape}, wanted {x.shape[:-1] + (self.weight.shape[0],)}")
        x_rows, dy_rows = x.reshape(-1, x.shape[-1]), dy.reshape(-1, dy.shape[-1])
        return {"x": dy @ self.weight, "weight": dy_rows.T @ x_rows, "bias": dy_rows.sum(axis=0)}

    def _checked(self, name, array, features):
        array = float_array(name, array, like=("weight", self.weight.dtype))
        if array.ndim == 0 or array.shape[-1] != features:
            raise ValueError(f"{name} has shape {array.shape}, wanted (..., {features})")
        return array


def softmax_cross_entropy(logits, targets):
    """The mean of -log softmax(logits)[target], and its gradient.

    The largest logit is subtracted first, so that no exponential overflows.

    Parameters
    ----------
    logits : ndarray (..., C)
    targets : ndarray of int (...)
        The right class at each place, 0 to C - 1.

    Returns
    -------
    loss : float
        In nats, at least 0.
    dlogits : ndarray (..., C)

    Raises
    ------
    ValueError
        If `targets` has another shape than `logits` without its last axis, is not of whole
        numbers, or names a class that is not there; if `logits` is empty, of another dtype than
        float32 and float64, or holds NaN or infinity.
    """
    logits = float_array("logits", logits)
    targets = as_array("targets", targets)
    if logits.ndim == 0 or logits.size == 0:
        raise ValueError(f"logits has shape {logits.shape}, wanted (..., C) with at least one number")
    if targets.dtype.kind not in "iu":
        raise ValueError(f"targets is {targets.dtype}, wanted whole numbers")
    if targets.shape != logits.shape[:-1]:
        raise ValueError(f"targets has shape {targets.shape}, logits {logits.shape} wants {logits.shape[:-1]}")
    C = logits.shape[-1]
    if targets.min() < 0 or targets.max() >= C:
        raise ValueError(f"targets holds {targets.min()} to {targets.max()}, wanted 0 to {C - 1}")
    with np.errstate(under="ignore"):
        shifted = logits - logits.max(axis=-1, keepdims=True)
        exp = np.exp(shifted)
        total = exp.sum(axis=-1, keepdims=True)
        log_p = np.take_along_axis(shifted - np.log(total), targets[..., None], axis=-1)
        dlogits = exp / total
        np.put_along_axis(dlogits, targets[..., None], np.take_along_axis(dlogits, targets[..., None], -1) - 1, axis=-1)
        dlogits /= targets.size
    return float(-log_p.mean()), dlogits


@np.errstate(under="ignore")
def mse(prediction, target):
    """The mean squared error, and its gradient with respect to `prediction`.

    Parameters
    ----------
    prediction, target : ndarray
        Of one shape and dtype.

    Returns
    -------
    loss : float
    dprediction : ndarray, shaped as `prediction`

    Raises
    ------
    ValueError
        If the shapes differ at all. NumPy and torch would broadcast (1,) against (4, 1) and give
        a number that has no meaning. Also for dtypes that do not fit, NaN, infinity, no numbers.
    """
    prediction = float_array("prediction", prediction)
    target = float_array("target", target, like=("prediction", prediction.dtype))
    if prediction.shape != target.shape:
        raise ValueError(f"target has shape {target.shape}, prediction has {prediction.shape}: wanted the same")
    if prediction.size == 0:
        raise ValueError(f"prediction has shape {prediction.shape}: it is empty, wanted at least one number")
    difference = prediction - target
    return float((difference**2).mean()), 2 * difference / difference.size
