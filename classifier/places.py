"""Where a piece may begin inside a sentence, by the characters and words around alone.

What only a model can decide begins here: `split` weighs every place with its scores. Of
400,000 places of every other form in the training documents (behind a comma or a bracket,
before a sign, a digit or a bracket, between Latin and Han, before known Chinese openings, a
capital behind a capitalised word) 500 were cut and 60 of those rightly: they are left out.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from classifier.points import PLANE, letters, look_up, matching, member, within, word_keys

_ASTRAL = 0x10000
_OTHER, _BLANK, _UPPER, _LOWER, _DIGIT, _HAN = range(6)
KINDS = ("capital behind a space", "capital behind lower case", "Han behind a space")
# Words that no piece ends with, and words that begin one.
_NO_END = (
    "a an the of in on at by for with from to into and or nor but as is are was were be been being has have had will would can "
    "could may might must shall should do does did not no its their his her our your my this that these those which who whom "
    "whose than via per between under over about against toward towards during among amid like said says tell told called named"
)
_BEGIN = (
    "the a an this that these those it its he she they we you i in on at as for but and so if when while after before however "
    "his her their our there what why how since although by with from once despite last first over during"
)
_LETTERS = 8  # of a word that are compared


def _classes() -> NDArray[np.uint8]:
    """Code point to class; the last entry stands for all beyond the basic plane."""
    table = np.zeros(_ASTRAL + 1, np.uint8)
    upper = np.array([point for point, char in enumerate(PLANE[:0x2000]) if char.isupper()])
    for found, number in (
        (matching(r"\s"), _BLANK),
        (matching(r"\d"), _DIGIT),
        (letters(), _LOWER),
        (upper, _UPPER),
        (within("\u3041-\u30fa\u3400-\u9fff\uf900-\ufaff"), _HAN),
    ):
        table[:_ASTRAL][found] = number
    return table


_CLASSES = _classes()
_NO_END_KEYS, _BEGIN_KEYS = word_keys(_NO_END.split()), word_keys(_BEGIN.split())


class Places(NamedTuple):
    """Places where a piece may begin, ascending.

    at: offset into the text; kind: index into KINDS; marks: a column each for a capital at
    the word before, a capital at the second word behind, and a word behind that begins sentences.
    """

    at: NDArray[np.int64]
    kind: NDArray[np.int64]
    marks: NDArray[np.bool_]

    def chosen(self, keep: NDArray[np.bool_]) -> Places:
        """Only those of `keep`."""
        return Places(self.at[keep], self.kind[keep], self.marks[keep])


def find(text: str, starts: NDArray[np.int64], stops: NDArray[np.int64], room: NDArray[np.int64]) -> Places:
    """The places inside segments of a text.

    starts, stops: of each segment; room: for each, how many characters a place leaves on
    either side at least.
    """
    points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
    classes = look_up(_CLASSES, points)
    blank = classes == _BLANK
    words = np.flatnonzero(~blank & np.concatenate(([True], blank))[:-1])
    capitals = np.concatenate(([False], classes[words] == _UPPER, [False, False]))
    kind = np.full(words.size, -1, np.int8)
    kind[classes[words] == _HAN] = 2
    # Behind more than one space, what is taken for the last of the word is a space, and no letter.
    letter = classes[np.maximum(words - 2, 0)] >= _UPPER
    kind[capitals[1:-2] & letter] = 0
    glued = np.flatnonzero((classes[1:] == _UPPER) & (classes[:-1] == _LOWER)) + 1
    kind = np.concatenate((kind, np.full(glued.size, 1, np.int8)))
    at = np.concatenate((words, glued))
    at, kind = at[kind >= 0], kind[kind >= 0]
    owner = np.maximum(np.searchsorted(starts, at, side="right") - 1, 0)
    if not starts.size:
        return Places(at[:0], at[:0], np.zeros((0, 3), bool))
    inside = np.minimum(at - starts[owner], stops[owner] - at) >= room[owner]
    at, kind = at[inside], kind[inside]
    order = np.argsort(at)
    at, kind = at[order], kind[order]
    word = np.searchsorted(words, at)
    begins = member(_keys_at(points, at), _BEGIN_KEYS)
    marks = np.stack([capitals[word], capitals[word + 2], begins], axis=1)
    good = (kind != 0) | begins | ~marks[:, 0]
    good &= (kind != 0) | ~member(_keys_at(points, words[np.maximum(word - 1, 0)]), _NO_END_KEYS)
    return Places(at, kind.astype(np.int64), marks).chosen(good)


def _keys_at(points: NDArray[np.uint32], starts: NDArray[np.int64]) -> NDArray[np.uint64]:
    """The ASCII letters from each start up to the next other character, as one number; 0 for longer words."""
    keys = np.zeros(starts.size, np.uint64)
    live = np.ones(starts.size, bool)
    for i in range(_LETTERS + 1):
        letter = points[np.minimum(starts + i, points.size - 1)] | 0x20
        live &= (letter >= 0x61) & (letter <= 0x7A) & (starts + i < points.size)
        if i < _LETTERS:
            keys |= np.where(live, letter, 0).astype(np.uint64) << np.uint64(8 * i)
    keys[live] = 0
    return keys
