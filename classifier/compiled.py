"""The functions marked in `kernels`, compiled by numba: one pass each, the same whole numbers to the last bit.

Importing this imports numba; a function is compiled, or read from numba's cache, when it is first called: see
`accelerate`. Whole numbers wrap here as NumPy's do.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numba
import numpy as np
from numba import njit
from numpy.typing import NDArray

from classifier import evidence, features, kernels
from classifier.features import ORDERS, SPACE
from classifier.model import EIGHT_BITS, HALVES

# Division as NumPy has it needs no test for 0; without the interpreter's lock, threads label side by side.
_fast = njit(cache=True, nogil=True, error_model="numpy")
_ORDERS = np.array(evidence.AGREEMENT_ORDERS)
_LAST = np.uint32(features.FOLD.size - 1)
_MARKED = np.uint32(evidence.MARKS.size - 1)
_YOU = np.uint64(1 << 16 * evidence.YOU)
_SPREAD = np.uint64(evidence.SPREAD)


def count_shapes(points: NDArray[np.uint32], stops: NDArray[np.int64]) -> NDArray[np.uint64]:
    """As `features.count_shapes`."""
    return _count_shapes(features.LANES, points, stops)


@_fast
def _count_shapes(table, points, stops):
    out = np.zeros(stops.size - 1, np.uint64)
    for row in range(out.size):
        total = np.uint64(0)
        for at in range(stops[row], stops[row + 1]):
            total += table[min(points[at], _LAST)]
        out[row] = total
    return out


def fold(points: NDArray[np.uint32], stops: NDArray[np.int64]) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
    """As `features.fold`."""
    return _fold(features.FOLD, points, stops)


@_fast
def _fold(table, points, stops):
    count = stops.size - 1
    grams = np.empty(points.size + count + 1, np.uint32)
    bounds = np.zeros(count + 1, np.int64)
    filled = 0
    for row in range(count):
        bounds[row] = filled
        grams[filled] = SPACE
        filled += 1
        blank = True  # white space is left out behind white space, and at the start
        for at in range(stops[row], stops[row + 1]):
            point = table[min(points[at], _LAST)]
            if point == 0 or (blank and point == SPACE):
                continue
            blank = point == SPACE
            grams[filled] = point
            filled += 1
        if blank and filled > bounds[row] + 1:
            filled -= 1
    bounds[count] = filled
    grams[filled] = SPACE
    return grams[: filled + 1].copy(), bounds


def buckets(grams: NDArray[np.uint32], bounds: NDArray[np.int64], bits: int = features.BUCKET_BITS) -> NDArray[np.uint32]:
    """As `features.buckets`."""
    return _buckets(features.MIXERS, features.MULTIPLIER, features.SALTS, grams, bounds, np.uint32(32 - bits))


@_fast
def _buckets(mixers, multiplier, salts, grams, bounds, shift):
    size = grams.size - 1
    out = np.empty((ORDERS, size), np.uint32)
    mixed, hashed = np.empty(size + 1, np.uint32), np.zeros(size, np.uint32)
    for at in range(size + 1):  # a product of two numbers of 32 bits has 64 here
        value = np.uint32(grams[at] * mixers[0])
        mixed[at] = np.uint32((value ^ (value >> np.uint32(15))) * mixers[1])
    for order in range(ORDERS):
        row, salt = out[order], salts[order]
        for at in range(size - max(order - 1, 0)):
            value = np.uint32(hashed[at] * multiplier + mixed[at + order])
            hashed[at] = value
            row[at] = max(np.uint32((value ^ (value >> np.uint32(16))) * salt) >> shift, np.uint32(1))
        for end in bounds[1:]:  # what would leave its segment
            row[max(end - order + 1, 0) : end] = 0
    return out


@_fast
def lane_sums(weights, grams, bounds, table):
    """As `model.lane_sums`."""
    out = np.empty((bounds.size - 1, 4), np.int64)
    low, half, quarter = np.uint64(0xFFFFFFFF), np.uint64(32), np.uint64(16)
    for row in range(bounds.size - 1):
        own = weights[table[row]]
        even = odd = np.uint64(0)
        for at in range(bounds[row], bounds[row + 1]):
            word = np.uint64(0)
            for order in range(ORDERS):
                word += own[grams[order, at]]
            even += word & HALVES
            odd += (word >> quarter) & HALVES
        out[row, 0], out[row, 1], out[row, 2], out[row, 3] = even & low, odd & low, even >> half, odd >> half
    return out


def shared(grams: NDArray[np.uint32], bounds: NDArray[np.int64], documents: NDArray[np.int64]) -> NDArray[np.int64]:
    """As `evidence.shared`."""
    sizes = evidence.table_sizes(np.diff(bounds[documents]))
    return _shared(grams, bounds, documents, sizes)


@_fast
def _shared(grams, bounds, documents, sizes):
    out = np.zeros((bounds.size - 1, _ORDERS.size), np.int64)
    most = 0
    for size in sizes:
        most = max(most, size)
    lowest, highest = np.empty(most, np.int32), np.empty(most, np.int32)
    for number in range(documents.size - 1):
        mask = np.uint32(sizes[number] - 1)
        for column in range(_ORDERS.size):
            gram = grams[_ORDERS[column] - 1]
            lowest[: sizes[number]] = -1
            for row in range(documents[number], documents[number + 1]):
                for at in range(bounds[row], bounds[row + 1]):
                    key = gram[at] & mask
                    if lowest[key] < 0:
                        lowest[key] = row
                    highest[key] = row
            for row in range(documents[number], documents[number + 1]):
                hits = 0
                for at in range(bounds[row], bounds[row + 1]):
                    key = gram[at] & mask
                    hits += gram[at] != 0 and lowest[key] != highest[key]
                out[row, column] = hits
    return out


def digests(grams: NDArray[np.uint32], bounds: NDArray[np.int64]) -> NDArray[np.int64]:
    """As `evidence.digests`."""
    return _digests(grams, bounds).view(np.int64)


@_fast
def _digests(grams, bounds):
    out = np.empty(bounds.size - 1, np.uint64)
    for row in range(out.size):
        last = first = np.uint64(0)
        for at in range(bounds[row], bounds[row + 1]):
            last += np.uint64(grams[ORDERS - 1, at]) * _SPREAD
            first += np.uint64(grams[0, at]) << np.uint64(40)
        out[row] = last ^ first
    return out


def marks(
    points: NDArray[np.uint32], fourth: NDArray[np.uint32], bounds: NDArray[np.int64], you: NDArray[np.uint32]
) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """As `evidence.marks`."""
    return _marks(evidence.MARKS, evidence.NESTING, points, fourth, bounds, you)


@_fast
def _marks(marked, nested, points, fourth, bounds, you):
    out = np.empty(bounds.size - 1, np.uint64)
    nesting = np.empty(bounds.size - 1, np.int64)
    depth = 0
    for row in range(out.size):
        nesting[row] = depth
        total = np.uint64(0)
        for at in range(bounds[row], bounds[row + 1]):
            point = min(points[at], _MARKED)
            mark = marked[point]
            for bucket in you:
                if fourth[at] == bucket:
                    mark |= _YOU
            total += mark
            depth += nested[point]
        out[row] = total
    return out, nesting


KERNELS: kernels.Kernels = {name: globals()[name] for name in kernels.plain()}
DISABLED = bool(getattr(numba.config, "DISABLE_JIT", False))
_TRIED = "Get 20 % off\u3000today! \u200b你好，“世界” 訂\U0001f600 ", "Get 20 % off\u3000today!", "  ", "x (you \ud800@#"


def verify(parts: Sequence[str] = _TRIED) -> None:
    """Compares every function with NumPy's. parts: segments to try them on. Raises ArithmeticError where one differs."""
    points = np.frombuffer("".join(parts).encode("utf-32-le", "surrogatepass"), np.uint32)
    stops = np.cumsum([0, *map(len, parts)])
    numpy = kernels.plain()
    grams, bounds = features.fold(points, stops)
    hashed = features.buckets(grams, bounds)
    weights = np.arange(2 << features.BUCKET_BITS, dtype=np.uint64).reshape(2, -1) * np.uint64(0x9E3779B97F4A7C15)
    table = np.arange(len(parts)) % 2
    documents = np.array([0, min(2, len(parts)), len(parts)])
    given: dict[str, tuple[Any, ...]] = {
        "count_shapes": (points, stops),
        "fold": (points, stops),
        "buckets": (grams, bounds),
        "lane_sums": (weights & EIGHT_BITS, hashed, bounds, table),
        "shared": (hashed, bounds, documents),
        "digests": (hashed, bounds),
        "marks": (grams, hashed[3], bounds, hashed[3, 1:3]),
    }
    for name, own in KERNELS.items():  # one that is given nothing to be tried on is an error too
        for mine, theirs in zip(_parts(own(*given[name])), _parts(numpy[name](*given[name])), strict=True):
            if mine.dtype != theirs.dtype or not np.array_equal(mine, theirs):
                raise ArithmeticError(f"{name} compiled by numba {numba.__version__} differs from NumPy's")


def _parts(made: Any) -> tuple[NDArray[Any], ...]:
    return made if isinstance(made, tuple) else (made,)
