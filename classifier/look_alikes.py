"""Letters that look like others: plain ones in another width, face or frame, and twins from other scripts.

Only texts with characters beyond ASCII need this, so it is loaded for the first of them.
"""

from __future__ import annotations

import re
import string
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import NamedTuple

from classifier.points import ranges
from classifier.schema import BREAKS

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


_FORM = re.compile(f"[{_class(_PLAIN)}]++")
_BETWEEN_WIDE = re.compile(f"(?<=[{_WIDE_LETTER}])[{_WIDE_MARK}]++(?=[{_WIDE_LETTER}])")
_LINE = re.compile(f"[^{BREAKS}]++")


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


FORMS = frozenset(_PLAIN)
TWINS = frozenset(point for script in _SCRIPTS for point in script.letters)


def unformed(text: str) -> str:
    """The text with letters and digits in another form as plain ones, as long as it was."""
    return _FORM.sub(_plain, _BETWEEN_WIDE.sub(_narrow, text))


def untwinned(text: str) -> str:
    """The text with look-alikes among the letters of another script as what those beside them are, as long as it was."""
    for script in _SCRIPTS:
        if script.mixed.search(text):
            text = _LINE.sub(partial(_line, script), text)
    return text


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
