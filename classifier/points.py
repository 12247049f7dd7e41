"""A batch of documents as one array of code points, and what each of them is.

Rules that look for a few characters ask here, for all documents at once, where those stand;
only there does a regular expression look closer.
"""

from __future__ import annotations

import re
import string
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from classifier.schema import BREAKS

BLANK = rf"[^\S{BREAKS}]"
HAN = "\u3400-\u9fff\uf900-\ufaff"
CLOSERS = "\"'”’»›)\\]}）】」』》〉〕］"
BULLETS = "•●■▪►▶◆★☆✅👉🔥🚀📌➡※▼▲☞📧📞🔗👇"
STOPS = "。！？｡…!?."
RULERS = "=_*~—─━＝－-"

# What a character is; several may hold.
IS_BLANK, IS_BREAK, IS_LOWER, IS_UPPER, IS_DIGIT, IS_WORD, IS_ROOM, IS_STOP, IS_BULLET, IS_HAN, IS_PLAIN = (
    1 << bit for bit in range(11)
)
IS_SPACE = IS_BLANK | IS_BREAK
ANY = 0xFFFF
_ASTRAL = 0x10000
Value = TypeVar("Value", bound=np.generic)


PLANE = np.arange(_ASTRAL, dtype="<u4").tobytes().decode("utf-32-le", "surrogatepass")


@cache
def matching(one: str) -> NDArray[np.bool_]:
    """Which code points of the basic plane match an expression for one character; not to be changed."""
    found = np.zeros(_ASTRAL, np.bool_)
    for run in re.finditer(f"(?:{one})+", PLANE):  # runs are far fewer than characters
        found[run.start() : run.end()] = True
    found.flags.writeable = False
    return found


@cache
def letters() -> NDArray[np.bool_]:
    """Which code points of the basic plane are letters, of any script; not to be changed."""
    found = matching(r"\w") & ~matching(r"\d")
    found[ord("_")] = False
    found.flags.writeable = False
    return found


def ranges(chars: str) -> Iterator[tuple[int, int]]:
    """The first and the last code point of each single one and each range, written as inside a character class."""
    for match in re.finditer("(.)(?:-(.))?", chars, re.DOTALL):
        yield ord(match[1]), ord(match[2] or match[1])


def within(chars: str) -> NDArray[np.bool_]:
    """Which code points of the basic plane are among `ranges`."""
    found = np.zeros(_ASTRAL, np.bool_)
    for first, last in ranges(chars):
        found[first : last + 1] = True
    return found


def _table() -> NDArray[np.uint16]:
    """Code point to flags; the last entry stands for all beyond the basic plane."""
    table = np.zeros(_ASTRAL + 1, np.uint16)
    plane = table[:_ASTRAL]
    plane[matching(r"\w")] |= IS_WORD | IS_ROOM
    plane[matching(BLANK)] |= IS_BLANK
    plane[within(HAN)] |= IS_HAN
    for chars, flag in (
        (BREAKS, IS_BREAK),
        (string.ascii_lowercase, IS_LOWER),
        (string.ascii_uppercase, IS_UPPER),
        (string.digits, IS_DIGIT),
        (CLOSERS.replace("\\", "") + "%;`}|\u200b\u200c\u200d\u200e\u200f", IS_ROOM),  # may end a piece
        (STOPS, IS_STOP),
        ("".join(char for char in BULLETS if ord(char) < _ASTRAL), IS_BULLET),
    ):
        plane[list(map(ord, chars))] |= flag
    plane |= IS_PLAIN
    plane[list(map(ord, RULERS))] &= ANY ^ IS_PLAIN
    table[_ASTRAL] = IS_WORD | IS_ROOM | IS_BULLET | IS_PLAIN
    return table


_FLAGS = _table()


class Points(NamedTuple):
    """Documents as code points, with line breaks before, between and behind them.

    texts: the documents; offsets: where each begins in `points`, and where one more would.
    points: code points; flags: what each is, a sum of the constants above; beyond the basic
    plane all that any character there is.
    """

    texts: Sequence[str]
    offsets: NDArray[np.int64]
    points: NDArray[np.uint32]
    flags: NDArray[np.uint16]

    @property
    def starts(self) -> list[int]:
        """Where each document begins."""
        result: list[int] = self.offsets[:-1].tolist()
        return result

    def owner(self, at: NDArray[np.int64]) -> NDArray[np.intp]:
        """The document that each place but a document's first lies in, or ends."""
        return np.searchsorted(self.offsets, at) - 1

    def by_document(self, at: NDArray[np.intp]) -> list[list[int]]:
        """Ascending offsets into the batch as offsets into each document."""
        edges = np.searchsorted(at, self.offsets).tolist()
        return [(at[a:b] - start).tolist() if a < b else [] for a, b, start in zip(edges, edges[1:], self.starts, strict=False)]


def read(texts: Sequence[str]) -> Points:
    """The code points of documents; lone surrogates are kept."""
    joined = "\n".join(("", *texts, "", ""))
    points = np.frombuffer(joined.encode("utf-32-le", "surrogatepass"), np.uint32)
    offsets = np.cumsum([1, *(len(text) + 1 for text in texts)])
    return Points(texts, offsets, points, look_up(_FLAGS, points))


def in_batch(offsets: NDArray[np.int64], of_documents: Sequence[Sequence[int]]) -> NDArray[np.int64]:
    """Offsets into each document as offsets into the batch. offsets: where each document begins in it, and one more."""
    shift = np.repeat(offsets[:-1], [len(own) for own in of_documents])
    result: NDArray[np.int64] = np.array([place for own in of_documents for place in own], np.int64) + shift
    return result


def starts_of(offsets: NDArray[np.int64], stops: NDArray[np.int64]) -> NDArray[np.int64]:
    """Where pieces begin that tile each document of a batch, none of them empty. stops: where they end in it, ascending."""
    before = np.concatenate((np.zeros(1, np.int64), stops))[:-1]
    result: NDArray[np.int64] = np.maximum(before, offsets[np.searchsorted(offsets, stops) - 1])
    return result


def distinct(values: NDArray[Value]) -> NDArray[Value]:
    """The values, ascending, each once. `np.unique` would load masked arrays, 10 % of the time that NumPy takes to load."""
    ordered = np.sort(values)
    fresh = np.ones(ordered.size, np.bool_)
    fresh[1:] = ordered[1:] != ordered[:-1]
    return ordered[fresh]


def word_keys(words: Iterable[str]) -> NDArray[np.uint64]:
    """Words of up to eight ASCII letters as numbers, ascending: a byte a letter, the first lowest."""
    return np.array(sorted({sum(ord(c) << 8 * i for i, c in enumerate(w)) for w in words}), np.uint64)


def member(values: NDArray[Value], known: NDArray[Value]) -> NDArray[np.bool_]:
    """Which of some values are among the known ones, which ascend."""
    if not known.size:
        return np.zeros(values.size, np.bool_)
    found: NDArray[np.bool_] = known[np.searchsorted(known, values).clip(0, known.size - 1)] == values
    return found


def look_up(table: NDArray[Value], points: NDArray[np.uint32]) -> NDArray[Value]:
    """What a table says of each code point; its last entry stands for all beyond it."""
    # Two thirds of the time of `table[points]`.
    return table.take(points, mode="clip")
