"""What the page is told and may do: the journal as JSON, one call at a time, and the output kept up with it."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

from classifier.review import units
from classifier.review.journal import SKIP, Item, Journal
from classifier.schema import InputError

# Characters of the document that are shown to either side: more than a screen.
_CONTEXT = 1_500
# Where the cut looks for a line break.
_SLACK = 200
# The output is written again at the end, and after an answer when that costs no more than a twentieth of the time.
_SHARE = 20
# The letter of each of the four, beside its digit, and what the page says of it.
_FOUR = {
    "content": {"letter": "c", "meaning": "what the author set out to say: text, headings, captions, quotations"},
    "promo": {"letter": "p", "meaning": "asks for something (subscribe, buy, follow, donate), or a company praises itself"},
    "legal": {"letter": "l", "meaning": "disclaims, warns, claims rights, asks consent, says who paid"},
    "navigation": {
        "letter": "n",
        "meaning": "works the page or describes the item: menus, bylines, dates, links to other articles",
    },
}


class Desk:
    """A review in progress. Its methods may be called from several threads."""

    def __init__(self, journal: Journal, output: Path) -> None:
        self._journal = journal
        self._output = output
        self._lock = threading.Lock()
        self._index = {item.key: index for index, item in enumerate(journal.items)}
        self._next_write = 0.0

    def state(self) -> dict[str, Any]:
        """Everything but the texts: the labels and their keys, all answers, where to go on, and the summary."""
        with self._lock:
            answers = [self._journal.answers.get(item.key) for item in self._journal.items]
            return {
                "labels": [
                    {"name": name, "of": label, "digit": str(at), "meaning": f"yours: a kind of {label}", **_FOUR.get(name, {})}
                    for at, (name, label) in enumerate(self._journal.labels.items(), 1)
                ],
                "answers": answers,
                "next": answers.index(None) if None in answers else len(answers),
                "output": str(self._output),
                "summary": self._summary(),
            }

    def item(self, index: int) -> dict[str, Any]:
        """An item in its document. The guess on one that was drawn is told once it is answered: a guess seen is agreed with.

        Raises InputError where there is none.
        """
        with self._lock:
            if not 0 <= index < len(self._journal.items):
                raise InputError(f"no item {index}: there are {len(self._journal.items)}")
            item = self._journal.items[index]
            number, start, end = item.places[0]
            document = self._journal.document(number)
            answer = self._journal.answers.get(item.key)
            told = not item.drawn or answer not in (None, SKIP)
            return {
                "index": index,
                "key": item.key,
                "before": _tail(document.text[:start]),
                "text": document.text[start:end],
                "after": _head(document.text[end:]),
                "language": item.language,
                "documents": item.documents,
                "site": document.site,
                "id": str(document.id),
                "why": item.why,
                "answer": answer,
                "guess": item.guess if told else None,
                "confidence": item.confidence if told else None,
            }

    def answer(self, key: object, label: object) -> dict[str, Any]:
        """Keeps an answer. Raises InputError for an unknown key or label."""
        with self._lock:
            if not isinstance(key, str) or key not in self._index:
                raise InputError(f"no item {key!r}")
            if label not in self._journal.allowed:
                raise InputError(f"unknown answer {label!r}: use one of {', '.join(self._journal.allowed)}")
            self._journal.answer(key, str(label))
            self._keep_up()
            return self._told(self._journal.items[self._index[key]])

    def undo(self) -> dict[str, Any]:
        """Takes the last answer back; tells of no item when there is none."""
        with self._lock:
            key = self._journal.undo()
            self._keep_up()
            return {"index": None} if key is None else self._told(self._journal.items[self._index[key]])

    def finish(self) -> dict[str, Any]:
        """Writes the output; returns the summary."""
        with self._lock:
            units.write(self._journal, self._output)
            return self._summary()

    def _told(self, item: Item) -> dict[str, Any]:
        return {
            "index": self._index[item.key],
            "answer": self._journal.answers.get(item.key),
            "guess": item.guess,
            "confidence": item.confidence,
            "summary": self._summary(),
        }

    def _summary(self) -> dict[str, Any]:
        counts = units.summary(self._journal)
        done = counts.answered + counts.mixed
        return {**counts._asdict(), "done": done, "words": list(units.spoken(counts))}

    def _keep_up(self) -> None:
        begun = time.monotonic()
        if begun >= self._next_write:
            units.write(self._journal, self._output)
            ended = time.monotonic()
            self._next_write = ended + _SHARE * (ended - begun)


def _tail(text: str) -> str:
    if len(text) <= _CONTEXT:
        return text
    cut = len(text) - _CONTEXT
    at = text.find("\n", cut, cut + _SLACK) + 1 or cut
    return "… " + text[at:]


def _head(text: str) -> str:
    if len(text) <= _CONTEXT:
        return text
    at = text.rfind("\n", _CONTEXT - _SLACK, _CONTEXT)
    return text[: at if at >= 0 else _CONTEXT] + " …"
