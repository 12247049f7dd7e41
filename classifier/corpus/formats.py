"""Documents out of text and JSONL; what cannot be read becomes a reject with its place and reason."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO

from classifier.schema import InputError

KINDS = ("auto", "text", "jsonl")
STANDARD_INPUT = "-"
_JSONL_NAMES = {".jsonl", ".ndjson"}


@dataclass(frozen=True, slots=True)
class Record:
    """A document. `fields` is the JSON object it came from, None for a text file."""

    id: Any
    text: str
    fields: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class Reject:
    """Input that was set aside: where it stands, and why."""

    where: str
    reason: str


def check(names: Iterable[str]) -> None:
    """Raises InputError for the first name that is no readable file, before any work is done."""
    for name in names:
        if name == STANDARD_INPUT:
            continue
        try:
            with Path(name).open("rb"):
                pass
        except OSError as error:
            raise InputError(f"cannot read {name}: {error.strerror}") from error


def read(name: str, kind: str = "auto", text_field: str = "text", id_field: str = "id") -> Iterator[Record | Reject]:
    """The documents of a file, or of standard input for "-".

    kind: `text` (the file is one document), `jsonl` (one JSON object a line), or `auto`: by
    the name's ending, otherwise JSONL when the first line is a JSON object. A byte-order
    mark is dropped and blank lines of JSONL are skipped; both hold no document.
    """
    source = nullcontext(sys.stdin.buffer) if name == STANDARD_INPUT else Path(name).open("rb")  # noqa: SIM115
    label = "standard input" if name == STANDARD_INPUT else name
    with source as stream:
        first = _first_line(stream)
        if kind == "jsonl" or (kind == "auto" and (Path(name).suffix in _JSONL_NAMES or _is_object(first))):
            yield from _jsonl(label, chain([first], stream), text_field, id_field)
        else:
            yield _text(label, first + stream.read())


def _first_line(stream: BinaryIO) -> bytes:
    return stream.readline().removeprefix(b"\xef\xbb\xbf")


def _is_object(line: bytes) -> bool:
    if not line.lstrip().startswith(b"{"):
        return False
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def _text(label: str, raw: bytes) -> Record | Reject:
    try:
        return Record(label, raw.decode("utf-8"), None)
    except UnicodeDecodeError as error:
        return Reject(f"{label}, byte {error.start}", "not UTF-8")


def _jsonl(label: str, lines: Iterable[bytes], text_field: str, id_field: str) -> Iterator[Record | Reject]:
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        where = f"{label}, line {number}"
        try:
            fields = json.loads(line.decode("utf-8"))
        except UnicodeDecodeError as error:
            yield Reject(where, f"byte {error.start + 1} of the line is not UTF-8")
            continue
        except (ValueError, RecursionError) as error:
            yield Reject(where, f"not JSON: {error}")
            continue
        if not isinstance(fields, dict):
            yield Reject(where, f"a JSON {type(fields).__name__}, not an object")
        elif text_field not in fields:
            yield Reject(where, f"no field {text_field!r}; it has {', '.join(map(repr, list(fields)[:8]))}: see --text-field")
        elif not isinstance(fields[text_field], str):
            yield Reject(where, f"field {text_field!r} is a {type(fields[text_field]).__name__}, not a string")
        else:
            yield Record(fields.get(id_field, f"{label}:{number}"), fields[text_field], fields)


def dump(fields: dict[str, Any]) -> bytes:
    """A JSON object as one line of UTF-8; a lone surrogate, which UTF-8 cannot hold, as an escape."""
    try:
        return json.dumps(fields, ensure_ascii=False).encode("utf-8") + b"\n"
    except UnicodeEncodeError:
        return json.dumps(fields).encode("ascii") + b"\n"
