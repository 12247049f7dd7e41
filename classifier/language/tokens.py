"""A sentence to stretches of one script, and what each of them stands in.

The first step of `mixed.py`: an English sentence is one stretch, a Chinese one is too, with
the single words and digits that are glued between its characters.
"""

from __future__ import annotations

import re
from functools import cache
from typing import NamedTuple

from classifier.language import grammar, scripts

_LATIN, _EAST, _KANA, _REST = scripts.LATIN, scripts.EAST, scripts.KANA, scripts.REST
LATIN, HAN, KANA, FOREIGN = "latin", "han", "kana", "foreign"

# A token of Latin script ends with its last letter or digit before text of another script or
# full-width punctuation, so that an English sentence is one token.
_TOKEN = (
    rf"(?P<latin>[{_LATIN}](?:[^{_EAST}{_REST}，。！？；：、（）《》〈〉「」『』【】]*[{_LATIN}\d])?)"
    rf"|(?P<han>[{_EAST}](?:[{_EAST}\d%％·]*[{_EAST}])?)"
    rf"|(?P<foreign>[{_REST}](?:[{_REST}\s\d,.]*[{_REST}])?)"
)
_SEVERAL_WORDS = rf"[{_LATIN}][!-/:-@’”]?\s+[!-/:-@‘“]?[{_LATIN}]|[{_LATIN}]: |\s[|/]"
_HAN_LETTER = rf"[{_EAST}]"
_LATIN_LETTER = f"[{_LATIN}]"
_REST_LETTER = f"[{_REST}]"
_KANA_LETTER = f"[{_KANA}]"
_compiled = cache(re.compile)  # at first use: many texts need none, and these take a tenth of what NumPy takes to load

OPEN_QUOTE, CLOSE_QUOTE = frozenset("“‘「『\"'"), frozenset("”’」』\"'")
OPEN_BRACKET, CLOSE_BRACKET = frozenset("(（[［【〔"), frozenset(")）]］】〕")
_MARKS = OPEN_QUOTE | CLOSE_QUOTE | OPEN_BRACKET | CLOSE_BRACKET
_OPEN_TITLE, _CLOSE_TITLE = frozenset("《〈#`"), frozenset("》〉#`")
_STOPS = frozenset(".!?…,。！？，")

# Kana in Japanese sentences is 30 % and more of kana and kanji. With `python -m
# training.languages`, exact of 173 and of 520 texts, (173, 515) as it is: 0.05 to 0.2 the same,
# 0.4 (173, 514), 0.5 (172, 513).
KANA_SHARE = 0.2


class Run(NamedTuple):
    """A stretch of a sentence, `text[start:end]`, in one language or script."""

    kind: str
    start: int
    end: int


def may_switch(text: str) -> bool:
    """Can the text hold runs of several languages? A quick look that says no to most sentences.

    It needs letters of several scripts; Chinese with Latin words needs two of them side by
    side, or a separator for a label of one word.
    """
    if _has(_HAN_LETTER, text):
        return _has(_SEVERAL_WORDS, text) or _has(_KANA_LETTER, text) or _has(_REST_LETTER, text)
    return _has(_REST_LETTER, text) and _has(_LATIN_LETTER, text)


def _has(expression: str, text: str) -> bool:
    return _compiled(expression).search(text) is not None


def tokenise(text: str) -> list[Run]:
    """Stretches of one script; Chinese takes in a single word glued between its characters."""
    tokens: list[Run] = []
    japanese = False
    for match in _compiled(_TOKEN).finditer(text):
        kind = match.lastgroup or LATIN
        start, end = match.span()
        if kind == HAN and _is_kana(match.group()) and frame_of(text, start, end) != "title":
            kind, japanese = KANA, True
        tokens.append(Run(kind, start, end))
    if japanese:
        tokens = _kanji(text, tokens)
    joined: list[Run] = []
    for number, token in enumerate(tokens):
        last = joined[-1] if joined else None
        same = last and last.kind == token.kind != LATIN and not _opens(text, last, token)
        if last and (same or (last.kind in (HAN, KANA) and token.kind == LATIN and _glued(text, tokens, number))):
            joined[-1] = Run(last.kind, last.start, token.end)
        else:
            joined.append(token)
    return joined


def _is_kana(text: str) -> bool:
    kana = len(_compiled(_KANA_LETTER).findall(text))
    return kana >= 2 and kana >= KANA_SHARE * len(text)


def _kanji(text: str, tokens: list[Run]) -> list[Run]:
    """In a sentence with kana, stretches of Han alone are Japanese unless something is Chinese."""
    han = [text[token.start : token.end] for token in tokens if token.kind == HAN]
    if any(map(grammar.is_chinese, han)):
        return tokens
    return [token._replace(kind=KANA) if token.kind == HAN else token for token in tokens]


def _opens(text: str, left: Run, right: Run) -> bool:
    """Does a bracket or quotation mark open or close between two stretches of one script?"""
    return not _MARKS.isdisjoint(text[left.end : right.start])


def _glued(text: str, tokens: list[Run], number: int) -> bool:
    """Is this one word without white space to Han on its left, and to Han or the end on its right?"""
    token, left = tokens[number], tokens[number - 1]
    if left.end != token.start or " " in text[token.start : token.end]:
        return False
    return number + 1 == len(tokens) or (tokens[number + 1].kind in (HAN, KANA) and tokens[number + 1].start == token.end)


def frame_of(text: str, start: int, end: int) -> str:
    """What a stretch stands in: "title", "bracket", "quote" or "" for none."""
    before = text[start - 1] if start else ""
    while end < len(text) and text[end] in _STOPS:
        end += 1
    after = text[end] if end < len(text) else ""
    for name, opening, closing in (
        ("title", _OPEN_TITLE, _CLOSE_TITLE),
        ("bracket", OPEN_BRACKET, CLOSE_BRACKET),
        ("quote", OPEN_QUOTE, CLOSE_QUOTE),
    ):
        if before in opening and after in closing:
            return name
    return ""
