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
import string
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import compress
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from classifier.points import look_up, ranges
from classifier.schema import BREAKS

# Unicode's Default_Ignorable_Code_Point (DerivedCoreProperties.txt), drawn as nothing; and the anchors of annotations.
_NO_WIDTH = (
    "\u00ad\u034f\u061c\u115f-\u1160\u17b4-\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
# Lines through, under and above letters, which no spelling needs.
_LINES = "\u0305\u0332\u0333\u0335-\u0338"
# Marks that go on any letter. Two in a row are spelling (Vietnamese, taken apart), more are none.
_MARKS = "\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f"
# Letters and digits that are plain ones in another width or face.
_FACES = "\uff10-\uff5a\U0001d400-\U0001d7ff"
# Raised, lowered, circled, boxed and small letters, which stand alone as signs. Their digits count
# footnotes, powers and items of lists.
_SIGNS = "\u02b0-\u02e3\u1d2c-\u1d6a\u2071-\u209c\u2102-\u2149\u2160-\u217f\u24b6-\u24e9\U0001f130-\U0001f149"
_WHITE_ON_BLACK = (0x1F150, 0x1F170)  # circled and boxed, A to Z, of which NFKC says nothing
# Letters that are drawn alike.
_TWINS = {
    "\u0400-\u052f": dict(zip("асеорхуіјѕһԁԛԝѵӏкАВСЕНІЈКМОРЅТХУҮԌԚԜѴӀ", "aceopxyijshdqwvlkABCEHIJKMOPSTXYYGQWVI", strict=True)),
    "\u0370-\u03ff": dict(zip("αικνορυϲϳΑΒΕΖΗΙΚΜΝΟΡΤΥΧϹ", "aikvopucjABEZHIKMNOPTYXC", strict=True)),
}
_PART = 1_000_000  # characters that are looked at together at most: a bound on memory


def _points(chars: str) -> Iterator[int]:
    """The code points of the inside of a character class."""
    for first, last in ranges(chars):
        yield from range(first, last + 1)


def _forms(chars: str, digits: bool) -> dict[int, str]:
    """The letters, and the digits if asked for, that Unicode's NFKC turns into one ASCII character."""
    plain = {point: unicodedata.normalize("NFKC", chr(point)) for point in _points(chars)}
    wanted = string.ascii_letters + (string.digits if digits else "")
    return {point: one for point, one in plain.items() if len(one) == 1 and one in wanted}


def _small_capitals() -> dict[int, str]:
    # There is no X, and Q is younger than the oldest Unicode that we run on.
    return {ord(unicodedata.lookup(f"LATIN LETTER SMALL CAPITAL {c}")): c.lower() for c in "ABCDEFGHIJKLMNOPRSTUVWYZ"}


_FACED = _forms(_FACES, digits=True)
_SIGNED = {
    **_forms(_SIGNS, digits=False),
    **_small_capitals(),
    **{first + i: chr(ord("A") + i) for first in _WHITE_ON_BLACK for i in range(26)},
}
_PLAIN = {**_FACED, **_SIGNED}
_WIDE_LETTER = "\uff21-\uff3a\uff41-\uff5a"
_WIDE_MARK = "\u3000\uff01-\uff0f\uff1a-\uff20\uff3b-\uff40\uff5b-\uff5e"
_NARROW = {point: " " if point == 0x3000 else chr(point - 0xFEE0) for point in _points(_WIDE_MARK)}


def _class(points: Iterable[int]) -> str:
    """The inside of a character class, as few ranges: `re` looks at characters beyond the basic plane one by one."""
    runs: list[list[int]] = []
    for point in sorted(points):
        if runs and runs[-1][-1] == point - 1:
            runs[-1].append(point)
        else:
            runs.append([point])
    return "".join(f"{chr(run[0])}-{chr(run[-1])}" for run in runs)


_HIDDEN = re.compile(f"[{_NO_WIDTH}{_LINES}]++")
_PILE = re.compile(f"[{_MARKS}]{{3,}}+")
_FORM = re.compile(f"[{_class(_PLAIN)}]++")
_BETWEEN_WIDE = re.compile(f"(?<=[{_WIDE_LETTER}])[{_WIDE_MARK}]++(?=[{_WIDE_LETTER}])")
_LINE = re.compile(f"[^{BREAKS}]++")
_ODD, _MARK, _LATIN, _FOREIGN = (1 << bit for bit in range(4))


class _Script(NamedTuple):
    """A script with letters that look like Latin ones.

    own, own_latin: a letter of it, and a Latin one, without a twin in the other. mixed: letters of
    both side by side; word: letters of either. latin, back: twins, to Latin and from it.
    """

    letters: Sequence[int]
    own: re.Pattern[str]
    own_latin: re.Pattern[str]
    mixed: re.Pattern[str]
    word: re.Pattern[str]
    latin: dict[int, str]
    back: dict[int, str]


def _script(block: str, twins: dict[str, str]) -> _Script:
    points = [point for point in _points(block) if chr(point).isalpha()]
    letters = _class(points)
    latin = {ord(char): twin for char, twin in twins.items()}
    back = {ord(twin): char for char, twin in reversed(twins.items())}
    return _Script(
        points,
        re.compile(f"[{_class(point for point in points if point not in latin)}]"),
        re.compile(f"[{_class(point for point in map(ord, string.ascii_letters) if point not in back)}]"),
        re.compile(f"[A-Za-z][{letters}]|[{letters}][A-Za-z]"),
        re.compile(f"[A-Za-z{letters}]++"),
        latin,
        back,
    )


_SCRIPTS = [_script(block, twins) for block, twins in _TWINS.items()]


def _kinds() -> NDArray[np.uint8]:
    """Code point to what it may be of a disguise."""
    kinds = np.zeros(0x110000, np.uint8)
    for points, kind in (
        (_points(_MARKS), _MARK),
        (_points(_NO_WIDTH + _LINES), _ODD),
        (_PLAIN, _ODD),
        (map(ord, string.ascii_letters), _LATIN),
        *((script.letters, _FOREIGN) for script in _SCRIPTS),
    ):
        kinds[list(points)] = kind
    return kinds


_KINDS = _kinds()


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """A text as a reader sees it.

    text: what is seen. left_out: offsets into the original of what is not, ascending; before: how many
    characters are seen before each; opens: whether it belongs to what stands behind it, as the mark of a list item does.
    """

    text: str
    left_out: NDArray[np.int64]
    before: NDArray[np.int64]
    opens: NDArray[np.bool_]

    def original(self, at: Sequence[int]) -> list[int]:
        """Offsets into what is seen as offsets into the original, with what belongs to what stands before them."""
        places = np.array(at, np.int64)
        # What opens lies before the next character, not behind the last; nothing stands behind the end.
        needed = np.maximum.accumulate(np.minimum(self.before + self.opens, len(self.text)))
        result: list[int] = np.where(places > 0, _moved(needed, places), 0).tolist()
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
    marked = [number for number, text in enumerate(texts) if "](" in text or "# " in text]
    if all(map(str.isascii, texts)):
        return marked
    if len(texts) == 1:
        text = texts[0]
        parts = (text[max(start - 2, 0) : start + _PART] for start in range(0, len(text), _PART))
        return [0] if marked or any(_disguised(part).any() for part in parts) else []
    ends = np.cumsum([len(text) + 1 for text in texts])
    found = np.searchsorted(ends, np.flatnonzero(_disguised("\n".join(texts))), side="right").tolist()
    return sorted({*marked, *found})


def _disguised(text: str) -> NDArray[np.bool_]:
    """Where a disguise may be: by single characters, a third mark in a row, Latin and look-alikes side by side."""
    kinds = look_up(_KINDS, np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32))
    found: NDArray[np.bool_] = kinds == _ODD
    found[2:] |= (kinds[2:] & kinds[1:-1] & kinds[:-2]) == _MARK
    found[1:] |= (kinds[1:] | kinds[:-1]) == _LATIN | _FOREIGN
    return found


def _seen(text: str) -> Seen:
    text, hidden = _without(_HIDDEN, text)
    text, piled = _without(_PILE, text)
    left_out = np.sort(np.concatenate((hidden, _moved(_before(hidden), piled))))
    text = _FORM.sub(_plain, _BETWEEN_WIDE.sub(_narrow, text))
    for script in _SCRIPTS:
        if script.mixed.search(text):
            text = _LINE.sub(partial(_line, script), text)
    return _rendered(text, left_out)


def _rendered(text: str, left_out: NDArray[np.int64]) -> Seen:
    """What is left of a text without the marks of Markdown. left_out: what was left out of the original before."""
    from classifier import markdown  # its expressions take longer to make than most texts to read, and few need them

    found = markdown.find(text)
    opens = np.zeros(left_out.size, np.bool_)
    if found:
        kept = np.ones(len(text), np.bool_)
        kept[found.at] = False
        text = "".join(compress(text, kept.tolist()))
        left_out = np.concatenate((left_out, _moved(_before(left_out), found.at)))
        order = np.argsort(left_out)
        left_out, opens = left_out[order], np.concatenate((opens, found.opens))[order]
    return Seen(text, left_out, _before(left_out), opens)


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


def _plain(match: re.Match[str]) -> str:
    """Letters in another form as plain ones, but for one that stands alone as a sign."""
    found = match.group()
    beside = match.string[max(match.start() - 1, 0) : match.end() + 1].replace(found, "")
    alone = len(found) == 1 and ord(found) in _SIGNED and not any(char in string.ascii_letters for char in beside)
    return found if alone else found.translate(_PLAIN)


def _narrow(match: re.Match[str]) -> str:
    return match.group().translate(_NARROW)


def _line(script: _Script, match: re.Match[str]) -> str:
    """A line with look-alikes turned into what the letters beside them are.

    All of them into Latin where the line has no letter that only the script has; else word by word.
    """
    line = match.group()
    if not script.mixed.search(line):
        return line
    if not script.own.search(line):
        return line.translate(script.latin)
    leans = len(script.own.findall(line)) > len(script.own_latin.findall(line))
    return script.word.sub(partial(_word, script, leans), line)


def _word(script: _Script, leans: bool, match: re.Match[str]) -> str:
    """leans: the line has more letters of the script's own than Latin's own."""
    word = match.group()
    if not script.mixed.search(word):
        return word
    own, latin = script.own.search(word), script.own_latin.search(word)
    if own:
        several = 2 * sum(map(str.isascii, word)) > len(word)
        return word if latin or several else word.translate(script.back)  # "iPhone-ом", "θIT": two scripts on purpose
    return word.translate(script.latin if latin or not leans else script.back)
