"""Results to the counts of a run."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import numpy as np

from classifier import sites
from classifier.corpus.formats import Record
from classifier.corpus.tally import SAMPLES, Tally
from classifier.decide import Result
from classifier.schema import LABELS, LANGUAGES, Decider
from classifier.sites import Profiles

# Decisions so near their threshold are sampled for the report.
_NEAR = 0.1
# Removed text is counted, and sampled, by so many characters of its beginning.
_SHOWN = 200
_NONE = "none"


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
        tally.unread += any(span.decided_by is Decider.LIMIT for span in result.spans)
        tally.texts[main] = tally.texts.get(main, 0) + 1
        tally.dropped += dropping and bool(why)
        for reason in why:
            tally.verdicts[reason] = tally.verdicts.get(reason, 0) + 1
        gone = [] if dropping else [span for span in result.spans if not span.kept]
        removed = sum(span.end - span.start for span in gone) if not (dropping and why) else len(result.text)
        tally.characters += len(result.text)
        tally.removed += removed
        row = tally.sites.setdefault(record.site or _NONE, [0, 0, 0])
        row[0] += 1
        row[1] += len(result.text)
        row[2] += removed
        for span in gone:
            tally.parts.setdefault(f"{span.label} {span.language}", [0, 0, 0])[2] += span.end - span.start
            if piece := result.text[span.start : span.end].strip()[:_SHOWN]:
                tally.strings[piece] = tally.strings.get(piece, 0) + 1
        for span in result.spans if result.kinds else ():
            if span.kind:
                row = tally.kinds.setdefault(span.kind, [0, 0, 0])
                row[0] += 1
                row[1] += span.end - span.start
                row[2] += (span.end - span.start) * (not dropping and not span.kept)
        if not dropping:
            _sample(tally, record, result)
    tally.written = tally.documents - tally.dropped
    _segments(tally, results)
    tally.samples.sort(key=lambda sample: int(sample[0]))
    del tally.samples[SAMPLES:]


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
        row = tally.parts.setdefault(f"{LABELS[cell // len(LANGUAGES)]} {LANGUAGES[cell % len(LANGUAGES)]}", [0, 0, 0])
        row[0] += int(numbers[cell])
        row[1] += int(sizes[cell])


def _sample(tally: Tally, record: Record, result: Result) -> None:
    """Decisions near their threshold, with a hash of their place: the lowest hashes of all are a random sample."""
    for start, end, label, removal, margin in result.near_threshold(_NEAR):
        place = zlib.crc32(f"{record.source}:{record.line}:{start}".encode("utf-8", "backslashreplace"))
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
