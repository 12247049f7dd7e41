"""Segments to feature rows: hashed character n-grams, shape, and agreement with the document.

Training and inference run this same code, and a fingerprint of its output on fixed text is
kept with every model. Text is folded here and nowhere else (case, width, digits, quotation
marks, Traditional to Simplified): the fold maps each code point on its own, so offsets never
move.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from classifier.kernels import kernel
from classifier.language import han
from classifier.points import PLANE, in_batch, letters, look_up, matching, within
from classifier.schema import Segments

BUCKET_BITS = 17
ORDERS = 5
SPACE = 0x20
_ASTRAL = 0x10000

MULTIPLIER = np.uint32(0x9E3779B1)
MIXERS = np.array([0x2C1B3C6D, 0x297A2D39], np.uint32)
SALTS = np.array([0x85EBCA6B, 0xC2B2AE35, 0x27D4EB2F, 0x165667B1, 0xD3A2646D], np.uint32)

# What has no width on the page: soft hyphen, joiners, marks of direction, byte-order mark.
_INVISIBLE = "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff"
_QUOTES = {"‘": "'", "’": "'", "‛": "'", "“": '"', "”": '"', "„": '"', "–": "-", "—": "-", "‐": "-", "‑": "-", "…": "."}

SHAPES = 5
_LETTER, _UPPER, _DIGIT, _HAN, _MARK = range(SHAPES)
_LANE = 12


def _tables() -> tuple[NDArray[np.uint32], NDArray[np.uint64]]:
    """Code point to folded code point (0 where invisible), and to counters in 12-bit lanes."""
    lower = PLANE.replace("\u0130", "i").lower()  # the one letter whose lower case is longer
    fold = np.frombuffer(lower.encode("utf-32-le", "surrogatepass"), np.uint32).copy()
    fold = np.append(fold, np.uint32(0x2B50))  # every symbol beyond the basic plane is one star
    lanes = np.zeros(_ASTRAL + 1, np.uint64)

    word, digit = matching(r"\w"), matching(r"\d")
    blank = matching(r"\s") | within("\x00-\x1f\x7f-\x9f\ud800-\udfff")  # with what no reader sees as a mark
    of_shape = {
        _LETTER: letters(),
        _UPPER: fold[:_ASTRAL] != np.arange(_ASTRAL),
        _DIGIT: digit,
        _HAN: within("\u2e80-\u2fdf\u3005-\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"),
        _MARK: ~(word | blank) | within("_"),
    }
    for shape, found in of_shape.items():
        lanes[:_ASTRAL] += found.astype(np.uint64) << np.uint64(_LANE * shape)
    lanes[_ASTRAL] = np.uint64(1) << np.uint64(_LANE * _MARK)

    traditional, simplified = han.traditional_to_simplified()
    both = (traditional < _ASTRAL) & (simplified < _ASTRAL)
    fold[traditional[both]] = simplified[both]
    wide = np.arange(0xFF01, 0xFF5F)
    fold[wide] = fold[wide - 0xFEE0]
    plane = fold[:_ASTRAL]
    plane[digit] = ord("0")
    plane[blank] = SPACE
    for char, plain in _QUOTES.items():
        fold[ord(char)] = ord(plain)
    plane[within(_INVISIBLE)] = 0
    return fold, lanes


FOLD, LANES = _tables()


class Rows(NamedTuple):
    """The segments of a batch of documents, one row each, in document order.

    grams: the folded text of all segments, a space before each and one at the end.
    bounds: where each segment's leading space stands in `grams`; one more than rows. A
        segment owns the positions from its own bound to the next, both included.
    shape: characters, letters, capitals, digits, Han characters and marks; one column each.
    first, last: the first and last visible code point, folded.
    paragraph, language: of each segment, paragraphs numbered through the batch.
    documents: where each document's rows start; one more than documents.
    """

    grams: NDArray[np.uint32]
    bounds: NDArray[np.int64]
    shape: NDArray[np.int64]
    first: NDArray[np.uint32]
    last: NDArray[np.uint32]
    paragraph: NDArray[np.int64]
    language: NDArray[np.int64]
    documents: NDArray[np.int64]


def rows(texts: Sequence[str], cuts: Sequence[Segments]) -> Rows:
    """Feature rows for every segment of every document.

    texts: documents; cuts: their segments, tiling each. Neither is changed.
    """
    points = np.frombuffer("".join(texts).encode("utf-32-le", "surrogatepass"), np.uint32)
    documents = np.cumsum([0, *map(len, cuts)], dtype=np.int64)
    offsets = np.concatenate(([0], np.cumsum([len(text) for text in texts], dtype=np.int64)))
    ends = in_batch(offsets, [cut.ends for cut in cuts])
    lines = np.array([cut.paragraphs[-1] + 1 if len(cut) else 0 for cut in cuts], np.int64)
    paragraph = in_batch(np.concatenate(([0], np.cumsum(lines))), [cut.paragraphs for cut in cuts])
    stops = np.concatenate((np.zeros(1, np.int64), ends))

    packed = count_shapes(points, stops)
    mask = np.uint64((1 << _LANE) - 1)
    shape = [(packed >> np.uint64(_LANE * lane) & mask).astype(np.int64) for lane in range(SHAPES)]

    grams, bounds = fold(points, stops)
    visible = np.diff(bounds) - 1
    first = grams[bounds[:-1] + np.minimum(visible, 1)]
    last = grams[bounds[1:] - np.minimum(visible, 1)]
    return Rows(
        grams,
        bounds,
        np.stack([visible, *shape], axis=1),
        first,
        last,
        paragraph,
        np.array([path for cut in cuts for path in cut.languages], np.int64),
        documents,
    )


def folded(points: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """Each code point folded on its own; 0 for what has no width on the page."""
    return look_up(FOLD, points)


@kernel
def count_shapes(points: NDArray[np.uint32], stops: NDArray[np.int64]) -> NDArray[np.uint64]:
    """The lanes of a segment's code points, added up. stops: where segments begin, and the last one ends."""
    total = np.zeros(points.size + 1, np.uint64)
    np.cumsum(look_up(LANES, points), out=total[1:])
    return np.diff(total[stops])  # wraps, but a segment's own counts fit their lanes


@kernel
def fold(points: NDArray[np.uint32], stops: NDArray[np.int64]) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
    """Folded text with one space before each segment, between its words, and at the end."""
    count = stops.size - 1
    folded = look_up(FOLD, points)  # as `folded` has it
    owner = np.repeat(np.arange(count, dtype=np.int32), np.diff(stops))
    if not folded.all():
        folded, owner = folded[folded != 0], owner[folded != 0]
    blank = folded == SPACE
    opens = np.ones(folded.size, bool)  # the first of its segment, or behind white space
    opens[1:] = blank[:-1] | (owner[1:] != owner[:-1])
    keep = ~(blank & opens)
    folded, owner = folded[keep], owner[keep]
    closes = np.ones(folded.size, bool)
    closes[:-1] = owner[1:] != owner[:-1]
    keep = ~(closes & (folded == SPACE))
    folded, owner = folded[keep], owner[keep]
    bounds = np.concatenate(([0], np.cumsum(np.bincount(owner, minlength=count) + 1)))
    grams = np.full(folded.size + count + 1, SPACE, np.uint32)
    grams[np.arange(folded.size) + owner + 1] = folded
    return grams, bounds


def seen(text: str) -> NDArray[np.int64]:
    """Where the characters stand that rows are made of: those of `Rows.grams` but its spaces, in the same order."""
    plain = folded(np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32))
    return np.flatnonzero((plain != 0) & (plain != SPACE))


@kernel
def buckets(grams: NDArray[np.uint32], bounds: NDArray[np.int64], bits: int = BUCKET_BITS) -> NDArray[np.uint32]:
    """The bucket of the n-gram that starts at each position: orders 1 to 5 x positions.

    A polynomial rolling hash, its high bits spread by a multiplication of its own for each
    order. Bucket 0 means that the n-gram would leave its segment; it carries no weight.
    """
    size = grams.size
    # Where each position's segment ends: its trailing space is the last one a gram may reach.
    room = np.repeat(bounds[1:], np.diff(bounds)) - np.arange(size - 1)
    hashed = np.zeros(size, np.uint32)
    out = np.empty((ORDERS, size - 1), np.uint32)
    mixed = grams * MIXERS[0]
    mixed ^= mixed >> np.uint32(15)
    mixed *= MIXERS[1]
    for order in range(1, ORDERS + 1):
        hashed *= MULTIPLIER
        hashed[: max(size - order + 1, 0)] += mixed[order - 1 :]
        bucket = out[order - 1]
        np.right_shift(hashed[: size - 1], np.uint32(16), out=bucket)
        bucket ^= hashed[: size - 1]
        bucket *= SALTS[order - 1]
        bucket >>= np.uint32(32 - bits)
        np.maximum(bucket, 1, out=bucket)
        if order > 1:
            bucket *= room >= order - 1
    return out


def fingerprint() -> str:
    """A digest of this module's output on fixed text; a model is refused where it differs."""
    text = "Ａ first line, 100 % plain.\n获取 News\u200b: “Quoted” 訂 İ ẞ ǅ \U0001f600 \ud800\x00 end\n\n\u3000第二行。"
    first, second = text.index("\n") + 1, len(text)
    cut = Segments([first, second - 5, second], [0, 1, 2], [0, 1, 1])
    made = rows([text, " "], [cut, Segments([1], [0], [2])])
    digest = hashlib.sha256()
    for array in (*made, *buckets(made.grams, made.bounds)):
        digest.update(np.ascontiguousarray(array).astype("<i8").tobytes())
    return digest.hexdigest()[:16]
