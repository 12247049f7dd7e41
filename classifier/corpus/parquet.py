"""Parquet in and out, and the types that labels have in Arrow; a run touches pyarrow only here.

A table that came from Parquet leaves as Parquet with one column changed. What came from elsewhere becomes
a table with the columns id, text and fields, the last one the record's other fields as JSON.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from classifier.corpus.formats import NO_TEXT, NOT_UTF8, UNREADABLE, Fields, Record, Reject, Rows, as_json, missing, site
from classifier.corpus.sources import Source
from classifier.schema import InputError

try:
    import pyarrow as pa
    from pyarrow import parquet
except ImportError as error:
    raise InputError("Parquet needs a package: pip install 'boilerplate-classifier[corpus]'") from error

# Rows of a piece of work: about half a megabyte of ordinary pages.
_ROWS = 64

_SPAN = pa.struct(
    [
        ("start", pa.int64()),
        ("end", pa.int64()),
        ("label", pa.string()),
        ("language", pa.string()),
        ("confidence", pa.float64()),
        ("kept", pa.bool_()),
        ("decided_by", pa.string()),
        ("kind", pa.string()),
    ]
)
_SHARE = pa.float64()
LABELS = pa.schema(
    [
        ("id", pa.string()),
        ("spans", pa.list_(_SPAN)),
        ("paragraphs", pa.list_(_SPAN)),
        (
            "quality",
            pa.struct(
                [
                    ("characters", pa.int64()),
                    ("content_characters", pa.int64()),
                    ("content_share", _SHARE),
                    ("kept_share", _SHARE),
                    ("undecided_share", _SHARE),
                    ("longest_boilerplate", pa.int64()),
                    ("unread", pa.int64()),
                    ("languages", pa.struct([("en", _SHARE), ("zh", _SHARE), ("other", _SHARE)])),
                    ("chinese_script", pa.string()),
                    ("worst", _SPAN),
                ]
            ),
        ),
    ]
)
_RECORDS = pa.schema([("id", pa.string()), ("text", pa.string()), ("fields", pa.string())])


def read(source: Source, skip: int = 0) -> Iterator[Rows | Reject]:
    """The rows of a file behind the first `skip`, a few hundred at a time; the rest of a damaged file is one reject."""
    row = 0
    try:
        if not source.path:
            raise InputError("Parquet cannot be read from a pipe: name the file")
        with parquet.ParquetFile(source.path) as file:
            for group in range(file.num_row_groups):
                if row + file.metadata.row_group(group).num_rows <= skip:
                    row += file.metadata.row_group(group).num_rows
                    continue
                for batch in file.iter_batches(_ROWS, [group]):
                    rows = Rows(source.label, source.relative, row + 1, batch)
                    row += len(rows)
                    if row > skip:
                        yield rows[max(0, skip - rows.offset) :]
    except (pa.ArrowException, OSError) as error:
        yield Reject(source.label, row + 1, row, UNREADABLE, str(error))


def records(rows: Rows, names: Fields, whole: bool) -> list[Record | Reject]:
    """The documents of rows. whole: all columns as fields, for an output that is no Parquet."""
    columns = rows.batch.schema.names
    places = [(rows.line + index, rows.offset + index) for index in range(len(rows))]
    if names.text not in columns:
        return [Reject(rows.source, *place, NO_TEXT, missing("column", names.text, columns)) for place in places]
    texts = values(rows.batch, names.text)
    ids = values(rows.batch, names.id) if names.id in columns else [f"{rows.source}:{line}" for line, _ in places]
    sites = values(rows.batch, names.site) if names.site in columns else [None] * len(rows)
    found: list[Record | Reject] = []
    for index, (place, text) in enumerate(zip(places, texts, strict=True)):
        if isinstance(text, str):
            fields = {name: values(rows.batch.slice(index, 1), name)[0] for name in columns} if whole else None
            found.append(Record(rows.source, *place, ids[index], text, site(sites[index]), fields))
        else:
            reason = NOT_UTF8 if isinstance(text, UnicodeError) else NO_TEXT
            found.append(Reject(rows.source, *place, reason, f"column {names.text!r} holds a {type(text).__name__}"))
    return found


def values(batch: pa.RecordBatch, name: str) -> list[Any]:
    """A column's values, one that is not UTF-8 as the error that says so."""
    column = batch.column(name)
    try:
        return list(column.to_pylist())
    except UnicodeDecodeError:
        return [_value(item) for item in column]


def _value(item: pa.Scalar) -> Any:
    try:
        return item.as_py()
    except UnicodeDecodeError:
        return UnicodeError("not UTF-8")


def changed(rows: Rows, places: Sequence[int], field: str, texts: Sequence[str], why: Sequence[Sequence[str]] | None) -> bytes:
    """Some rows with other texts, and a last column that says why they were dropped, if they were."""
    if not places:
        return _packed(rows.batch.slice(0, 0))
    batch = rows.batch.take(pa.array(places, pa.int64()))
    column = rows.batch.schema.get_field_index(field)
    kind = rows.batch.schema.field(column)
    texts_column = pa.array(map(_storable, texts), kind.type if not pa.types.is_dictionary(kind.type) else pa.string())
    batch = batch.set_column(column, pa.field(field, texts_column.type, kind.nullable, kind.metadata), texts_column)
    if why is not None:
        batch = batch.append_column("dropped_because", pa.array(why, pa.list_(pa.string())))
    return _packed(batch.replace_schema_metadata(rows.batch.schema.metadata))


def table(found: Sequence[Record], names: Fields, texts: Sequence[str], why: Sequence[Sequence[str]] | None) -> bytes:
    """Records that came from elsewhere, as rows."""
    columns: Mapping[str, list[str | None]] = {
        "id": [_name(record.id) for record in found],
        "text": [_storable(text) for text in texts],
        "fields": [_others(record, names) for record in found],
    }
    batch = pa.RecordBatch.from_pydict(columns, _RECORDS)
    if why is not None:
        batch = batch.append_column("dropped_because", pa.array(why, pa.list_(pa.string())))
    return _packed(batch)


def labels(found: Sequence[Record], results: Sequence[Mapping[str, object]]) -> bytes:
    """What `label` says of records, as rows."""
    rows = [{"id": _name(record.id), **result} for record, result in zip(found, results, strict=True)]
    return _packed(pa.RecordBatch.from_pylist(rows, LABELS))


def _name(value: object) -> str:
    return _storable(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=as_json))


def _others(record: Record, names: Fields) -> str | None:
    others = {key: value for key, value in (record.fields or {}).items() if key not in (names.id, names.text)}
    return _storable(json.dumps(others, ensure_ascii=False, default=as_json)) if others else None


def _storable(text: str) -> str:
    """Text without lone surrogates, which Arrow cannot hold: as an escape."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _packed(batch: pa.RecordBatch) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as stream:
        stream.write_batch(batch)
    return bytes(sink.getvalue())


class Writer:
    """Packed rows into a Parquet file. Raises InputError for rows with other columns than the first."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._writer: parquet.ParquetWriter | None = None

    def write(self, packed: bytes) -> None:
        """Adds rows."""
        for batch in pa.ipc.open_stream(packed):
            if self._writer is None:
                self._writer = parquet.ParquetWriter(self._file, batch.schema, compression="zstd")
            if batch.schema != self._writer.schema:
                raise InputError("the files have different columns: write to a folder, a file each")
            self._writer.write_batch(batch)

    def close(self) -> None:
        """Writes the end of the file, one without rows where nothing was written."""
        (self._writer or parquet.ParquetWriter(self._file, _RECORDS)).close()


def packed(file: Path) -> Iterator[bytes]:
    """The rows of a file that `Writer` wrote, for another."""
    with parquet.ParquetFile(file) as source:
        for group in range(source.num_row_groups):
            for batch in source.iter_batches(row_groups=[group]):
                yield _packed(batch)
