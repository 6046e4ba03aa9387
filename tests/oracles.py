"""What the maths is held against: torch, one sequence at a time, and a measure of error that is fair to an array."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from hypothesis import settings
from hypothesis import strategies as st

torch.set_num_threads(1)


def relative_error(got, wanted):
    """The largest difference, relative to the largest entry of the wanted array.

    One scale for each array, for an entry near 0 is often a difference of large numbers, and its
    last digits hang on the order of summation. Where all of `wanted` is 0, all of `got` must be.
    """
    got, wanted = np.asarray(got), np.asarray(wanted)
    assert got.shape == wanted.shape, f"shape {got.shape}, wanted {wanted.shape}"
    assert np.isfinite(got).all()
    difference, scale = np.abs(got - wanted).max(), np.abs(wanted).max()
    return float(difference / scale) if difference > 0 else 0.0


def assert_close(got, wanted, tolerance, what=""):
    """Every array of the mapping `wanted` is met by the one of the same name in `got`."""
    errors = {name: relative_error(got[name], array) for name, array in wanted.items()}
    wrong = {name: f"{error:.2g}" for name, error in errors.items() if not error <= tolerance}
    assert not wrong, f"relative errors above {tolerance:g}: {wrong} {what}"
    return max(errors.values())


def arrays(record):
    """The fields of a Step, a Trace or Gradients as a dict."""
    return {name: getattr(record, name) for name in record.__dataclass_fields__}


@dataclass(frozen=True)
class Case:
    """A network, its input, and the gradients that come from above, in torch's names."""

    seq_len: int
    batch_size: int
    input_size: int
    hidden_size: int
    num_layers: int
    bidirectional: bool
    weights: dict
    inputs: dict  # x, h0, c0, lengths: what goes forward
    upstream: dict  # doutput, dh_n, dc_n: what comes back

    def __repr__(self):
        sizes = f"T={self.seq_len} N={self.batch_size} D={self.input_size} H={self.hidden_size}"
        given = [name for name, value in (self.inputs | self.upstream).items() if value is not None]
        bias = "bias_ih_l0" in self.weights
        return (
            f"Case({sizes} layers={self.num_layers} bidirectional={self.bidirectional} bias={bias}"
            f" lengths={self.inputs['lengths']} given={','.join(given)})"
        )


def random_case(seed, *, dtype=np.float64, **fixed):
    """A random case, the same for the same seed; `fixed` sets sizes, or switches, by name."""
    rng = np.random.default_rng(seed)

    def pick(name, *choices):
        choice = choices[rng.integers(len(choices))]
        return fixed.get(name, choice)

    def normal(*shape):
        return rng.standard_normal(shape).astype(dtype)

    T = pick("seq_len", 1, 2, 3, 5, 8, 13, 50)
    N, D, H = pick("batch_size", 1, 2, 3, 4), pick("input_size", 1, 2, 3, 5), pick("hidden_size", 1, 2, 4, 7)
    layers, bidirectional = pick("num_layers", 1, 2, 3), pick("bidirectional", False, True)
    directions = 1 + bidirectional
    with_bias, with_lengths = pick("bias", True, True, False), pick("lengths", True, False)

    weights = {}
    for k in range(layers):
        for suffix in (f"_l{k}", f"_l{k}_reverse")[:directions]:
            shapes = {"weight_ih": (4 * H, D if k == 0 else directions * H), "weight_hh": (4 * H, H)}
            if with_bias:
                shapes |= {"bias_ih": (4 * H,), "bias_hh": (4 * H,)}
            for kind, shape in shapes.items():
                weights[kind + suffix] = rng.uniform(-1, 1, shape).astype(dtype) / dtype(np.sqrt(H))

    states = (layers * directions, N, H)
    x, lengths = normal(T, N, D), None
    if with_lengths:
        lengths = rng.integers(1, T + 1, N)
        padding = np.arange(T)[:, None] >= lengths
        x[padding] = pick("padding", 1e6, np.nan, np.inf)
    h0 = np.tanh(normal(*states)) if pick("h0", True, False) else None
    c0 = normal(*states) if pick("c0", True, False) else None
    upstream = {
        name: normal(*shape) if pick(name, True, True, False) else None
        for name, shape in (("doutput", (T, N, directions * H)), ("dh_n", states), ("dc_n", states))
    }
    inputs = {"x": x, "h0": h0, "c0": c0, "lengths": lengths}
    return Case(T, N, D, H, layers, bidirectional, weights, inputs, upstream)


def torch_module(case):
    """The case's ``torch.nn.LSTM``, filled one weight at a time."""
    example = case.weights["weight_ih_l0"]
    sizes = case.input_size, case.hidden_size, case.num_layers
    module = torch.nn.LSTM(*sizes, bias="bias_ih_l0" in case.weights, bidirectional=case.bidirectional)
    module = module.to(torch.from_numpy(example).dtype)
    with torch.no_grad():
        for name, weight in module.named_parameters():
            weight.copy_(torch.from_numpy(case.weights[name]))
    return module


def torch_answer(case):
    """What torch says to a case: output, h_n, c_n and every gradient, under our names.

    Each sequence runs through torch alone and unpadded, so that nothing here knows about packing.
    """
    module = torch_module(case)
    T, N, H = case.seq_len, case.batch_size, case.hidden_size
    states = (case.num_layers * (1 + case.bidirectional), N, H)
    dtype = case.inputs["x"].dtype
    h0, c0 = (
        torch.tensor(np.zeros(states, dtype) if case.inputs[name] is None else case.inputs[name], requires_grad=True)
        for name in ("h0", "c0")
    )
    lengths = case.inputs["lengths"]
    lengths = [T] * N if lengths is None else lengths.tolist()
    found = {
        "output": np.zeros((T, N, (1 + case.bidirectional) * H), dtype),
        "h_n": np.zeros(states, dtype),
        "c_n": np.zeros(states, dtype),
        "x": np.zeros((T, N, case.input_size), dtype),
    }
    loss = 0 * h0.sum() + 0 * c0.sum() + sum(0 * p.sum() for p in module.parameters())
    inputs = []
    for n, length in enumerate(lengths):
        x = torch.tensor(case.inputs["x"][:length, n : n + 1], requires_grad=True)
        results = module(x, (h0[:, n : n + 1].contiguous(), c0[:, n : n + 1].contiguous()))
        results = {"output": results[0], "h_n": results[1][0], "c_n": results[1][1]}
        for name, result in results.items():
            rows = length if name == "output" else states[0]
            found[name][:rows, n] = result.detach().numpy()[:, 0]
            gradient = case.upstream["d" + name]
            if gradient is not None:
                loss = loss + (result[:, 0] * torch.from_numpy(gradient[:rows, n])).sum()
        inputs.append(x)
        loss = loss + 0 * x.sum()
    loss.backward()
    for n, x in enumerate(inputs):
        found["x"][: len(x), n] = x.grad.numpy()[:, 0]
    found |= {"h0": h0.grad.numpy(), "c0": c0.grad.numpy()}
    for name, weight in module.named_parameters():
        if not name.startswith("bias_hh"):  # the same gradient as bias_ih
            found[name.replace("bias_ih", "bias")] = weight.grad.numpy()
    return found


def in_float64(case):
    """The same case with every float32 number as a float64."""

    def widen(given):
        return {name: array.astype(np.float64) if is_float(array) else array for name, array in given.items()}

    def is_float(array):
        return array is not None and array.dtype.kind == "f"

    return replace(case, weights=widen(case.weights), inputs=widen(case.inputs), upstream=widen(case.upstream))


def our_answer(net, case):
    """What a network of ours says to the same case."""
    trace = net.forward(**case.inputs)
    return {"output": trace.output, "h_n": trace.h_n, "c_n": trace.c_n} | net.backward(trace, **case.upstream)


# --- arrays that are hard to handle ---------------------------------------------------------------

LAYOUTS = ("read-only", "Fortran order", "every second", "backwards")


def in_layout(array, layout):
    """The same numbers in another layout, never to be written to; None stays None."""
    if array is None:
        return None
    if layout == "Fortran order":
        array = np.asfortranarray(array)
    elif layout == "every second":
        array = np.repeat(array, 2, axis=-1)[..., ::2]
    elif layout == "backwards":
        array = array[::-1].copy()[::-1]
    array = array.view()
    array.flags.writeable = False
    return array


def all_arrays(result, path=""):
    """Every array in a result, however deep, with its path: dicts, tuples, dataclasses."""
    if isinstance(result, np.ndarray):
        yield path, result
    elif isinstance(result, dict):
        for name, value in result.items():
            yield from all_arrays(value, f"{path}.{name}")
    elif isinstance(result, list | tuple):
        for k, value in enumerate(result):
            yield from all_arrays(value, f"{path}[{k}]")
    elif hasattr(result, "__dataclass_fields__"):
        yield from all_arrays(arrays(result), path)


def assert_untouched(call, given):
    """Call `call(**given)` and return the result: no array in `given` changes by a bit, none is shared with it."""
    before = {path: array.tobytes() for path, array in all_arrays(given)}
    result = call(**given)
    for path, array in all_arrays(given):
        assert array.tobytes() == before[path], f"{path} was changed"
        for name, got in all_arrays(result):
            assert not np.shares_memory(got, array), f"the result's {name} shares memory with {path}"
    return result


def assert_dtype(result, dtype):
    """Every array of a result but those of whole numbers has this dtype."""
    found = {path: array.dtype for path, array in all_arrays(result) if array.dtype.kind != "i"}
    assert found
    assert set(found.values()) == {np.dtype(dtype)}, found


# --- shapes that do not fit ------------------------------------------------------------------------

shapes = st.lists(st.integers(0, 5), max_size=4).map(tuple)
searching = settings(max_examples=60, deadline=None, derandomize=True, database=None)


def assert_shape_refused(call, name, shape, wanted):
    """`call(array)` refuses an array of this shape with a ValueError that says its name and both shapes."""
    with pytest.raises(ValueError, match=rf"^{name} has ") as error:
        call(np.ones(shape))
    message = str(error.value)
    if "empty" not in message:
        assert str(shape) in message, message
        assert f"wanted ({', '.join(map(str, wanted))}{',' * (len(wanted) == 1)})" in message, message
