"""Between ours and PyTorch: weights and traces, both ways; and the weight layouts of other libraries.

The only module that imports torch.
"""

from copy import deepcopy
from dataclasses import dataclass

import numpy as np
import torch

from lstm_helpers.cell import GATES, LSTMParams
from lstm_helpers.network import LSTM
from lstm_helpers.validate import float_array, sequence_lengths


def to_torch(net):
    """A ``torch.nn.LSTM`` with the weights of our `LSTM`, time first, of the same dtype."""
    module = torch.nn.LSTM(
        net.input_size, net.hidden_size, net.num_layers, bias=net.bias, bidirectional=net.bidirectional
    ).to(_torch_dtype(net.dtype))
    module.load_state_dict(net.state_dict())
    return module


def from_torch(module):
    """Our `LSTM` with the weights of a ``torch.nn.LSTM``.

    Raises
    ------
    ValueError
        If the module is not an ``nn.LSTM``, or has projections (proj_size), which ours has not.
    """
    if not isinstance(module, torch.nn.LSTM):
        raise ValueError(f"module is a {type(module).__name__}, wanted a torch.nn.LSTM")
    if module.proj_size:
        raise ValueError(f"module has proj_size {module.proj_size}, wanted 0: our LSTM has no projection")
    return LSTM.from_state_dict(module.state_dict())


def cell_to_torch(params):
    """A ``torch.nn.LSTMCell`` with the weights of our `LSTMParams`; the bias goes into bias_ih, bias_hh is 0."""
    cell = torch.nn.LSTMCell(params.input_size, params.hidden_size).to(_torch_dtype(params.dtype))
    with torch.no_grad():
        cell.weight_ih.copy_(torch.from_numpy(params.weight_ih))
        cell.weight_hh.copy_(torch.from_numpy(params.weight_hh))
        cell.bias_ih.copy_(torch.from_numpy(params.bias))
        cell.bias_hh.zero_()
    return cell


def cell_from_torch(cell):
    """Our `LSTMParams` with the weights of a ``torch.nn.LSTMCell``; its two biases are added.

    Raises
    ------
    ValueError
        If the cell is not an ``nn.LSTMCell``, or of another dtype than float32 and float64.
    """
    if not isinstance(cell, torch.nn.LSTMCell):
        raise ValueError(f"cell is a {type(cell).__name__}, wanted a torch.nn.LSTMCell")
    weights = [p.detach().cpu().numpy() for p in (cell.weight_ih, cell.weight_hh)]
    bias = (cell.bias_ih + cell.bias_hh).detach().cpu().numpy() if cell.bias else np.zeros_like(weights[0][:, 0])
    return LSTMParams(*weights, bias)


@dataclass(frozen=True, eq=False)
class TorchRun:
    """What torch computed, as arrays under our names.

    Attributes
    ----------
    output : ndarray (T, N, directions * H)
    h_n, c_n : ndarray (layers * directions, N, H)
    gradients : dict of str to ndarray
        As `LSTM.backward` gives them: "x", "h0", "c0", "weight_ih_l0", …, "bias_l0", ….
    """

    output: np.ndarray
    h_n: np.ndarray
    c_n: np.ndarray
    gradients: dict


def run_torch(module, x, h0=None, c0=None, lengths=None, doutput=None, dh_n=None, dc_n=None):
    """Run a ``torch.nn.LSTM`` forward and backward: autograd's answer to `LSTM.forward` and `LSTM.backward`.

    Parameters
    ----------
    module : torch.nn.LSTM
        On the CPU. It is left as it is; its weights may be frozen.
    x, h0, c0, lengths, doutput, dh_n, dc_n
        As in `LSTM.forward` and `LSTM.backward`: arrays, time first, also where the module
        has batch_first. Sequences of different lengths are packed for torch.

    Returns
    -------
    TorchRun

    Raises
    ------
    ValueError
        As `LSTM.forward` and `LSTM.backward`. torch itself would broadcast a gradient of another shape.
    """
    ours = from_torch(module)
    module = deepcopy(module).requires_grad_()
    like = ("weight_ih_l0", ours.dtype)
    x = float_array("x", x, ("T", "N", ours.input_size), like=like, finite=lengths is None)
    T, N, _ = x.shape
    directions = 1 + ours.bidirectional
    states = (ours.num_layers * directions, N, ours.hidden_size)
    h0, c0, dh_n, dc_n, doutput = (
        np.zeros(shape, ours.dtype) if array is None else float_array(name, array, shape, like=like)
        for name, array, shape in (
            ("h0", h0, states),
            ("c0", c0, states),
            ("dh_n", dh_n, states),
            ("dc_n", dc_n, states),
            ("doutput", doutput, (T, N, directions * ours.hidden_size)),
        )
    )
    leaves = {"x": _leaf(x), "h0": _leaf(h0), "c0": _leaf(c0)}
    inputs = leaves["x"].transpose(0, 1) if module.batch_first else leaves["x"]
    if lengths is not None:
        lengths = torch.from_numpy(sequence_lengths(lengths, T, N))
        inputs = torch.nn.utils.rnn.pack_padded_sequence(
            inputs, lengths, batch_first=module.batch_first, enforce_sorted=False
        )
    output, (h_n, c_n) = module(inputs, (leaves["h0"], leaves["c0"]))
    if lengths is not None:
        output, _ = torch.nn.utils.rnn.pad_packed_sequence(output, batch_first=module.batch_first, total_length=T)
    if module.batch_first:
        output = output.transpose(0, 1)

    weights = {name: p for name, p in module.named_parameters() if not name.startswith("bias_hh")}
    wanted = leaves | {name.replace("bias_ih", "bias"): p for name, p in weights.items()}
    upstream = [torch.from_numpy(np.array(gradient)) for gradient in (doutput, dh_n, dc_n)]
    found = torch.autograd.grad([output, h_n, c_n], list(wanted.values()), upstream)
    gradients = {name: gradient.numpy() for name, gradient in zip(wanted, found, strict=True)}
    return TorchRun(output.detach().numpy(), h_n.detach().numpy(), c_n.detach().numpy(), gradients)


def torch_trace(module, x, h0=None, c0=None, lengths=None):
    """The trace of what a ``torch.nn.LSTM`` does: its gates, which torch itself does not show.

    Our LSTM runs with the module's weights; that it says the same as the module is checked.

    Returns
    -------
    NetworkTrace

    Raises
    ------
    ValueError
        As `from_torch` and `LSTM.forward`; and if the module's own output differs from what its
        weights say (it has been changed, or it applies dropout).
    """
    trace = from_torch(module).forward(x, h0, c0, lengths)
    output = run_torch(module, x, h0, c0, lengths).output
    tolerance = 1e-9 if trace.output.dtype == np.float64 else 1e-4
    worst = float(np.abs(trace.output - output).max())
    if worst > tolerance:
        raise ValueError(f"module gives an output that differs by {worst:.2g} from what its weights say: dropout?")
    return trace


def _leaf(array):
    return torch.tensor(np.array(array), requires_grad=True)


def _torch_dtype(dtype):
    return torch.float32 if dtype == np.float32 else torch.float64


# Other libraries' conventions. Each pair of functions goes there and back; weights are copied, never changed in value.
# (Some libraries also *start* the forget gate's bias at 1, as ours does. That is a start value, not a layout.)

CS231N_ORDER = ("i", "f", "o", "g")
KERAS_ORDER = ("i", "f", "g", "o")  # Keras calls the candidate c
ONNX_ORDER = ("i", "o", "f", "g")  # ONNX calls the candidate c
TEXTBOOK_NAMES = {"i": "i", "f": "f", "g": "c", "o": "o"}


def to_cs231n(params):
    """Weights as in CS231n's assignments: Wx (D, 4H), Wh (H, 4H), b (4H,); order i, f, o, g.

    For rows: ``x @ Wx + h @ Wh + b``.
    """
    return {
        "Wx": _reorder(params.weight_ih, GATES, CS231N_ORDER).T.copy(),
        "Wh": _reorder(params.weight_hh, GATES, CS231N_ORDER).T.copy(),
        "b": _reorder(params.bias, GATES, CS231N_ORDER),
    }


def from_cs231n(Wx, Wh, b):
    """The way back from `to_cs231n`: an `LSTMParams`."""
    return _from_blocks(CS231N_ORDER, Wx=_transposed("Wx", Wx), Wh=_transposed("Wh", Wh), b=b)


def to_keras(params):
    """Weights as ``keras.layers.LSTM.get_weights`` has them: kernel (D, 4H), recurrent_kernel (H, 4H), bias (4H,)."""
    return {
        "kernel": _reorder(params.weight_ih, GATES, KERAS_ORDER).T.copy(),
        "recurrent_kernel": _reorder(params.weight_hh, GATES, KERAS_ORDER).T.copy(),
        "bias": _reorder(params.bias, GATES, KERAS_ORDER),
    }


def from_keras(kernel, recurrent_kernel, bias):
    """The way back from `to_keras`: an `LSTMParams`."""
    return _from_blocks(
        KERAS_ORDER,
        kernel=_transposed("kernel", kernel),
        recurrent_kernel=_transposed("recurrent_kernel", recurrent_kernel),
        bias=bias,
    )


def to_onnx(params):
    """Weights as the ONNX operator ``LSTM`` wants them for one direction: W (1, 4H, D), R (1, 4H, H), B (1, 8H).

    Order i, o, f, c. B holds two biases, one after the other; the second is 0.
    """
    bias = _reorder(params.bias, GATES, ONNX_ORDER)
    return {
        "W": _reorder(params.weight_ih, GATES, ONNX_ORDER)[None],
        "R": _reorder(params.weight_hh, GATES, ONNX_ORDER)[None],
        "B": np.concatenate([bias, np.zeros_like(bias)])[None],
    }


def from_onnx(W, R, B):
    """The way back from `to_onnx`: an `LSTMParams`; the two biases are added."""
    W, R = float_array("W", W, (1, "4H", "D")), float_array("R", R, (1, "4H", "H"))
    B = float_array("B", B, (1, 2 * W.shape[1]))
    return _from_blocks(ONNX_ORDER, W=W[0], R=R[0], B=B[0].reshape(2, -1).sum(axis=0))


def to_textbook(params):
    """One matrix for each gate, on [h, x]: W_i, W_f, W_c, W_o (H, H + D) and b_i, b_f, b_c, b_o (H,)."""
    stacked = np.concatenate([params.weight_hh, params.weight_ih], axis=1)
    weights = {f"W_{TEXTBOOK_NAMES[gate]}": stacked[params.gate(gate)].copy() for gate in GATES}
    return weights | {f"b_{TEXTBOOK_NAMES[gate]}": params.bias[params.gate(gate)].copy() for gate in GATES}


def from_textbook(W_i, W_f, W_c, W_o, b_i, b_f, b_c, b_o):
    """The way back from `to_textbook`: an `LSTMParams`."""
    W_i = float_array("W_i", W_i, ("H", "H + D"))
    H = len(W_i)
    if W_i.shape[1] <= H:
        raise ValueError(f"W_i has shape {W_i.shape}, wanted (H, H + D): more columns than rows")
    like = ("W_i", W_i.dtype)
    weights = {"W_i": W_i, "W_f": W_f, "W_c": W_c, "W_o": W_o}
    biases = {"b_i": b_i, "b_f": b_f, "b_c": b_c, "b_o": b_o}
    stacked = np.concatenate([float_array(name, array, W_i.shape, like=like) for name, array in weights.items()])
    bias = np.concatenate([float_array(name, array, (H,), like=like) for name, array in biases.items()])
    return LSTMParams(stacked[:, H:], stacked[:, :H], bias)


def _reorder(array, order, wanted):
    """The four blocks of rows of `array`, moved from one order to another; always a copy."""
    blocks = dict(zip(order, np.split(array, 4), strict=True))
    return np.concatenate([blocks[gate] for gate in wanted])


def _transposed(name, array):
    return float_array(name, array, ("D", "4H")).T


def _from_blocks(order, **arrays):
    """`LSTMParams` from input weights, recurrent weights and bias with the rows in another order."""
    for name, array in arrays.items():
        array = float_array(name, array)
        if array.ndim == 0 or len(array) % 4:
            raise ValueError(f"{name} has shape {np.shape(array)}, wanted four equal blocks, one for each gate")
    return LSTMParams(*(_reorder(np.asarray(array), order, GATES) for array in arrays.values()))
