"""Results to the counts of a run."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from operator import itemgetter

import numpy as np

from classifier import sites
from classifier.corpus.formats import Record
from classifier.corpus.tally import SAMPLES, Tally
from classifier.decide import Mark
from classifier.result import Result
from classifier.schema import LABELS, LANGUAGES
from classifier.sites import Profiles

# Decisions so near their threshold are sampled for the report.
_NEAR = 0.1
# Removed text is counted, and sampled, by so many characters of its beginning.
_SHOWN = 200
_NONE = "none"
# What the counts of a label in a language are called.
_CELLS = [[f"{label} {language}" for language in LANGUAGES] for label in LABELS]


def language(result: Result) -> str:
    """The language of most of a text, each segment weighed by its characters."""
    if not len(result.segments):
        return _NONE
    return LANGUAGES[int(np.bincount(result.segments.languages, result.sizes).argmax())]


def add(
    tally: Tally, records: Sequence[Record], results: Sequence[Result], reasons: Sequence[Sequence[str]], dropping: bool
) -> None:
    """Counts documents, what was removed of them, and why they were dropped or left as they are.

    dropping: a document with reasons is removed whole, and nothing of the others.
    """
    for record, result, why in zip(records, results, reasons, strict=True):
        main = language(result)
        tally.documents += 1
        spans = result.columns
        tally.unread += bool((spans.marks & Mark.UNREAD).any())
        tally.texts[main] = tally.texts.get(main, 0) + 1
        tally.dropped += dropping and bool(why)
        for reason in why:
            tally.verdicts[reason] = tally.verdicts.get(reason, 0) + 1
        gone = np.flatnonzero(~spans.kept & (not dropping))
        removed = int((spans.end - spans.start)[gone].sum()) if not (dropping and why) else len(result.text)
        tally.characters += len(result.text)
        tally.removed += removed
        row = tally.sites.setdefault(record.site or _NONE, [0, 0, 0])
        row[0] += 1
        row[1] += len(result.text)
        row[2] += removed
        for start, end, label, of in zip(*(column[gone].tolist() for column in spans[:4]), strict=True):
            tally.parts.setdefault(_CELLS[label][of], [0, 0, 0])[2] += end - start
            if piece := result.text[start:end].strip()[:_SHOWN]:
                tally.strings[piece] = tally.strings.get(piece, 0) + 1
        for span in result.spans if result.kinds else ():
            if span.kind:
                row = tally.kinds.setdefault(span.kind, [0, 0, 0])
                row[0] += 1
                row[1] += span.end - span.start
                row[2] += (span.end - span.start) * (not dropping and not span.kept)
    tally.written = tally.documents - tally.dropped
    _segments(tally, results)
    if not dropping:
        _sample(tally, records, results)


def add_rules(tally: Tally, results: Sequence[Result]) -> None:
    """Counts what each rule decided."""
    for result in results:
        for number in {number for _, _, number in result.ruled}:
            tally.rules.setdefault(str(number), [0, 0, 0])[0] += 1
        for start, end, number in result.ruled:
            row = tally.rules[str(number)]
            row[1] += 1
            row[2] += end - start


def add_shares(tally: Tally, results: Sequence[Result], hosts: Sequence[str | None], profiles: Profiles) -> None:
    """Counts how much of each label the documents hold of sites that have a profile."""
    for result, host in zip(results, hosts, strict=True):
        if host and len(result.segments) and profiles.find(host):
            own = sites.counts(result.sizes, result.probabilities).tolist()
            tally.shares[host] = [a + b for a, b in zip(tally.shares.get(host, [0] * len(own)), own, strict=True)]


def _segments(tally: Tally, results: Sequence[Result]) -> None:
    cells = len(LABELS) * len(LANGUAGES)
    numbers, sizes = np.zeros(cells), np.zeros(cells)
    for result in results:
        if len(result.segments):
            cell = result.probabilities.argmax(1) * len(LANGUAGES) + np.array(result.segments.languages)
            numbers += np.bincount(cell, minlength=cells)
            sizes += np.bincount(cell, np.diff([0, *result.segments.ends]), minlength=cells)
    for cell in np.flatnonzero(numbers).tolist():
        row = tally.parts.setdefault(_CELLS[cell // len(LANGUAGES)][cell % len(LANGUAGES)], [0, 0, 0])
        row[0] += int(numbers[cell])
        row[1] += int(sizes[cell])


def _sample(tally: Tally, records: Sequence[Record], results: Sequence[Result]) -> None:
    """Decisions near their threshold, with a hash of their place: the lowest hashes of all are a random sample."""
    near = []
    for record, result in zip(records, results, strict=True):
        document = zlib.crc32(f"{record.source}:{record.line}:".encode("utf-8", "backslashreplace"))
        near += [
            (zlib.crc32(b"%d" % decision[0], document), record, result, decision) for decision in result.near_threshold(_NEAR)
        ]
    near.sort(key=itemgetter(0))
    for place, record, result, (start, end, label, removal, margin) in near[:SAMPLES]:
        shown = {
            "file": record.source,
            "line": record.line,
            "id": record.id,
            "start": start,
            "label": label.value,
            "probability": round(removal, 4),
            "threshold": round(removal - margin, 4),
            "removed": margin >= 0,
            "text": result.text[start:end].strip()[:_SHOWN],
        }
        tally.samples.append([place, shown])
    tally.samples.sort(key=itemgetter(0))
    del tally.samples[SAMPLES:]
