"""What the second stage sees of each segment: its own scores, and those of what stands around it.

A boilerplate line is often known by its place: the last sentence of an article, one of a run of
short lines, a teaser that shares few words with its page. Everything here is an integer, so no
input depends on how documents were batched, and every function works on a whole batch at once.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from enum import StrEnum
from functools import cache
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from classifier.features import BUCKET_BITS, SPACE, Rows, buckets
from classifier.features import rows as rows_of
from classifier.points import look_up
from classifier.schema import LABELS, LANGUAGES, OWN_WORDS, PROSE, Label, Segments

# Steps to one unit of a logit, and the largest step: scores enter the network as small integers.
SCORE_STEPS = 16
SCORE_LIMIT = 127
INPUT_LIMIT = 2 * SCORE_LIMIT  # no input is larger
# The score that stands for a known label, the others centred around it: that of the surest tenth of segments. With
# SCORE_LIMIT, and its negative for the others, the neighbours of known segments are read worse than if nothing
# were known (`python -m training.told FILE`).
SURE = 60
INPUTS = 164  # columns that context_inputs() makes
FLAG = 10  # a mark that is either there or not, about as large as the other inputs

# How far the second stage looks, measured as rows of "What was tried" in training/README.md.
NEIGHBOURS = 3
WINDOWS = (5, 15, 40)
AGREEMENT_ORDERS = (2, 4, 5)
WEIGHT_LIMIT = 200  # characters; a longer segment weighs no more

Column = NDArray[np.int64]
Number = TypeVar("Number", np.int64, np.int32, np.uint64)
CONTENT = LABELS.index(Label.CONTENT)

_PROSE = np.array([PROSE[language] for language in LANGUAGES])
_SPREAD = np.int64(0x1E3779B97F4A7C15)
_LOGS = np.array([round(8 * math.log2(1 + n)) for n in range(8192)], np.int64)
_YOU_AND_YOUR = (" you ", " your")  # behind a space, as the fourth order of n-grams has them

_QUOTE, _YOU, _LINK, _MONEY = range(4)
_TERMINAL, _COLON, _CLOSING = (1 << bit for bit in range(3))


def _tables() -> tuple[NDArray[np.uint64], NDArray[np.int64], NDArray[np.uint8]]:
    """Folded code point to counters of marks in 16-bit lanes, to quotations opened, and to the kind of an end."""
    marks, quotes, ends = np.zeros(1 << 16, np.uint64), np.zeros(1 << 16, np.int64), np.zeros(1 << 16, np.uint8)
    for lane, chars in enumerate(('"「『《」』》', "你您", "@#/", "$€£¥元%")):
        marks[list(map(ord, chars))] = 1 << 16 * lane
    # Straight marks count in the low half, brackets opened less those closed in the high one.
    for step, chars in ((1, '"'), (1 << 32, "「『《"), (-1 << 32, "」』》")):
        quotes[list(map(ord, chars))] = step
    for bit, chars in ((_TERMINAL, ".!?。!?;"), (_COLON, ":,、,:|"), (_CLOSING, "\"')]」』》】)")):
        ends[list(map(ord, chars))] |= bit
    return marks, quotes, ends


_MARKS, _NESTING, _ENDS = _tables()


class Group(StrEnum):
    """What an input tells of, in a reader's words: an explanation gathers its inputs by these."""

    WORDS = OWN_WORDS
    LENGTH = "its length and shape"
    ENDS = "how it begins and ends"
    BEFORE = "what stands before it"
    BEHIND = "what stands behind it"
    AROUND = "the passage around it"
    PARAGRAPH = "its paragraph"
    DOCUMENT = "its document"
    PLACE = "its place"
    AGREEMENT = "words shared with the document"
    VOICE = "its voice (quotes, you, links, money)"
    LANGUAGE = "its language"


Grouped = tuple[Group, Column]


class _Places(NamedTuple):
    """Where each segment stands: its number, and the first and the end of its document and paragraph."""

    row: Column
    document: Column
    first: Column
    stop: Column
    line: Column
    top: Column
    bottom: Column


def steps(logits: NDArray[np.float64]) -> Column:
    """Logits as the integers that the second stage reads, centred on their mean."""
    centre = (logits[:, 0] + logits[:, 1] + logits[:, 2] + logits[:, 3]) / 4
    scaled = np.rint((logits - centre[:, None]) * SCORE_STEPS)
    return np.clip(scaled, -SCORE_LIMIT, SCORE_LIMIT).astype(np.int64)


def told(scores: Column, known: Column) -> Column:
    """Scores in which segments whose label is known, an index into LABELS (-1 where it is not), are sure of it."""
    others = -SURE // (len(LABELS) - 1)
    sure = np.where(known[:, None] == np.arange(len(LABELS)), SURE, others)
    return np.where(known[:, None] >= 0, sure, scores)


def evidence(rows: Rows, grams: Sequence[NDArray[np.uint32]]) -> Column:
    """What the second stage reads in the text itself, a row a segment: agreement with the document, then marks.

    rows: the segments of a batch of documents; grams: their n-grams' buckets, an array an order,
    as `features.buckets` gives them.
    """
    return np.concatenate([_agreement(rows, grams), _marks(rows, grams)], axis=1)


def context_inputs(rows: Rows, scores: Column, found: Column) -> NDArray[np.float32]:
    """The second stage's inputs: small integers, rows x INPUTS.

    rows: the segments of a batch of documents, whose text is not looked at; scores: `steps()` of
    their local logits, rows x labels; found: their `evidence()`.
    """
    out = np.zeros((len(scores), INPUTS), np.float32)
    if not len(scores):
        return out
    at = 0
    for _, column in _columns(rows, scores, found):
        width = column.shape[1]
        out[:, at : at + width] = column
        at += width
    return out


@cache
def groups() -> tuple[Group, ...]:
    """The group of each input, in the order of `context_inputs()`'s columns."""
    one = rows_of(["a"], [Segments([1], [0], [0])])
    grams = buckets(one.grams, one.bounds)
    scores = np.zeros((1, len(LABELS)), np.int64)
    return tuple(group for group, column in _columns(one, scores, evidence(one, grams)) for _ in range(column.shape[1]))


def _columns(rows: Rows, scores: Column, found: Column) -> Iterator[Grouped]:
    """The inputs, each beside its group: the one place that orders them."""
    places = _places(rows)
    length = _log(rows.shape[:, 0])
    ends = _ends(rows)
    yield Group.WORDS, scores
    yield Group.LENGTH, length[:, None]
    yield Group.ENDS, np.stack(ends, axis=1)
    yield from _neighbours(rows, scores, np.stack([length, *ends], axis=1), places)
    yield from _windows(rows, scores, places)
    yield from _paragraph_and_document(rows, scores, places)
    yield from _prose(rows, scores, places)
    yield from _shape(rows, places)
    yield Group.AGREEMENT, found[:, : len(AGREEMENT_ORDERS) + 1]
    for column in _voice(rows, places, found[:, len(AGREEMENT_ORDERS) + 1 :]):
        yield Group.VOICE, column
    for column in _languages(rows, places):
        yield Group.LANGUAGE, column


def _places(rows: Rows) -> _Places:
    count = len(rows.paragraph)
    row = np.arange(count)
    document = np.repeat(np.arange(rows.documents.size - 1), np.diff(rows.documents))
    edges = np.flatnonzero(np.concatenate(([True], rows.paragraph[1:] != rows.paragraph[:-1], [True])))
    line = np.repeat(np.arange(edges.size - 1), np.diff(edges))
    return _Places(row, document, rows.documents[document], rows.documents[document + 1], line, edges[line], edges[line + 1])


def _neighbours(rows: Rows, scores: Column, kind: Column, at: _Places) -> list[Grouped]:
    """Scores and lengths of the nearest segments of the document; 0 beyond its ends."""
    columns: list[Grouped] = []
    length = _log(rows.shape[:, 0])[:, None]
    for offset in [o for k in range(1, NEIGHBOURS + 1) for o in (-k, k)]:
        inside = ((at.row + offset >= at.first) & (at.row + offset < at.stop))[:, None]
        side = Group.BEFORE if offset < 0 else Group.BEHIND
        columns.append((side, _shifted(scores, offset) * inside))
        if abs(offset) == 1:
            columns.append((side, _shifted(kind, offset) * inside))
            columns.append((side, (inside & (_shifted(rows.paragraph, offset) == rows.paragraph)[:, None]) * FLAG))
        else:
            columns.append((side, _shifted(length, offset) * inside))
    return columns


def _shifted(values: Column, offset: int) -> Column:
    """The values of the rows so far behind, or before; 0 where there is none."""
    out = np.zeros_like(values)
    if offset > 0:
        out[:-offset] = values[offset:]
    else:
        out[-offset:] = values[:offset]
    return out


def _windows(rows: Rows, scores: Column, at: _Places) -> list[Grouped]:
    """Mean scores before and behind, nearer and further; over the wider windows by length too."""
    columns: list[Grouped] = []
    length = rows.shape[:, 0]
    weight = np.minimum(length, WEIGHT_LIMIT) + 1
    total, sizes = running(scores), running(length[:, None])
    weighted, weights = running(scores * weight[:, None]), running(weight[:, None])
    count = np.arange(at.row.size + 1)[:, None]
    for width in WINDOWS:
        low, high = np.maximum(at.row - width, at.first), np.minimum(at.row + width + 1, at.stop)
        columns.append((Group.BEFORE, _ratio(total, count, low, at.row)))
        columns.append((Group.BEHIND, _ratio(total, count, at.row + 1, high)))
        columns.append((Group.AROUND, _log(_ratio(sizes, count, low, high))))
        if width != WINDOWS[0]:
            columns.append((Group.AROUND, _ratio(weighted, weights, low, high)))
    return columns


def _paragraph_and_document(rows: Rows, scores: Column, at: _Places) -> list[Grouped]:
    """What the paragraph and the document are, by their scores and sizes; where in them it stands."""
    columns: list[Grouped] = []
    length = rows.shape[:, 0]
    weight = length + 1
    heavy = scores * weight[:, None]
    weighted, weights = running(heavy), running(weight[:, None])
    # How far its scores stand out from the rest of its paragraph, as those of a glued tail do.
    around = _between(weighted, at.top, at.bottom) - heavy
    rest = _between(weights, at.top, at.bottom) - weight[:, None]
    columns.append((Group.PARAGRAPH, (scores - _divided(around, rest)) * (rest > 0)))
    for group, a, b in ((Group.PARAGRAPH, at.top, at.bottom), (Group.DOCUMENT, at.first, at.stop)):
        columns.append((group, _ratio(weighted, weights, a, b)))
        columns.append((group, _log(np.stack([b - a, _sums(length, a, b)], axis=1))))
        columns.append((Group.PLACE, _log(np.stack([at.row - a, b - 1 - at.row], axis=1))))
    share = _divided(_between(weights, at.first, at.row) * 100, _between(weights, at.first, at.stop))
    columns.append((Group.PLACE, share))
    lines = np.stack([at.line - at.line[at.first], at.line[at.stop - 1] - at.line], axis=1)
    columns.append((Group.PLACE, _log(lines)))
    columns.append((Group.DOCUMENT, _log(_means(length[:, None], at.first, at.stop))))
    # How much of the document each label takes, by characters and by segments, and the surest of each.
    guess = np.eye(len(LABELS), dtype=np.int64)[scores.argmax(1)]
    by_characters = _weighted(guess * 100, np.minimum(length, WEIGHT_LIMIT) + 1, at.first, at.stop)
    starts, which = np.unique(at.first, return_inverse=True)
    surest = np.maximum.reduceat(scores, starts, axis=0)[which]
    columns += [(Group.DOCUMENT, column) for column in (by_characters, _means(guess * 100, at.first, at.stop), surest)]
    return columns


def _prose(rows: Rows, scores: Column, at: _Places) -> Iterator[Grouped]:
    """How far the nearest prose is before and behind, its scores, and how much of it there is.

    And how far the first and last prose of the document is that reads like content: between
    them lies the article.
    """
    long = rows.shape[:, 0] >= _PROSE[rows.language]
    known = np.concatenate(([0], np.cumsum(long)))
    prose = np.flatnonzero(long)
    yield Group.BEFORE, _log(known[at.row] - known[at.first])[:, None]
    yield Group.BEHIND, _log(known[at.stop] - known[at.row + 1])[:, None]
    nearest = (Group.BEFORE, _last_before(prose, at.row, at.first)), (Group.BEHIND, _first_from(prose, at.row + 1, at.stop))
    for group, found in nearest:
        there = found >= 0
        yield group, np.where(there, _log(np.abs(found - at.row)), _LOGS[-1])[:, None]
        yield group, scores[found] * there[:, None]
    body = np.flatnonzero(long & (scores.argmax(1) == CONTENT))
    for found in (_first_from(body, at.first, at.stop), _last_before(body, at.stop, at.first)):
        away = at.row - found
        yield Group.PLACE, np.where(found >= 0, np.sign(away) * _log(np.abs(away)), _LOGS[-1])[:, None]


def _languages(rows: Rows, at: _Places) -> list[Column]:
    """The language, whether the segments before and behind have another, and its share of the document in percent."""
    own = (rows.language[:, None] == np.arange(len(LANGUAGES))).astype(np.int64)
    beside = [rows.language[other] for other in (np.maximum(at.row - 1, at.first), np.minimum(at.row + 1, at.stop - 1))]
    columns = [own * FLAG, *((language != rows.language)[:, None] * FLAG for language in beside)]
    weight = (rows.shape[:, 0] + 1)[:, None]
    share = _divided(_sums(own * weight, at.first, at.stop) * 100, _sums(weight, at.first, at.stop))
    columns.append((share * own).sum(1, keepdims=True))
    return columns


def _last_before(places: Column, end: Column, first: Column) -> Column:
    """The last of ascending places in [first, end) for each row; -1 where there is none."""
    number = np.searchsorted(places, end) - 1
    found = places[number] if places.size else number
    return np.where((number >= 0) & (found >= first), found, -1)


def _first_from(places: Column, start: Column, stop: Column) -> Column:
    """The first of ascending places in [start, stop) for each row; -1 where there is none."""
    number = np.searchsorted(places, start)
    found = places[np.minimum(number, places.size - 1)] if places.size else number
    return np.where((number < places.size) & (found < stop), found, -1)


def _shape(rows: Rows, at: _Places) -> list[Grouped]:
    """Percent of letters, capitals, digits, Han and marks; of Han in the document's letters."""
    shares = np.minimum(_divided(rows.shape[:, 1:] * 100, rows.shape[:, [0, 1, 0, 1, 0]]), 100)
    in_document = _sums(rows.shape[:, 1:5:3], at.first, at.stop)
    han = np.minimum(_divided(in_document[:, 1:] * 100, in_document[:, :1]), 100)
    return [(Group.LENGTH, shares), (Group.DOCUMENT, han)]


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


def _voice(rows: Rows, at: _Places, marks: Column) -> list[Column]:
    """Who speaks, and to whom: quotation marks, whether one is open, "you", links, money, calls and questions.

    Quoted text is content whatever it says; a pitch speaks to "you" where its article does not.
    """
    counts, depth, odd = marks[:, :4], marks[:, 4], marks[:, 5]
    inside = (depth > depth[at.top]) | ((odd - odd[at.top]) % 2 == 1)
    share = _divided(_sums(counts[:, 1:2] * 1000, at.first, at.stop), _sums(rows.shape[:, :1], at.first, at.stop) + 1)
    flags = np.stack([inside, rows.last == ord("!"), rows.last == ord("?")], axis=1)
    return [_log(counts), _log(share), flags * FLAG]


def _ends(rows: Rows) -> list[Column]:
    """Marks at the two ends of each segment: sentence end, colon, closer; digit, quote, symbol."""
    last, first = _ENDS[rows.last], rows.first
    out = [last & bit != 0 for bit in (_TERMINAL, _COLON, _CLOSING)]
    out.append(first == ord("0"))
    out.append(_ENDS[first] & _CLOSING != 0)
    out.append((first > 0x2010) & (first < 0x2E80) | (first < ord("0")) & (first != SPACE))
    return [(flag * FLAG).astype(np.int64) for flag in out]


@cache
def _you() -> NDArray[np.uint32]:
    """The buckets of "you " and "your", as `features.buckets` numbers them."""
    points = np.array(list(map(ord, " you your ")), np.uint32)
    return buckets(points, np.array([0, points.size - 1]))[3][[1, 5]]


def _log(values: Column) -> Column:
    return _LOGS.take(values, mode="clip")


def running(values: NDArray[Number]) -> NDArray[Number]:
    """Running sums with a leading 0: the sum over [low, high) is a difference of two of them."""
    out = np.zeros((len(values) + 1, *values.shape[1:]), values.dtype)
    np.cumsum(values, axis=0, out=out[1:])
    return out


def _ratio(above: Column, below: Column, low: Column, high: Column) -> Column:
    """The sum over [low, high) of one quantity by that of another, from their running sums; 0 of none is 0."""
    return _divided(_between(above, low, high), _between(below, low, high))


def _divided(above: Column, below: Column) -> Column:
    """Whole quotients, rounded down; by at least 1."""
    # Below 2**52 the floor of a rounded quotient is the quotient's floor, in a fifth of the time.
    result: Column = np.floor(above / np.maximum(below, 1)).astype(np.int64)
    return result


def _between(totals: Column, low: Column, high: Column) -> Column:
    result: Column = totals.take(high, axis=0) - totals.take(low, axis=0)
    return result


def _sums(values: Column, low: Column, high: Column) -> Column:
    return _between(running(values), low, high)


def _means(values: Column, low: Column, high: Column) -> Column:
    return _divided(_sums(values, low, high), (high - low)[:, None])


def _weighted(scores: Column, weight: Column, low: Column, high: Column) -> Column:
    return _divided(_sums(scores * weight[:, None], low, high), _sums(weight, low, high)[:, None])


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
        hits = _between(running(shared.astype(np.int32)), rows.bounds[:-1], rows.bounds[1:])
        # A gram of n points ends with its segment's closing space at the latest.
        columns.append(_divided(hits * 100, counts - (order - 2)))
    digest = _sums(grams[-1].astype(np.int64) * _SPREAD, rows.bounds[:-1], rows.bounds[1:])
    digest ^= _sums(grams[0].astype(np.int64) << 40, rows.bounds[:-1], rows.bounds[1:])
    digest += document * _SPREAD
    _, inverse, repeats = np.unique(digest, return_inverse=True, return_counts=True)
    columns.append((repeats[inverse] > 1).astype(np.int64) * FLAG)
    return np.stack(columns, axis=1)
