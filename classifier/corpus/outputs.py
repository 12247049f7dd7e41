"""Files that appear under their names only when they are complete."""

from __future__ import annotations

import gzip
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, TypeVar, cast

from classifier.schema import RunStopped

UNFINISHED = ".tmp"
FORMATS = {"jsonl": ".jsonl", "text": ".txt", "parquet": ".parquet"}
_CHUNK = 1 << 20


def format_of(name: str) -> str | None:
    """The format that a file name asks for; None where it asks for none."""
    endings = Path(name.removesuffix(".gz").removesuffix(".zst")).suffix
    return {ending: name for name, ending in FORMATS.items()}.get(endings)


@contextmanager
def explained(path: Path | str) -> Iterator[None]:
    """Turns a failure to write into RunStopped, which says where and what to do."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise RunStopped(
            f"cannot write {path}: {error.strerror or error}. What is complete stays; once it can be written, --resume goes on"
        ) from error


class Part:
    """A file being written, beside its name; `commit` puts it there, on disk and whole."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._unfinished = path.with_name(path.name + UNFINISHED)
        with explained(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._unfinished.open("wb")

    @property
    def file(self) -> BinaryIO:
        """What takes the bytes."""
        return self._file

    def write(self, data: bytes) -> None:
        """Adds bytes. Raises RunStopped when they cannot be written."""
        with explained(self.path):
            self._file.write(data)

    def settle(self) -> None:
        """Puts what was written on disk. Raises RunStopped when it cannot be."""
        with explained(self.path):
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()

    def publish(self) -> None:
        """Gives the settled file its name."""
        with explained(self.path):
            self._unfinished.replace(self.path)
            _sync(self.path.parent)

    def commit(self) -> None:
        """Puts the file on disk and gives it its name."""
        self.settle()
        self.publish()

    def abandon(self) -> None:
        """Removes what was written."""
        self._unfinished.unlink(missing_ok=True)
        try:
            self._file.close()
        except OSError:  # what is still buffered does not fit on the disk, and is not wanted
            return


class Table:
    """A Parquet file being written, out of packed rows."""

    def __init__(self, path: Path) -> None:
        from classifier.corpus.parquet import Writer

        self._part = Part(path)
        self._writer = Writer(self._part.file)

    def write(self, packed: bytes) -> None:
        """Adds rows. Raises RunStopped when they cannot be written."""
        with explained(self._part.path):
            self._writer.write(packed)

    def commit(self) -> None:
        """Gives the file its name."""
        with explained(self._part.path):
            self._writer.close()
        self._part.commit()

    def abandon(self) -> None:
        """Removes what was written."""
        self._part.abandon()


Made = TypeVar("Made", Part, Table)


class Mirror:
    """Files below a folder, each named as the document it is made from."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._parts: list[Part] = []

    def write(self, documents: list[tuple[str, bytes]]) -> None:
        """Adds files, by their names below the folder."""
        for name, data in documents:
            part = Part(self._folder / name)
            self._parts.append(part)
            part.write(data)
            part.settle()

    def commit(self) -> None:
        """Gives the files their names."""
        for part in self._parts:
            part.publish()

    def abandon(self) -> None:
        """Removes what was written."""
        for part in self._parts:
            part.abandon()


def join(parts: list[Path], target: Path) -> None:
    """Writes a file that holds what its parts hold; compressed, or as Parquet, as its ending says."""
    if format_of(target.name) == "parquet":
        from classifier.corpus.parquet import packed

        with _whole(Table(target)) as table:
            for part in parts:
                for rows in packed(part):
                    table.write(rows)
        return
    with _whole(Part(target)) as whole, explained(target):
        stream = _compressed(whole.file, target.name)
        for part in parts:
            with part.open("rb") as source:
                while data := source.read(_CHUNK):
                    stream.write(data)
        if stream is not whole.file:
            stream.close()


def _compressed(file: BinaryIO, name: str) -> BinaryIO:
    if name.endswith(".gz"):
        return cast(BinaryIO, gzip.GzipFile("", "wb", fileobj=file, mtime=0))
    if name.endswith(".zst"):
        from classifier.corpus.sources import zstd_file

        return zstd_file(file, "wb")
    return file


def write(path: Path, data: bytes) -> None:
    """Writes a whole file in one step."""
    with _whole(Part(path)) as part:
        part.write(data)


@contextmanager
def _whole(made: Made) -> Iterator[Made]:
    """A file that has its name at the end, or leaves nothing, also where Ctrl-C ends it."""
    try:
        yield made
        made.commit()
    except BaseException:
        made.abandon()
        raise


def _sync(folder: Path) -> None:
    """Puts the names in a folder on disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
