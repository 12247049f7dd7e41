"""What a reader sees of a text, so that labels are of that.

Nobody sees a zero-width space between the letters of a pitch, a Cyrillic letter among Latin ones, or
that a word is set in mathematical letters: a person reads the pitch. So what has no width is left out,
letters in another form become plain ones, look-alikes their twins, Markdown is read as the page that it
describes, and what is labelled is that; offsets are mapped back to the caller's own text, which stays as
it is. Texts that look alike are one text from here on, and get the same labels.

Left alone: every script among its own, single signs such as "m²", "①" or "ℝ", full-width punctuation
among Han, the marks of Hebrew, Arabic, Thai and Indic scripts, control characters (which CSS Text
wants drawn), and a text in which nothing can be seen.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from classifier.points import look_up, ranges

# Unicode's Default_Ignorable_Code_Point (DerivedCoreProperties.txt), drawn as nothing; and the anchors of annotations.
_NO_WIDTH = (
    "\u00ad\u034f\u061c\u115f-\u1160\u17b4-\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
# Lines through, under and above letters, which no spelling needs.
_LINES = "\u0305\u0332\u0333\u0335-\u0338"
# Marks that go on any letter. Two in a row are spelling (Vietnamese, taken apart), more are none.
_MARKS = "\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f"
_PART = 1_000_000  # characters that are looked at together at most: a bound on memory

_HIDDEN = re.compile(f"[{_NO_WIDTH}{_LINES}]++")
_PILE = re.compile(f"[{_MARKS}]{{3,}}+")
_ODD, _MARK, _LATIN, _FOREIGN = (1 << bit for bit in range(4))


@cache
def _kinds() -> NDArray[np.uint8]:
    """Code point to what it may be of a disguise."""
    from classifier import look_alikes

    kinds = np.zeros(0x110000, np.uint8)
    for chars, kind in ((_MARKS, _MARK), (_NO_WIDTH + _LINES, _ODD), ("A-Za-z", _LATIN)):
        for first, last in ranges(chars):
            kinds[first : last + 1] = kind
    kinds[list(look_alikes.FORMS)] = _ODD
    kinds[list(look_alikes.TWINS)] = _FOREIGN
    return kinds


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """A text as a reader sees it.

    text: what is seen. left_out: offsets into the original of what is not, ascending; before: how many
    characters are seen before each; until: how many before the end of what it belongs to, which is one more for what
    belongs to the character behind it, as the mark of a list item does.
    """

    text: str
    left_out: NDArray[np.int64]
    before: NDArray[np.int64]
    until: NDArray[np.int64]

    def original(self, at: Sequence[int]) -> list[int]:
        """Offsets into what is seen as offsets into the original, with what belongs to what stands before them."""
        places = np.array(at, np.int64)
        result: list[int] = np.where(places > 0, _moved(self.until, places), 0).tolist()
        return result

    def places(self, at: Sequence[int]) -> list[int]:
        """Offsets of characters that are seen as offsets of the same in the original."""
        result: list[int] = _moved(self.before, np.array(at, np.int64)).tolist()
        return result

    def offsets(self, at: Sequence[int]) -> list[int]:
        """The way back: offsets into what is seen, of those that `original` gave."""
        places = np.array(at, np.int64)
        result: list[int] = (places - np.searchsorted(self.left_out, places)).tolist()
        return result

    def between(self, start: int, end: int) -> str:
        """What is seen of `original[start:end]`."""
        return self.text[slice(*self.offsets([start, end]))]

    def behind(self, start: int, size: int) -> int:
        """The offset into the original behind so many characters that are seen, from an offset on, and what belongs to them."""
        return self.original([self.offsets([start])[0] + size])[0]


def read(texts: Sequence[str]) -> list[Seen | None]:
    """What a reader sees of each document; None for one that is seen as it stands, or not at all."""
    out: list[Seen | None] = [None] * len(texts)
    for number in _suspects(texts):
        seen = _seen(texts[number])
        if seen.text and seen.text != texts[number]:
            out[number] = seen
    return out


def _suspects(texts: Sequence[str]) -> list[int]:
    """The documents that deserve a closer look."""
    marked = [number for number, text in enumerate(texts) if _marked(text)]
    if all(map(str.isascii, texts)):
        return marked
    if len(texts) == 1:
        text = texts[0]
        parts = (text[max(start - 2, 0) : start + _PART] for start in range(0, len(text), _PART))
        return [0] if marked or any(_disguised(part).any() for part in parts) else []
    ends = np.cumsum([len(text) + 1 for text in texts])
    found = np.searchsorted(ends, np.flatnonzero(_disguised("\n".join(texts))), side="right").tolist()
    return sorted({*marked, *found})


def _marked(text: str) -> bool:
    """May it be Markdown?"""
    return "](" in text or "# " in text


def _kinds_of(text: str) -> NDArray[np.uint8]:
    return look_up(_kinds(), np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32))


def _disguised(text: str) -> NDArray[np.bool_]:
    """Where a disguise may be: by single characters, a third mark in a row, Latin and look-alikes side by side."""
    kinds = _kinds_of(text)
    found: NDArray[np.bool_] = kinds == _ODD
    found[2:] |= (kinds[2:] & kinds[1:-1] & kinds[:-2]) == _MARK
    found[1:] |= (kinds[1:] | kinds[:-1]) == _LATIN | _FOREIGN
    return found


def _seen(text: str) -> Seen:
    hidden = piled = np.zeros(0, np.int64)
    if not text.isascii():
        text, hidden, piled = _undisguised(text)
    return _rendered(text, np.sort(np.concatenate((hidden, _moved(_before(hidden), piled)))))


def _undisguised(text: str) -> tuple[str, NDArray[np.int64], NDArray[np.int64]]:
    """The text as it is seen, and the offsets of what that took: first what has no width, then marks in piles."""
    from classifier import look_alikes  # its tables and expressions take longer to make than most texts to read

    kinds = np.bitwise_or.reduce(_kinds_of(text), initial=0)  # there is no need to look for what is not there
    hidden = piled = np.zeros(0, np.int64)
    if kinds & _ODD:
        text, hidden = _without(_HIDDEN, text)
    if kinds & _MARK:
        text, piled = _without(_PILE, text)
    if kinds & _ODD:
        text = look_alikes.unformed(text)
    if kinds & _FOREIGN:
        text = look_alikes.untwinned(text)
    return text, hidden, piled


def _rendered(text: str, left_out: NDArray[np.int64]) -> Seen:
    """What is left of a text without the marks of Markdown. left_out: what was left out of the original before."""
    opens = np.zeros(left_out.size, np.bool_)
    if _marked(text):
        from classifier import markdown  # for the same reason

        if (marks := markdown.find(text)) is not None:
            edges = np.flatnonzero(np.diff(marks == 0, prepend=False, append=False)).reshape(-1, 2).tolist()
            text = "".join(text[start:end] for start, end in edges)
            at = np.flatnonzero(marks)
            left_out = np.concatenate((left_out, _moved(_before(left_out), at)))
            order = np.argsort(left_out)
            left_out, opens = left_out[order], np.concatenate((opens, marks[at] == markdown.OPENS))[order]
    before = _before(left_out)
    # Nothing stands behind the end, and what follows a mark that opens goes with it.
    return Seen(text, left_out, before, np.maximum.accumulate(np.minimum(before + opens, len(text))))


def _without(unseen: re.Pattern[str], text: str) -> tuple[str, NDArray[np.int64]]:
    """The text without its matches, and the offsets of what that took."""
    spans = np.fromiter((at for match in unseen.finditer(text) for at in match.span()), np.int64).reshape(-1, 2)
    sizes = spans[:, 1] - spans[:, 0]
    taken = np.repeat(spans[:, 1] - np.cumsum(sizes), sizes) + np.arange(sizes.sum())
    return unseen.sub("", text), taken


def _before(left_out: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many characters that stay stand before each that is left out."""
    return left_out - np.arange(left_out.size)


def _moved(before: NDArray[np.int64], places: NDArray[np.int64]) -> NDArray[np.int64]:
    """Where characters stood before something was left out. places: where they stand without it."""
    result: NDArray[np.int64] = places + np.searchsorted(before, places, side="right")
    return result
