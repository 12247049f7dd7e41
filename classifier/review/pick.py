"""Which texts to ask about: worth most, said once, spread over sites and guesses, and some drawn at random.

Documents stream through once and wait in a temporary file; in memory are one of them, bounded counters, and a
bounded number of candidates. So what is known is known of the documents that were read, and no more.
"""

from __future__ import annotations

import hashlib
import heapq
import json
import math
import random
import re
import tempfile
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from classifier.corpus import outputs
from classifier.decide import STEPS, Mark
from classifier.result import Result
from classifier.review import rank
from classifier.review.journal import Document, Item, Journal, Place
from classifier.schema import LABELS, LANGUAGES, Language

# Of the texts that are asked about, the share drawn blindly: 15 of 100 say how often the model is right to within
# 20 points or so, 45 of 300 to within 10, and the picked ones cannot say it at all, for they were picked as doubtful.
DRAWN = 0.15
# Texts that are counted: beyond twice as many the rarest are forgotten. About 100 bytes each.
_COUNTED = 200_000
# Candidates that are kept of a site, for each item that it would have if all had the same.
_SPARE = 8
# The share of items that may have one guess, while there are others to ask about.
_ONE_GUESS = 0.4
_NONE = ""
_SPACE, _DIGITS = re.compile(r"\s+"), re.compile(r"\d+")
# What is said of an item, where it is plain: margins below a half, 0.1 from the threshold, neighbours that give 10 %.
_UNSURE, _NEAR, _ALONE, _OFTEN = 0.5, 2 / 3, 0.9, 3


class Candidate(NamedTuple):
    """A segment that may be asked about. worth: before it is known how often its text stands in other documents."""

    key: str
    place: Place
    guess: int
    confidence: float
    worth: float
    language: str
    why: tuple[str, ...]


@dataclass(slots=True)
class Read:
    """What was read: documents in a file, how many have each text, and a uniform sample of all segments."""

    spool: BinaryIO
    counts: Counter[str]
    sites: Counter[str]
    sample: list[tuple[float, int, Candidate]]
    documents: int = 0
    characters: int = 0


def folded(text: str) -> str:
    """A text as it is compared: case, digits and white space do not tell two apart."""
    return _DIGITS.sub("0", _SPACE.sub(" ", text).strip().casefold())


def key(text: str, guess: int) -> str:
    """The name of a text that was read in one way: what is a headline here and a teaser there is asked about twice."""
    return f"{hashlib.blake2b(folded(text).encode('utf-8', 'surrogatepass'), digest_size=8).hexdigest()}-{guess}"


def text_of(name: str) -> str:
    """The part of a key that is the text's alone: another model may read the text in another way."""
    return name.partition("-")[0]


@contextmanager
def read(results: Iterable[tuple[Document, Result]], sample: int, known: Collection[str], seed: int) -> Iterator[Read]:
    """Reads labelled documents. sample: how many segments are drawn; known: keys whose texts were asked about before.

    Raises RunStopped when the temporary file cannot be written.
    """
    asked = {text_of(name) for name in known}
    with tempfile.TemporaryFile() as spool:
        found = Read(spool, Counter(), Counter(), [])
        chance = random.Random(seed)
        for document, result in results:
            rows = [row for row in candidates(document, result, found.documents) if text_of(row.key) not in asked]
            with outputs.explained("a temporary file"):
                spool.write(json.dumps([document.id, document.site, document.text, rows], default=str).encode() + b"\n")
            found.counts.update({row.key for row in rows})
            found.sites[document.site or _NONE] += 1
            for row in rows:
                draw = (chance.random(), found.documents, row)
                if len(found.sample) < sample:
                    heapq.heappush(found.sample, draw)
                elif sample and draw > found.sample[0]:
                    heapq.heapreplace(found.sample, draw)
            found.documents += 1
            found.characters += len(document.text)
            if len(found.counts) > 2 * _COUNTED:
                found.counts = Counter(dict(found.counts.most_common(_COUNTED)))
        yield found


def candidates(document: Document, result: Result, number: int) -> Iterator[Candidate]:
    """The segments of a document that can be asked about: those with two letters that were read, and that no rule decides."""
    terms = rank.terms(result)
    worth = terms.worth
    guesses = result.probabilities.argmax(1) if len(result.segments) else np.zeros(0, np.intp)
    start = 0
    for index, end in enumerate(result.segments.ends):
        piece = document.text[start:end]
        begin, stop = start + len(piece) - len(piece.lstrip()), start + len(piece.rstrip())
        start = end
        if sum(map(str.isalpha, piece)) < 2 or result.marks[index] & (Mark.UNREAD | Mark.RULED | Mark.HELD):
            continue
        guess = int(guesses[index])
        why = (
            *(["the model is unsure"] if terms.unsure[index] >= _UNSURE else []),
            *(["near the threshold"] if terms.near[index] >= _NEAR else []),
            *(["unlike its neighbours"] if terms.alone[index] >= _ALONE else []),
        )
        yield Candidate(
            key(piece, guess),
            (number, begin, stop),
            guess,
            round(float(result.probabilities[index, guess]) / STEPS, 4),
            round(float(worth[index]), 6),
            _language(LANGUAGES[result.segments.languages[index]], result.segments.chinese_script),
            why,
        )


def _language(language: Language, script: str | None) -> str:
    if language is Language.OTHER:
        return ""
    return f"zh-{script}" if language is Language.ZH and script else language.value


def pick(found: Read, number: int) -> list[Item]:
    """So many items, fewer where there are fewer texts: best first, the drawn ones spread among them.

    An item has the one place that is shown; `record` finds the others.
    """
    drawn: dict[str, list[Candidate]] = {}
    for _, _, row in sorted(found.sample, reverse=True):
        drawn.setdefault(row.key, []).append(row)
    others = [entry for entry in _best(found, number) if entry[2].key not in drawn]
    items = [_item(row, found, ()) for row in _spread(others, number - len(drawn))]
    step = 1 + len(items) / max(len(drawn), 1)
    for at, rows in enumerate(drawn.values()):
        items.insert(round((at + 0.5) * step), _item(rows[0], found, tuple(row.place for row in rows)))
    return items


def _item(row: Candidate, found: Read, drawn: tuple[Place, ...]) -> Item:
    times = found.counts[row.key]
    why = ("drawn at random",) if drawn else (*row.why, *([f"in {times:,} documents"] if times >= _OFTEN else []))
    return Item(row.key, (row.place,), drawn, LABELS[row.guess].value, row.confidence, row.language, why)


def _rows(found: Read) -> Iterator[tuple[Document, list[Candidate]]]:
    found.spool.seek(0)
    for line in found.spool:
        name, site, text, rows = json.loads(line)
        yield Document(name, site, text), [_row(row) for row in rows]


def _row(fields: list[Any]) -> Candidate:
    name, (document, start, end), guess, confidence, worth, language, why = fields
    return Candidate(name, (document, start, end), guess, confidence, worth, language, tuple(why))


def _best(found: Read, number: int) -> list[tuple[float, str, Candidate]]:
    """Of each site its best texts with their priority and site, each text where it is worth most."""
    room = _SPARE * math.ceil(number / max(len(found.sites), 1))
    best: dict[str, dict[str, tuple[float, Candidate]]] = {}
    for document, rows in _rows(found):
        mine = best.setdefault(document.site or _NONE, {})
        times = np.array([found.counts[row.key] for row in rows], np.int64)
        priorities = rank.priority(np.array([row.worth for row in rows]), times)
        for row, priority in zip(rows, priorities.tolist(), strict=True):
            if row.key not in mine or priority > mine[row.key][0]:
                mine[row.key] = priority, row
        if len(mine) > 2 * room:
            best[document.site or _NONE] = dict(sorted(mine.items(), key=lambda pair: -pair[1][0])[:room])
    once: dict[str, tuple[float, str, Candidate]] = {}
    for site, mine in best.items():
        for name, (priority, row) in mine.items():
            if name not in once or priority > once[name][0]:
                once[name] = priority, site, row
    return sorted(once.values(), key=lambda entry: (-entry[0], entry[2].key))


def _spread(ordered: list[tuple[float, str, Candidate]], number: int) -> list[Candidate]:
    """The best so many, no site with more than its share and no guess with more than 40 % of them.

    Both caps are doubled for as long as there are too few, so that a corpus of one site is asked about in full.
    """
    most = math.ceil(number / max(len({site for _, site, _ in ordered}), 1))
    most_guess = math.ceil(number * _ONE_GUESS)
    taken: list[tuple[float, str, Candidate]] = []
    by_site: Counter[str] = Counter()
    by_guess: Counter[int] = Counter()
    while ordered and len(taken) < number:
        later = []
        for entry in ordered:
            _, site, row = entry
            if len(taken) < number and by_site[site] < most and by_guess[row.guess] < most_guess:
                taken.append(entry)
                by_site[site] += 1
                by_guess[row.guess] += 1
            else:
                later.append(entry)
        ordered, most, most_guess = later, 2 * most, 2 * most_guess
    return [row for _, _, row in sorted(taken, key=lambda entry: (-entry[0], entry[2].key))]


def record(found: Read, items: list[Item], journal: Journal) -> None:
    """Writes items into the journal, with every document that holds the text of one, and where."""
    places: dict[str, list[Place]] = {item.key: [] for item in items}
    numbers: dict[int, int] = {}
    for at, (document, rows) in enumerate(_rows(found)):
        mine = [row for row in rows if row.key in places]
        if mine:
            numbers[at] = journal.add_document(document)
        for row in mine:
            places[row.key].append(row.place)
    journal.add_items(
        replace(
            item,
            places=tuple(
                _moved(place, numbers) for place in (item.places[0], *(p for p in places[item.key] if p != item.places[0]))
            ),
            drawn=tuple(_moved(place, numbers) for place in item.drawn),
        )
        for item in items
    )


def _moved(place: Place, numbers: dict[int, int]) -> Place:
    return numbers[place[0]], place[1], place[2]
