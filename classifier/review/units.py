"""Answers to annotated documents, as `training` reads them: `{"id", "text", "units": [[start, end, label], …], "site"}`.

Where a unit's label is a kind, `kinds` says of which label, so that whoever needs only the four reads it too.
An answer is for its text wherever that stands; what was imported for a document stands above that there. `random`
holds those units that were drawn blindly: on them alone can the model be measured.
"""

from __future__ import annotations

import bisect
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from classifier.corpus.formats import dump
from classifier.corpus.outputs import Part
from classifier.review.journal import MIXED, SKIP, Item, Journal, Unit
from classifier.schema import RunStopped


def write(journal: Journal, output: Path) -> None:
    """Replaces the output in one step. Raises RunStopped when it cannot be written."""
    try:
        part = Part(output)
        try:
            for record in records(journal):
                part.write(dump(record))
            part.commit()
        except BaseException:
            part.abandon()
            raise
    except RunStopped as error:
        raise RunStopped(
            f"cannot write {output} ({error.__cause__}): every answer is kept, the same command writes it"
        ) from error


def records(journal: Journal) -> Iterator[dict[str, Any]]:
    """The documents that have a unit, in the order in which they were read."""
    answered, labels = _by_document(journal), journal.labels
    for number in sorted({*answered, *journal.units}):
        units = _apart([*journal.units.get(number, ()), *(unit for unit, _ in answered.get(number, ()))])
        if not units:
            continue
        document = journal.document(number)
        drawn = {unit for unit, blind in answered.get(number, ()) if blind}
        kinds = {label: labels[label] for _, _, label in units if label != labels[label]}
        random = [[start, end] for start, end, label in units if (start, end, label) in drawn]
        yield {
            "id": document.id,
            **({"site": document.site} if document.site else {}),
            "text": document.text,
            "units": [list(unit) for unit in units],
            **({"kinds": kinds} if kinds else {}),
            **({"random": random} if random else {}),
        }


def _by_document(journal: Journal) -> dict[int, list[tuple[Unit, bool]]]:
    """The units that answers give, latest item first, and whether they were drawn."""
    found: dict[int, list[tuple[Unit, bool]]] = {}
    for item in reversed(journal.items):
        label = journal.answers.get(item.key, SKIP)
        if label in (SKIP, MIXED):
            continue
        for place in item.places:
            number, start, end = place
            found.setdefault(number, []).append(((start, end, label), place in item.drawn))
    return found


def _apart(units: Iterable[Unit]) -> list[Unit]:
    """Units in the order of the text, without those that overlap one that came before them."""
    kept: list[Unit] = []
    for unit in units:
        at = bisect.bisect(kept, unit)
        if (at == 0 or kept[at - 1][1] <= unit[0]) and (at == len(kept) or unit[1] <= kept[at][0]):
            kept.insert(at, unit)
    return kept


class Summary(NamedTuple):
    """What a review has come to. agreed: answers that are the guess; drawn, drawn_agreed: of those drawn blindly."""

    items: int
    answered: int
    mixed: int
    skipped: int
    labels: dict[str, int]
    agreed: int
    drawn: int
    drawn_agreed: int


def summary(journal: Journal) -> Summary:
    """Counts of items, each once, in however many documents it stands."""
    labels = journal.labels
    labelled: list[tuple[Item, str]] = []
    other: Counter[str] = Counter()
    for item in journal.items:
        label = journal.answers.get(item.key)
        if label in (SKIP, MIXED):
            other[str(label)] += 1
        elif label:
            labelled.append((item, label))
    agreed = [item for item, label in labelled if labels[label] == item.guess]
    return Summary(
        items=len(journal.items),
        answered=len(labelled),
        mixed=other[MIXED],
        skipped=other[SKIP],
        labels=dict(Counter(label for _, label in labelled).most_common()),
        agreed=len(agreed),
        drawn=sum(bool(item.drawn) for item, _ in labelled),
        drawn_agreed=sum(bool(item.drawn) for item in agreed),
    )


def spoken(counts: Summary) -> Iterator[str]:
    """A summary in words, a line each."""
    labels = ", ".join(f"{number} {label}" for label, number in counts.labels.items())
    yield (
        f"{counts.answered} of {counts.items} texts labelled{f' ({labels})' if labels else ''}, "
        f"{counts.mixed} mixed, {counts.skipped} skipped"
    )
    if counts.answered:
        drawn = f"; of the {counts.drawn} drawn at random, {counts.drawn_agreed}" if counts.drawn else ""
        yield f"the model had {counts.agreed} of {counts.answered} right{drawn}"
