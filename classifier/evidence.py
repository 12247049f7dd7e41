"""What the second stage reads in the text itself: words shared with the document, and marks of who speaks to whom."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

from classifier.features import BUCKET_BITS, Rows, buckets
from classifier.points import look_up
from classifier.sums import FLAG, Column, between, divided, running, sums

AGREEMENT_ORDERS = (2, 4, 5)
SHARED = len(AGREEMENT_ORDERS)  # columns of evidence() that say how many n-grams are shared; behind them, if all are
VOICES = 4  # columns behind those that count marks
_SPREAD = np.int64(0x1E3779B97F4A7C15)
_YOU = 1  # the lane of marks that counts it


def _tables() -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """Folded code point to counters of marks in 16-bit lanes, and to quotations opened."""
    marks, quotes = np.zeros(1 << 16, np.uint64), np.zeros(1 << 16, np.int64)
    for lane, chars in enumerate(('"「『《」』》', "你您", "@#/", "$€£¥元%")):
        marks[list(map(ord, chars))] = 1 << 16 * lane
    # Straight marks count in the low half, brackets opened less those closed in the high one.
    for step, chars in ((1, '"'), (1 << 32, "「『《"), (-1 << 32, "」』》")):
        quotes[list(map(ord, chars))] = step
    return marks, quotes


_MARKS, _NESTING = _tables()


def evidence(rows: Rows, grams: Sequence[NDArray[np.uint32]]) -> Column:
    """What the second stage reads in the text itself, a row a segment: agreement with the document, then marks.

    rows: the segments of a batch of documents; grams: their n-grams' buckets, an array an order,
    as `features.buckets` gives them.
    """
    return np.concatenate([_agreement(rows, grams), _marks(rows, grams)], axis=1)


def _marks(rows: Rows, grams: Sequence[NDArray[np.uint32]]) -> Column:
    """Quotation marks, "you", links and money in each segment, and how deep in a quotation of the batch it begins.

    The last two columns: brackets that are open, and straight marks so far.
    """
    points, fourth = rows.grams[:-1], grams[3]
    marks = look_up(_MARKS, points)
    for bucket in _you().tolist():
        marks[fourth == bucket] |= np.uint64(1 << 16 * _YOU)
    counts = running(marks)[rows.bounds]
    packed = counts[1:] - counts[:-1]  # wraps, but a segment's own counts fit their lanes
    nesting = running(look_up(_NESTING, points))[rows.bounds[:-1]]
    lanes = [(packed >> np.uint64(16 * lane) & np.uint64(0xFFFF)).astype(np.int64) for lane in range(4)]
    return np.stack([*lanes, nesting >> 32, nesting & 0xFFFFFFFF], axis=1)


@cache
def _you() -> NDArray[np.uint32]:
    """The buckets of "you " and "your", as `features.buckets` numbers them."""
    points = np.array(list(map(ord, " you your ")), np.uint32)
    return buckets(points, np.array([0, points.size - 1]))[3][[1, 5]]


def _agreement(rows: Rows, grams: Sequence[NDArray[np.uint32]]) -> Column:
    """Percent of a segment's n-grams that other segments of its document hold.

    And whether the whole segment stands in its document again.
    """
    document = np.repeat(np.arange(rows.documents.size - 1), np.diff(rows.documents))
    counts = np.diff(rows.bounds)
    owner = np.repeat(np.arange(rows.bounds.size - 1, dtype=np.int32), counts)
    backwards = owner[::-1].copy()
    columns = []
    widths = np.diff(rows.bounds[rows.documents])
    # A table for each document, of at least twice its n-grams, so that few collide.
    log_size = np.ceil(np.log2(np.maximum(2 * widths, 2))).astype(np.int64).clip(8, BUCKET_BITS)
    base = np.concatenate(([0], np.cumsum(1 << log_size)))
    mask = np.repeat(((1 << log_size) - 1).astype(np.uint32), widths)
    start = np.repeat(base[:-1], widths)
    slots = np.zeros(base[-1], np.int32)
    for order in AGREEMENT_ORDERS:
        gram = grams[order - 1]
        key = start + (gram & mask)
        slots[key[::-1]] = backwards
        lowest = slots.take(key)
        slots[key] = owner
        shared = lowest != slots.take(key)
        shared &= gram != 0
        hits = between(running(shared.astype(np.int32)), rows.bounds[:-1], rows.bounds[1:])
        # A gram of n points ends with its segment's closing space at the latest.
        columns.append(divided(hits * 100, counts - (order - 2)))
    digest = sums(grams[-1].astype(np.int64) * _SPREAD, rows.bounds[:-1], rows.bounds[1:])
    digest ^= sums(grams[0].astype(np.int64) << 40, rows.bounds[:-1], rows.bounds[1:])
    digest += document * _SPREAD
    _, inverse, repeats = np.unique(digest, return_inverse=True, return_counts=True)
    columns.append((repeats[inverse] > 1).astype(np.int64) * FLAG)
    return np.stack(columns, axis=1)
