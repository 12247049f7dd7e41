"""Sums, means and neighbours over stretches of rows, in whole numbers, for a whole batch at once.

A sum over [low, high) is a difference of two running sums, so it costs the same however long the stretch is.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from classifier.features import Rows

Column = NDArray[np.int64]
Number = TypeVar("Number", np.int64, np.int32, np.uint64)


def rounded_logs(steps: int, unit: int, size: int) -> Column:
    """`steps` times the binary logarithm of 1 + n / unit, rounded, of the whole numbers below `size`."""
    most = round(steps * math.log2(1 + (size - 1) / unit))
    # Where it grows by one; none of these lies so near a whole number that another processor could see it elsewhere.
    edges = unit * (2 ** ((np.arange(1, most + 1) - 0.5) / steps) - 1)
    return np.searchsorted(edges, np.arange(size), side="right")


_LOGS = rounded_logs(8, 1, 8192)
FLAG = 10  # a mark that is either there or not, about as large as other inputs of the second stage
FAR = int(_LOGS[-1])  # the logarithm of whatever is further, or not there


class Places(NamedTuple):
    """Where each segment stands: its number, and the first and the end of its document and paragraph."""

    row: Column
    document: Column
    first: Column
    stop: Column
    line: Column
    top: Column
    bottom: Column


def places(rows: Rows) -> Places:
    """Where each segment of a batch stands."""
    count = len(rows.paragraph)
    row = np.arange(count)
    document = np.repeat(np.arange(rows.documents.size - 1), np.diff(rows.documents))
    edges = np.flatnonzero(np.concatenate(([True], rows.paragraph[1:] != rows.paragraph[:-1], [True])))
    line = np.repeat(np.arange(edges.size - 1), np.diff(edges))
    return Places(row, document, rows.documents[document], rows.documents[document + 1], line, edges[line], edges[line + 1])


def shifted(values: Column, offset: int) -> Column:
    """The values of the rows so far behind, or before; 0 where there is none."""
    out = np.zeros_like(values)
    if offset > 0:
        out[:-offset] = values[offset:]
    else:
        out[-offset:] = values[:offset]
    return out


def last_before(places: Column, end: Column, first: Column) -> Column:
    """The last of ascending places in [first, end) for each row; -1 where there is none."""
    number = np.searchsorted(places, end) - 1
    found = places[number] if places.size else number
    return np.where((number >= 0) & (found >= first), found, -1)


def first_from(places: Column, start: Column, stop: Column) -> Column:
    """The first of ascending places in [start, stop) for each row; -1 where there is none."""
    number = np.searchsorted(places, start)
    found = places[np.minimum(number, places.size - 1)] if places.size else number
    return np.where((number < places.size) & (found < stop), found, -1)


def run_edges(values: NDArray[Any], at: Places) -> tuple[Column, Column]:
    """Where the run of one value begins and ends that each row stands in, within its document."""
    changes = (values[1:] != values[:-1]) | (at.document[1:] != at.document[:-1])
    edges = np.concatenate(([0], np.flatnonzero(changes) + 1, [values.size]))
    run = np.repeat(np.arange(edges.size - 1), np.diff(edges))
    return edges[run], edges[run + 1]


def log(values: Column) -> Column:
    """Eight times the binary logarithm of whole numbers and 1, rounded; FAR at most."""
    return _LOGS.take(values, mode="clip")


def running(values: NDArray[Number]) -> NDArray[Number]:
    """Running sums with a leading 0: the sum over [low, high) is a difference of two of them."""
    out = np.zeros((len(values) + 1, *values.shape[1:]), values.dtype)
    np.cumsum(values, axis=0, out=out[1:])
    return out


def ratio(above: Column, below: Column, low: Column, high: Column) -> Column:
    """The sum over [low, high) of one quantity by that of another, from their running sums; 0 of none is 0."""
    return divided(between(above, low, high), between(below, low, high))


def divided(above: Column, below: Column) -> Column:
    """Whole quotients, rounded down; by at least 1."""
    # Below 2**52 the floor of a rounded quotient is the quotient's floor, in a fifth of the time.
    result: Column = np.floor(above / np.maximum(below, 1)).astype(np.int64)
    return result


def between(totals: Column, low: Column, high: Column) -> Column:
    """The sum over [low, high), from its running sums."""
    result: Column = totals.take(high, axis=0) - totals.take(low, axis=0)
    return result


def sums(values: Column, low: Column, high: Column) -> Column:
    """The sum over [low, high)."""
    return between(running(values), low, high)


def means(values: Column, low: Column, high: Column) -> Column:
    """The mean over [low, high)."""
    return divided(sums(values, low, high), (high - low)[:, None])


def weighted_means(scores: Column, weight: Column, low: Column, high: Column) -> Column:
    """The mean over [low, high), by weight. scores: rows x labels; weight: rows."""
    return divided(sums(scores * weight[:, None], low, high), sums(weight, low, high)[:, None])
