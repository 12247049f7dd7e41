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
class Raw:
    """A document as it stands in a file. line: its number in a JSONL file, 0 for a text file, which is all of `raw`."""

    source: str
    line: int
    raw: bytes


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


def read(name: str, kind: str = "auto") -> Iterator[Raw]:
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
            for number, line in enumerate(chain([first], stream), 1):
                if line.strip():
                    yield Raw(label, number, line)
        else:
            yield Raw(label, 0, first + stream.read())


def parse(raw: Raw, text_field: str = "text", id_field: str = "id") -> Record | Reject:
    """The document that a file holds, or why it is none."""
    return _object(raw, text_field, id_field) if raw.line else _text(raw)


def _first_line(stream: BinaryIO) -> bytes:
    return stream.readline().removeprefix(b"\xef\xbb\xbf")


def _is_object(line: bytes) -> bool:
    if not line.lstrip().startswith(b"{"):
        return False
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def _text(raw: Raw) -> Record | Reject:
    try:
        return Record(raw.source, raw.raw.decode("utf-8"), None)
    except UnicodeDecodeError as error:
        return Reject(f"{raw.source}, byte {error.start}", "not UTF-8")


def _object(raw: Raw, text_field: str, id_field: str) -> Record | Reject:
    where = f"{raw.source}, line {raw.line}"
    try:
        fields = json.loads(raw.raw.decode("utf-8"))
    except UnicodeDecodeError as error:
        return Reject(where, f"byte {error.start + 1} of the line is not UTF-8")
    except (ValueError, RecursionError) as error:
        return Reject(where, f"not JSON: {error}")
    if not isinstance(fields, dict):
        return Reject(where, f"a JSON {type(fields).__name__}, not an object")
    if text_field not in fields:
        return Reject(where, f"no field {text_field!r}; it has {', '.join(map(repr, list(fields)[:8]))}: see --text-field")
    if not isinstance(fields[text_field], str):
        return Reject(where, f"field {text_field!r} is a {type(fields[text_field]).__name__}, not a string")
    return Record(fields.get(id_field, f"{raw.source}:{raw.line}"), fields[text_field], fields)


def dump(fields: dict[str, Any]) -> bytes:
    """A JSON object as one line of UTF-8; a lone surrogate, which UTF-8 cannot hold, as an escape."""
    try:
        return json.dumps(fields, ensure_ascii=False).encode("utf-8") + b"\n"
    except UnicodeEncodeError:
        return json.dumps(fields).encode("ascii") + b"\n"
