"""What the second stage reads in the text itself: words shared with the document, and marks of who speaks to whom."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from classifier.features import BUCKET_BITS, Rows, buckets
from classifier.kernels import kernel
from classifier.points import look_up
from classifier.sums import FLAG, Column, between, divided, running, sums

AGREEMENT_ORDERS = (2, 4, 5)
SHARED = len(AGREEMENT_ORDERS)  # columns of evidence() that say how many n-grams are shared; behind them, if all are
VOICES = 4  # columns behind those that count marks
SPREAD = np.int64(0x1E3779B97F4A7C15)
YOU = 1  # the lane of marks that counts it


def _tables() -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """Folded code point to counters of marks in 16-bit lanes, and to quotations opened."""
    marked, quotes = np.zeros(1 << 16, np.uint64), np.zeros(1 << 16, np.int64)
    for lane, chars in enumerate(('"「『《」』》', "你您", "@#/", "$€£¥元%")):
        marked[list(map(ord, chars))] = 1 << 16 * lane
    # Straight marks count in the low half, brackets opened less those closed in the high one.
    for step, chars in ((1, '"'), (1 << 32, "「『《"), (-1 << 32, "」』》")):
        quotes[list(map(ord, chars))] = step
    return marked, quotes


MARKS, NESTING = _tables()


def evidence(rows: Rows, grams: NDArray[np.uint32]) -> Column:
    """What the second stage reads in the text itself, a row a segment: agreement with the document, then marks.

    rows: the segments of a batch of documents; grams: their n-grams' buckets, an array an order,
    as `features.buckets` gives them.
    """
    return np.concatenate([_agreement(rows, grams), _marks(rows, grams)], axis=1)


def _marks(rows: Rows, grams: NDArray[np.uint32]) -> Column:
    """Quotation marks, "you", links and money in each segment, and how deep in a quotation of the batch it begins.

    The last two columns: brackets that are open, and straight marks so far.
    """
    packed, nesting = marks(rows.grams, grams[3], rows.bounds, _you())
    lanes = [(packed >> np.uint64(16 * lane) & np.uint64(0xFFFF)).astype(np.int64) for lane in range(4)]
    return np.stack([*lanes, nesting >> 32, nesting & 0xFFFFFFFF], axis=1)


@kernel
def marks(
    points: NDArray[np.uint32], fourth: NDArray[np.uint32], bounds: NDArray[np.int64], you: NDArray[np.uint32]
) -> tuple[NDArray[np.uint64], Column]:
    """Marks in each segment in lanes of 16 bits, and how deep in quotations it begins: brackets in the high half.

    points: folded; fourth: the buckets of their fourth order; bounds: of the segments in both; you: buckets that say "you".
    """
    found = look_up(MARKS, points[:-1])
    for bucket in you.tolist():
        found[fourth == bucket] |= np.uint64(1 << 16 * YOU)
    counts = running(found)[bounds]
    # The difference wraps, but a segment's own counts fit their lanes.
    return counts[1:] - counts[:-1], running(look_up(NESTING, points[:-1]))[bounds[:-1]]


@cache
def _you() -> NDArray[np.uint32]:
    """The buckets of "you " and "your", as `features.buckets` numbers them."""
    points = np.array(list(map(ord, " you your ")), np.uint32)
    found: NDArray[np.uint32] = buckets(points, np.array([0, points.size - 1]))[3, [1, 5]]
    return found


def _agreement(rows: Rows, grams: NDArray[np.uint32]) -> Column:
    """Percent of a segment's n-grams that other segments of its document hold.

    And whether the whole segment stands in its document again.
    """
    counts = np.diff(rows.bounds)
    hits = shared(grams, rows.bounds, rows.documents)
    # A gram of n points ends with its segment's closing space at the latest.
    columns = [divided(hits[:, at] * 100, counts - (order - 2)) for at, order in enumerate(AGREEMENT_ORDERS)]
    document = np.repeat(np.arange(rows.documents.size - 1), np.diff(rows.documents))
    digest = digests(grams, rows.bounds) + document * SPREAD
    _, inverse, repeats = np.unique(digest, return_inverse=True, return_counts=True)
    columns.append((repeats[inverse] > 1).astype(np.int64) * FLAG)
    return np.stack(columns, axis=1)


@kernel
def shared(grams: NDArray[np.uint32], bounds: NDArray[np.int64], documents: NDArray[np.int64]) -> Column:
    """How many of a segment's n-grams other segments of its document hold: rows x AGREEMENT_ORDERS.

    bounds: of the segments in `grams`; documents: the first row of each, and one more. A table that is short
    may take two n-grams for one.
    """
    owner = np.repeat(np.arange(bounds.size - 1, dtype=np.int32), np.diff(bounds))
    backwards = owner[::-1].copy()
    widths = np.diff(bounds[documents])
    sizes = table_sizes(widths)
    base = np.concatenate(([0], np.cumsum(sizes)))
    mask = np.repeat((sizes - 1).astype(np.uint32), widths)
    start = np.repeat(base[:-1], widths)
    slots = np.zeros(base[-1], np.int32)
    out = []
    for order in AGREEMENT_ORDERS:
        gram = grams[order - 1]
        key = start + (gram & mask)
        slots[key[::-1]] = backwards
        lowest = slots.take(key)
        slots[key] = owner
        again = lowest != slots.take(key)
        again &= gram != 0
        out.append(between(running(again.astype(np.int64)), bounds[:-1], bounds[1:]))
    return np.stack(out, axis=1)


def table_sizes(widths: Column) -> Column:
    """Of a table for each document, at least twice its n-grams, so that few collide; powers of two."""
    log_size = np.ceil(np.log2(np.maximum(2 * widths, 2))).astype(np.int64).clip(8, BUCKET_BITS)
    result: Column = 1 << log_size
    return result


@kernel
def digests(grams: NDArray[np.uint32], bounds: NDArray[np.int64]) -> Column:
    """A number for each segment that those of the same n-grams share."""
    digest = sums(grams[-1].astype(np.int64) * SPREAD, bounds[:-1], bounds[1:])
    digest ^= sums(grams[0].astype(np.int64) << 40, bounds[:-1], bounds[1:])
    return digest
