"""Text to language paths: script first, function words next, langdetect's profiles last.

Script decides Chinese or not. Function words decide the language of a sentence that mixes
scripts and confirm English. What neither can decide, Latin text without function words, is
scored against the n-gram profiles that langdetect ships, as an exact naive-Bayes posterior:
its detector samples at random and is wrong on short text, its profiles are good. This is the
only module that touches langdetect, and it reads its data files without importing it.
"""

from __future__ import annotations

import importlib.util
import json
import math
import re
import threading
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from classifier.schema import LANGUAGES, InputError, Language

EN, ZH, OTHER = (LANGUAGES.index(name) for name in (Language.EN, Language.ZH, Language.OTHER))

# A Han character carries about three Latin letters' worth of text.
HAN_WEIGHT = 3
# Kana in Japanese sentences is 45 % and more of kana and kanji; a Japanese title quoted in a
# Chinese sentence stays below 30 %.
KANA_SHARE = 0.35
# Fewer Latin letters than this hold too few n-grams to overrule the page they stand on.
MIN_LETTERS = 20
# The posterior of English before anything is read, on a page that does not say otherwise.
ENGLISH_PRIOR = 0.99

ENGLISH_WORDS = (
    "the of and to in is are was were for on with that this it its as by at from be been have has had "
    "not but or you your we our they their his her he she will would can could should about into than "
    "then there which who what when where how if all more an do does did i my us so after over"
).split()
# Words that are common elsewhere and mean nothing in English: no "die", "on", "as", "so".
FOREIGN_WORDS = (
    "der das und nicht mit ist ein eine den dem von zu auf auch sich wird le les des une est que qui "
    "pour dans sur avec pas el los las del por con una para como su il di che per non della gli sono os "
    "uma het een van voor niet dat zijn yang dan untuk dengan dari ini itu ve bir bu nie jest na och "
    "det att som en ett og til av ja og ei la y da em com au aux ce se"
).split()
CHINESE_WORDS = frozenset("的了是在和与與为為将將对對这這不也都就而及被把让讓从從已会會")

LATIN_LANGUAGES = "ca cs da de en es fi fr hr hu id it nl no pl pt ro sv tl tr vi".split()

_NONE, _LATIN, _HAN, _KANA, _HANGUL, _FOREIGN = range(6)
_BLOCKS = (
    (0x1100, 0x11FF, _HANGUL),
    (0x2E80, 0x2FDF, _HAN),
    (0x3005, 0x3007, _HAN),
    (0x3041, 0x30FA, _KANA),
    (0x30FC, 0x30FF, _KANA),
    (0x3130, 0x318F, _HANGUL),
    (0x31F0, 0x31FF, _KANA),
    (0x3400, 0x4DBF, _HAN),
    (0x4E00, 0x9FFF, _HAN),
    (0xAC00, 0xD7AF, _HANGUL),
    (0xF900, 0xFAFF, _HAN),
    (0xFF66, 0xFF9D, _KANA),
)
# Two entries behind the basic plane stand for the rest: other symbols, and Han extensions.
_ASTRAL, _ASTRAL_HAN = 0x10000, 0x10001
_LANE = 12  # bits of a counter; holds the longest segment (Limits.segment_characters)


def _script_table() -> NDArray[np.uint64]:
    plane = "".join(map(chr, range(0x10000)))
    table = np.zeros(_ASTRAL_HAN + 1, np.uint8)
    for match in re.finditer(r"[^\W\d_]+", plane):
        table[match.start() : match.end()] = _FOREIGN
    latin = [*range(0x41, 0x5B), *range(0x61, 0x7B), 0xAA, 0xBA, *range(0xC0, 0x250), *range(0x1E00, 0x1F00)]
    latin += [*range(0xFF21, 0xFF3B), *range(0xFF41, 0xFF5B)]
    table[[point for point in latin if table[point] or point >= 0xFF21]] = _LATIN
    for first, last, script in _BLOCKS:
        table[first : last + 1] = script
    table[_ASTRAL_HAN] = _HAN
    lanes = np.uint64(1) << (np.arange(-1, 5) * _LANE).clip(0).astype(np.uint64)
    lanes[_NONE] = 0
    return lanes[table]


_SCRIPTS = _script_table()


class Counts(NamedTuple):
    """Letters by script, a row a segment, and function words found in them."""

    latin: NDArray[np.int64]
    han: NDArray[np.int64]
    kana: NDArray[np.int64]
    hangul: NDArray[np.int64]
    foreign: NDArray[np.int64]
    english_words: NDArray[np.int64]
    foreign_words: NDArray[np.int64]


def _word_keys(words: list[str]) -> NDArray[np.uint64]:
    return np.array(sorted({sum(ord(c) << 8 * i for i, c in enumerate(w)) for w in words}), np.uint64)


_ENGLISH_KEYS = _word_keys(ENGLISH_WORDS)
_FOREIGN_KEYS = _word_keys([word for word in FOREIGN_WORDS if word not in ENGLISH_WORDS])
_LONGEST = 6


def _function_words(points: NDArray[np.uint32]) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Where words of up to six ASCII letters start, and which are English or foreign function words."""
    lower = points | 0x20
    letter = (lower >= 0x61) & (lower <= 0x7A) | (points >= 0xC0) & (points < 0x250) | (points >= 0x1E00) & (points < 0x1F00)
    edge = np.flatnonzero(letter[1:] != letter[:-1]) + 1
    if letter.size and letter[0]:
        edge = np.concatenate(([0], edge))
    if edge.size % 2:
        edge = np.concatenate((edge, [letter.size]))
    starts, sizes = edge[0::2], edge[1::2] - edge[0::2]
    short = sizes <= _LONGEST
    starts, sizes = starts[short], sizes[short]
    keys = np.zeros(starts.size, np.uint64)
    for i in range(_LONGEST):
        live = sizes > i
        keys[live] |= lower[starts[live] + i].astype(np.uint64) << np.uint64(8 * i)
    return starts, _member(keys, _ENGLISH_KEYS), _member(keys, _FOREIGN_KEYS)


def _member(keys: NDArray[np.uint64], known: NDArray[np.uint64]) -> NDArray[np.int64]:
    at = np.searchsorted(known, keys).clip(0, known.size - 1)
    found: NDArray[np.int64] = (known[at] == keys).astype(np.int64)
    return found


def count(text: str, ends: list[int]) -> Counts:
    """Letters by script and function words of every segment of `text` that `ends` closes."""
    points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
    index = points
    if points.size and points.max() >= _ASTRAL:
        han = (points >= 0x20000) & (points < 0x34000)
        index = np.where(points < _ASTRAL, points, np.where(han, _ASTRAL_HAN, _ASTRAL))
    stops = np.asarray(ends, np.int64)
    # Wrapping sums: the difference is exact as long as one segment fits a lane.
    total = np.concatenate((np.zeros(1, np.uint64), np.cumsum(_SCRIPTS[index], dtype=np.uint64)))
    packed = np.diff(total[np.concatenate((np.zeros(1, np.int64), stops))])
    lanes = [(packed >> np.uint64(_LANE * i) & np.uint64((1 << _LANE) - 1)).astype(np.int64) for i in range(5)]
    starts, english, foreign = _function_words(points)
    owner = np.searchsorted(stops, starts, side="right")
    hits = [np.bincount(owner[words == 1], minlength=stops.size) for words in (english, foreign)]
    return Counts(*lanes, *hits)


def routes(text: str, ends: list[int]) -> list[int]:
    """The language path of every segment of a document.

    text: the document; ends: where each segment ends, ascending, the last at its end.
    Returns an index into `LANGUAGES` for each segment. A segment without letters takes the
    path of most of the document; a document without letters is `other`.
    """
    if not ends:
        return []
    c = count(text, ends)
    weight = c.latin + HAN_WEIGHT * (c.han + c.kana) + 2 * c.hangul + c.foreign
    japanese = c.kana > KANA_SHARE * (c.han + c.kana)
    if c.kana.sum() > KANA_SHARE * (c.kana.sum() + c.han.sum()):  # kanji-only lines of a Japanese page
        japanese |= c.han + c.kana > 0
    strange = c.foreign + 2 * c.hangul + HAN_WEIGHT * np.where(japanese, c.han + c.kana, 0)
    route = np.full(len(ends), -1)
    chinese = (c.han > 0) & (HAN_WEIGHT * c.han >= c.latin)
    route[chinese] = ZH
    mixed = (c.han > 0) & (c.latin > 0) & (c.english_words > 0)
    mixed |= (c.han > 0) & ~chinese
    for i in np.flatnonzero(mixed):
        route[i] = _matrix_language(text[ends[i - 1] if i else 0 : ends[i]], chinese[i], int(c.english_words[i]))
    route[(2 * strange > weight) & (weight > 0)] = OTHER
    latin = np.flatnonzero((route < 0) & (c.latin > 0))
    if latin.size:
        route[latin] = _latin_routes(text, ends, c, latin)
    share = np.bincount(route[route >= 0], weight[route >= 0], minlength=3)
    route[route < 0] = int(share.argmax()) if share.any() else OTHER
    return [int(r) for r in route]


def _matrix_language(text: str, chinese: bool, english_words: int) -> int:
    """The language whose grammar carries a sentence with both Han and Latin letters."""
    particles = sum(char in CHINESE_WORDS for char in text)
    if particles > english_words:
        return ZH
    if english_words >= 2 and english_words > particles:
        return EN if not chinese or english_words >= 3 * (particles + 1) else ZH
    return ZH if chinese or particles else EN


def _latin_routes(text: str, ends: list[int], c: Counts, rows: NDArray[np.intp]) -> NDArray[np.int64]:
    """English or other, for the segments `rows` that hold Latin letters."""
    english, foreign = int(c.english_words[rows].sum()), int(c.foreign_words[rows].sum())
    if english + foreign == 0:
        sample = " ".join(text[ends[i - 1] if i else 0 : ends[i]].strip() for i in rows[:50])
        page = english_probability(sample[:1000], ENGLISH_PRIOR)
    else:
        page = (english + 1) / (english + foreign + 2)
    out = np.where(page >= 0.5, EN, OTHER).repeat(rows.size)
    strong = page > 0.8
    for k, i in enumerate(rows):
        hits, misses = c.english_words[i], c.foreign_words[i]
        if hits > misses:
            out[k] = EN
        elif misses > hits or (c.latin[i] >= MIN_LETTERS and not (strong and misses == 0)):
            if c.latin[i] < MIN_LETTERS and strong:
                continue
            piece = text[ends[i - 1] if i else 0 : ends[i]].strip()
            prior = min(max(page, 1 - ENGLISH_PRIOR), ENGLISH_PRIOR)
            out[k] = EN if english_probability(piece[:400], prior) >= 0.5 else OTHER
    return out


class _Profiles(NamedTuple):
    rows: dict[str, int]
    log_probability: NDArray[np.float64]  # n-gram x language; the last row is for unseen n-grams


_profiles: _Profiles | None = None
_lock = threading.Lock()
_UNSEEN = 5e-6


def _load_profiles() -> _Profiles:
    global _profiles
    with _lock:
        if _profiles is None:
            spec = importlib.util.find_spec("langdetect")
            if spec is None or not spec.submodule_search_locations:
                raise InputError("langdetect is not installed: its language profiles are needed; pip install langdetect")
            folder = Path(next(iter(spec.submodule_search_locations))) / "profiles"
            index: dict[str, int] = {}
            cells: list[tuple[int, int, float]] = []
            for column, name in enumerate(LATIN_LANGUAGES):
                profile = json.loads((folder / name).read_text("utf-8"))
                for gram, frequency in profile["freq"].items():
                    row = index.setdefault(gram, len(index))
                    cells.append((row, column, frequency / profile["n_words"][len(gram) - 1]))
            matrix = np.zeros((len(index) + 1, len(LATIN_LANGUAGES)))
            rows, columns, values = zip(*cells, strict=True)
            matrix[rows, columns] = values
            _profiles = _Profiles(index, np.log(matrix + _UNSEEN))
    return _profiles


@lru_cache(maxsize=65_536)
def english_probability(text: str, prior: float) -> float:
    """The posterior probability that Latin text is English, given the prior of its page."""
    profiles = _profiles or _load_profiles()
    words = re.findall(r"[^\W\d_]+", text)
    rows = []
    for word in words:
        padded = f" {word.lower() if word.isupper() else word} "
        for size in (1, 2, 3):
            for at in range(len(padded) - size + 1):
                gram = padded[at : at + size]
                if gram != " " and (row := profiles.rows.get(gram)) is not None:
                    rows.append(row)
    english = LATIN_LANGUAGES.index("en")
    log_prior = np.full(len(LATIN_LANGUAGES), math.log((1 - prior) / (len(LATIN_LANGUAGES) - 1)))
    log_prior[english] = math.log(prior)
    # Overlapping n-grams repeat each other's evidence; half of it is nearer the truth.
    score = log_prior + 0.5 * profiles.log_probability[rows].sum(0)
    score = np.exp(score - score.max())
    return float(score[english] / score.sum())


_ENGLISH_RUN = re.compile(r"[A-Za-z\"“‘'][^\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\uff0c\uff01\uff1f\u3002]*")
_WORD = re.compile(r"[A-Za-z]+(?:['’-][A-Za-z]+)*")
_HAN_TEXT = re.compile(r"[\u3400-\u9fff]")
_ENGLISH_SET = frozenset(ENGLISH_WORDS)


def switches(sentence: str) -> list[int]:
    """Where a sentence that mixes Han and Latin letters changes its language for good.

    Terms, names and titles of a few words stay with the sentence around them; a run of five
    words with a function word among them is English of its own, unless the Han text beside
    it is a gloss in brackets. Returns offsets into `sentence`, ascending, possibly none.
    """
    cuts = set()
    for match in _ENGLISH_RUN.finditer(sentence):
        words = _WORD.findall(match.group())
        if len(words) < 5 or not any(word in _ENGLISH_SET for word in words):
            continue
        before, after = sentence[: match.start()], sentence[match.end() :]
        if len(_HAN_TEXT.findall(before)) >= 2 and before.rstrip()[-1:] not in "(（《【[":
            cuts.add(match.start())
        if len(_HAN_TEXT.findall(after)) >= 2:
            end = match.end()
            if match.group().rstrip()[-1:] in "(（":
                continue
            cuts.add(end)
    return sorted(cuts)
