"""Items as tasks of Label Studio with the model's guesses as predictions, and its annotations back.

A document is a task, an item a region of it. Offsets of a text are code points there as here, and a CR and a LF are
two of them (HumanSignal/label-studio, web/libs/editor, its tests of emoji in text, and the documentation of the Text
tag). Old versions counted UTF-16 units: `exchange` sees that by the text that
a region quotes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from classifier.review.journal import MIXED, SKIP, Item, Journal
from classifier.review.labelled import Aside, Labelled
from classifier.schema import InputError

_COLOURS = {"content": "#1f7a46", "promo": "#b4540a", "legal": "#7a3fb0", "navigation": "#20639b"}
_FROM, _TO = "label", "text"
_REGIONS = ("labels", "hypertextlabels")


def config(journal: Journal) -> bytes:
    """The labelling interface that goes with the tasks: Settings, Labeling Interface, Code. A kind has its label's colour."""
    labels = "".join(
        f'    <Label value="{name}" hotkey="{at}" background="{_COLOURS[label]}"/>\n'
        for at, (name, label) in enumerate(journal.labels.items(), 1)
    )
    return (
        "<View>\n  <Style>.htx-text { white-space: pre-wrap; }</Style>\n"
        f'  <Labels name="{_FROM}" toName="{_TO}">\n{labels}  </Labels>\n  <Text name="{_TO}" value="$text"/>\n</View>\n'
    ).encode()


def tasks(journal: Journal) -> bytes:
    """The documents that have items, as JSON to import there. A region has the answer as its label, or else the guess."""
    items: dict[int, list[Item]] = {}
    for item in journal.items:
        items.setdefault(item.places[0][0], []).append(item)
    found = [_task(journal, number, items[number]) for number in sorted(items)]
    try:
        return json.dumps(found, ensure_ascii=False, indent=1).encode() + b"\n"
    except UnicodeEncodeError:  # a lone surrogate, which UTF-8 cannot hold
        return json.dumps(found, indent=1).encode() + b"\n"


def _task(journal: Journal, number: int, items: Sequence[Item]) -> dict[str, Any]:
    document = journal.document(number)
    regions = []
    for item in sorted(items, key=lambda item: item.places[0]):
        _, start, end = item.places[0]
        answer = journal.answers.get(item.key, SKIP)
        value = {
            "start": start,
            "end": end,
            "text": document.text[start:end],
            "labels": [item.guess if answer in (SKIP, MIXED) else answer],
        }
        region = {"id": item.key, "from_name": _FROM, "to_name": _TO, "type": "labels", "value": value}
        regions.append({**region, "score": item.confidence})
    return {
        "data": {
            "text": document.text,
            "id": document.id,
            **({"site": document.site} if document.site else {}),
            "document": document.digest,
        },
        "predictions": [
            {"model_version": "boilerplate-classifier", "score": min(item.confidence for item in items), "result": regions}
        ],
    }


def read(raw: bytes, name: str, journal: Journal) -> Iterator[Labelled | Aside]:
    """The regions of the latest annotation of each task. Raises InputError when it is no export in the format JSON."""
    try:
        found = json.loads(raw.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{name}: no JSON ({error})") from None
    if not isinstance(found, list):
        raise InputError(f"{name}: a {type(found).__name__}, not a list of tasks: export from Label Studio as JSON")
    numbers = {document.digest: number for number, document in journal.documents()}
    for at, task in enumerate(found, 1):
        yield from _regions(task, f"{name}, task {at}", numbers, journal)


def _regions(task: Any, where: str, numbers: Mapping[str, int], journal: Journal) -> Iterator[Labelled | Aside]:
    data = task.get("data") if isinstance(task, dict) else None
    if not isinstance(data, dict) or not isinstance(task.get("annotations"), list):
        yield Aside(where, "no task", "it needs `data` and `annotations`: export as JSON, not as JSON-MIN")
        return
    number = numbers.get(data["document"]) if isinstance(data.get("document"), str) else None
    if number is None or journal.document(number).text != data.get("text"):
        yield Aside(where, "unknown document", f"id {data.get('id')!r}: its text is not one that was exported")
        return
    whole = [a for a in task["annotations"] if isinstance(a, dict) and isinstance(a.get("result"), list)]
    for _ in range(len(task["annotations"]) - len(whole)):
        yield Aside(where, "no annotation", "it needs a list `result`")
    valid = sorted((a for a in whole if not a.get("was_cancelled")), key=lambda a: str(a.get("updated_at") or ""))
    for other in valid[:-1]:
        yield Aside(f"{where}, annotation {other.get('id')}", "replaced", "a later annotation of the task is taken")
    if valid:
        for region in valid[-1]["result"]:
            yield _region(region, where, number)


def _region(region: Any, where: str, number: int) -> Labelled | Aside:
    try:
        where = f"{where}, region {region['id']}"
        if region["type"] not in _REGIONS:
            return Aside(where, "no label", f"a {region['type']}, not a labelled stretch of the text")
        value = region["value"]
        place = value.get("globalOffsets") or value
        start, end, labels, quoted = int(place["start"]), int(place["end"]), value[region["type"]], value.get("text")
        if not isinstance(labels, list) or len(labels) != 1 or not isinstance(labels[0], str):
            return Aside(where, "unknown label", f"{labels!r}: one label a region")
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        return Aside(where, "no label", f"not a region ({error!r})")
    return Labelled(where, number, start, end, labels[0], quoted if isinstance(quoted, str) else None)
