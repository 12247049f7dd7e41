"""Where a sentence changes its language for good: at a clause of another language, or behind a label's colon."""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from classifier import points
from classifier.language import mixed, scripts, tokens
from classifier.language.scripts import ENGLISH_SET, FOREIGN_SET, Read

_LABELLED = re.compile(r":\s+[\"“„«]?(?=[A-Z\xc0-\xde])")
_WORD = re.compile(r"[^\W\d_]+")
_HAN = re.compile(r"[\u3400-\u9fff\uf900-\ufaff\U00020000-\U00033fff]")
_NAME = re.compile(r"\w+")


def switches(line: str, ends: list[int]) -> list[int]:
    """The ends of a line's sentences, and where a sentence changes its language for good.

    line: one paragraph; ends: of its sentences, ascending, the last at its end. Returns ends
    of pieces, ascending, the last at its end, every piece but a blank line's with visible
    text. An end behind a closing quotation mark moves before it when the quotation is in
    another language than the sentence that quotes.
    """
    far = not line.isascii() and tokens.may_switch(line)
    if not far and ": " not in line:
        return ends
    out: list[int] = []
    start = 0
    for end in ends:
        piece = line[start:end]
        cuts: list[int] = []
        tail = False
        if far and tokens.may_switch(piece):
            found = mixed.runs(piece)
            cuts = [start + run.end for run in found[:-1]]
            tail = len(found) > 1 and not any(c.isalnum() for c in line[cuts[-1] : end])
        elif far and _is_glued_name(line, start, end):
            start = end
            continue
        elif ": " in piece:
            cuts = [start + at for at in _labelled(piece)]
        begin = out[-1] if out else 0
        seen = start + len(piece.rstrip())
        for at in cuts:
            if at < seen and line[begin:at].strip():
                out.append(at)
                begin = at
        if not tail or end == len(line):
            out.append(end)
        start = end
    return out


def may_switch(batch: points.Points, read: Read, starts: NDArray[np.int64], stops: NDArray[np.int64]) -> NDArray[np.bool_]:
    """For which lines `switches()` may change the ends: a quick look that says no to most.

    starts, stops: of each line in the batch, ascending; none is empty.
    """
    has = scripts.marks(read.letters, starts, stops)
    east, latin = has & scripts.HAS_EAST != 0, has & scripts.HAS_LATIN != 0
    far = east & (has & (scripts.HAS_LATIN | scripts.HAS_KANA | scripts.IS_REST | scripts.IS_BAR) != 0)
    far |= latin & (has & scripts.IS_REST != 0)
    colons = np.flatnonzero((batch.points[:-1] == ord(":")) & (batch.points[1:] == ord(" ")))
    foreign = read.letters.starts[read.letters.foreign]
    several = [np.searchsorted(at, stops) > np.searchsorted(at, starts) for at in (colons, foreign)]
    result: NDArray[np.bool_] = far | several[0] & several[1]
    return result


def _is_glued_name(line: str, start: int, end: int) -> bool:
    """Is this "sentence" one Latin word glued to the Chinese behind it: the name it begins with?"""
    return end < len(line) and _NAME.fullmatch(line, start, end) is not None and _HAN.match(line, end) is not None


def _labelled(sentence: str) -> list[int]:
    """Where a quotation in another Latin language follows a colon: "…in German: Wir …"."""
    cuts = []
    for match in _LABELLED.finditer(sentence):
        before = _WORD.findall(sentence[max(0, match.start() - 200) : match.start()])
        after = _WORD.findall(sentence[match.end() : match.end() + 200])
        if len(after) >= 4 and len(before) >= 2 and _english(before) > 0 > _english(after):
            cuts.append(match.end())
    return cuts


def _english(words: list[str]) -> int:
    lower = [words[0].lower(), *words[1:]]
    return sum(word in ENGLISH_SET for word in lower) - sum(word in FOREIGN_SET for word in lower)
