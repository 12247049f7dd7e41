"""Document to segments that tile it: lines, sentences, and runs of one language.

A segment never crosses a line break, carries the white space behind it, and is never empty
of visible text unless its whole document is. Where something may end is looked for in a whole
batch at once, by its characters; only there do expressions look closer, whose repetitions
cannot overlap. So the time is linear in the text.
"""

from __future__ import annotations

import bisect
import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from classifier import language, points
from classifier.points import (
    BLANK,
    BULLETS,
    CLOSERS,
    IS_BLANK,
    IS_BREAK,
    IS_BULLET,
    IS_HAN,
    IS_LOWER,
    IS_SPACE,
    IS_STOP,
    IS_UPPER,
    STOPS,
    Points,
    distinct,
    in_batch,
    member,
    starts_of,
    word_keys,
)
from classifier.schema import BREAKS, Limits, Segments
from classifier.seams import seams

_BOUNDARY = re.compile(rf"[{STOPS}{BULLETS}](?:(?<!\.)|(?![a-z0-9]))[{STOPS}]*+[{CLOSERS}]*+{BLANK}*+")
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
# Those of letters alone as numbers, the last letter lowest; none is longer than the longest.
_KNOWN = [word for word in _TITLES | _MAYBE if word.isalpha()]
_LONGEST_KNOWN = max(map(len, _KNOWN))
_KNOWN_KEYS = word_keys(word[::-1] for word in _KNOWN)


def cut(text: str, limits: Limits | None = None, language_id: str = "exact") -> Segments:
    """Cuts a document into segments that tile it.

    text: any string, lone surrogates and NULs included. limits: bounds the length of a
    segment. language_id: who decides its path, one of `schema.LANGUAGE_IDS`; the cuts are
    the same. Returns the columns; an empty text has none.
    """
    return cut_many([text], limits, language_id)[0]


def cut_many(texts: Sequence[str], limits: Limits | None = None, language_id: str = "exact") -> list[Segments]:
    """`cut` for each document of a batch, in less time."""
    batch = points.read(texts)
    read = language.read(batch)
    longest = min((limits or Limits()).segment_characters, language.LONGEST)
    visible = np.zeros(batch.flags.size + 1, np.int32)  # characters before each place that are no white space
    np.cumsum(batch.flags & IS_SPACE == 0, out=visible[1:])
    breaks = _lines(batch, visible)
    lines = batch.by_document(breaks)
    found = distinct(np.concatenate((breaks, _sentence_ends(batch), _behind_blanks(batch, seams(batch)))))
    found = found[~member(found, batch.offsets[:-1])]
    ends = batch.by_document(found)
    starts = starts_of(batch.offsets, found)
    for number in distinct(batch.owner(found[visible[found] == visible[starts]])).tolist():
        ends[number] = _tile(texts[number], ends[number], lines[number])
    for number, looked in enumerate(_mixed_lines(batch, read, breaks, lines)):
        ends[number] = _cap(texts[number], _switched(texts[number], ends[number], lines[number], looked), longest)
    paragraphs = [_numbers(own, of_lines) for own, of_lines in zip(ends, lines, strict=True)]
    if language_id == "exact":
        paths = language.routes(texts, ends, read)
    else:
        paths = [language.detected(*columns) for columns in zip(texts, ends, paragraphs, strict=True)]
    return [
        Segments(own, numbers, path, language.chinese_script(text, own, path))
        for text, own, numbers, path in zip(texts, ends, paragraphs, paths, strict=True)
    ]


def _lines(batch: Points, visible: NDArray[np.int32]) -> NDArray[np.int64]:
    """Ends of lines with the blank lines behind them; blank lines at the top of a document join the first."""
    starts = np.flatnonzero(batch.flags & IS_BREAK) + 1
    starts = starts[:-1][np.diff(visible[starts]) > 0]
    # A line with something to see ends the one before, if that is of its document.
    first = np.searchsorted(starts, batch.offsets[:-1])
    starts = np.delete(starts, first[first < starts.size])
    stops = batch.offsets[1:] - 1
    return np.sort(np.concatenate((starts, stops[stops > batch.offsets[:-1]])))


def _behind_blanks(batch: Points, places: Sequence[Sequence[int]]) -> NDArray[np.int64]:
    """Places in each document as places in the batch, behind the white space that begins at them."""
    other = np.flatnonzero(batch.flags & IS_BLANK == 0)
    return other[np.searchsorted(other, in_batch(batch.offsets, places))]


def _mixed_lines(
    batch: Points, read: language.Read, breaks: NDArray[np.int64], lines: Sequence[Sequence[int]]
) -> list[list[int]]:
    """The numbers of the lines of each document in which a sentence may change its language."""
    if not breaks.size:
        return [[] for _ in lines]
    found = np.flatnonzero(language.may_switch(batch, read, starts_of(batch.offsets, breaks), breaks))
    edges = np.cumsum([0, *map(len, lines)])
    cuts = np.searchsorted(found, edges).tolist()
    return [(found[a:b] - edge).tolist() for a, b, edge in zip(cuts, cuts[1:], edges.tolist(), strict=False)]


def _numbers(ends: list[int], lines: list[int]) -> list[int]:
    """The number of the line that each segment lies in."""
    found: list[int] = np.searchsorted(lines, ends).tolist()
    return found


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


def _switched(text: str, ends: list[int], lines: list[int], mixed: list[int]) -> list[int]:
    """The same ends, and those where a sentence changes its language for good; mixed: the lines to look at."""
    out: list[int] = []
    at = 0
    for number in mixed:
        start, stop = lines[number - 1] if number else 0, lines[number]
        first = bisect.bisect_right(ends, start, at)
        last = bisect.bisect_right(ends, stop, first)
        out += ends[at:first]
        out += (start + end for end in language.switches(text[start:stop], [end - start for end in ends[first:last]]))
        at = last
    return out + ends[at:]


def _sentence_ends(batch: Points) -> NDArray[np.int64]:
    """Ends of sentences by their punctuation, behind the white space that follows."""
    at = np.flatnonzero(batch.flags & (IS_STOP | IS_BULLET))
    # A stop behind a stop belongs to it.
    first = at[(batch.flags[at - 1] & IS_STOP == 0) | (batch.flags[at] & IS_STOP == 0)]
    plain, ends = _plain_ends(batch, first)
    known, doubtful = batch.by_document(ends), batch.by_document(first[~plain])
    found = [
        _doubtful_ends(text, cuts, places) if places else []
        for text, cuts, places in zip(batch.texts, known, doubtful, strict=True)
    ]
    return np.concatenate((ends, in_batch(batch.offsets, found)))


def _plain_ends(batch: Points, at: NDArray[np.intp]) -> tuple[NDArray[np.bool_], NDArray[np.intp]]:
    """Which stops need no closer look, and the ends of sentences among them.

    A word of letters, a full stop, a space and a capital; a Chinese stop before a Han character.
    """
    points, flags = batch.points, batch.flags
    behind, second = flags[at + 1], flags[at + 2]  # two line breaks end the batch
    english = (points[at] == ord(".")) & (points[at + 1] == ord(" ")) & (second & IS_UPPER != 0)
    letters = np.zeros(at.size, np.int64)
    key = np.zeros(at.size, np.uint64)
    live = english.copy()
    for back in range(1, _LONGEST_KNOWN + 2):
        place = np.maximum(at - back, 0)
        live &= flags[place] & (IS_LOWER | IS_UPPER) != 0
        letters += live
        key |= np.where(live, points[place] | 0x20, 0).astype(np.uint64) << np.uint64(8 * (back - 1))
    long = letters > _LONGEST_KNOWN
    word = flags[np.maximum(at - letters - 1, 0)] & IS_SPACE != 0
    english = long | word & (letters > 1) & ~member(key, _KNOWN_KEYS)
    chinese = (flags[at] & IS_STOP != 0) & (points[at] != ord(".")) & (points[at] != ord("…")) & (behind & IS_HAN != 0)
    chinese &= flags[at - 1] & IS_BULLET == 0
    return english | chinese, np.sort(np.concatenate((at[english] + 2, at[chinese] + 1)))


def _doubtful_ends(text: str, known: list[int], places: list[int]) -> list[int]:
    """The ends of sentences among stops and bullets that only their surroundings tell.

    known: ends that are known already, ascending.
    """
    cuts: list[int] = []
    start = 0
    for place in places:
        match = _BOUNDARY.match(text, place)
        # A stop behind a bullet belongs to it too.
        if not match or (place and text[place - 1] in BULLETS and match.group()[0] not in BULLETS):
            continue
        found, at, end = match.group(), match.start(), match.end()
        following = text[end : end + 1]
        if following in _ENDED:
            continue
        number = bisect.bisect_right(known, at)
        start = max(start, known[number - 1] if number else 0)
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
            and "@" not in word
        )
    if not word or closed:
        return True
    lower = word.lower().lstrip("'")
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
    if np.diff(ends, prepend=0).max(initial=0) <= longest:
        return ends
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
