"""What a run has written: outputs committed shard by shard, and where an interrupted run goes on.

When all outputs of a shard are on disk under their names, a marker in the run's folder says so; `resume`
goes on behind the last.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import shutil
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from classifier.corpus import formats, outputs
from classifier.corpus.formats import Reject
from classifier.corpus.outputs import explained
from classifier.corpus.pieces import START, Piece, Place
from classifier.corpus.sources import Source
from classifier.corpus.tally import Tally
from classifier.schema import InputError, RunStopped

_ENDS = 65_536


@dataclass(frozen=True, slots=True)
class Done:
    """What became of a piece.

    piece: without its records. written: by channel, the format, and bytes, or files by name.
    """

    piece: Piece
    written: Mapping[str, tuple[str, Any]]
    rejects: list[Reject]
    tally: Tally


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
    place: Place | None = START
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
