"""The `classifier` command: arguments to calls. The only module that prints.

Exit status: 0 done; 1 done, but some input was set aside; 2 wrong use; 3 the model was refused;
4 the run stopped before its end.
Everything heavy is imported when a command runs, so that --help answers at once.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from classifier.options import MEGA, kinds, limits, parser, policy
from classifier.safe import for_terminal
from classifier.schema import InputError, Language, ModelError, PolicyError, RunStopped

if TYPE_CHECKING:
    from classifier.corpus.formats import Fields, Reject
    from classifier.corpus.run import Done
    from classifier.corpus.tally import Tally
    from classifier.job import Job

DONE, SET_ASIDE, WRONG_USE, MODEL_REFUSED, STOPPED = range(5)
INTERRUPTED = 130
_NAMED = 5  # sites and rules that are named in a line


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; returns its exit status."""
    options = parser().parse_args(arguments)
    try:
        status = _RUNS[options.command](options)
        sys.stdout.flush()
        return status
    except ModelError as error:
        return _fail(error, MODEL_REFUSED)
    except RunStopped as error:
        return _fail(error, STOPPED)
    except (InputError, PolicyError) as error:
        return _fail(error, WRONG_USE)
    except BrokenPipeError:  # the reader has gone, as in `classifier label … | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    except KeyboardInterrupt:
        _say(f"interrupted{': --resume goes on with it' if _can_resume(options) else ''}")
        return INTERRUPTED


def _can_resume(options: argparse.Namespace) -> bool:
    """Whether --resume goes on with what was asked for: a run to an output, over files that can be read again."""
    return "resume" in options and bool(options.output and options.files and "-" not in options.files)


def _fail(error: Exception, status: int) -> int:
    _say(str(error))
    return status


def _say(message: str) -> None:
    """A line on standard error. Names of files and pieces of text in it may be anybody's: nothing in them is obeyed."""
    print(f"classifier: {for_terminal(message)}", file=sys.stderr, flush=True)


def _run(options: argparse.Namespace) -> int:
    workers = _workers(options)
    from classifier import batch

    order = batch.Batch(
        job=_job(options),
        names=options.files,
        output=options.output,
        kind=options.input,
        resume=options.resume,
        workers=workers,
        shard_bytes=int(options.shard_size * MEGA),
        most_rejects=options.max_rejects,
    )
    view = _View(order.output is None)
    try:
        # To a file or a pipe every byte as it is; to a terminal what it shows, and nothing that it obeys.
        out = cast(BinaryIO, _Screen()) if sys.stdout.isatty() else sys.stdout.buffer
        tally = batch.execute(order, out, view.begin, view.show)
    finally:
        view.close()
    if tally is None:
        _say(f"{options.output} is complete already")
        return DONE
    for line in _closing(options, tally):
        _say(line)
    return SET_ASIDE if tally.set_aside else DONE


def _workers(options: argparse.Namespace) -> int:
    """How many processes are to label; before numpy is loaded, so that each is a core's worth of work."""
    from classifier.corpus.workers import cores

    workers = options.workers or cores()
    if workers > 1:
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    return int(workers)


def _fields(options: argparse.Namespace) -> Fields:
    from classifier.corpus.formats import Fields

    return Fields(options.text_field, options.id_field, options.site_field)


def _closing(options: argparse.Namespace, tally: Tally) -> Iterator[str]:
    """What is said of a run at its end: nothing where nothing is to be said and nobody watches."""
    from classifier.corpus.run import Target

    if options.command == "filter":
        reasons = "".join(f"; {reason}: {number:,}" for reason, number in sorted(tally.verdicts.items()))
        yield f"{tally.written:,} of {tally.documents:,} documents kept{reasons}"
    elif options.output and sys.stderr.isatty():
        yield f"{tally.documents:,} documents, {tally.removed / max(tally.characters, 1):.1%} of their characters removed"
    if tally.unread:
        yield f"{tally.unread} kept in part because a limit was reached or reading failed"
    yield from _noticed(options, tally)
    if tally.set_aside:
        where = f": see {Target.of(options.output).beside('rejects.jsonl')}" if options.output else ""
        yield f"{tally.set_aside} set aside{where}"
    if options.output and sys.stderr.isatty():
        yield f"report in {Target.of(options.output).beside('report.html')}"


def _noticed(options: argparse.Namespace, tally: Tally) -> Iterator[str]:
    """Rules that never fired, and sites that are no longer as their profiles have them."""
    if not options.rules and not options.profiles:
        return
    from classifier import batch, job

    known = batch.known(tally, job.at_work())
    never = [f"{row['rule']} ({row['phrases'][0]!r})" for row in known.get("rules", ()) if not row["times"]]
    if never:
        yield f"rules that never fired: {_few(never)}"
    if known.get("drift"):
        changes = [f"{row['site']} ({row['label']} {row['before']:.0%} to {row['now']:.0%})" for row in known["drift"]]
        yield f"sites that drifted from their profiles: {_few(changes)}"


def _few(items: Sequence[str]) -> str:
    more = f" and {len(items) - _NAMED:,} more" if len(items) > _NAMED else ""
    return ", ".join(items[:_NAMED]) + more


def _job(options: argparse.Namespace) -> Job:
    """What is done with documents by a command that has options for the decision."""
    from classifier.job import Job, Verdict
    from classifier.setup import Setup

    verdict = Verdict()
    if options.command == "filter":
        verdict = Verdict(options.min_share, options.min_characters, options.max_run)
    return Job(
        command=options.command,
        format=getattr(options, "format", None),
        fields=_fields(options),
        languages=frozenset(map(Language, getattr(options, "language", ()))),
        verdict=verdict,
        audit=getattr(options, "audit", False),
        dropped=getattr(options, "dropped", False),
        policy=policy(options),
        setup=Setup(**_setup(options)),
        site=options.site,
    )


def _setup(options: argparse.Namespace) -> dict[str, Any]:
    """The arguments of `Setup`, from a command that has options for them."""
    names = ("model", "language_id", "rules", "profiles")
    return {"limits": limits(options), **{name: getattr(options, name) for name in names}}


class _Screen:
    """Standard output where it is a terminal: control characters in text are shown as escapes, but for breaks and tabs."""

    def write(self, data: bytes) -> int:
        lines = data.decode("utf-8", "backslashreplace").replace("\r\n", "\n").split("\n")
        shown = "\n".join("\t".join(map(for_terminal, line.split("\t"))) for line in lines)
        return sys.stdout.buffer.write(shown.encode())

    def flush(self) -> None:
        sys.stdout.buffer.flush()


class _View:
    """What is seen of a run on standard error: what is set aside, and a bar where somebody watches."""

    def __init__(self, streaming: bool) -> None:
        self._streaming = streaming
        self._bar: Any = None
        self._documents = self._characters = self._removed = 0

    def begin(self, size: int, done: int) -> None:
        """Told the bytes of all input, and those that are done."""
        if not sys.stderr.isatty() or (self._streaming and sys.stdout.isatty()):
            return
        from tqdm import tqdm

        tqdm.monitor_interval = 0  # its thread would be forked with the workers
        self._bar = tqdm(total=size or None, initial=done, unit="B", unit_scale=True, dynamic_ncols=True, leave=False)

    def show(self, done: Done) -> None:
        """Told what was done."""
        if self._streaming:
            for reject in done.rejects:
                if self._bar is not None:
                    self._bar.clear()
                _say(f"set aside: {reject}")
        if self._bar is not None:
            self._documents += done.tally.documents
            self._characters += done.tally.characters
            self._removed += done.tally.removed
            share = self._removed / max(self._characters, 1)
            self._bar.set_postfix_str(f"{self._documents:,} documents, {share:.1%} removed", refresh=False)
            self._bar.update(max(0, done.piece.read - self._bar.n))

    def close(self) -> None:
        """Takes the bar away."""
        if self._bar is not None:
            self._bar.close()


def _profile(options: argparse.Namespace) -> int:
    workers = _workers(options)
    from classifier.gather import gather
    from classifier.job import Job
    from classifier.setup import Setup
    from classifier.sites import Profiles

    before = [Profiles.read(path) for path in options.add]
    made = Job("profile", fields=_fields(options), setup=Setup(options.model, limits(options)), site=options.site)
    view = _View(streaming=True)
    try:
        seen, tally = gather(options.files, made, options.input, workers, options.max_rejects, view.begin, view.show)
    finally:
        view.close()
    found = seen.profiles()
    for profiles in before:
        found = found.merged(profiles)
    found.write(options.output)
    repeated = sum(len(profile.repeated) for profile in found.sites.values())
    unnamed = f"; {seen.unnamed:,} name no site" if seen.unnamed else ""
    _say(f"{seen.documents:,} documents: {len(found.sites):,} sites with {repeated:,} repeated parts{unnamed}")
    return SET_ASIDE if tally.set_aside else DONE


def _show(options: argparse.Namespace) -> int:
    from classifier import job, show

    made = _job(options)
    look = show.Look(options.files, options.input, made.fields, options.limit, options.site)
    rejects: list[Reject] = []
    found = show.documents(look, job.start(made), made.setup.limits, rejects.append)
    if options.html:
        number = show.write_page(options.html, found, options.why)
        _say(f"{number} document{'s' if number > 1 else ''} in {options.html}")
    else:
        width = shutil.get_terminal_size().columns if sys.stdout.isatty() else 80
        colour = options.color == "always" or (options.color == "auto" and _coloured())
        for line in show.lines(found, width, colour, options.why):
            sys.stdout.buffer.write(f"{line}\n".encode())
    for reject in rejects:
        _say(f"set aside: {reject}")
    return SET_ASIDE if rejects else DONE


def _coloured() -> bool:
    """Whether standard output shows colours, and the user wants them (no-color.org)."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _serve(options: argparse.Namespace) -> int:
    try:
        from classifier.adapters.http.service import serve
    except ImportError as error:
        raise InputError(str(error)) from error
    serve(
        options.host,
        options.port,
        policy=policy(options),
        max_body=int(options.max_body * MEGA),
        concurrency=options.concurrency,
        timeout=options.timeout,
        workers=options.workers,
        **_setup(options),
    )
    return DONE


def _review(options: argparse.Namespace) -> int:
    import signal
    import threading
    import webbrowser
    from pathlib import Path

    from classifier.review import run
    from classifier.setup import Setup

    order = run.Review(
        options.files,
        Path(options.output),
        options.input,
        _fields(options),
        Setup(**_setup(options)),
        options.site,
        options.max_rejects,
        kinds(options.kind),
        options.number,
        options.documents,
        options.seed,
        options.port,
        (options.export[0], Path(options.export[1])) if options.export else None,
        Path(options.imported) if options.imported else None,
    )

    def show(address: str) -> None:
        seen = sys.platform != "linux" or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
        if seen and not options.no_browser:  # elsewhere a browser of the terminal would take it over
            threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()

    before = signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends as Ctrl-C does: the output is written
    try:
        aside = run.execute(order, _say, show)
    finally:
        signal.signal(signal.SIGTERM, before)
    return SET_ASIDE if aside else DONE


def _info(options: argparse.Namespace) -> int:
    import json

    from classifier import report
    from classifier.pipeline import Classifier

    info = Classifier.load(options.model).info
    print(json.dumps(info, indent=1) if options.json else "\n".join(report.model_summary(info)))
    return DONE


_RUNS = {
    **dict.fromkeys(("clean", "label", "filter"), _run),
    "profile": _profile,
    "show": _show,
    "serve": _serve,
    "review": _review,
    "info": _info,
}
