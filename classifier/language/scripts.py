"""Letters by script and function words, counted over a whole batch of documents at once.

A table of scripts is looked up once a character, and one running sum in packed lanes gives
the counts of every segment, so that a document costs the same however it is cut.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from classifier import points
from classifier.points import Points, look_up, member, word_keys

# Character classes for `re`: Latin letters, kana, Han with kana, letters of every other script.
LATIN = r"A-Za-z\xaa\xba\xc0-\xd6\xd8-\xf6\xf8-\u024f\u1e00-\u1eff\uff21-\uff3a\uff41-\uff5a"
KANA = r"\u3041-\u30fa\u30fc-\u30ff\u31f0-\u31ff\uff66-\uff9d"
EAST = rf"\u2e80-\u2fdf\u3005-\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U00033fff{KANA}"
REST = r"\u0370-\u1dff\u1f00-\u1fff\u2c00-\u2dff\u3130-\u318f\ua000-\ud7ff"

ENGLISH_WORDS = (
    "the of and to in is are was were for on with that this it its as by at from be been have has had "
    "not but or you your we our they their his her he she will would can could should about into than "
    "then there which who what when where how if all more an do does did my us so after over"
).split()
# Words that are common elsewhere and mean nothing in English: no "die", "on", "as", "so", "per", "com".
FOREIGN_WORDS = (
    "der das und nicht mit ist ein eine den dem von zu auf auch sich wird le les des une est que qui "
    "pour dans sur avec pas el los las del por con una para como su il di che non della gli sono "
    "uma het een van voor niet dat zijn yang dan untuk dengan dari ini itu ve bir bu nie jest na och "
    "det att som en ett og til av ja og ei la da em au aux ce se"
).split()


_NONE, _LATIN, _HAN, _KANA, _HANGUL, _FOREIGN = range(6)
_BLOCKS = (
    (0x1100, 0x11FF, _HANGUL),
    (0x2E80, 0x2FDF, _HAN),
    (0x3005, 0x3007, _HAN),
    (0x3041, 0x30FA, _KANA),
    (0x30FC, 0x30FF, _KANA),
    (0x3130, 0x318F, _HANGUL),
    (0x31F0, 0x31FF, _KANA),
    (0x3400, 0x4DBF, _HAN),
    (0x4E00, 0x9FFF, _HAN),
    (0xAC00, 0xD7AF, _HANGUL),
    (0xF900, 0xFAFF, _HAN),
    (0xFF66, 0xFF9D, _KANA),
)
# Two entries behind the basic plane stand for the rest: other symbols, and Han extensions.
_ASTRAL, _ASTRAL_HAN = 0x10000, 0x10001
LANE = 12  # bits of a counter; holds the letters of the longest segment
# Above the five counters, what a character is beside: of a script in `REST`, a Latin letter with
# a diacritic, a bar between labels, a letter that function words are told by.
IS_REST, IS_ACCENT, IS_BAR, IS_LETTER = (np.uint64(1 << bit) for bit in range(5 * LANE, 64))


def _script_table() -> NDArray[np.uint64]:
    table = np.zeros(_ASTRAL_HAN + 1, np.uint8)
    table[:_ASTRAL][points.letters()] = _FOREIGN
    latin = [*range(0x41, 0x5B), *range(0x61, 0x7B), 0xAA, 0xBA, *range(0xC0, 0x250), *range(0x1E00, 0x1F00)]
    latin += [*range(0xFF21, 0xFF3B), *range(0xFF41, 0xFF5B)]
    table[[point for point in latin if table[point] or point >= 0xFF21]] = _LATIN
    for first, last, script in _BLOCKS:
        table[first : last + 1] = script
    table[_ASTRAL_HAN] = _HAN
    lanes = np.uint64(1) << (np.arange(-1, 5) * LANE).clip(0).astype(np.uint64)
    lanes[_NONE] = 0
    packed: NDArray[np.uint64] = lanes[table]
    for chars, flag in (
        (REST.encode("ascii").decode("unicode_escape"), IS_REST),
        ("\xc0-\u024f\u1e00-\u1eff", IS_ACCENT),
        ("|/", IS_BAR),
        ("A-Za-z\xc0-\u024f\u1e00-\u1eff", IS_LETTER),
    ):
        packed[:_ASTRAL][points.within(chars)] |= flag
    return packed


_SCRIPTS = _script_table()
HAS_LATIN, HAS_KANA = (np.uint64(((1 << LANE) - 1) << LANE * lane) for lane in (0, 2))
HAS_EAST = np.uint64(((1 << 2 * LANE) - 1) << LANE)


class Letters(NamedTuple):
    """What the characters of some text are.

    lanes: of each, a counter of its script, and the flags above. starts: where words of up to six
    letters start; english, foreign: which of those are function words.
    """

    lanes: NDArray[np.uint64]
    starts: NDArray[np.intp]
    english: NDArray[np.bool_]
    foreign: NDArray[np.bool_]


class Counts(NamedTuple):
    """Letters by script, a row a segment, and function words found in them."""

    latin: NDArray[np.int64]
    han: NDArray[np.int64]
    kana: NDArray[np.int64]
    hangul: NDArray[np.int64]
    foreign: NDArray[np.int64]
    english_words: NDArray[np.int64]
    foreign_words: NDArray[np.int64]


ENGLISH_SET = frozenset(ENGLISH_WORDS)
FOREIGN_SET = frozenset(FOREIGN_WORDS) - ENGLISH_SET
_ENGLISH_KEYS = word_keys(ENGLISH_WORDS)
_FOREIGN_KEYS = word_keys(sorted(FOREIGN_SET))
_LONGEST = 6


class Read(NamedTuple):
    """The letters of a batch of documents, its code points, and where each document starts in them."""

    letters: Letters
    points: NDArray[np.uint32]
    offsets: NDArray[np.int64]


def read(batch: Points) -> Read:
    """Scripts and function words of a batch."""
    return Read(letters(batch.points), batch.points, batch.offsets)


def letters(points: NDArray[np.uint32]) -> Letters:
    """Scripts and function words of some text. points: its code points."""
    index = points
    if points.size and points.max() >= _ASTRAL:
        han = (points >= 0x20000) & (points < 0x34000)
        index = np.where(points < _ASTRAL, points, np.where(han, _ASTRAL_HAN, _ASTRAL))
    lanes = look_up(_SCRIPTS, index)
    letter = np.zeros(points.size + 2, np.bool_)
    letter[1:-1] = lanes >= IS_LETTER  # the highest bit
    edge = np.flatnonzero(letter[1:] != letter[:-1])
    starts, sizes = edge[0::2], edge[1::2] - edge[0::2]
    short = sizes <= _LONGEST
    starts, sizes = starts[short], sizes[short]
    keys = np.zeros(starts.size, np.uint64)
    for i in range(_LONGEST):
        live = sizes > i
        keys[live] |= (points[starts[live] + i] | 0x20).astype(np.uint64) << np.uint64(8 * i)
    return Letters(lanes, starts, member(keys, _ENGLISH_KEYS), member(keys, _FOREIGN_KEYS))


def count(letters: Letters, starts: NDArray[np.int64], stops: NDArray[np.int64]) -> Counts:
    """Letters by script and function words of every segment. starts, stops: of each in the text, ascending."""
    # Wrapping sums: the difference is exact as long as one segment fits a lane.
    total = np.zeros(letters.lanes.size + 1, np.uint64)
    np.cumsum(letters.lanes, out=total[1:])
    packed = total[stops] - total[starts]
    lanes = [(packed >> np.uint64(LANE * i) & np.uint64((1 << LANE) - 1)).astype(np.int64) for i in range(5)]
    hits = []
    for words in (letters.english, letters.foreign):
        at = letters.starts[words]
        hits.append(np.searchsorted(at, stops) - np.searchsorted(at, starts))
    return Counts(*lanes, *hits)


def marks(letters: Letters, starts: NDArray[np.int64], stops: NDArray[np.int64]) -> NDArray[np.uint64]:
    """The lanes and flags of all characters of each segment, none of them empty, or'ed."""
    edges = np.stack([starts, stops], axis=1).ravel()
    found: NDArray[np.uint64] = np.bitwise_or.reduceat(np.append(letters.lanes, np.uint64(0)), edges)[::2]
    return found
