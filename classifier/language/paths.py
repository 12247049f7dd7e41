"""Text to language paths: script first, function words next, langdetect's profiles last.

Script decides Chinese or not. Function words decide the language of a sentence that mixes
scripts and confirm English. What neither can decide, Latin text without function words, is
scored against the n-gram profiles that langdetect ships.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from classifier import points
from classifier.language import grammar, han, mixed, scripts, tokens
from classifier.language.profiles import detect, english_probability
from classifier.language.scripts import LANE, Counts, Read
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

_CLOSING, _BREAKS = (np.array(sorted(map(ord, chars)), np.uint32) for chars in ('”’」』"', BREAKS))
_WORD = re.compile(r"[^\W\d_]+")
_HAN = re.compile(r"[\u3400-\u9fff\uf900-\ufaff\U00020000-\U00033fff]+")
_ACCENT = re.compile(r"(?:(?<![^\W\d_])[a-z]|\A\W*)[^\W\d_]*[\xc0-\u024f\u1e00-\u1eff]")
_FULL_WIDTH = re.compile("[：，、。！？（）《》]")
_ADDRESSED = re.compile(r"://|www\.|\.(?:com|org|net|cn|io|edu|gov)\b")
_ADDRESSED_MARKS = ("://", "www.", ".com", ".org", ".net", ".cn", ".io", ".edu", ".gov")  # quicker to look for
_ADDRESS = re.compile(
    r"\s*(?:\w+://\S+|www\.\S+|[\w.+-]+@[\w.-]+|[\w-]+(?:\.[\w-]+)*\.(?:com|org|net|cn|io|edu|gov)\b(?:[/:?]\S*)?)\s*\Z"
)


def routes(texts: Sequence[str], ends: Sequence[Sequence[int]], read: Read | None = None) -> list[list[int]]:
    """The language path of every segment of each document.

    texts: documents; ends: where each segment of each ends, ascending, the last at its end; read:
    `scripts.read()` of their batch, if it is there already. Returns an index into `LANGUAGES`
    for each segment. A segment without letters takes the path of most of its document; a
    document without letters is `other`.
    """
    batch = read or scripts.read(points.read(texts))
    stops = points.in_batch(batch.offsets, ends)
    if not stops.size:
        return [[] for _ in texts]
    pieces = _pieces(texts, batch, stops)
    c = pieces.counts
    route = np.full(stops.size, -1)
    route[c.han + c.kana > 0] = ZH
    route[c.kana > KANA_SHARE * (c.han + c.kana)] = OTHER
    _by_script(pieces, route)
    # An address says nothing of the language around it.
    addressed = [i for i in np.flatnonzero(_in_addressed(pieces) & (route < 0)).tolist() if _ADDRESS.match(*pieces.place(i))]
    c.latin[addressed] = 0
    _join_fragments(pieces, route)
    latin = np.flatnonzero((route < 0) & (c.latin > 0))
    route[latin] = _latin_routes(pieces, latin)
    weight = c.latin + HAN_WEIGHT * (c.han + c.kana) + 2 * c.hangul + c.foreign
    weight[addressed] = 0
    _by_surroundings(pieces, weight, route)
    edges = np.searchsorted(pieces.owner, np.arange(len(texts) + 1)).tolist()
    found = route.tolist()
    return [found[a:b] for a, b in pairwise(edges)]


class _Pieces(NamedTuple):
    """The segments of a batch of documents, a row a segment.

    owner: the number of its document; starts, stops: its offsets there; first, last: whether it opens or closes a line;
    letter: its first code point. accented: whether it holds a letter with a diacritic.
    """

    texts: Sequence[str]
    counts: Counts
    owner: NDArray[np.intp]
    starts: list[int]
    stops: list[int]
    first: NDArray[np.bool_]
    last: NDArray[np.bool_]
    letter: NDArray[np.uint32]
    accented: NDArray[np.bool_]

    def place(self, row: int) -> tuple[str, int, int]:
        """Its document, and where it lies there."""
        return self.texts[self.owner[row]], self.starts[row], self.stops[row]

    def text(self, row: int) -> str:
        text, start, stop = self.place(row)
        return text[start:stop]

    def of(self, document: int) -> slice:
        """The rows of a document."""
        return slice(*np.searchsorted(self.owner, [document, document + 1]).tolist())

    def total(self, values: NDArray[np.int64]) -> NDArray[np.int64]:
        """The sum over each document."""
        return np.bincount(self.owner, values, len(self.texts)).astype(np.int64)


def _pieces(texts: Sequence[str], batch: Read, stops: NDArray[np.int64]) -> _Pieces:
    starts = points.starts_of(batch.offsets, stops)
    owner = np.searchsorted(batch.offsets, stops) - 1
    shift = batch.offsets[owner]
    last = points.member(batch.points[stops - 1], _BREAKS)
    last[:-1] |= owner[1:] != owner[:-1]
    last[-1] = True
    return _Pieces(
        texts,
        scripts.count(batch.letters, starts, stops),
        owner,
        (starts - shift).tolist(),
        (stops - shift).tolist(),
        np.concatenate(([True], last[:-1])),
        last,
        batch.points[starts],
        scripts.marks(batch.letters, starts, stops) & scripts.IS_ACCENT != 0,
    )


def _by_script(pieces: _Pieces, route: NDArray[np.int64]) -> None:
    """Decides what holds letters of several scripts, or Han that may be Japanese; changes `route`."""
    c = pieces.counts
    kana, han = pieces.total(c.kana), pieces.total(c.han)
    # Text in Han alone can be Japanese on a page with kana; without any, only a short page is asked.
    japanese = np.where(kana > 0, kana > KANA_SHARE * (kana + han), (han > 0) & (han <= MAX_KANJI))
    for document in np.flatnonzero(japanese).tolist():
        if not kana[document] and not grammar.is_japanese("".join(_HAN.findall(pieces.texts[document]))):
            continue
        rows = pieces.of(document)
        for i in (rows.start + np.flatnonzero((c.kana[rows] == 0) & (c.han[rows] > 0))).tolist():
            if not grammar.is_chinese("".join(_HAN.findall(pieces.text(i)))):
                route[i] = OTHER
    others = c.hangul + c.foreign
    route[(others > 0) & (2 * c.hangul + c.foreign > c.latin + HAN_WEIGHT * (c.han + c.kana))] = OTHER
    several = (c.latin > 0).astype(int) + (c.han > 0) + (c.kana > 0) + (others > 0) > 1
    # With fewer letters than Han characters a sentence is Chinese without a closer look.
    several &= (c.latin > c.han) | (c.kana + others > 0)
    for i in np.flatnonzero(several).tolist():
        route[i] = _mixed_route(pieces.text(i))


def _in_addressed(pieces: _Pieces) -> NDArray[np.bool_]:
    """Which segments are of a document that holds addresses."""
    holds = [any(mark in text for mark in _ADDRESSED_MARKS) and _ADDRESSED.search(text) is not None for text in pieces.texts]
    return np.array(holds)[pieces.owner]


def _join_fragments(pieces: _Pieces, route: NDArray[np.int64]) -> None:
    """Gives fragments of Latin text in a Chinese line, such as "(via)", the path of that line.

    Full-width punctuation is Chinese as well: "Photo：Reuters".
    """
    c = pieces.counts
    full = [not text.isascii() and _FULL_WIDTH.search(text) is not None for text in pieces.texts]
    chinese = (pieces.total(route == ZH) > 0) | full
    fragment = chinese[pieces.owner] & (route < 0) & (c.latin > 0) & (c.latin < 2 * MIN_LETTERS) & (c.english_words == 0)
    for i in np.flatnonzero(fragment).tolist():
        piece = pieces.text(i)
        beside = ZH in _line_mates(pieces, route, i) or _FULL_WIDTH.search(piece)
        if beside and not grammar.stands_alone(piece):
            route[i] = ZH


def _line_mates(pieces: _Pieces, route: NDArray[np.int64], i: int) -> list[int]:
    """The paths known of the segments behind and before one in its line, in this order."""
    mates = [] if pieces.last[i] else [int(route[i + 1])]
    mates += [] if pieces.first[i] else [int(route[i - 1])]
    return [mate for mate in mates if mate >= 0]


def _by_surroundings(pieces: _Pieces, weight: NDArray[np.int64], route: NDArray[np.int64]) -> None:
    """Gives segments without letters the path of what stands beside them in their line, else of most of their document."""
    known = route >= 0
    cells = pieces.owner[known] * len(LANGUAGES) + route[known]
    share = np.bincount(cells, weight[known], len(pieces.texts) * len(LANGUAGES)).reshape(-1, len(LANGUAGES))
    page = np.where(share.any(1), share.argmax(1), OTHER)
    blind = pieces.total(known.astype(np.int64)) == 0
    route[blind[pieces.owner]] = page[pieces.owner[blind[pieces.owner]]]
    closing = (route < 0) & points.member(pieces.letter, _CLOSING)
    for document in points.distinct(pieces.owner[closing]).tolist():
        rows = pieces.of(document)
        for i in (rows.start + np.flatnonzero(route[rows] < 0)).tolist():
            # A closing quotation mark belongs to who opened it.
            owned = closing[i] and i > rows.start + 1
            route[i] = route[i - 2] if owned else [*_line_mates(pieces, route, i), page[document]][0]
    # The same for all others: what stands behind, if it is known, else what stands before.
    behind = np.where(pieces.last, -1, np.append(route[1:], -1))
    opening = np.where(pieces.first, page[pieces.owner], -1)
    told = np.where(route >= 0, route, np.where(behind >= 0, behind, opening))
    route[:] = told[np.maximum.accumulate(np.where(told >= 0, np.arange(told.size), 0))]


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


def _latin_routes(pieces: _Pieces, rows: NDArray[np.intp]) -> NDArray[np.int64]:
    """English or other, for the segments `rows` that hold Latin letters."""
    c = pieces.counts
    hits, misses, few = c.english_words[rows], c.foreign_words[rows], c.latin[rows] < MIN_LETTERS
    page = _pages(pieces, rows, hits, misses)[pieces.owner[rows]]
    strong = page > STRONG_PAGE
    accent = pieces.accented[rows]
    for k in np.flatnonzero(accent).tolist():
        accent[k] = _ACCENT.search(*pieces.place(rows[k])) is not None
    english = hits > misses + 2 * accent
    short = ~english & few & (misses == 0)
    known = ~english & ~short & strong & (few | (misses == 0) & ~accent)
    path = np.where(english | known | short & (page >= 0.5), EN, OTHER)
    for k in np.flatnonzero(~(english | short | known)).tolist():
        prior = ACCENT_PRIOR if accent[k] and not strong[k] else min(max(page[k], 1 - ENGLISH_PRIOR), ENGLISH_PRIOR)
        path[k] = EN if english_probability(pieces.text(rows[k]).strip()[:400], prior) >= 0.5 else OTHER
    return path


def _pages(pieces: _Pieces, rows: NDArray[np.intp], hits: NDArray[np.int64], misses: NDArray[np.int64]) -> NDArray[np.float64]:
    """The probability that Latin text of each document is English: by its function words, else by its n-grams.

    rows: segments that hold such text; hits, misses: their English and foreign function words.
    """
    of = pieces.owner[rows]
    english, foreign = (np.bincount(of, words, len(pieces.texts)) for words in (hits, misses))
    page = (english + 2 * ENGLISH_PRIOR) / (english + foreign + 2)
    for document in points.distinct(of[(english + foreign == 0)[of]]).tolist():
        own = rows[of == document]
        sample = " ".join(pieces.text(row).strip() for row in own[:50].tolist())[:1000]
        labels = sum(word.lower() in grammar.LABEL_WORDS for word in _WORD.findall(sample))
        if labels and sample.isascii():
            page[document] = ENGLISH_PRIOR
        else:
            prior = ACCENT_PRIOR if own.size == 1 and _ACCENT.search(sample) else ENGLISH_PRIOR
            page[document] = english_probability(sample, prior)
    return page


def chinese_script(text: str, ends: list[int], paths: list[int]) -> str | None:
    """ "Hans" or "Hant", by most of the characters that decide in the Chinese segments of a document; or None."""
    if ZH not in paths:
        return None
    return han.script("".join(text[ends[i - 1] if i else 0 : ends[i]] for i, path in enumerate(paths) if path == ZH))
