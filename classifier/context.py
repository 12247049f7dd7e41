"""What the second stage sees of each segment: its own scores, and those of what stands around it.

A boilerplate line is often known by its place: the last sentence of an article, one of a run of
short lines, a teaser that shares few words with its page. Everything here is an integer, so no
input depends on how documents were batched, and every function works on a whole batch at once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import cache

import numpy as np
from numpy.typing import NDArray

from classifier import features
from classifier import surroundings as around
from classifier.evidence import SHARED, VOICES, evidence
from classifier.features import SPACE, Rows
from classifier.schema import LABELS, LANGUAGES, Segments
from classifier.sums import FLAG, Column, Places, divided, log, places, sums
from classifier.surroundings import SCORE_LIMIT, Group, Grouped

# Steps to one unit of a logit: scores enter the network as small integers.
SCORE_STEPS = 16
INPUT_LIMIT = 2 * SCORE_LIMIT  # no input is larger
# The score that stands for a known label, the others centred around it: that of the surest tenth of segments. With
# SCORE_LIMIT, and its negative for the others, the neighbours of known segments are read worse than if nothing
# were known (`python -m training.told FILE`).
SURE = 60
INPUTS = 263  # columns that context_inputs() makes

_TERMINAL, _COLON, _CLOSING = (1 << bit for bit in range(3))


def _end_table() -> NDArray[np.uint8]:
    """Folded code point to the kind of an end that it makes."""
    ends = np.zeros(1 << 16, np.uint8)
    for bit, chars in ((_TERMINAL, ".!?。!?;"), (_COLON, ":,、,:|"), (_CLOSING, "\"')]」』》】)")):
        ends[list(map(ord, chars))] |= bit
    return ends


_ENDS = _end_table()


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


def context_inputs(rows: Rows, scores: Column, found: Column) -> NDArray[np.float32]:
    """The second stage's inputs: small integers, rows x INPUTS, those of a column together in memory.

    rows: the segments of a batch of documents, whose text is not looked at; scores: `steps()` of
    their local logits, rows x labels; found: their `evidence()`.
    """
    out = np.zeros((INPUTS, len(scores)), np.float32)
    if not len(scores):
        return out.T
    at = 0
    for _, column in _columns(rows, scores, found):
        width = column.shape[1]
        out[at : at + width] = column.T
        at += width
    return out.T


@cache
def groups() -> tuple[Group, ...]:
    """The group of each input, in the order of `context_inputs()`'s columns."""
    one = features.rows(["a"], [Segments([1], [0], [0])])
    grams = features.buckets(one.grams, one.bounds)
    scores = np.zeros((1, len(LABELS)), np.int64)
    return tuple(group for group, column in _columns(one, scores, evidence(one, grams)) for _ in range(column.shape[1]))


def fingerprint() -> str:
    """A digest of what the second stage sees of fixed text, and of the features below; a model is refused where it differs."""
    parts = [
        "Home\n",
        "A line of 100 % prose, said “Mia”: ",
        "you may go!\n",
        "Buy it now\n",
        "关于我们：\n",
        "港口周一关闭。",
        "x",
    ]
    documents = [parts * 2, parts[::-1]]
    cuts = [
        Segments(np.cumsum([*map(len, own)]).tolist(), [at // 2 for at in range(len(own))], [0] * len(own)) for own in documents
    ]
    rows = features.rows(["".join(own) for own in documents], cuts)
    scores = (np.arange(rows.language.size * len(LABELS)) * 37 % 201 - 100).reshape(-1, len(LABELS))
    made = context_inputs(rows, scores, evidence(rows, features.buckets(rows.grams, rows.bounds)))
    return hashlib.sha256(features.fingerprint().encode() + made.astype("<i2").tobytes()).hexdigest()[:16]


def _columns(rows: Rows, scores: Column, found: Column) -> Iterator[Grouped]:
    """The inputs, each beside its group: the one place that orders them."""
    at = places(rows)
    length, ends = log(rows.shape[:, 0]), _ends(rows)
    shares = np.minimum(divided(rows.shape[:, 1:] * 100, rows.shape[:, [0, 1, 0, 1, 0]]), 100)
    yield Group.WORDS, scores
    yield Group.LENGTH, length[:, None]
    yield Group.ENDS, ends
    yield from around.neighbours(rows, scores, np.concatenate([length[:, None], ends], axis=1), at)
    yield from around.windows(rows, scores, at)
    yield from around.paragraph_and_document(rows, scores, at)
    yield from around.prose(rows, scores, at)
    yield Group.LENGTH, shares
    yield Group.DOCUMENT, _han_in_document(rows, at)
    yield Group.AGREEMENT, found[:, : SHARED + 1]
    for column in _voice(rows, at, found[:, SHARED + 1 :]):
        yield Group.VOICE, column
    for column in _languages(rows, at):
        yield Group.LANGUAGE, column
    yield from around.passage(rows, ends, shares, found, at)
    yield from around.lines_beside(rows, scores, at)
    yield from around.alike(rows, scores, at)
    yield from around.headings(rows, scores, ends, at)
    yield from around.surest(scores, at)


def _languages(rows: Rows, at: Places) -> list[Column]:
    """The language, whether the segments before and behind have another, and its share of the document in percent."""
    own = (rows.language[:, None] == np.arange(len(LANGUAGES))).astype(np.int64)
    beside = [rows.language[other] for other in (np.maximum(at.row - 1, at.first), np.minimum(at.row + 1, at.stop - 1))]
    columns = [own * FLAG, *((language != rows.language)[:, None] * FLAG for language in beside)]
    weight = (rows.shape[:, 0] + 1)[:, None]
    share = divided(sums(own * weight, at.first, at.stop) * 100, sums(weight, at.first, at.stop))
    columns.append((share * own).sum(1, keepdims=True))
    return columns


def _han_in_document(rows: Rows, at: Places) -> Column:
    """Percent of Han characters in the document's letters."""
    in_document = sums(rows.shape[:, 1:5:3], at.first, at.stop)
    return np.minimum(divided(in_document[:, 1:] * 100, in_document[:, :1]), 100)


def _voice(rows: Rows, at: Places, marks: Column) -> list[Column]:
    """Who speaks, and to whom: quotation marks, whether one is open, "you", links, money, calls and questions.

    Quoted text is content whatever it says; a pitch speaks to "you" where its article does not.
    """
    counts, depth, odd = marks[:, :VOICES], marks[:, VOICES], marks[:, VOICES + 1]
    inside = (depth > depth[at.top]) | ((odd - odd[at.top]) % 2 == 1)
    share = divided(sums(counts[:, 1:2] * 1000, at.first, at.stop), sums(rows.shape[:, :1], at.first, at.stop) + 1)
    flags = np.stack([inside, rows.last == ord("!"), rows.last == ord("?")], axis=1)
    return [log(counts), log(share), flags * FLAG]


def _ends(rows: Rows) -> Column:
    """Marks at the two ends of each segment: sentence end, colon, closer; digit, quote, symbol."""
    last, first = _ENDS[rows.last], rows.first
    out = [last & bit != 0 for bit in (_TERMINAL, _COLON, _CLOSING)]
    out.append(first == ord("0"))
    out.append(_ENDS[first] & _CLOSING != 0)
    out.append((first > 0x2010) & (first < 0x2E80) | (first < ord("0")) & (first != SPACE))
    return np.stack(out, axis=1) * FLAG
