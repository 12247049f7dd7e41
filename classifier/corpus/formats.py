"""Records out of files of text, JSONL and WET; what cannot be read becomes a reject with its place and reason."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import PurePath
from typing import Any, BinaryIO
from urllib.parse import urlsplit

from classifier.corpus.sources import PARQUET, Source, Stream, Unreadable

# A file that is one document; a document a line; a JSON object a line; CommonCrawl's extracted text.
KINDS = ("text", "lines", "jsonl", "wet", "parquet")
_JSONL_NAMES = {".jsonl", ".ndjson"}
_COMPRESSED = {".gz", ".zst"}
_BOM = b"\xef\xbb\xbf"
_OBJECT = re.compile(rb'[ \t]*\{[ \t]*["}]')
_SPACE = re.compile(r"[ \t\n\r]*")
_WARC = b"WARC/1."
_HEADER_BYTES = 65_536
_CHUNK = 1 << 20
_EXCERPT = 80

UNREADABLE = "the file is unreadable from here to its end"
TOO_LONG, NOT_UTF8, NOT_JSON, NO_TEXT, NOT_WARC = "too long", "not UTF-8", "not JSON", "no text", "not WARC"


@dataclass(frozen=True, slots=True)
class Fields:
    """The names of a record's fields: of its text, its identifier, and the site or address it is from."""

    text: str = "text"
    id: str = "id"
    site: str = "url"


@dataclass(frozen=True, slots=True)
class Raw:
    """A record as it stands in a file.

    source and relative: see `Source`. kind: one of `KINDS`. line: from 1, a record's number
    in a WET file, 0 for a text file. offset: of its first byte in the decompressed file.
    """

    source: str
    relative: str
    kind: str
    line: int
    offset: int
    raw: bytes


@dataclass(frozen=True, slots=True)
class Rows:
    """Records of a Parquet file. line: the number of the first of them, from 1; batch: a pyarrow RecordBatch."""

    source: str
    relative: str
    line: int
    batch: Any

    @property
    def offset(self) -> int:
        """Rows before the first."""
        return self.line - 1

    @property
    def size(self) -> int:
        """Bytes in memory."""
        return int(self.batch.nbytes)

    def __len__(self) -> int:
        return int(self.batch.num_rows)

    def __getitem__(self, part: slice) -> Rows:
        start, end, _ = part.indices(len(self))
        return Rows(self.source, self.relative, self.line + start, self.batch.slice(start, end - start))


@dataclass(frozen=True, slots=True)
class Reject:
    """Input that was set aside: where it stands, why (in words to count by, and in detail), and how it begins."""

    source: str
    line: int
    offset: int
    reason: str
    detail: str
    excerpt: str = ""

    def __str__(self) -> str:
        """For a message."""
        place = f"line {self.line}, byte {self.offset}" if self.line else f"byte {self.offset}"
        return f"{self.source}, {place}: {self.reason}: {self.detail}"

    def as_dict(self) -> dict[str, object]:
        """The reject as a JSON object."""
        return {
            "file": self.source,
            "line": self.line,
            "offset": self.offset,
            "reason": self.reason,
            "detail": self.detail,
            "excerpt": self.excerpt,
        }


@dataclass(frozen=True, slots=True)
class Record:
    """A document. fields: its JSON object, None for plain text; raw: as it stands in a file of text or JSONL."""

    source: str
    line: int
    offset: int
    id: Any
    text: str
    site: str | None
    fields: dict[str, Any] | None
    raw: str = ""
    relative: str = ""


def kind_of(name: str, stream: Stream, text: BinaryIO) -> str:
    """What a file holds: by its first bytes, and by its name where they leave it open.

    stream and text: the file as `opened`, before anything was read.
    """
    if stream.head.startswith(PARQUET):
        return "parquet"
    start = text.peek(1).removeprefix(_BOM)  # type: ignore[attr-defined]
    if start.startswith(_WARC):
        return "wet"
    suffixes = [suffix for suffix in PurePath(name).suffixes if suffix not in _COMPRESSED]
    return "jsonl" if _OBJECT.match(start) or (suffixes and suffixes[-1] in _JSONL_NAMES) else "text"


def read(text: BinaryIO, source: Source, kind: str, most: int, offset: int = 0, line: int = 0) -> Iterator[Raw | Reject]:
    """The records of a decompressed file, from `offset` on, which is behind `line` of them.

    most: bytes of the longest record that is read. A byte-order mark is dropped and blank
    lines of JSONL are skipped; both hold no document. Where the file cannot be read further,
    its rest is one reject.
    """
    if offset == 0 and text.peek(1).startswith(_BOM):  # type: ignore[attr-defined]
        offset = len(text.read(len(_BOM)))
    records = {"text": _whole, "wet": _wet}.get(kind, _lines)(text, source, kind, most, offset, line)
    try:
        for record in records:
            line = record.line
            offset = record.offset + (len(record.raw) if isinstance(record, Raw) else 0)
            yield record
    except (Unreadable, OSError) as error:
        yield Reject(source.label, line + 1 if line else 0, offset, UNREADABLE, str(error))


def _whole(text: BinaryIO, source: Source, kind: str, most: int, offset: int, line: int) -> Iterator[Raw | Reject]:
    raw = text.read(most + 1)
    if len(raw) > most:
        yield Reject(source.label, 0, offset, TOO_LONG, _over(most), _excerpt(raw))
    else:
        yield Raw(source.label, source.relative, kind, line, offset, raw)


def _lines(text: BinaryIO, source: Source, kind: str, most: int, offset: int, line: int) -> Iterator[Raw | Reject]:
    while raw := text.readline(most + 1):
        line += 1
        size = len(raw)
        if size > most:
            more = raw
            while not more.endswith(b"\n") and (more := text.readline(_CHUNK)):
                size += len(more)
            yield Reject(source.label, line, offset, TOO_LONG, _over(most), _excerpt(raw))
        elif kind == "lines" or raw.strip():
            yield Raw(source.label, source.relative, kind, line, offset, raw)
        offset += size


def _wet(text: BinaryIO, source: Source, kind: str, most: int, offset: int, line: int) -> Iterator[Raw | Reject]:
    """Records of type `conversion` (WARC 1.1, ISO 28500, section 6.7); behind a damaged one, on at the next that begins.

    By hand because a damaged length must cost its record and no more: warcio reads it as 0, and
    takes the text for headers.
    """
    first = b""
    while first := first or text.readline(_HEADER_BYTES):
        if not first.strip():
            offset += len(first)
            first = b""
            continue
        line += 1
        head, body, reason = _warc_record(text, first, most)
        size = len(head) + len(body)
        first = b""
        if reason:
            while (first := text.readline(_CHUNK)) and not first.startswith(_WARC):
                size += len(first)
            broken = "it needs WARC/1.x, a length, a blank line, and so many bytes behind it"
            yield Reject(source.label, line, offset, reason, broken if reason == NOT_WARC else _over(most), _excerpt(head))
        elif b"warc-type: conversion" in head.lower():
            yield Raw(source.label, source.relative, kind, line, offset, head + body)
        offset += size


def _warc_record(text: BinaryIO, first: bytes, most: int) -> tuple[bytes, bytes, str]:
    """The head and body of a record whose first line was read, and what is wrong with them."""
    head = last = first
    while first.startswith(_WARC) and last.strip() and len(head) < _HEADER_BYTES:
        last = text.readline(_HEADER_BYTES)
        head += last
        if not last:
            break
    size = re.search(rb"(?im)^content-length:[ \t]*(\d{1,18})[ \t]*\r?$", head)
    if not size or not last or last.strip():
        return head, b"", NOT_WARC
    if int(size[1]) > most:
        return head, b"", TOO_LONG
    body = text.read(int(size[1]))
    return head, body, "" if len(body) == int(size[1]) else NOT_WARC


def _over(most: int) -> str:
    return f"over {most:,} bytes, see --max-record"


def _excerpt(raw: bytes) -> str:
    return raw[:_EXCERPT].decode("utf-8", "backslashreplace")


def parse(raw: Raw, fields: Fields) -> Record | Reject:
    """The document that a record holds, or why it holds none."""
    try:
        text = raw.raw.decode("utf-8")
    except UnicodeDecodeError as error:
        return _reject(raw, NOT_UTF8, f"byte {error.start + 1} of it")
    if raw.kind == "jsonl":
        return _object(raw, text, fields)
    if raw.kind == "wet":
        return _conversion(raw, text, fields)
    name = f"{raw.source}:{raw.line}" if raw.kind == "lines" else raw.source
    content = text.removesuffix("\n").removesuffix("\r") if raw.kind == "lines" else text
    return Record(raw.source, raw.line, raw.offset, name, content, None, None, text, raw.relative)


def _object(raw: Raw, line: str, names: Fields) -> Record | Reject:
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError) as error:
        return _reject(raw, NOT_JSON, str(error))
    if not isinstance(fields, dict):
        return _reject(raw, NOT_JSON, f"a {type(fields).__name__}, not an object")
    if names.text not in fields:
        return _reject(raw, NO_TEXT, missing("field", names.text, fields))
    if not isinstance(fields[names.text], str):
        return _reject(raw, NO_TEXT, f"field {names.text!r} is a {type(fields[names.text]).__name__}, not a string")
    name = fields.get(names.id, f"{raw.source}:{raw.line}")
    return Record(raw.source, raw.line, raw.offset, name, fields[names.text], site(fields.get(names.site)), fields, line)


def _conversion(raw: Raw, text: str, names: Fields) -> Record:
    head, body = re.split(r"\n[ \t\r\x0b\x0c]*\n", text, maxsplit=1)  # a line that `_warc_record` calls blank
    headers = {key.lower(): value.strip() for key, _, value in (line.partition(":") for line in head.split("\n"))}
    fields = {
        names.id: headers.get("warc-record-id", f"{raw.source}:{raw.line}"),
        "url": headers.get("warc-target-uri"),
        "date": headers.get("warc-date"),
        "language": headers.get("warc-identified-content-language"),
        names.text: body,
    }
    return Record(raw.source, raw.line, raw.offset, fields[names.id], body, site(fields["url"]), fields)


def missing(what: str, name: str, names: Iterable[str]) -> str:
    """Says that a record has no such field, or a table no such column."""
    return f"no {what} {name!r}; it has {', '.join(map(repr, islice(names, 8)))}: see --text-field"


def _reject(raw: Raw, reason: str, detail: str) -> Reject:
    return Reject(raw.source, raw.line, raw.offset, reason, detail, _excerpt(raw.raw))


def site(value: object) -> str | None:
    """The site that a field names: an address's host, other text as it is, None for what is no text."""
    if not isinstance(value, str) or not value:
        return None
    try:
        return (urlsplit(value).hostname or value) if "://" in value else value
    except ValueError:
        return value


def rewritten(record: Record, text: str, field: str) -> bytes:
    """The record as a line of JSONL, or as text, with another text; every other byte of it as it was."""
    if record.fields is None:
        return plain(text + record.raw[len(record.text) :])
    if not record.raw:
        return dump({**record.fields, field: text})
    line = record.raw if record.raw.endswith("\n") else record.raw + "\n"
    if text == record.text:
        return line.encode("utf-8")
    start, end = _place(line, field)
    try:
        return f"{line[:start]}{json.dumps(text, ensure_ascii=False)}{line[end:]}".encode()
    except UnicodeEncodeError:  # a lone surrogate, which UTF-8 cannot hold
        return f"{line[:start]}{json.dumps(text)}{line[end:]}".encode()


def extended(line: bytes, name: str, value: object) -> bytes:
    """A line of JSONL, which holds an object with fields, with one field more."""
    return line.rstrip()[:-1] + f", {json.dumps(name)}: {json.dumps(value)}}}\n".encode()


def _place(line: str, field: str) -> tuple[int, int]:
    """Where the value of a field stands in a line that is known to be a JSON object with that field; its last, if several."""
    decode = json.JSONDecoder().raw_decode
    found = (0, 0)
    at = line.index("{") + 1
    while True:
        key, at = decode(line, line.index('"', at))
        start = _SPACE.match(line, line.index(":", at) + 1).end()  # type: ignore[union-attr]
        _, at = decode(line, start)
        if key == field:
            found = start, at
        at = _SPACE.match(line, at).end()  # type: ignore[union-attr]
        if line[at] == "}":
            return found


def dump(fields: Mapping[str, Any]) -> bytes:
    """A JSON object as one line of UTF-8; a lone surrogate, which UTF-8 cannot hold, as an escape."""
    try:
        return json.dumps(fields, ensure_ascii=False, default=as_json).encode("utf-8") + b"\n"
    except UnicodeEncodeError:
        return json.dumps(fields, default=as_json).encode("ascii") + b"\n"


def as_json(value: object) -> object:
    """What JSON has no type for: bytes as base64, all else (dates, decimals) as it is written."""
    return base64.b64encode(value).decode("ascii") if isinstance(value, bytes) else str(value)


def plain(text: str) -> bytes:
    """Text as UTF-8; a lone surrogate as an escape."""
    return text.encode("utf-8", "backslashreplace")
