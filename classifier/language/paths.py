"""Text to language paths: script first, function words next, langdetect's profiles last.

Script decides Chinese or not. Function words decide the language of a sentence that mixes
scripts and confirm English. What neither can decide, Latin text without function words, is
scored against the n-gram profiles that langdetect ships.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from classifier import points
from classifier.language import grammar, han, mixed, scripts, tokens
from classifier.language.profiles import detect, english_probability
from classifier.language.scripts import ENGLISH_SET, FOREIGN_SET, LANE, Counts, Letters
from classifier.language.tokens import KANA_SHARE
from classifier.schema import BREAKS, LANGUAGES, Language

EN, ZH, OTHER = (LANGUAGES.index(name) for name in (Language.EN, Language.ZH, Language.OTHER))
# A segment of more characters overflows the counters of `scripts.count()`.
LONGEST = (1 << LANE) - 1

# The values below were chosen with `python -m training.languages`: (x, y) is how many of 173
# texts written for this and of the 520 of tests/examples/languages.jsonl are exact to the
# character. With the values as they are: (173, 515).

# A Han character carries about three Latin letters' worth of text. 1 to 6 give the same.
HAN_WEIGHT = 3
# Fewer Latin letters than this hold too few n-grams to overrule the page they stand on. 5 (173,
# 512), 10 (173, 514), 30 (173, 514).
MIN_LETTERS = 20
# The posterior of English before anything is read, on a page that does not say otherwise. 0.5
# (170, 509), 0.9 (172, 515), 0.999 (173, 511).
ENGLISH_PRIOR = 0.99
# The same for text with a diacritic in its first word or in one in lower case: seldom English,
# but it may be (café). 0.5 to 0.9 give the same, 0.1 and 0.3 (173, 514).
ACCENT_PRIOR = 0.5
# A page is English without doubt above this share of English function words. 0.6 (173, 511),
# 0.95 (172, 515).
STRONG_PAGE = 0.8
# A page in Han alone with more characters than this holds one that only Chinese writes. 10 to
# 1,000 give the same.
MAX_KANJI = 100

_CLOSING = re.compile(r"[”’」』\"]")
_LABELLED = re.compile(r":\s+[\"“„«]?(?=[A-Z\xc0-\xde])")
_WORD = re.compile(r"[^\W\d_]+")
_HAN = re.compile(r"[\u3400-\u9fff\uf900-\ufaff\U00020000-\U00033fff]+")
_NAME = re.compile(r"\w+")
_ACCENT = re.compile(r"(?:(?<![^\W\d_])[a-z]|\A\W*)[^\W\d_]*[\xc0-\u024f\u1e00-\u1eff]")
_FULL_WIDTH = re.compile("[：，、。！？（）《》]")
_ADDRESSED = re.compile(r"://|www\.|\.(?:com|org|net|cn|io|edu|gov)\b")
_ADDRESSED_MARKS = ("://", "www.", ".com", ".org", ".net", ".cn", ".io", ".edu", ".gov")  # quicker to look for
_ADDRESS = re.compile(
    r"\s*(?:\w+://\S+|www\.\S+|[\w.+-]+@[\w.-]+|[\w-]+(?:\.[\w-]+)*\.(?:com|org|net|cn|io|edu|gov)\b(?:[/:?]\S*)?)\s*\Z"
)


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


def routes(texts: Sequence[str], ends: Sequence[Sequence[int]], read: Read | None = None) -> list[list[int]]:
    """The language path of every segment of each document.

    texts: documents; ends: where each segment of each ends, ascending, the last at its end; read:
    `scripts_of()` their batch, if it is there already. Returns an index into `LANGUAGES`
    for each segment. A segment without letters takes the path of most of its document; a
    document without letters is `other`.
    """
    letters, offsets = read or scripts_of(points.read(texts))
    stops = points.in_batch(offsets, ends)
    if not stops.size:
        return [[] for _ in texts]
    starts = points.starts_of(offsets, stops)
    c = scripts.count(letters, starts, stops)
    accented = scripts.marks(letters, starts, stops) & scripts.IS_ACCENT != 0
    weight = c.latin + HAN_WEIGHT * (c.han + c.kana) + 2 * c.hangul + c.foreign
    route = _by_script(c)
    out: list[list[int]] = []
    at = 0
    for text, own in zip(texts, ends, strict=True):
        mine = slice(at, at + len(own))
        at += len(own)
        if own:
            counts = Counts(*(column[mine] for column in c))
            _document(text, own, counts, weight[mine], accented[mine], route[mine])
        out.append(route[mine].tolist())
    return out


class Read(NamedTuple):
    """The letters of a batch of documents, and where each document starts in them."""

    letters: Letters
    offsets: NDArray[np.int64]


def scripts_of(batch: points.Points) -> Read:
    """Scripts and function words of a batch, for `routes()` and `switches()`."""
    return Read(scripts.read(batch.points), batch.offsets)


def _by_script(c: Counts) -> NDArray[np.int64]:
    """The path of each segment as far as its script tells; -1 where it does not."""
    east = c.han + c.kana
    route = np.full(east.size, -1)
    route[east > 0] = ZH
    route[c.kana > KANA_SHARE * east] = OTHER
    return route


def _document(
    text: str, ends: Sequence[int], c: Counts, weight: NDArray[np.int64], accented: NDArray[np.bool_], route: NDArray[np.int64]
) -> None:
    """Decides what script alone left open in one document; changes `route`."""
    east = c.han + c.kana
    if east.any() or c.hangul.any() or c.foreign.any():
        kanji = np.flatnonzero((c.kana == 0) & (c.han > 0)).tolist() if _may_be_japanese(text, c) else []
        for i in kanji:
            if not grammar.is_chinese("".join(_HAN.findall(text[ends[i - 1] if i else 0 : ends[i]]))):
                route[i] = OTHER
        route[(c.hangul + c.foreign > 0) & (2 * c.hangul + c.foreign > c.latin + HAN_WEIGHT * east)] = OTHER
        several = (c.latin > 0).astype(int) + (c.han > 0) + (c.kana > 0) + (c.hangul + c.foreign > 0) > 1
        # With fewer letters than Han characters a sentence is Chinese without a closer look.
        several &= (c.latin > c.han) | (c.kana + c.hangul + c.foreign > 0)
        for i in np.flatnonzero(several).tolist():
            route[i] = _mixed_route(text[ends[i - 1] if i else 0 : ends[i]])
    unread = np.flatnonzero(route < 0)
    if not unread.size:
        return
    if any(mark in text for mark in _ADDRESSED_MARKS) and _ADDRESSED.search(text):
        for i in unread.tolist():
            if _ADDRESS.match(text, ends[i - 1] if i else 0, ends[i]):
                weight[i] = c.latin[i] = 0
    if not text.isascii() and ((route == ZH).any() or _FULL_WIDTH.search(text)):
        _join_fragments(text, ends, c, route)
    latin = np.flatnonzero((route < 0) & (c.latin > 0))
    if latin.size:
        route[latin] = _latin_routes(text, ends, c, accented, latin)
    share = np.bincount(route[route >= 0], weight[route >= 0], minlength=3)
    page = int(share.argmax()) if share.any() else OTHER
    if (route < 0).all():
        route[:] = page
    for i in np.flatnonzero(route < 0).tolist():
        # A closing quotation mark belongs to who opened it.
        closing = i > 1 and _CLOSING.match(text, ends[i - 1])
        route[i] = route[i - 2] if closing else [*_line_mates(text, ends, route, i), page][0]


def _join_fragments(text: str, ends: Sequence[int], c: Counts, route: NDArray[np.int64]) -> None:
    """Gives fragments of Latin text in a Chinese line, such as "(via)", the path of that line.

    Full-width punctuation is Chinese as well: "Photo：Reuters".
    """
    for i in np.flatnonzero((route < 0) & (c.latin > 0) & (c.latin < 2 * MIN_LETTERS) & (c.english_words == 0)).tolist():
        piece = text[ends[i - 1] if i else 0 : ends[i]]
        beside = ZH in _line_mates(text, ends, route, i) or _FULL_WIDTH.search(piece)
        if beside and not grammar.stands_alone(piece):
            route[i] = ZH


def _line_mates(text: str, ends: Sequence[int], route: NDArray[np.int64], i: int) -> list[int]:
    """The paths known of the segments behind and before one in its line, in this order."""
    mates = []
    if i + 1 < len(ends) and text[ends[i] - 1] not in BREAKS:
        mates.append(int(route[i + 1]))
    if i and text[ends[i - 1] - 1] not in BREAKS:
        mates.append(int(route[i - 1]))
    return [mate for mate in mates if mate >= 0]


def _may_be_japanese(text: str, c: Counts) -> bool:
    """Can text in Han alone be Japanese on this page?

    On a page with kana it can; without any, only a short page is asked.
    """
    kana, han = int(c.kana.sum()), int(c.han.sum())
    if kana:
        return kana > KANA_SHARE * (kana + han)
    return 0 < han <= MAX_KANJI and grammar.is_japanese("".join(_HAN.findall(text)))


def detected(text: str, ends: list[int], paragraphs: list[int]) -> list[int]:
    """The paths of a document's segments as langdetect's own detector sees them.

    text, ends: as for `routes()`; paragraphs: the number of the paragraph of each segment. It
    is asked once a paragraph and its segments share the answer: shorter text it guesses at,
    and a call costs a millisecond. Paragraphs without features are `other`.
    """
    out: list[int] = []
    start = 0
    for i, end in enumerate(ends):
        if i + 1 == len(ends) or paragraphs[i + 1] != paragraphs[i]:
            answer = detect(text[start:end]) or ""
            path = EN if answer == "en" else ZH if answer.startswith("zh") else OTHER
            out += [path] * (i + 1 - len(out))
            start = end
    return out


_ROUTE = {tokens.HAN: ZH, tokens.KANA: OTHER, tokens.FOREIGN: OTHER, tokens.LATIN: -1}


def _mixed_route(segment: str) -> int:
    """The path of a segment with letters of several scripts; -1 where its Latin text decides."""
    found = mixed.runs(segment)
    longest = max(found, key=lambda run: run.end - run.start, default=None)
    return _ROUTE[longest.kind] if longest else OTHER


def _latin_routes(
    text: str, ends: Sequence[int], c: Counts, accented: NDArray[np.bool_], rows: NDArray[np.intp]
) -> NDArray[np.int64]:
    """English or other, for the segments `rows` that hold Latin letters."""
    hits, misses, letters = c.english_words[rows], c.foreign_words[rows], c.latin[rows]
    page = _page(text, ends, rows, int(hits.sum()), int(misses.sum()))
    strong = page > STRONG_PAGE
    accent = accented[rows]
    spans = [(ends[i - 1] if i else 0, ends[i]) for i in rows.tolist()]
    for k in np.flatnonzero(accent).tolist():
        accent[k] = _ACCENT.search(text, *spans[k]) is not None
    few = letters < MIN_LETTERS
    english = hits > misses + 2 * accent
    short = ~english & few & (misses == 0)
    known = ~english & ~short & strong & (few | (misses == 0) & ~accent)
    path = np.where(english | known | short & (page >= 0.5), EN, OTHER)
    for k in np.flatnonzero(~(english | short | known)).tolist():
        start, end = spans[k]
        prior = ACCENT_PRIOR if accent[k] and not strong else min(max(page, 1 - ENGLISH_PRIOR), ENGLISH_PRIOR)
        path[k] = EN if english_probability(text[start:end].strip()[:400], prior) >= 0.5 else OTHER
    return path


def _page(text: str, ends: Sequence[int], rows: NDArray[np.intp], english: int, foreign: int) -> float:
    """The probability that Latin text on this page is English: by its function words, else by its n-grams."""
    if english + foreign:
        return (english + 2 * ENGLISH_PRIOR) / (english + foreign + 2)
    sample = " ".join(text[ends[i - 1] if i else 0 : ends[i]].strip() for i in rows[:50].tolist())[:1000]
    labels = sum(word.lower() in grammar.LABEL_WORDS for word in _WORD.findall(sample))
    if labels and sample.isascii():
        return ENGLISH_PRIOR
    return english_probability(sample, ACCENT_PRIOR if rows.size == 1 and _ACCENT.search(sample) else ENGLISH_PRIOR)


def chinese_script(text: str, ends: list[int], paths: list[int]) -> str | None:
    """ "Hans" or "Hant", by most of the characters that decide in the Chinese segments of a document; or None."""
    if ZH not in paths:
        return None
    return han.script("".join(text[ends[i - 1] if i else 0 : ends[i]] for i, path in enumerate(paths) if path == ZH))
