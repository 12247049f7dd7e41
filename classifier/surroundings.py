"""What stands around a segment, as columns for the second stage: neighbours, passages, lines, headings, its document.

Each function yields columns beside the group that they tell of; whole numbers all, for a whole batch at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum

import numpy as np

from classifier.evidence import SHARED, VOICES
from classifier.features import Rows
from classifier.schema import LABELS, LANGUAGES, OWN_WORDS, PROSE, Label
from classifier.sums import (
    FAR,
    FLAG,
    Column,
    Places,
    between,
    divided,
    first_from,
    last_before,
    log,
    means,
    ratio,
    run_edges,
    running,
    shifted,
    sums,
    weighted_means,
)

SCORE_LIMIT = 127  # the largest step of a score
# How far the second stage looks, measured as rows of "What was tried" in training/README.md.
NEIGHBOURS = 3
WINDOWS = (5, 15, 40)
PASSAGES = (5, 15)
SUREST = (4, 12)
WEIGHT_LIMIT = 200  # characters; a longer segment weighs no more
_HEADING = 60  # characters; a longer line is no heading
_ABOUT = 4  # steps of a logarithm: a third longer or shorter, or less

CONTENT = LABELS.index(Label.CONTENT)
_PROSE = np.array([PROSE[language] for language in LANGUAGES])


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


def neighbours(rows: Rows, scores: Column, kind: Column, at: Places) -> list[Grouped]:
    """Scores and lengths of the nearest segments of the document; 0 beyond its ends."""
    columns: list[Grouped] = []
    length = log(rows.shape[:, 0])[:, None]
    for offset in [o for k in range(1, NEIGHBOURS + 1) for o in (-k, k)]:
        inside = ((at.row + offset >= at.first) & (at.row + offset < at.stop))[:, None]
        side = Group.BEFORE if offset < 0 else Group.BEHIND
        columns.append((side, shifted(scores, offset) * inside))
        if abs(offset) == 1:
            columns.append((side, shifted(kind, offset) * inside))
            columns.append((side, (inside & (shifted(rows.paragraph, offset) == rows.paragraph)[:, None]) * FLAG))
        else:
            columns.append((side, shifted(length, offset) * inside))
    return columns


def windows(rows: Rows, scores: Column, at: Places) -> list[Grouped]:
    """Mean scores before and behind, nearer and further; over the wider windows by length too."""
    columns: list[Grouped] = []
    length = rows.shape[:, 0]
    weight = np.minimum(length, WEIGHT_LIMIT) + 1
    total, sizes = running(scores), running(length[:, None])
    weighted, weights = running(scores * weight[:, None]), running(weight[:, None])
    count = np.arange(at.row.size + 1)[:, None]
    for width in WINDOWS:
        low, high = np.maximum(at.row - width, at.first), np.minimum(at.row + width + 1, at.stop)
        columns.append((Group.BEFORE, ratio(total, count, low, at.row)))
        columns.append((Group.BEHIND, ratio(total, count, at.row + 1, high)))
        columns.append((Group.AROUND, log(ratio(sizes, count, low, high))))
        if width != WINDOWS[0]:
            columns.append((Group.AROUND, ratio(weighted, weights, low, high)))
    return columns


def paragraph_and_document(rows: Rows, scores: Column, at: Places) -> list[Grouped]:
    """What the paragraph and the document are, by their scores and sizes; where in them it stands."""
    columns: list[Grouped] = []
    length = rows.shape[:, 0]
    weight = length + 1
    heavy = scores * weight[:, None]
    weighted, weights = running(heavy), running(weight[:, None])
    # How far its scores stand out from the rest of its paragraph, as those of a glued tail do.
    around = between(weighted, at.top, at.bottom) - heavy
    rest = between(weights, at.top, at.bottom) - weight[:, None]
    columns.append((Group.PARAGRAPH, (scores - divided(around, rest)) * (rest > 0)))
    for group, a, b in ((Group.PARAGRAPH, at.top, at.bottom), (Group.DOCUMENT, at.first, at.stop)):
        columns.append((group, ratio(weighted, weights, a, b)))
        columns.append((group, log(np.stack([b - a, sums(length, a, b)], axis=1))))
        columns.append((Group.PLACE, log(np.stack([at.row - a, b - 1 - at.row], axis=1))))
    share = divided(between(weights, at.first, at.row) * 100, between(weights, at.first, at.stop))
    columns.append((Group.PLACE, share))
    lines = np.stack([at.line - at.line[at.first], at.line[at.stop - 1] - at.line], axis=1)
    columns.append((Group.PLACE, log(lines)))
    columns.append((Group.DOCUMENT, log(means(length[:, None], at.first, at.stop))))
    # How much of the document each label takes, by characters and by segments, and the surest of each.
    guess = np.eye(len(LABELS), dtype=np.int64)[scores.argmax(1)]
    by_characters = weighted_means(guess * 100, np.minimum(length, WEIGHT_LIMIT) + 1, at.first, at.stop)
    starts, which = np.unique(at.first, return_inverse=True)
    surest = np.maximum.reduceat(scores, starts, axis=0)[which]
    columns += [(Group.DOCUMENT, column) for column in (by_characters, means(guess * 100, at.first, at.stop), surest)]
    # How far its scores stand out from its document's, and what all before and all behind it are.
    capped = np.minimum(length, WEIGHT_LIMIT) + 1
    weighted, weights = running(scores * capped[:, None]), running(capped[:, None])
    columns.append((Group.DOCUMENT, scores - ratio(weighted, weights, at.first, at.stop)))
    columns.append((Group.BEFORE, ratio(weighted, weights, at.first, at.row)))
    columns.append((Group.BEHIND, ratio(weighted, weights, at.row + 1, at.stop)))
    return columns


def prose(rows: Rows, scores: Column, at: Places) -> Iterator[Grouped]:
    """How far the nearest prose is before and behind, its scores, and how much of it there is.

    And how far the first and last prose of the document is that reads like content: between
    them lies the article.
    """
    long = rows.shape[:, 0] >= _PROSE[rows.language]
    known = np.concatenate(([0], np.cumsum(long)))
    nearby = np.flatnonzero(long)
    yield Group.BEFORE, log(known[at.row] - known[at.first])[:, None]
    yield Group.BEHIND, log(known[at.stop] - known[at.row + 1])[:, None]
    nearest = (Group.BEFORE, last_before(nearby, at.row, at.first)), (Group.BEHIND, first_from(nearby, at.row + 1, at.stop))
    for group, found in nearest:
        there = found >= 0
        yield group, np.where(there, log(np.abs(found - at.row)), FAR)[:, None]
        yield group, scores[found] * there[:, None]
    body = np.flatnonzero(long & (scores.argmax(1) == CONTENT))
    for found in (first_from(body, at.first, at.stop), last_before(body, at.stop, at.first)):
        away = at.row - found
        yield Group.PLACE, np.where(found >= 0, np.sign(away) * log(np.abs(away)), FAR)[:, None]


def passage(rows: Rows, ends: Column, shares: Column, found: Column, at: Places) -> Iterator[Grouped]:
    """What the passage around is made of: how its segments end and begin, their letters, words shared with the document, voice.

    ends, shares: as `context` makes them of each segment; found: `evidence()`.
    """
    shared, counts = found[:, :SHARED], found[:, SHARED + 1 : SHARED + 1 + VOICES]
    made = running(np.concatenate([ends * 10, shares, shared], axis=1))
    heard, sizes = running(counts * 1000), running(rows.shape[:, :1] + 1)
    count = np.arange(at.row.size + 1)[:, None]
    for width in PASSAGES:
        low, high = np.maximum(at.row - width, at.first), np.minimum(at.row + width + 1, at.stop)
        yield Group.AROUND, ratio(made, count, low, high)
        yield Group.VOICE, log(ratio(heard, sizes, low, high))
    yield Group.AGREEMENT, means(shared, at.first, at.stop)
    yield Group.VOICE, log(ratio(heard, sizes, at.first, at.stop))


def lines_beside(rows: Rows, scores: Column, at: Places) -> Iterator[Grouped]:
    """Mean scores and sizes of the lines before and behind."""
    length = rows.shape[:, 0]
    weight = length + 1
    weighted, weights, sizes = running(scores * weight[:, None]), running(weight[:, None]), running(length)
    before, behind = np.maximum(at.top - 1, at.first), np.minimum(at.bottom, at.stop - 1)
    for group, mate, there in ((Group.BEFORE, before, at.top > at.first), (Group.BEHIND, behind, at.bottom < at.stop)):
        top, bottom = at.top[mate], at.bottom[mate]
        yield group, ratio(weighted, weights, top, bottom) * there[:, None]
        yield group, (log(between(sizes, top, bottom)) * there)[:, None]


def alike(rows: Rows, scores: Column, at: Places) -> Iterator[Grouped]:
    """How long the runs are that it stands in: of short or long segments, of one likeliest label, of lines of one segment.

    And how many of the five to either side are about as long as it is: those of a list are.
    """
    flags = rows.shape[:, 0] < _PROSE[rows.language], scores.argmax(1), at.bottom - at.top == 1
    edges = [run_edges(flag, at) for flag in flags]
    yield Group.BEFORE, log(np.stack([at.row - start for start, _ in edges], axis=1))
    yield Group.BEHIND, log(np.stack([end - 1 - at.row for _, end in edges], axis=1))
    length = log(rows.shape[:, 0])
    for group, sign in ((Group.BEFORE, -1), (Group.BEHIND, 1)):
        near = np.zeros(at.row.size, np.int64)
        for offset in range(sign, 6 * sign, sign):
            inside = (at.row + offset >= at.first) & (at.row + offset < at.stop)
            near += inside & (np.abs(shifted(length, offset) - length) <= _ABOUT)
        yield group, near[:, None] * FLAG


def headings(rows: Rows, scores: Column, ends: Column, at: Places) -> Iterator[Grouped]:
    """Scores of the nearest line above that may be a heading, of the nearest segment above that ends with a colon; how far."""
    terminal, colon = ends[:, 0] > 0, ends[:, 1] > 0
    line = (at.bottom - at.top == 1) & (rows.shape[:, 0] < _HEADING) & ~terminal
    for marked, end in ((line, at.top), (colon, at.row)):
        above = last_before(np.flatnonzero(marked), end, at.first)
        there = above >= 0
        yield Group.BEFORE, scores[above] * there[:, None]
        yield Group.BEFORE, np.where(there, log(at.row - above), FAR)[:, None]


def surest(scores: Column, at: Places) -> Iterator[Grouped]:
    """The surest scores of each label among the nearest segments before and behind; lowest where there is none."""
    # Documents apart by more rows than are looked at, so that none sees another's.
    place = at.row + SUREST[-1] * (at.document + 1)
    apart = np.full((place[-1] + 1 + SUREST[-1], scores.shape[1]), -SCORE_LIMIT, np.int64)
    apart[place] = scores
    for group, side in ((Group.BEFORE, apart), (Group.BEHIND, apart[::-1])):
        most = np.full_like(side, -SCORE_LIMIT)
        most[1:] = side[:-1]
        width = 1
        for reach in SUREST:
            while width < reach:
                step = min(width, reach - width)
                most[step:] = np.maximum(most[step:], most[:-step])
                width += step
            yield group, (most if group is Group.BEFORE else most[::-1])[place]
