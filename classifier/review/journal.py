"""What was asked and answered, in one file that is only ever added to.

`mine.review.jsonl` beside `mine.jsonl`: a line a document, an item, an answer or an undo, each on disk before the next
is shown; and a line where kinds are declared, for the answers that name them. It is all that is needed to go on: a kill
loses at most the line being written, which is cut off again.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

from classifier.schema import LABELS, InputError, Kind, Label, RunStopped

SKIP, MIXED = "skip", "mixed"
_FORMAT = 1
# Kinds of a user's own: as many as there are digits behind those of the four labels.
_MOST_KINDS = 9 - len(LABELS)

Place = tuple[int, int, int]  # document number, start, end
Unit = tuple[int, int, str]  # start, end, label


@dataclass(frozen=True, slots=True)
class Document:
    """A document as it was read. site: None where none is known."""

    id: Any
    site: str | None
    text: str

    @property
    def digest(self) -> str:
        """Names the document: the same for the same id and text."""
        raw = json.dumps([self.id, self.text], default=str).encode()
        return hashlib.blake2b(raw, digest_size=8).hexdigest()


@dataclass(frozen=True, slots=True)
class Item:
    """A text to be labelled.

    key: of the text, its digits folded, and the way it was read. places: where it stands, the one that is shown first. drawn:
    those of them that were drawn at random, empty for a text that was picked. guess and confidence: the
    model's. language: for the page, "" where it is neither English nor Chinese. why: what made it worth asking.
    """

    key: str
    places: tuple[Place, ...]
    drawn: tuple[Place, ...]
    guess: str
    confidence: float
    language: str
    why: tuple[str, ...]

    @property
    def documents(self) -> int:
        """How many documents an answer is for."""
        return len({number for number, _, _ in self.places})


class Journal:
    """The file, read; and what its lines amount to.

    items: in the order in which they are asked. answers: the last one of each key. units: of documents that were
    imported, by number, in place of what answers say there. kinds: labels of the user's own, in the order of their keys.
    """

    def __init__(self, file: BinaryIO, name: str) -> None:
        self._file = file
        self._name = name
        self._end = 0
        self._offsets: list[int] = []
        self._numbers: dict[str, int] = {}
        self._given: list[tuple[str, str | None]] = []
        self.items: list[Item] = []
        self.answers: dict[str, str] = {}
        self.units: dict[int, list[Unit]] = {}
        self.kinds: tuple[Kind, ...] = ()

    @property
    def labels(self) -> dict[str, str]:
        """What a text may be labelled, and which of the four labels that is: the four themselves, then the kinds."""
        return {**{label.value: label.value for label in LABELS}, **{kind.name: kind.label.value for kind in self.kinds}}

    @property
    def allowed(self) -> list[str]:
        """What an answer may be."""
        return [*self.labels, MIXED, SKIP]

    @property
    def open_items(self) -> list[Item]:
        """The items without an answer; one that was skipped has one."""
        return [item for item in self.items if item.key not in self.answers]

    def document(self, number: int) -> Document:
        """A document by its number."""
        self._file.seek(self._offsets[number])
        return Document(**json.loads(self._file.readline())["document"])

    def documents(self) -> Iterator[tuple[int, Document]]:
        """All documents with their numbers, one in memory at a time."""
        return ((number, self.document(number)) for number in range(len(self._offsets)))

    def add_document(self, document: Document) -> int:
        """The number of a document, which is written if it is new. On disk with the next line that is settled."""
        if document.digest not in self._numbers:
            self._write({"document": asdict(document)}, settle=False)
        return self._numbers[document.digest]

    def add_items(self, items: Iterable[Item]) -> None:
        """Puts items behind those that are there."""
        for item in items:
            self._write({"item": asdict(item)}, settle=False)
        self.settle()

    def declare(self, kinds: Sequence[Kind]) -> None:
        """Adds kinds to those that there are. Raises InputError for one that is of another label there, and for too many."""
        known = self.labels
        for kind in kinds:
            if kind.name in (MIXED, SKIP):
                raise InputError(f"{kind.name!r} cannot name a kind here: it is an answer of its own")
            if known.get(kind.name, kind.label) != kind.label:
                raise InputError(
                    f"{kind.name!r} is a kind of {known[kind.name]} in {self._name}, not of {kind.label}: keep to that, "
                    "or name another --output"
                )
        new = [kind for kind in kinds if kind.name not in known]
        if len(self.kinds) + len(new) > _MOST_KINDS:
            names = ", ".join(kind.name for kind in (*self.kinds, *new))
            raise InputError(f"a review offers {_MOST_KINDS} kinds at most, those with a digit to press: it would have {names}")
        if new:
            self._write({"kinds": {kind.name: kind.label.value for kind in new}})

    def answer(self, key: str, label: str) -> None:
        """Keeps an answer: on disk when this returns."""
        self._write({"answer": key, "label": label})

    def undo(self) -> str | None:
        """Takes the last answer back; returns its key, or None when there is none. An earlier one to it holds again."""
        if not self._given:
            return None
        key = self._given[-1][0]
        self._write({"undo": key})
        return key

    def set_units(self, number: int, units: Sequence[Unit]) -> None:
        """Keeps the units that were imported for a document, in place of those imported before."""
        self._write({"units": number, "of": [list(unit) for unit in units]})

    def settle(self) -> None:
        """Puts what was written on disk."""
        with _explained(self._name):
            os.fsync(self._file.fileno())

    def load(self) -> None:
        """Reads the file. Raises InputError, with the line, for one that is not ours or is damaged."""
        self._file.seek(0)
        for number, line in enumerate(self._file, 1):
            if not line.endswith(b"\n"):  # a kill came while it was written: nobody was told that it was kept
                os.ftruncate(self._file.fileno(), self._end)
                break
            try:
                self._take(json.loads(line))
            except (ValueError, KeyError, TypeError, IndexError, AttributeError, InputError) as error:
                raise InputError(f"{self._name}:{number}: no line of a review ({error!r}): name another --output") from None
            self._end += len(line)
        if not self._end:
            self._write({"review": _FORMAT})

    def _write(self, line: Mapping[str, Any], settle: bool = True) -> None:
        raw = json.dumps(line, default=str).encode() + b"\n"
        descriptor = self._file.fileno()
        try:
            with _explained(self._name):
                done = 0
                while done < len(raw):
                    done += os.pwrite(descriptor, raw[done:], self._end + done)
            if settle:
                self.settle()
        except RunStopped:
            os.ftruncate(descriptor, self._end)  # half a line would spoil the next
            raise
        self._take(line)
        self._end += len(raw)

    def _take(self, line: Mapping[str, Any]) -> None:
        """What a line does."""
        if not self._end and line["review"] != _FORMAT:
            raise ValueError(f"format {line['review']}, this reads {_FORMAT}")
        if "document" in line:
            self._numbers[Document(**line["document"]).digest] = len(self._offsets)
            self._offsets.append(self._end)
        elif "item" in line:
            places, drawn = (tuple((a, b, c) for a, b, c in line["item"][name]) for name in ("places", "drawn"))
            self.items.append(Item(**{**line["item"], "places": places, "drawn": drawn, "why": tuple(line["item"]["why"])}))
        elif "answer" in line:
            if line["label"] not in self.allowed:
                raise ValueError(f"unknown answer {line['label']!r}")
            self._given.append((line["answer"], self.answers.get(line["answer"])))
            self.answers[line["answer"]] = line["label"]
        elif "undo" in line:
            key, before = self._given.pop()
            if before is None:
                del self.answers[key]
            else:
                self.answers[key] = before
        elif "kinds" in line:
            self.kinds += tuple(Kind(name, Label(label)) for name, label in line["kinds"].items())
        elif "units" in line:
            self.units[line["units"]] = [(start, end, label) for start, end, label in line["of"]]


@contextmanager
def _explained(name: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise RunStopped(
            f"cannot write {name}: {error.strerror or error}. What was kept stays: the same command goes on"
        ) from error


def beside(output: Path) -> Path:
    """Where the journal of an output lies."""
    return output.with_name(output.name.removesuffix(".jsonl") + ".review.jsonl")


@contextmanager
def opened(output: Path) -> Iterator[Journal]:
    """The journal of an output, read or begun, and nobody else's meanwhile.

    Raises InputError for a name that does not end in .jsonl, for an output that another made, for a damaged journal,
    and when another review has it; RunStopped when it cannot be written.
    """
    path = beside(output)
    if not output.name.endswith(".jsonl"):
        raise InputError(f"--output {output}: end its name in .jsonl")
    if output.exists() and not path.exists():
        raise InputError(f"{output} is there and {path} is not: it would be written over. Name another --output")
    with _explained(str(path)):
        path.parent.mkdir(parents=True, exist_ok=True)
        file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o644), "rb")  # written at a place, by its descriptor
    with file:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise InputError(f"another review is writing to {path}: end it first") from error
        journal = Journal(file, str(path))
        journal.load()
        yield journal
