"""A run over files: input cut into shards, shards into pieces for the workers, outputs committed shard by shard.

A shard is a stretch of one file, or a group of files that are a document each. When all its outputs
are on disk under their names, a marker in the run's folder says so; `resume` goes on behind the last.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import shutil
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO

from classifier.corpus import formats, outputs
from classifier.corpus.formats import Raw, Reject, Rows
from classifier.corpus.outputs import explained
from classifier.corpus.sources import Source, Unreadable, opened
from classifier.corpus.tally import Tally
from classifier.schema import InputError, Limits, RunStopped

# A piece of work is about so many bytes, counting some for each record: small beside a worker's memory, large beside
# the cost of handing it over. training/README.md, "Runs", has the measurement.
_PIECE = 500_000
_RECORD = 100
# A group of files that are a document each is a shard at this number at most.
_FILES = 2_000
_ENDS = 65_536


@dataclass(frozen=True, slots=True)
class Place:
    """Where in the input a shard begins: a file by its number, and what was read of it."""

    source: int = 0
    kind: str = ""
    offset: int = 0
    line: int = 0


_START = Place()


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

    @property
    def first(self) -> Raw | Reject | Rows:
        """The first record, or the rows that begin with it: what has a source, a line and an offset."""
        return self.items if isinstance(self.items, Rows) else self.items[0]


@dataclass(frozen=True, slots=True)
class Done:
    """What became of a piece. written: by channel, bytes, or files by name; formats: of the channels."""

    piece: Piece
    written: Mapping[str, tuple[str, Any]]
    rejects: list[Reject]
    tally: Tally


def pieces(
    sources: list[Source], kind: str, limits: Limits, shard_bytes: int, start: Place = _START, shard: int = 0
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


@dataclass(frozen=True, slots=True)
class Target:
    """Where a run writes: a folder of parts, or a file that its parts are joined to at the end.

    home: the run's own folder, gone when the run is complete; parts: the folder of the parts.
    """

    home: Path
    parts: Path
    file: Path | None

    @classmethod
    def of(cls, output: str) -> Target:
        """What a name stands for: a folder when it is one, ends in a slash, or has no ending; otherwise a file."""
        path = Path(output)
        if output.endswith("/") or path.is_dir() or not path.suffix:
            return cls(path / ".run", path, None)
        home = path.with_name(path.name + ".run")
        return cls(home, home, path)

    @property
    def paths(self) -> tuple[Path, ...]:
        """All that is written, but for the reports beside a file."""
        return (self.parts,) if self.file is None else (self.home, self.file)

    def beside(self, name: str) -> Path:
        """A file of the run as a whole: in the folder, or beside the file, with its name before it."""
        if self.file is None:
            return self.parts / name
        return self.file.with_name(f"{self.file.name.split('.')[0]}.{name}")


@dataclass(slots=True)
class Progress:
    """What is committed: the shards, where the next begins (None when the run is complete), counts, seconds."""

    shard: int = 0
    place: Place | None = _START
    tally: Tally = field(default_factory=Tally)
    seconds: float = 0.0


@contextmanager
def begun(target: Target, promise: Mapping[str, Any], resume: bool) -> Iterator[Progress]:
    """Takes a target for one run, and yields what of it is done.

    promise: all that decides the output, as JSON: input, model, policy, options. Raises InputError
    when another run is at work there, when there is output and `resume` is not asked for, and
    when it was begun with another promise, with the differences.
    """
    with explained(target.home):
        target.home.mkdir(parents=True, exist_ok=True)
        lock = (target.home / "lock").open("wb")
    with lock:
        try:
            fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise InputError(f"another run is writing to {target.file or target.parts}") from error
        progress = _progress(target, promise, resume)
        yield progress
        if progress.place is None:
            shutil.rmtree(target.home)


def _progress(target: Target, promise: Mapping[str, Any], resume: bool) -> Progress:
    where = target.file or target.parts
    report, begun = target.beside("report.json"), target.home / "run.json"
    if report.exists() and resume:
        _compare(json.loads(report.read_bytes()).get("run", {}), promise, where)
        return Progress(place=None)
    if not begun.exists() and _occupied(target):
        shutil.rmtree(target.home)
        raise InputError(f"{where} is there already: name another output, or remove it")
    if begun.exists() and not resume:
        raise InputError(f"{where} holds a run that did not end: --resume goes on with it, or remove it")
    if not begun.exists():
        outputs.write(begun, json.dumps(promise, indent=1).encode())
    _compare(json.loads(begun.read_bytes()), promise, where)
    progress = Progress()
    while (marker := _marker(target, progress.shard)).exists():
        done = json.loads(marker.read_bytes())
        progress.tally.add(Tally(**done["tally"]))
        progress.seconds += done["seconds"]
        progress.place = Place(**done["end"])
        progress.shard += 1
    return progress


def _occupied(target: Target) -> bool:
    if target.file:
        return target.file.exists()
    return any(path != target.home for path in target.parts.iterdir())


def _compare(before: Mapping[str, Any], now: Mapping[str, Any], where: Path) -> None:
    old, new = _flat(before), _flat(json.loads(json.dumps(now)))
    for key in sorted({*old, *new}, key=str):
        if old.get(key) != new.get(key):
            raise InputError(
                f"{where} was begun with other {' '.join(key)}: {old.get(key, 'none')}, now {new.get(key, 'none')}. "
                "Run it as before, or write elsewhere"
            )


def _flat(value: Any, path: tuple[str, ...] = ()) -> dict[tuple[str, ...], Any]:
    if not isinstance(value, dict):
        return {path: value}
    return {key: leaf for name, inner in value.items() for key, leaf in _flat(inner, (*path, name)).items()}


def _marker(target: Target, shard: int) -> Path:
    return target.home / f"{shard:06}.json"


def fingerprint(source: Source) -> dict[str, Any]:
    """What tells a file from a changed one: size, time of change, and a digest of its two ends."""
    if not source.path or not source.path.is_file():
        return {}
    stat = source.path.stat()
    with source.path.open("rb") as file:
        ends = file.read(_ENDS)
        file.seek(max(0, stat.st_size - _ENDS))
        digest = hashlib.sha256(ends + file.read()).hexdigest()
    return {"bytes": stat.st_size, "changed": stat.st_mtime_ns, "ends": digest[:16]}


def committed(work: Iterable[Done], target: Target, progress: Progress, most_rejects: int | None) -> Iterator[Done]:
    """Writes what was done, shard by shard, and yields it when it is written.

    Raises RunStopped when a file cannot be written, or more than `most_rejects` records were set aside.
    """
    files: dict[str, Any] = {}
    tally = Tally()
    began = time.monotonic()
    try:
        for done in work:
            for channel, (form, data) in done.written.items():
                if channel not in files:
                    files[channel] = _file(target, channel, form, done.piece.shard)
                files[channel].write(data)
            if done.rejects:
                if "rejects" not in files:
                    files["rejects"] = outputs.Part(target.home / f"rejects-{done.piece.shard:06}.jsonl")
                files["rejects"].write(b"".join(formats.dump(reject.as_dict()) for reject in done.rejects))
            tally.add(done.tally)
            check(progress.tally.set_aside + tally.set_aside, most_rejects, done)
            if done.piece.end:
                for file in files.values():
                    file.commit()
                files = {}
                now = time.monotonic()
                seconds, began = now - began, now
                marker = {"end": asdict(done.piece.end), "seconds": seconds, "tally": tally.as_dict()}
                outputs.write(_marker(target, done.piece.shard), json.dumps(marker).encode())
                progress.shard, progress.place = done.piece.shard + 1, done.piece.end
                progress.tally.add(tally)
                progress.seconds += seconds
                tally = Tally()
            yield done
    finally:
        for file in files.values():
            file.abandon()


def check(set_aside: int, most: int | None, done: Done) -> None:
    """Raises RunStopped when more records were set aside than allowed."""
    if most is not None and done.rejects and set_aside > most:
        raise RunStopped(f"{set_aside} records were set aside, and --max-rejects allows {most}. The last: {done.rejects[-1]}")


def _file(target: Target, channel: str, form: str, shard: int) -> Any:
    if form == "files" and target.file is None:
        return outputs.Mirror(target.parts / "dropped" if channel == "dropped" else target.parts)
    path = target.parts / f"{channel}-{shard:06}{outputs.FORMATS.get(form, '.txt')}"
    return outputs.Table(path) if form == "parquet" else outputs.Part(path)


def finish(target: Target, progress: Progress, channels: Iterable[str], reports: Mapping[str, bytes]) -> None:
    """Joins what is to be one file, writes the reports, and calls the run complete."""
    whole: list[tuple[str, Path]] = [("rejects", target.beside("rejects.jsonl"))]
    if target.file:
        endings = "".join(target.file.suffixes)
        whole += [
            ("part", target.file),
            *((name, target.beside(name + (".jsonl" if name == "audit" else endings))) for name in channels),
        ]
    for channel, path in whole:
        parts = sorted(target.home.glob(f"{channel}-*"))
        if parts or path == target.file:
            outputs.join(parts, path)
    for name, data in reports.items():
        outputs.write(target.beside(name), data)
    progress.place = None
