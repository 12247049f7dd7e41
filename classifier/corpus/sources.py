"""What the user names, as files of documents, opened and decompressed."""

from __future__ import annotations

import glob
import gzip
import io
import os
import sys
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from classifier.schema import InputError, Limits

if TYPE_CHECKING:
    from typing_extensions import Buffer

STANDARD_INPUT = "-"
GZIP, ZSTD, PARQUET = b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"PAR1"
# How much a file may expand before its ratio is looked at: a short file of one letter is no bomb.
_FREE = 16_000_000
_BUFFER = 1 << 20


class Unreadable(Exception):
    """The rest of a file cannot be read: damaged, cut short, or expanding beyond the cap."""


@dataclass(frozen=True, slots=True)
class Source:
    """A file of documents. name: for messages and ids; relative: below the argument that named it."""

    name: str
    relative: str

    @property
    def path(self) -> Path | None:
        """Where the file lies; None for standard input."""
        return None if self.name == STANDARD_INPUT else Path(self.name)

    @property
    def label(self) -> str:
        """What messages call the file."""
        return "standard input" if self.name == STANDARD_INPUT else self.name

    @property
    def size(self) -> int:
        """Bytes on disk; 0 for a pipe."""
        return self.path.stat().st_size if self.path else 0


def expand(names: Iterable[str], outputs: Sequence[Path] = ()) -> list[Source]:
    """The files behind names: files, folders (all files below that are not hidden), patterns, "-".

    Files of a folder and of a pattern come in sorted order; links to folders are not followed, and
    a file that is named twice is read twice. outputs: files and folders that are written, which
    a folder's files do not include. Raises InputError for a name without a readable
    file, and for one that is an output, before any work is done.
    """
    written = [path.resolve() for path in outputs]
    return [source for name in names for source in _expand(name, written)]


def _expand(name: str, written: Sequence[Path]) -> list[Source]:
    if name == STANDARD_INPUT:
        return [Source(name, "stdin")]
    path = Path(name)
    if path.is_dir():
        walked = (Path(folder, file) for folder, _, files in os.walk(path) for file in files)
        walked = (file for file in walked if file.is_file())  # a pipe would be waited for
        found = sorted(file for file in walked if not any(part.startswith(".") for part in file.relative_to(path).parts))
        sources = [Source(str(file), file.relative_to(path).as_posix()) for file in found if not _among(file, written)]
    elif path.exists() or not glob.has_magic(name):
        sources = [Source(name, path.name)]
    else:
        matches = sorted(glob.glob(name, recursive=True))  # noqa: PTH207 - Path.glob takes no absolute pattern
        sources = [Source(match, Path(match).name) for match in matches if Path(match).is_file()]
    if not sources:
        raise InputError(f"no files in {name}" if path.is_dir() else f"no file matches {name}")
    for source in sources:
        _check(source.name)
        if _among(Path(source.name), written):
            raise InputError(f"{source.name} is read, and the output would be written over it: name another output")
    return sources


def _among(file: Path, written: Sequence[Path]) -> bool:
    return bool(written) and any(map(file.resolve().is_relative_to, written))


def _check(name: str) -> None:
    try:
        if Path(name).stat() and not os.access(name, os.R_OK):
            raise PermissionError(0, "Permission denied")
    except OSError as error:
        raise InputError(f"cannot read {name}: {error.strerror}") from error


class Stream(io.RawIOBase):
    """A file's own bytes, counted; `head` holds the first of them, and is read again."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.head = b""
        while len(self.head) < 8 and (more := file.read(8 - len(self.head))):
            self.head += more
        self._left = self.head
        self.position = 0

    def readable(self) -> bool:
        """Always."""
        return True

    def readinto(self, buffer: Buffer) -> int:
        """Fills the buffer; returns the number of bytes, 0 at the end."""
        into = memoryview(buffer)
        size = min(len(into), len(self._left))
        into[:size], self._left = self._left[:size], self._left[size:]
        size += cast("io.BufferedReader", self._file).readinto(into[size:])
        self.position += size
        return size

    def jump(self, offset: int) -> None:
        """Goes on reading at a byte of a file on disk."""
        self._file.seek(offset)
        self._left = b""
        self.position = offset


class _Expanded(io.RawIOBase):
    """Decompressed bytes; every fault of the compressed file, and too much of them, is `Unreadable`."""

    def __init__(self, stream: Stream, most: int) -> None:
        self._stream = stream
        self._most = most
        self._size = 0
        buffered = io.BufferedReader(stream, _BUFFER)
        self._inner: Any = gzip.GzipFile(fileobj=buffered) if stream.head.startswith(GZIP) else zstd_file(buffered, "rb")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Buffer) -> int:
        into = memoryview(buffer)
        try:
            data = self._inner.read1(len(into))  # not read(), which loses what stands before a fault
        except (EOFError, OSError, zlib.error, _zstd_error()) as error:
            raise Unreadable(f"the compressed file is damaged or cut short: {error}") from error
        self._size += len(data)
        if self._size > _FREE and self._size > self._most * max(self._stream.position, 1):
            raise Unreadable(f"it expands to more than {self._most} times its size: a decompression bomb? See --max-expansion")
        into[: len(data)] = data
        return len(data)


def zstd_file(stream: BinaryIO, mode: str) -> BinaryIO:
    """A stream of zstd frames, to read or to write. Raises InputError where no package for it is installed."""
    if sys.version_info >= (3, 14):
        from compression import zstd
    else:
        try:
            from backports import zstd
        except ImportError as error:
            raise InputError("zstd needs a package: pip install 'boilerplate-classifier[corpus]'") from error
    opened_file: Any = zstd.ZstdFile
    return cast(BinaryIO, opened_file(stream, mode))


def _zstd_error() -> type[Exception]:
    module = sys.modules.get("compression.zstd") or sys.modules.get("backports.zstd")
    return cast("type[Exception]", module.ZstdError) if module else EOFError


@contextmanager
def opened(source: Source, limits: Limits, offset: int = 0) -> Iterator[tuple[Stream, BinaryIO]]:
    """Opens a file, decompressed if its first bytes say gzip or zstd, at a byte of its decompressed text.

    Yields the counted bytes of the file itself, and its text. Reading raises Unreadable where it
    cannot go on.
    """
    with open(source.path, "rb") if source.path else _standard_input() as file:  # noqa: PTH123
        stream = Stream(file)
        if stream.head.startswith((GZIP, ZSTD)):
            text: BinaryIO = io.BufferedReader(_Expanded(stream, limits.expansion), _BUFFER)
            while offset and (skipped := len(text.read(min(offset, _BUFFER)))):
                offset -= skipped
        else:
            if offset:
                stream.jump(offset)
            text = io.BufferedReader(stream, _BUFFER)
        yield stream, text


@contextmanager
def _standard_input() -> Iterator[BinaryIO]:
    yield sys.stdin.buffer
