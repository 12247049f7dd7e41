"""A job over files: what is read, by how many workers, to where, and the report of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any, BinaryIO

import classifier
from classifier import drift, job, report
from classifier.corpus import outputs, pieces, run, workers
from classifier.corpus.pieces import Piece
from classifier.corpus.run import Done, Progress, Target
from classifier.corpus.sources import STANDARD_INPUT, Source, expand
from classifier.corpus.tally import Tally
from classifier.job import Job
from classifier.pipeline import Classifier
from classifier.schema import InputError

_OF_A_RULE = ("documents", "times", "characters")
_OF_A_KIND = ("spans", "characters", "removed")
_OF_THE_RUN = {"report.json", "report.html", "rejects.jsonl"}


@dataclass(frozen=True)
class Batch:
    """What is asked for.

    job: what is done with every document. names: files, folders, patterns; standard input where there are
    none. output: a folder or a file; standard output without one. kind: what the files hold, "auto" to look.
    resume: go on with an interrupted run. workers: processes. shard_bytes: input of a part.
    most_rejects: stop beyond so many.
    """

    job: Job
    names: Sequence[str]
    output: str | None = None
    kind: str = "auto"
    resume: bool = False
    workers: int = 1
    shard_bytes: int = 64_000_000
    most_rejects: int | None = None


def execute(order: Batch, out: BinaryIO, begin: Callable[[int, int], None], show: Callable[[Done], None]) -> Tally | None:
    """Does what is asked for; returns the counts, or None where a run to resume was complete already.

    out: where output goes that is for standard output. begin: told the bytes of all files and those
    that an interrupted run has done; show: told every piece that is done.
    Raises InputError for what cannot be read, and before anything is done for options that contradict
    each other; ModelError for a refused model; RunStopped when the run cannot go on.
    """
    target = Target.of(order.output) if order.output else None
    sources = expand(order.names or [STANDARD_INPUT], target.paths if target else ())
    order = replace(order, job=_settled(order, target, sources))
    loaded = job.start(order.job)
    total = sum(source.size for source in sources)
    if target is None:
        begin(total, 0)
        return _to_stream(order, sources, out, show)
    promise = _promise(order, sources, loaded)
    with run.begun(target, promise, order.resume) as progress:
        if progress.place is None:
            return None
        begin(total, sum(source.size for source in sources[: progress.place.source]))
        with closing(_work(order, sources, progress)) as work:
            for done in run.committed(work, target, progress, order.most_rejects):
                show(done)
        summary = {
            **progress.tally.summary(),
            **known(progress.tally, loaded),
            "speed": _speed(order, total, progress),
            "run": promise,
        }
        pages = {"report.html": report.page(summary), "report.json": report.as_json(summary)}
        run.finish(target, progress, [name for name in ("audit", "dropped") if getattr(order.job, name)], pages)
        return progress.tally


def known(tally: Tally, loaded: Classifier) -> dict[str, Any]:
    """What a run's model, rules and profiles add to its report: what there was of each kind, what each rule did, and what has
    drifted.
    """
    added: dict[str, Any] = {}
    if loaded.kinds:
        added["kinds"] = [
            {
                "kind": kind.name,
                "label": kind.label.value,
                **dict(zip(_OF_A_KIND, tally.kinds.get(kind.name, (0, 0, 0)), strict=True)),
            }
            for kind in loaded.kinds
        ]
    if loaded.rules:
        added["rules"] = [
            {
                "rule": rule.number,
                "phrases": rule.phrases,
                "does": rule.label or "keep",
                "site": rule.site,
                "note": rule.note,
                **dict(zip(_OF_A_RULE, tally.rules.get(str(rule.number), (0, 0, 0)), strict=True)),
            }
            for rule in loaded.rules.rules
        ]
    if loaded.profiles:
        added["drift"] = [jump.as_dict() for jump in drift.jumps(tally.shares, loaded.profiles)]
    return added


def _work(order: Batch, sources: list[Source], progress: Progress) -> Generator[Done, None, None]:
    assert progress.place
    work = pieces.pieces(sources, order.kind, order.job.setup.limits, order.shard_bytes, progress.place, progress.shard)
    task: workers.Task[Piece, Done] = workers.Task(partial(job.start, order.job), job.do, Piece.halve, job.give_up)
    return workers.run(work, task, order.workers)


def _to_stream(order: Batch, sources: list[Source], out: BinaryIO, show: Callable[[Done], None]) -> Tally:
    tally = Tally()
    with closing(_work(order, sources, Progress())) as work:
        for done in work:
            tally.add(done.tally)
            run.check(tally.set_aside, order.most_rejects, done)
            if "part" in done.written:
                with outputs.explained("standard output"):
                    out.write(done.written["part"][1])
            show(done)
    with outputs.explained("standard output"):
        out.flush()
    return tally


def _settled(order: Batch, target: Target | None, sources: list[Source]) -> Job:
    """The job with the format of its output decided. Raises InputError for options that contradict each other."""
    wanted = order.job
    by_name = outputs.format_of(target.file.name) if target and target.file else None
    if target and target.file and not (by_name or wanted.format):
        raise InputError(f"--output {order.output}: end its name in .jsonl, .txt or .parquet, or say --format")
    if by_name and wanted.format and by_name != wanted.format:
        raise InputError(f"--output {order.output} asks for {by_name}, and --format for {wanted.format}")
    if target is None:
        for name, asked in (
            ("--format parquet", wanted.format == "parquet"),
            ("--resume", order.resume),
            ("--audit", wanted.audit),
            ("--dropped", wanted.dropped),
        ):
            if asked:
                raise InputError(f"{name} needs --output")
    if order.resume and any(source.path is None for source in sources):
        raise InputError("--resume cannot read standard input again: name a file")
    if wanted.command == "filter" and not wanted.languages and wanted.verdict == job.Verdict():
        raise InputError("say what to drop: --min-share, --min-characters, --max-run or --language")
    folder = target is not None and target.file is None
    if folder:
        _check_names(sources)
    return replace(wanted, format=wanted.format or by_name, folder=folder)


def _check_names(sources: list[Source]) -> None:
    """Raises InputError where two files of text would be written to one."""
    names = Counter(job.output_name(source.relative) for source in sources)
    twice = [name for name, times in names.items() if times > 1 or name in _OF_THE_RUN]
    if twice:
        raise InputError(f"the output has room for one {twice[0]}: read their folder, or write to another output")


def _promise(order: Batch, sources: list[Source], loaded: Classifier) -> dict[str, Any]:
    """All that decides the output: a run that goes on must be asked for the same."""
    made = order.job
    return {
        "version": classifier.__version__,
        "model": next(iter(loaded.info["sha256"].values())),
        "command": made.command,
        "policy": {
            "preset": made.policy.preset,
            "keep": sorted(made.policy.keep),
            "thresholds": dict(sorted(made.policy.thresholds.items())),
        },
        "options": {
            "format": made.format,
            "fields": asdict(made.fields),
            "languages": sorted(made.languages),
            "verdict": asdict(made.verdict),
            "audit": made.audit,
            "dropped": made.dropped,
            "language_id": made.setup.language_id,
            "limits": asdict(made.setup.limits),
            "input": order.kind,
            "shard_bytes": order.shard_bytes,
            "site": made.site,
            "rules": loaded.rules.digest if loaded.rules else None,
            "profiles": loaded.profiles.digest if loaded.profiles else None,
        },
        "input": {source.name: run.fingerprint(source) for source in sources},
        "order": [source.name for source in sources],
    }


def _speed(order: Batch, size: int, progress: Progress) -> dict[str, Any]:
    seconds = max(progress.seconds, 1e-9)
    return {
        "workers": order.workers,
        "seconds": round(progress.seconds, 1),
        "documents_a_second": round(progress.tally.documents / seconds, 1),
        "megabytes_a_second": round(size / seconds / 1e6, 2),
    }
