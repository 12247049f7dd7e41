"""Document to segments that tile it: lines, sentences, and runs of one language.

A segment never crosses a line break, carries the white space behind it, and is never empty
of visible text unless its whole document is. Every rule is a compiled expression that runs
once over the whole text and whose repetitions cannot overlap, so the time is linear in it.
"""

from __future__ import annotations

import bisect
import re

from classifier import language
from classifier.schema import BREAKS, Limits, Segments
from classifier.seams import BLANK, BULLETS, CLOSERS, seams

_BLANKS = re.compile(rf"{BLANK}*")

# Patterns begin with a plain set of characters, which `re` skips to without matching.
_BOUNDARY = re.compile(rf"[。！？｡…!?.{BULLETS}](?:(?<!\.)|(?![a-z0-9]))[。！？｡…!?.]*+[{CLOSERS}]*+{BLANK}*+")
_ENDED = frozenset(("", *BREAKS))
_WORD_BEFORE = re.compile(r"[^\s(\[“\"‘/—–]*\Z")
_INITIALS = re.compile(r"(?:[A-Za-z]\.)+[A-Za-z]")
_NEXT_WORD = re.compile(r"[\"'“‘(\[]*([^\W_]*)")

# A full stop behind one of these ends no sentence.
_TITLES = frozenset(
    "mr mrs ms dr prof sr jr st gen col lt sgt capt rep sen gov pres hon rev fig figs no nos vol vs pp "
    "ed eds eq sec ch jan feb mar apr jun jul aug sep sept oct nov dec e.g i.e cf al approx dept est ext".split()
)
# Behind one of these it may; a word that opens sentences then decides.
_MAYBE = frozenset("inc co corp ltd llc plc bros etc u.s u.k u.n e.u d.c a.m p.m ph.d b.a m.a avg min max ave blvd".split())
_OPENERS = frozenset(
    "the a an this that these those it its he she they we you i in on at as for but and so if when while after "
    "before however meanwhile according his her their our there what why how since although by with from".split()
)
_SHORT_OPENERS = frozenset("A I In It At On As He We If My So No To By Or Do Is An".split())


def cut(text: str, limits: Limits | None = None, language_id: str = "exact") -> Segments:
    """Cuts a document into segments that tile it.

    text: any string, lone surrogates and NULs included. limits: bounds the length of a
    segment. language_id: who decides its path, one of `schema.LANGUAGE_IDS`; the cuts are
    the same. Returns the columns; an empty text has none.
    """
    lines = _lines(text)
    found = {*lines, *_sentence_ends(text)}
    found.update(_BLANKS.match(text, at).end() for at in seams(text))  # type: ignore[union-attr]
    ends = _switched(text, _tile(text, sorted(found), lines), lines)
    ends = _cap(text, ends, min((limits or Limits()).segment_characters, language.LONGEST))
    breaks, paragraphs = set(lines), []
    number = 0
    for end in ends:
        paragraphs.append(number)
        number += end in breaks
    exact = language_id == "exact"
    paths = language.routes(text, ends) if exact else language.detected(text, ends, paragraphs)
    return Segments(ends, paragraphs, paths, language.chinese_script(text, ends, paths))


def _lines(text: str) -> list[int]:
    """Ends of lines with the blank lines behind them; blank lines at the top join the first."""
    ends: list[int] = []
    at = 0
    for line in text.splitlines(keepends=True):
        at += len(line)
        if ends and line.isspace():
            ends[-1] = at
        else:
            ends.append(at)
    if len(ends) > 1 and not text[: ends[0]].strip():
        del ends[0]
    return ends


def _tile(text: str, ends: list[int], lines: list[int]) -> list[int]:
    """Drops the ends that would leave a segment without visible text."""
    breaks = set(lines)
    out: list[int] = []
    start = opened = 0
    for end in ends:
        if text[start:end].isspace() or end == start:
            if end not in breaks:
                continue
            if out and start > opened:
                out[-1] = end
            else:
                out.append(end)
        else:
            out.append(end)
        start = end
        if end in breaks:
            opened = end
    return out


def _switched(text: str, ends: list[int], lines: list[int]) -> list[int]:
    """The same ends, and those where a sentence changes its language for good."""
    if text.isascii() and ": " not in text:
        return ends
    out: list[int] = []
    start = first = 0
    for stop in lines:
        last = bisect.bisect_right(ends, stop, first)
        line = text[start:stop]
        if line.isascii() and ": " not in line:
            out += ends[first:last]
        else:
            out += (start + end for end in language.switches(line, [end - start for end in ends[first:last]]))
        start, first = stop, last
    return out


def _sentence_ends(text: str) -> list[int]:
    """Ends of sentences by their punctuation, behind the white space that follows."""
    cuts: list[int] = []
    start = 0
    for match in _BOUNDARY.finditer(text):
        found, at, end = match.group(), match.start(), match.end()
        following = text[end : end + 1]
        if following in _ENDED:
            continue
        if found[0] in BULLETS:
            if at > start and (text[at - 1].isspace() or text[at - 1] == "。"):
                cuts.append(at)
                start = at
            continue
        if following.islower() or following in ",;:，、；：":
            ends = "。" in found and following.islower()
        elif any(mark in found for mark in "。！？｡"):
            ends = True
        elif found[0] in "!?":
            ends = _mark_ends(text, end, found[-1].isspace())
        else:
            ends = _stop_ends(text, start, at, found, end)
        if ends:
            cuts.append(end)
            start = end
    return cuts


def _mark_ends(text: str, end: int, spaced: bool) -> bool:
    """Does "!" or "?" end a sentence here, and not only a part of a URL?"""
    if spaced or not text[end].isascii():
        return True
    word = _NEXT_WORD.match(text, end, end + 64)
    return bool(word and text[end].isupper() and len(word[1]) >= 2 and text[word.end() : word.end() + 1] not in ("=", "&"))


def _stop_ends(text: str, start: int, at: int, found: str, end: int) -> bool:
    """Does a full stop or an ellipsis end a sentence here?"""
    before = _WORD_BEFORE.search(text, max(start, at - 24), at)
    word = before.group() if before else ""
    closed = bool(found.strip(".… \t\u3000\xa0"))  # a closing quote or bracket behind the stop
    following = _NEXT_WORD.match(text, end, end + 64)
    opener = following[1] if following else ""
    if not found[-1].isspace():
        if not text[end].isascii():
            return text[end].isalpha() and len(word) > 1
        # "lines.KEY", not "Node.JS", "U.S.A", "Amazon.Com" or "v2.Beta"
        return (
            text[end].isupper()
            and (len(opener) >= 3 or opener in _SHORT_OPENERS)
            and len(word) >= 3
            and (closed or word[-2:].islower() or word[-2:].isdigit())
            and text[end + len(opener) : end + len(opener) + 1] != "."
            and not set("/@") & set(word)
        )
    if not word or closed:
        return True
    lower = word.lower().lstrip("\"'“‘(")
    if lower in _TITLES or (len(word) == 1 and word.isupper()):
        return False
    if word.isdigit() and len(word) <= 3 and _opens(text, start, at - len(word)):
        return False  # "3. An item"
    if lower in _MAYBE or _INITIALS.fullmatch(word):
        return opener.lower() in _OPENERS
    return True


def _opens(text: str, start: int, at: int) -> bool:
    """Does a sentence or a line begin at `at`?"""
    before = text[max(start, at - 24) : at].rstrip(" \t\u3000\xa0")
    return not before or before[-1] in BREAKS


def _cap(text: str, ends: list[int], longest: int) -> list[int]:
    """Cuts what is longer than the limit, at white space where there is some."""
    out: list[int] = []
    start = 0
    for end in ends:
        if end - start > longest:
            body = start + len(text[start:end].rstrip())
            while body - start > longest:
                space = max(text.rfind(char, start + longest // 2, start + longest) for char in " \t\u3000，,、；;")
                start = space + 1 if space > 0 else start + longest
                out.append(start)
        out.append(end)
        start = end
    return out
