"""Input cut into shards, and shards into pieces for the workers.

A shard is a stretch of one file, or a group of files that are a document each: what is written, or is
not, as a whole. A piece is what a worker is given.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, BinaryIO

from classifier.corpus import formats
from classifier.corpus.formats import Fields, Raw, Record, Reject, Rows
from classifier.corpus.sources import Source, Unreadable, opened
from classifier.schema import Limits

# A piece of work is about so many bytes, counting some for each record: small beside a worker's memory, large beside
# the cost of handing it over. training/README.md, "Runs", has the measurement.
_PIECE = 500_000
_RECORD = 100
# A group of files that are a document each is a shard at this number at most.
_FILES = 2_000


@dataclass(frozen=True, slots=True)
class Place:
    """Where in the input a shard begins: a file by its number, and what was read of it."""

    source: int = 0
    kind: str = ""
    offset: int = 0
    line: int = 0


START = Place()


@dataclass(frozen=True, slots=True)
class Piece:
    """Work: records of one shard.

    items: records as they stand in their file, or rows. end: where the next shard begins, of the
    last piece of one. read: bytes of all files, as they lie on disk, up to its end.
    """

    shard: int
    kind: str
    items: list[Raw | Reject] | Rows
    read: int
    end: Place | None = None

    def halve(self) -> tuple[Piece, Piece] | None:
        """The piece in two, or None for a single record."""
        middle = len(self.items) // 2
        if not middle:
            return None
        return replace(self, items=self.items[:middle], end=None), replace(self, items=self.items[middle:])

    def emptied(self) -> Piece:
        """The piece without its records, for a result that travels."""
        return replace(self, items=[])

    @property
    def first(self) -> Raw | Reject | Rows:
        """The first record, or the rows that begin with it: what has a source, a line and an offset."""
        return self.items if isinstance(self.items, Rows) else self.items[0]


def pieces(
    sources: list[Source], kind: str, limits: Limits, shard_bytes: int, start: Place = START, shard: int = 0
) -> Iterator[Piece]:
    """The input from `start` on, where shard number `shard` begins, cut into pieces.

    kind: what all files hold, "auto" to look at each. Where shards and pieces end depends on
    the input and on shard_bytes alone, so that a run that goes on cuts as one without a break.
    """
    items: list[Any] = []
    size = shard_size = files = read = 0
    last: Place | None = None
    for place, item, position in _items(sources, kind, limits, start):
        if last:
            next_file = place.source != last.source
            apart = next_file and not (place.kind == last.kind == "text" and files < _FILES)
            if apart or shard_size >= shard_bytes:
                yield _piece(shard, last.kind, items, read, place)
                items, size, shard_size, files = [], 0, 0, 0
                shard += 1
            elif size >= _PIECE or place.kind == "parquet":
                yield _piece(shard, last.kind, items, read)
                items, size = [], 0
            files += next_file
        own = item.size if isinstance(item, Rows) else _RECORD + (len(item.raw) if isinstance(item, Raw) else 0)
        items.append(item)
        size += own
        shard_size += own
        last, read = place, position
    if last:
        yield _piece(shard, last.kind, items, read, Place(len(sources)))


def _piece(shard: int, kind: str, items: list[Any], read: int, end: Place | None = None) -> Piece:
    return Piece(shard, kind, items[0] if isinstance(items[0], Rows) else items, read, end)


def _items(sources: list[Source], kind: str, limits: Limits, start: Place) -> Iterator[tuple[Place, Any, int]]:
    """Records, or rows, each with its place and the bytes on disk up to it."""
    behind = sum(source.size for source in sources[: start.source])
    for number in range(start.source, len(sources)):
        source = sources[number]
        at = start if number == start.source else Place(number)
        try:
            with opened(source, limits, 0 if at.kind == "parquet" else at.offset) as (stream, text):
                holds = at.kind or (formats.kind_of(source.name, stream, text) if kind == "auto" else kind)
                for item in _read(source, text, holds, limits, at):
                    yield Place(number, holds, item.offset, max(item.line - 1, 0)), item, behind + stream.position
        except (Unreadable, OSError) as error:
            item = Reject(source.label, 0, 0, formats.UNREADABLE, str(error))
            yield Place(number, at.kind or "text"), item, behind
        behind += source.size


def _read(source: Source, text: BinaryIO, kind: str, limits: Limits, at: Place) -> Iterator[Any]:
    if kind != "parquet":
        return formats.read(text, source, kind, limits.record_bytes, at.offset, at.line)
    from classifier.corpus import parquet

    return parquet.read(source, at.offset)


def records(items: Sequence[Raw | Reject] | Rows, names: Fields, whole: bool = False) -> Iterator[Record | Reject]:
    """The documents of a piece's items. names: of their fields; whole: of rows, all columns as fields."""
    if isinstance(items, Rows):
        from classifier.corpus import parquet

        yield from parquet.records(items, names, whole)
    else:
        yield from (item if isinstance(item, Reject) else formats.parse(item, names) for item in items)
