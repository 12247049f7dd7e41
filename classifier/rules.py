"""Rules of the user's own: phrases whose part of a text is labelled, or kept, whatever the model thinks.

A rule holds literal phrases and no pattern. They are looked for by their first characters, all at once, so that
the time grows little with their number, is linear in the text, and nothing can backtrack. Text and phrases
are folded as `features` folds them (case, width, quotation marks, Traditional to Simplified, what has no width),
but for digits and symbols, which stay what they are; white space is one space. Offsets are kept.
"""

from __future__ import annotations

import bisect
import hashlib
import os
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from classifier import disguise, features, points
from classifier.decide import Mark
from classifier.points import IS_BREAK
from classifier.schema import LABELS, InputError, Label, PolicyError, Segments
from classifier.sites import host

# Where a phrase must stand, and how much of the text its rule decides; the first is what a rule has that says nothing.
PLACES = ("anywhere", "line", "line start", "line end")
REACHES = ("sentence", "phrase", "line")
SHORTEST, LONGEST = 3, 1_000  # characters of a phrase, without white space
_KEYS = {"phrase", "phrases", "site", "match", "covers", "label", "keep", "note"}
_STAR, _ASTRAL, _ZERO = 0x2B50, 0x10000, ord("0")
_LINE = "\n"
# How many first characters a phrase is looked for by: as many as it has of these.
_OPENINGS = (SHORTEST, 8)
_BITS = 20


@dataclass(frozen=True, slots=True)
class Rule:
    """What is to be done where a phrase stands.

    number: its place in the file, from 1. phrases: as they were written. label: None for one that keeps. site: a host,
    which stands for its subdomains too; None for all. match: one of PLACES; covers: one of REACHES.
    """

    number: int
    phrases: tuple[str, ...]
    label: Label | None
    site: str | None = None
    match: str = PLACES[0]
    covers: str = REACHES[0]
    note: str = ""

    def at(self, site: str | None) -> bool:
        """Does it hold for a site?"""
        return self.site is None or (site is not None and f".{site}".endswith(f".{self.site}"))


class _Phrase(NamedTuple):
    """A folded phrase, its rule, and what puts it before others where they meet: the lowest wins."""

    folded: str
    rule: Rule
    rank: tuple[bool, int, int, int]


class _Folded(NamedTuple):
    """A batch of documents folded: a line break where a line ends, and where each character stands in the batch."""

    text: str
    points: NDArray[np.uint32]
    places: NDArray[np.int64]


class _Hit(NamedTuple):
    """A phrase in a document: its first and last character, and the visible ones before and behind it.

    before is -1 where it opens its line, behind far away where it ends it.
    """

    before: int
    start: int
    last: int
    behind: int
    phrase: _Phrase


@dataclass(frozen=True)
class Rules:
    """Rules in the order of their file. source: its name, for messages; digest: of its bytes."""

    rules: tuple[Rule, ...] = ()
    source: str = "rules"
    digest: str = ""

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> Rules:
        """Reads a rules file.

        Raises InputError for what cannot be read or is no TOML, and PolicyError, with the number of the rule, for a
        rule that contradicts itself or says what there is not.
        """
        try:
            raw = Path(path).read_bytes()
            text = raw.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise InputError(f"{path} is not UTF-8 (byte {error.start + 1}): save it as UTF-8") from error
        except OSError as error:
            raise InputError(f"cannot read the rules {path}: {error.strerror}") from error
        return replace(cls.parse(text, str(path)), digest=hashlib.sha256(raw).hexdigest())

    @classmethod
    def parse(cls, text: str, source: str = "rules") -> Rules:
        """Rules from the text of a rules file; source: what messages call it. Raises as `read` does."""
        import tomllib

        try:
            found = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise InputError(f"{source} is no TOML: {error}") from error
        tables = found.pop("rule", [])
        if found or not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
            wrong = next(iter(found), "rule")
            raise PolicyError(f"{source}: {wrong!r} stands outside a rule: begin each rule with a line [[rule]]")
        rules = tuple(_rule(table, number, f"{source}, rule {number}") for number, table in enumerate(tables, 1))
        return cls(rules, source, hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest())

    @cached_property
    def labels(self) -> NDArray[np.int64]:
        """By the number of a rule, 0 for none: the index of the label that it gives, -1 where it gives none."""
        return np.array([-1, *(-1 if rule.label is None else LABELS.index(rule.label) for rule in self.rules)])

    @cached_property
    def marks(self) -> NDArray[np.uint8]:
        """By the number of a rule, 0 for none: what is marked on a segment that it decides."""
        return np.array([0, *(Mark.HELD if rule.label is None else Mark.RULED for rule in self.rules)], np.uint8)

    @cached_property
    def _phrases(self) -> Mapping[str, tuple[_Phrase, ...]]:
        """By their first characters."""
        found: dict[str, list[_Phrase]] = defaultdict(list)
        for rule in self.rules:
            for phrase in rule.phrases:
                folded = _folded(phrase)
                rank = (rule.label is not None, -len(rule.site or ""), -len(folded), rule.number)
                width = max(width for width in _OPENINGS if width <= len(folded))
                found[folded[:width]].append(_Phrase(folded, rule, rank))
        return {start: tuple(phrases) for start, phrases in found.items()}

    @cached_property
    def _openings(self) -> Mapping[int, NDArray[np.bool_]]:
        """By the number of characters, which hashes of so many open a phrase."""
        tables: dict[int, NDArray[np.bool_]] = {}
        for opening in self._phrases:
            table = tables.setdefault(len(opening), np.zeros(1 << _BITS, bool))
            table[_hashes(np.array(list(map(ord, opening)), np.uint32), len(opening))] = True
        return tables


def apply(
    rules: Rules, texts: Sequence[str], hosts: Sequence[str | None], cuts: Sequence[Segments]
) -> tuple[list[Segments], NDArray[np.int32]]:
    """Cuts documents at the edges of what rules decide, where those stand inside a segment.

    texts, cuts: documents and their segments; hosts: the site of each, as `sites.host` names it. Returns the segments
    of each document, and for all of them in a row the number of the rule that decides each, 0 for none.

    Where rules meet, one that keeps wins over one that labels; then one of a site over one for all, and of a
    subdomain over one of its domain; then the longer phrase; then the one that stands first.
    """
    found = _hits(rules, texts, hosts)
    out = list(cuts)
    numbers = [np.zeros(len(cut), np.int32) for cut in cuts]
    for document, hits in found.items():
        out[document], numbers[document] = _decided(cuts[document], hits)
    return out, np.concatenate(numbers) if numbers else np.zeros(0, np.int32)


def _rule(table: Mapping[str, Any], number: int, where: str) -> Rule:
    unknown = sorted(table.keys() - _KEYS)
    if unknown:
        raise PolicyError(f"{where}: unknown key {unknown[0]!r}: use {', '.join(sorted(_KEYS))}")
    for key in ("phrase", "site", "label", "note"):
        if not isinstance(table.get(key, ""), str):
            raise PolicyError(f"{where}: {key} is {table[key]!r}: write a string")
    keep, label = table.get("keep", False), table.get("label")
    if not isinstance(keep, bool):
        raise PolicyError(f"{where}: keep is {keep!r}: write true, or leave it out")
    if keep == (label is not None):
        has = "both label and keep" if keep else "neither label nor keep"
        raise PolicyError(f"{where} has {has}: give it one, label = one of {', '.join(LABELS)}, or keep = true")
    if label is not None and label not in LABELS:
        raise PolicyError(f"{where}: unknown label {label!r}: use one of {', '.join(LABELS)}")
    for key, known in (("match", PLACES), ("covers", REACHES)):
        if table.get(key, known[0]) not in known:
            raise PolicyError(f"{where}: {key} is {table[key]!r}: use one of {', '.join(map(repr, known))}")
    site = host(table.get("site"))
    if "site" in table and not site:
        raise PolicyError(f"{where}: site is {table['site']!r}: name a site, such as example.org, or leave it out for all")
    phrases = _listed(table, where)
    match, covers = table.get("match", PLACES[0]), table.get("covers", REACHES[0])
    return Rule(number, phrases, Label(label) if label else None, site, match, covers, table.get("note", ""))


def _listed(table: Mapping[str, Any], where: str) -> tuple[str, ...]:
    """The phrases of a rule."""
    if ("phrase" in table) == ("phrases" in table):
        raise PolicyError(f'{where}: give it phrase = "…", or phrases = ["…", "…"]')
    phrases = table.get("phrases", [table.get("phrase")])
    if not isinstance(phrases, list) or not phrases or not all(isinstance(phrase, str) for phrase in phrases):
        raise PolicyError(f"{where}: phrases is {phrases!r}: write a list of strings")
    for phrase in phrases:
        folded = _folded(phrase)
        visible = len(folded) - folded.count(" ")
        if _LINE in folded:
            raise PolicyError(f"{where}: the phrase {phrase!r} has a line break: a phrase stands in one line, write two rules")
        if not SHORTEST <= visible <= LONGEST:
            raise PolicyError(
                f"{where}: the phrase {phrase[:40]!r} has {visible:,} visible characters: use {SHORTEST} to {LONGEST:,}"
            )
    return tuple(phrases)


def _folded(phrase: str) -> str:
    """A phrase as it is looked for: as a reader sees it, for texts are read so too."""
    (seen,) = disguise.read([phrase])
    return _fold([seen.text if seen else phrase]).text.strip()


def _fold(texts: Sequence[str]) -> _Folded:
    batch = points.read(texts)
    folded = features.folded(batch.points)
    own = (folded == _STAR) & (batch.points >= _ASTRAL) | (folded == _ZERO)
    wide = (batch.points >= 0xFF10) & (batch.points <= 0xFF19)
    folded[own] = (batch.points - wide * np.uint32(0xFEE0))[own]
    places = np.flatnonzero(folded)
    folded, breaks = folded[places], (batch.flags[places] & IS_BREAK) != 0
    blank = folded == features.SPACE
    kept = np.flatnonzero(~blank | np.concatenate(([True], ~blank[:-1])))
    lines = np.add.reduceat(breaks, kept, dtype=np.int64) > 0
    folded = np.where(blank[kept] & lines, np.uint32(ord(_LINE)), folded[kept])
    return _Folded(folded.astype("<u4").tobytes().decode("utf-32-le", "surrogatepass"), folded, places[kept] - 1)


def _hashes(folded: NDArray[np.uint32], width: int) -> NDArray[np.uint32]:
    """A hash of the so many characters that begin at each place where there are so many."""
    size = max(folded.size - width + 1, 0)
    mixed = np.zeros(size, np.uint32)
    for start in range(width):
        mixed *= np.uint32(0x9E3779B1)
        mixed += folded[start : start + size]
    mixed ^= mixed >> np.uint32(15)
    mixed *= np.uint32(0x85EBCA6B)
    result: NDArray[np.uint32] = mixed >> np.uint32(32 - _BITS)
    return result


def _hits(rules: Rules, texts: Sequence[str], hosts: Sequence[str | None]) -> dict[int, list[_Hit]]:
    """Where phrases stand, by document."""
    folded = _fold(texts)
    # `_fold` puts a line break before, between and behind documents; a place counts from behind the first.
    offsets = np.cumsum([0, *(len(text) + 1 for text in texts)])
    found: dict[int, list[_Hit]] = {}
    for width, openings in rules._openings.items():
        candidates = np.flatnonzero(openings[_hashes(folded.points, width)])
        documents = np.searchsorted(offsets, folded.places[candidates], side="right") - 1
        for at, document in zip(candidates.tolist(), documents.tolist(), strict=True):
            for phrase in rules._phrases.get(folded.text[at : at + width], ()):
                if (
                    folded.text.startswith(phrase.folded, at)
                    and phrase.rule.at(hosts[document])
                    and _stands(folded.text, at, at + len(phrase.folded), phrase.rule.match)
                ):
                    found.setdefault(document, []).append(_hit(folded, at, phrase, int(offsets[document])))
    return found


def _stands(text: str, start: int, end: int, place: str) -> bool:
    """Does a phrase stand where it must, and as whole words?"""
    before, behind = text[start - 1], text[end]
    if (_in_word(before) and _in_word(text[start])) or (_in_word(behind) and _in_word(text[end - 1])):
        return False
    opens, closes = before == _LINE, behind == _LINE
    return {"anywhere": True, "line": opens and closes, "line start": opens, "line end": closes}[place]


def _in_word(char: str) -> bool:
    """Is it a letter or digit of a script that puts space between its words?"""
    return char.isalnum() and (char < "\u0e00" or "\u1e00" <= char < "\u2000")


def _hit(folded: _Folded, at: int, phrase: _Phrase, offset: int) -> _Hit:
    end = at + len(phrase.folded)
    before, behind = at - 1, end
    before -= folded.text[before] == " "
    behind += folded.text[behind] == " "
    places = [int(folded.places[place]) - offset for place in (before, at, end - 1, behind)]
    if folded.text[before] == _LINE:
        places[0] = -1
    if folded.text[behind] == _LINE:
        places[3] = sys.maxsize
    before, start, last, behind = places
    return _Hit(before, start, last, behind, phrase)


def _decided(cut: Segments, hits: Sequence[_Hit]) -> tuple[Segments, NDArray[np.int32]]:
    """A document's segments with the edges of what rules decide, and the number of the rule that decides each."""
    extents = {(*_extent(cut, hit), hit.phrase.rank) for hit in hits}
    edges = sorted({*cut.ends, *(edge for start, end, _ in extents for edge in (start, end) if edge)})
    numbers = np.zeros(len(edges), np.int32)
    for start, end, rank in sorted(extents, key=lambda extent: extent[2], reverse=True):
        numbers[bisect.bisect_right(edges, start) : bisect.bisect_right(edges, end)] = rank[-1]
    ends = np.array(edges)
    owner = np.searchsorted(cut.ends, ends)
    # An edge between two parts of a segment that one rule decides, or none, is no border.
    needed = np.append((owner[1:] != owner[:-1]) | (numbers[1:] != numbers[:-1]), True)
    owner = owner[needed]
    paragraphs, languages = np.array(cut.paragraphs)[owner], np.array(cut.languages)[owner]
    made = Segments(ends[needed].tolist(), paragraphs.tolist(), languages.tolist(), cut.chinese_script)
    return made, numbers[needed]


def _extent(cut: Segments, hit: _Hit) -> tuple[int, int]:
    """What a rule decides of a document: the phrase with the white space behind it, its segments, or its line."""
    first = bisect.bisect_right(cut.ends, hit.start)
    opening = cut.ends[first - 1] if first else 0
    last = bisect.bisect_right(cut.ends, hit.last)
    if hit.phrase.rule.covers == "phrase":
        return hit.start if hit.before >= opening else opening, min(hit.behind, cut.ends[last])
    if hit.phrase.rule.covers == "line":
        first = bisect.bisect_left(cut.paragraphs, cut.paragraphs[first])
        last = bisect.bisect_right(cut.paragraphs, cut.paragraphs[last]) - 1
    return cut.ends[first - 1] if first else 0, cut.ends[last]
