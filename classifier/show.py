"""Documents to look at: read from files, labelled one by one, and shown in a terminal or on a page."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from classifier import page, terminal
from classifier.corpus import outputs, pieces
from classifier.corpus.formats import Fields, Record, Reject
from classifier.corpus.sources import STANDARD_INPUT, expand
from classifier.pipeline import Classifier
from classifier.result import Result
from classifier.schema import InputError, Limits

_READ_AT_ONCE = 1_000_000  # bytes: documents are shown as they come


@dataclass(frozen=True)
class Look:
    """What is looked at. names: files, folders, patterns; standard input where there are none. kind: what they hold,
    "auto" to look. fields: of records. most: so many documents at most. site: of documents that name none.
    """

    names: Sequence[str]
    kind: str = "auto"
    fields: Fields = field(default_factory=Fields)
    most: int = 20
    site: str | None = None


def documents(
    look: Look, classifier: Classifier, limits: Limits, rejected: Callable[[Reject], None]
) -> Iterator[tuple[str, Result]]:
    """The first documents, each with its name. rejected: told what is set aside before the last of them.

    Raises InputError for what cannot be read.
    """
    left = look.most
    for item in _records(look, limits):
        if isinstance(item, Reject):
            rejected(item)
            continue
        yield str(item.id), classifier.label(item.text, item.site or look.site)
        left -= 1
        if not left:
            return


def _records(look: Look, limits: Limits) -> Iterator[Record | Reject]:
    sources = expand(look.names or [STANDARD_INPUT])
    for piece in pieces.pieces(sources, look.kind, limits, _READ_AT_ONCE):
        yield from pieces.records(piece.items, look.fields)


def lines(found: Iterable[tuple[str, Result]], width: int, colour: bool, why: bool) -> Iterator[str]:
    """Documents as lines of a terminal, behind what the marks mean."""
    for number, (name, result) in enumerate(found):
        yield from terminal.legend(width, colour) if not number else [""]
        yield from terminal.view(name, result, width, colour, why)


def write_page(path: str, found: Iterable[tuple[str, Result]], why: bool) -> int:
    """Documents as a page, which has its name when it is whole; returns how many.

    Raises InputError where there is none, and RunStopped where the page cannot be written.
    """
    shown = list(found)
    if not shown:
        raise InputError(f"no document to show: {path} was not written")
    outputs.write(Path(path), page.page(shown, why))
    return len(shown)
