"""Check any gradient against central differences; a wrong one raises, with the worst offender named.

A central difference with step s is off by about s**2; combined from steps s and 2s (Richardson
1911, "The approximate arithmetical solution by finite differences") it is off by about s**4, so
that some ten digits can be compared in float64. The comparison knows how many digits it has: a
difference that finite differences cannot resolve is reported as "limit", not as "wrong".
"""

from dataclasses import dataclass

import numpy as np

from lstm_helpers.validate import check_shape, float_array, integer


class GradientError(AssertionError):
    """A gradient is wrong; `report` says which parts, and by how much."""

    def __init__(self, report):
        self.report = report
        worst = max((row for row in report.rows if row.verdict == "wrong"), key=lambda row: row.error)
        super().__init__(
            f"gradient of {worst.name} is wrong: {worst.got:.6g} where central differences give {worst.wanted:.6g} "
            f"({worst.where}), relative error {worst.error:.2g}\n{report}"
        )


@dataclass(frozen=True)
class Row:
    """One line of a report.

    Attributes
    ----------
    name : str
        An array, or a block of it: ``"bias"``, ``"weight_ih[f]"``.
    error : float
        The largest difference, relative to the largest entry of this part.
    verdict : str
        "ok"; "wrong"; or "limit", a difference that is smaller than what central differences
        can resolve here.
    where : str
        The entry with the largest difference, or the random direction.
    got, wanted : float
        There, the gradient that was handed in, and the one by central differences.
    """

    name: str
    error: float
    verdict: str
    where: str
    got: float
    wanted: float


@dataclass(frozen=True)
class Report:
    """A `Row` for each array or block, in order; prints as a table."""

    rows: tuple[Row, ...]

    def __repr__(self):
        width = max(len(row.name) for row in self.rows)
        lines = [f"{'gradient of':<{width}}  relative error  verdict"]
        lines += [f"{row.name:<{width}}  {row.error:14.1e}  {row.verdict}" for row in self.rows]
        return "\n".join(lines)


def gradcheck(loss, arrays, gradients, *, blocks=None, rtol=1e-7, directions=None, seed=0):
    """Compare gradients with central differences; raise if one is wrong.

    Parameters
    ----------
    loss : callable
        From a dict of arrays, as `arrays`, to a float. It must not change them.
    arrays : dict of str to ndarray
        Where the gradient is taken. float64 is best: float32 leaves about three digits.
    gradients : dict of str to ndarray
        The gradients to check, by the same names; names that are missing are not checked.
    blocks : dict of str to sequence of str, optional
        Labels of the equal blocks of rows that an array falls into, each judged for itself:
        ``{"bias": GATES}`` judges gate by gate.
    rtol : float
        The largest difference that is "ok", relative to the largest entry of the part.
    directions : int, optional
        Instead of every entry, check this many random directions within each part: the way for
        big nets, where every entry would cost four losses.
    seed : int
        For the directions.

    Returns
    -------
    Report
        If nothing is wrong.

    Raises
    ------
    GradientError
        If a part is wrong; it names the worst one and holds the report.
    ValueError
        If names or shapes do not fit, or numbers are not finite.
    """
    if not gradients:
        raise ValueError("gradients is empty, wanted at least one array")
    if directions is not None:
        integer("directions", directions, 1)
    arrays = {name: float_array(name, array).copy() for name, array in arrays.items()}
    blocks = blocks or {}
    for name in blocks.keys() - arrays.keys():
        raise ValueError(f"blocks has {name!r}, which arrays does not have: {', '.join(arrays)}")
    rng = np.random.default_rng(seed)
    rows = []
    for name, gradient in gradients.items():
        if name not in arrays:
            raise ValueError(f"gradients has {name!r}, which arrays does not have: {', '.join(arrays)}")
        gradient = float_array(f"gradients[{name!r}]", gradient)
        check_shape(f"gradients[{name!r}]", gradient, arrays[name].shape)
        for label, part in _parts(name, arrays[name], blocks.get(name)):
            rows.append(_check_part(label, loss, arrays, name, gradient, part, rtol, directions, rng))
    report = Report(tuple(rows))
    if any(row.verdict == "wrong" for row in rows):
        raise GradientError(report)
    return report


def numerical_gradient(loss, array):
    """The gradient of a loss by central differences.

    Parameters
    ----------
    loss : callable
        From an array, as `array`, to a float. It must not change it.
    array : ndarray
        Where the gradient is taken.

    Returns
    -------
    ndarray
        Shape and dtype of `array`; in float64 good for about ten digits.

    Raises
    ------
    ValueError
        If `array` or the loss next to it holds NaN or infinity, or `array` is not of floats.
    """
    array = float_array("array", array).copy()
    slopes = [
        _slope(lambda arrays: loss(arrays["array"]), {"array": array}, "array", direction)[0]
        for _, direction in _entries(array)
    ]
    return np.array(slopes, array.dtype).reshape(array.shape)


def _parts(name, array, labels):
    """The parts that are judged one by one: (label, which rows)."""
    if labels is None:
        return [(name, ...)]
    if array.ndim == 0 or len(labels) == 0 or len(array) % len(labels):
        raise ValueError(f"blocks[{name!r}] has {len(labels)} labels, which do not divide the shape {array.shape}")
    size = len(array) // len(labels)
    return [(f"{name}[{label}]", slice(k * size, (k + 1) * size)) for k, label in enumerate(labels)]


def _check_part(label, loss, arrays, name, gradient, part, rtol, directions, rng):
    if directions is None:
        probes = _entries(arrays[name], part)
    else:
        probes = _random_directions(arrays[name], part, directions, rng)
    places, slopes = [], []
    for place, probe in probes:
        places.append(place)
        slopes.append((float((gradient * probe).sum(dtype=np.float64)), *_slope(loss, arrays, name, probe)))
    got, wanted, noise = np.array(slopes).T
    difference = np.abs(got - wanted)
    scale = max(np.abs(got).max(), np.abs(wanted).max())
    # What is left of the difference when the doubt is given to the gradient. An estimate of noise may be small by
    # luck: none counts as less than the usual one.
    clear = difference - np.maximum(noise, np.median(noise))
    worst = int(np.argmax(clear if clear.max() > rtol * scale else difference))
    verdict = "ok" if difference.max() <= rtol * scale else "wrong" if clear.max() > rtol * scale else "limit"
    error = float(difference[worst] / scale) if scale > 0 else 0.0
    return Row(label, error, verdict, places[worst], float(got[worst]), float(wanted[worst]))


def _entries(array, part=...):
    """For each entry of a part: its place, and the direction that moves it alone."""
    inside = np.zeros(array.shape, bool)
    inside[part] = True
    for place in map(tuple, np.argwhere(inside).tolist()):
        direction = np.zeros_like(array)
        direction[place] = 1
        yield f"entry {place}", direction


def _random_directions(array, part, count, rng):
    for k in range(count):
        direction = np.zeros_like(array)
        direction[part] = rng.normal(size=array[part].shape)
        yield f"direction {k}", direction / np.linalg.norm(direction)


def _slope(loss, arrays, name, direction):
    """The slope of the loss along `direction`, and how far off it may be."""
    array = arrays[name]
    eps = np.finfo(array.dtype).eps
    step = array.dtype.type(eps**0.2) * max(1, np.abs(array[direction != 0]).max())
    losses = {}
    for k in (-2, -1, 1, 2):
        value = float(loss(arrays | {name: array + k * step * direction}))
        if not np.isfinite(value):
            raise ValueError(f"loss is {value} next to the given {name}, wanted a finite number")
        losses[k] = value
    near = (losses[1] - losses[-1]) / (2 * float(step))
    far = (losses[2] - losses[-2]) / (4 * float(step))
    rounding = 40 * eps * max(map(abs, losses.values())) / float(step)
    # What is left after the extrapolation is about a step**2-th of what it removed, times how sharply the loss bends:
    # 200 is a careful guess that holds for saturating gates, too.
    truncation = abs(near - far) * 200 * eps**0.4
    return (4 * near - far) / 3, rounding + truncation
