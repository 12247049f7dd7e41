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
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from classifier.safe import for_terminal
from classifier.schema import (
    LABELS,
    LANGUAGE_IDS,
    LANGUAGES,
    PRESETS,
    InputError,
    Language,
    Limits,
    ModelError,
    Policy,
    PolicyError,
    RunStopped,
)

if TYPE_CHECKING:
    from classifier.corpus.run import Done
    from classifier.corpus.tally import Tally
    from classifier.job import Job

DONE, SET_ASIDE, WRONG_USE, MODEL_REFUSED, STOPPED = range(5)
INTERRUPTED = 130
_MEGA = 1_000_000
# Large beside the seconds that a shard's fsyncs take, small beside what a kill may cost: half a minute of one core.
_SHARD_MB = 64.0

_DESCRIPTION = "Labels every part of scraped text as content, promo, legal or navigation."
_EXIT = (
    "exit status: 0 done, 1 some input was set aside, 2 wrong use, 3 the model was refused, 4 the run stopped before its end"
)
_COMMANDS = {
    "clean": "text in, clean text out; records in, records out with the field cleaned",
    "label": "label and span of every part, as JSONL, Parquet or for people",
    "filter": "keep or drop whole documents by their quality",
}
_PROFILE = "learn what repeats on each site and how much of each label it holds, for --profiles"
_NAMED = 5  # sites and rules that are named in a line


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; returns its exit status."""
    options = _parser().parse_args(arguments)
    try:
        status = int(options.run(options))
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
        resume = ": --resume goes on with it" if getattr(options, "output", None) else ""
        _say(f"interrupted{resume}")
        return INTERRUPTED


def _fail(error: Exception, status: int) -> int:
    _say(str(error))
    return status


def _say(message: str) -> None:
    """A line on standard error. Names of files and pieces of text in it may be anybody's: nothing in them is obeyed."""
    print(f"classifier: {for_terminal(message)}", file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="classifier", description=_DESCRIPTION, epilog=_EXIT)
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for name, what in _COMMANDS.items():
        command = commands.add_parser(name, help=what, description=what, epilog=_EXIT)
        command.set_defaults(run=_run, command=name)
        _add_input(command)
        _add_decision(command, name)
        _add_output(command, name)
    _add_profile(commands.add_parser("profile", help=_PROFILE, description=_PROFILE, epilog=_EXIT))
    _add_show(commands.add_parser("show", help="documents coloured by label, in the terminal or as a page", epilog=_EXIT))
    _add_serve(commands.add_parser("serve", help="answer over HTTP (needs the extra `serve`)", epilog=_EXIT))
    _add_review(commands.add_parser("review", help="label the texts that matter most, on a page of this machine", epilog=_EXIT))
    info = commands.add_parser("info", help="the model: languages, figures, checksum", epilog=_EXIT)
    info.add_argument("--json", action="store_true", help="the whole manifest")
    info.add_argument("--model", metavar="FOLDER", help="a model folder (default: the shipped model)")
    info.set_defaults(run=_info)
    return parser


def _add_profile(command: argparse.ArgumentParser) -> None:
    _add_input(command)
    add = command.add_argument
    add("--model", metavar="FOLDER", help="a model folder (default: the shipped model)")
    add("--output", metavar="FILE", required=True, help="where the profiles go: sites.json, or sites.json.gz")
    add("--add", action="append", default=[], metavar="FILE", help="profiles of other documents to add; repeatable")
    add("--workers", type=_at_least_one, metavar="N", help="processes for more than half a megabyte (default: all cores)")
    command.set_defaults(run=_profile)


def _add_serve(command: argparse.ArgumentParser) -> None:
    add = command.add_argument
    add("--host", default="127.0.0.1", help="address to listen at (default 127.0.0.1: this machine alone)")
    add("--port", type=int, default=8000, help="port to listen at (default 8000)")
    add("--model", metavar="FOLDER", help="a model folder (default: the shipped model)")
    add("--policy", choices=PRESETS, default="balanced", help="of requests that name none (default balanced)")
    add("--keep", action="append", default=[], metavar="LABEL", help="never remove this label or kind; repeatable")
    add("--max-body", type=_positive, default=8.0, metavar="MB", help="refuse larger bodies (default 8)")
    add("--concurrency", type=_at_least_one, default=256, metavar="N", help="refuse more requests at once (default 256)")
    add("--timeout", type=_positive, default=60.0, metavar="S", help="seconds for a body, and for its answer (default 60)")
    add("--workers", type=_at_least_one, metavar="N", help="processes that label (default: one a core)")
    command.set_defaults(run=_serve)


def _add_show(command: argparse.ArgumentParser) -> None:
    _add_documents(command)
    _add_labelling(command.add_argument_group("decision").add_argument)
    add = command.add_argument_group("output").add_argument
    add("--html", metavar="FILE", help="write a page of HTML that needs nothing else")
    add("--why", action="store_true", help="say what decided each label")
    add("--limit", type=_at_least_one, default=20, metavar="N", help="documents at most (default 20)")
    add("--color", choices=("auto", "always", "never"), default="auto", help="in the terminal (default: where it can)")
    command.set_defaults(run=_show)


def _add_review(command: argparse.ArgumentParser) -> None:
    _add_input(command)
    add = command.add_argument_group("review").add_argument
    add(
        "--output", required=True, metavar="FILE", help="annotated documents, .jsonl; beside it .review.jsonl keeps the answers"
    )
    add("--number", type=_at_least_one, default=100, metavar="N", help="texts to ask about (default 100)")
    add("--documents", type=_at_least_one, default=5_000, metavar="N", help="read no more than so many (default 5000)")
    add("--seed", type=int, default=0, metavar="N", help="of what is drawn at random (default 0)")
    add("--model", metavar="FOLDER", help="a model folder (default: the shipped model)")
    add("--port", type=int, default=0, help="port of 127.0.0.1 to serve the page at (default: any that is free)")
    add("--no-browser", action="store_true", help="say the address and open nothing")
    add("--export", nargs=2, metavar=("KIND", "FILE"), help="write what is asked for label-studio or csv, and end")
    add("--import", dest="imported", metavar="FILE", help="take back what --export wrote and people labelled, and end")
    command.set_defaults(run=_review)


def _add_input(command: argparse.ArgumentParser) -> None:
    add = _add_documents(command)
    add("--max-rejects", type=int, metavar="N", help="stop when more records were set aside")


def _add_documents(command: argparse.ArgumentParser) -> Callable[..., argparse.Action]:
    add = command.add_argument_group("input").add_argument
    command.add_argument("files", nargs="*", metavar="FILE", help="files, folders, patterns; - or none: standard input")
    add(
        "--input",
        choices=("auto", "text", "lines", "jsonl", "wet", "parquet"),
        default="auto",
        help="what the files hold: a document each, a document a line, JSON objects, WARC conversions, a table; "
        "gzip and zstd are seen by themselves (default: look)",
    )
    add("--text-field", default="text", metavar="NAME", help="field of the text (default text)")
    add("--id-field", default="id", metavar="NAME", help="field of the identifier (default id)")
    add("--site-field", default="url", metavar="NAME", help="field of the site or address (default url)")
    add("--site", metavar="NAME", help="the site of documents that name none")
    add("--max-record", type=_positive, default=32.0, metavar="MB", help="set a longer record or text file aside (default 32)")
    return add


def _add_decision(command: argparse.ArgumentParser, name: str) -> None:
    add = command.add_argument_group("decision").add_argument
    _add_labelling(add)
    add(
        "--language",
        action="append",
        default=[],
        choices=[str(language) for language in LANGUAGES],
        help=f"{'drop' if name == 'filter' else 'leave as they are'} documents that are mostly in another; repeatable",
    )
    if name == "filter":
        add("--min-share", type=float, metavar="P", help="drop documents with less of their text content, 0 to 1")
        add("--min-characters", type=int, metavar="N", help="drop documents with fewer characters of content")
        add("--max-run", type=int, metavar="N", help="drop documents with more characters of boilerplate on end")


def _add_labelling(add: Callable[..., argparse.Action]) -> None:
    add("--policy", choices=PRESETS, default="balanced", help="how sure to be before removing (default balanced)")
    add("--keep", action="append", default=[], metavar="LABEL", help="never remove this label or kind; repeatable")
    add("--threshold", action="append", default=[], metavar="LABEL=P", help="remove it from this probability; repeatable")
    add(
        "--language-id",
        choices=LANGUAGE_IDS,
        default="exact",
        help="who decides the language of a text: we, or langdetect's own detector (default exact)",
    )
    add("--model", metavar="FOLDER", help="a model folder (default: the shipped model)")
    add("--rules", metavar="FILE", help="phrases to label or to keep, TOML")
    add("--profiles", metavar="FILE", help="what is known of sites, as `classifier profile` writes it")


def _add_output(command: argparse.ArgumentParser, name: str) -> None:
    add = command.add_argument_group("output").add_argument
    add(
        "--output",
        metavar="DIR|FILE",
        help="a folder of parts, or one file (.jsonl, .txt, .parquet, also with .gz or .zst), with a report "
        "(default: standard output)",
    )
    add("--format", choices=("jsonl", "text", "parquet"), help="of the output (default: by its name, or that of the input)")
    add("--resume", action="store_true", help="go on with a run that was interrupted")
    if name == "clean":
        add("--audit", action="store_true", help="write what was removed as well, so that it can be put back")
    if name == "filter":
        add("--dropped", action="store_true", help="write the dropped documents as well, with the reasons")
    add("--workers", type=_at_least_one, metavar="N", help="processes for more than half a megabyte (default: all cores)")
    add("--shard-size", type=_positive, default=_SHARD_MB, metavar="MB", help="input of a part (default 64)")


def _positive(argument: str) -> float:
    number = float(argument)
    if not number > 0:
        raise argparse.ArgumentTypeError(f"{argument}: use a number above 0")
    return number


def _at_least_one(argument: str) -> int:
    number = int(argument)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} can do nothing: use 1 or more")
    return number


def _threshold(argument: str) -> tuple[str, float]:
    label, _, value = argument.partition("=")
    try:
        return label, float(value)
    except ValueError:
        raise PolicyError(
            f"--threshold {argument!r}: use LABEL=P, such as promo=0.8, with one of {', '.join(LABELS)} or a kind's name"
        ) from None


def _run(options: argparse.Namespace) -> int:
    from classifier.corpus.workers import cores

    workers = options.workers or cores()
    if workers > 1:
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # a worker is a core's worth of work
    from classifier import batch

    order = batch.Batch(
        job=_job(options),
        names=options.files,
        output=options.output,
        kind=options.input,
        resume=options.resume,
        workers=workers,
        shard_bytes=int(options.shard_size * _MEGA),
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
    from classifier.corpus.formats import Fields
    from classifier.job import Job, Verdict

    verdict = Verdict()
    if options.command == "filter":
        verdict = Verdict(options.min_share, options.min_characters, options.max_run)
    return Job(
        command=options.command,
        format=options.format,
        fields=Fields(options.text_field, options.id_field, options.site_field),
        languages=frozenset(map(Language, options.language)),
        verdict=verdict,
        audit=getattr(options, "audit", False),
        dropped=getattr(options, "dropped", False),
        model=options.model,
        policy=_policy(options),
        limits=_limits(options),
        language_id=options.language_id,
        rules=options.rules,
        profiles=options.profiles,
        site=options.site,
    )


def _policy(options: argparse.Namespace) -> Policy:
    return Policy(options.policy, frozenset(options.keep), dict(map(_threshold, options.threshold)))


def _limits(options: argparse.Namespace) -> Limits:
    return Limits(record_bytes=int(options.max_record * _MEGA))


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
    from classifier.corpus.workers import cores

    workers = options.workers or cores()
    if workers > 1:
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from classifier.corpus.formats import Fields
    from classifier.gather import gather
    from classifier.job import Job
    from classifier.sites import Profiles

    before = [Profiles.read(path) for path in options.add]
    made = Job(
        "profile",
        fields=Fields(options.text_field, options.id_field, options.site_field),
        model=options.model,
        limits=_limits(options),
        site=options.site,
    )
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
    print(
        f"classifier: {seen.documents:,} documents: {len(found.sites):,} sites with {repeated:,} repeated parts{unnamed}",
        file=sys.stderr,
    )
    return SET_ASIDE if tally.set_aside else DONE


def _show(options: argparse.Namespace) -> int:
    from classifier import show
    from classifier.corpus.formats import Fields, Reject
    from classifier.pipeline import Classifier

    fields = Fields(options.text_field, options.id_field, options.site_field)
    look = show.Look(options.files, options.input, fields, options.limit, options.site)
    limits = _limits(options)
    classifier = Classifier.load(
        options.model,
        policy=_policy(options),
        limits=limits,
        language_id=options.language_id,
        rules=options.rules,
        profiles=options.profiles,
    )
    rejects: list[Reject] = []
    found = show.documents(look, classifier, limits, rejects.append)
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
        model=options.model,
        policy=Policy(options.policy, frozenset(options.keep)),
        max_body=int(options.max_body * _MEGA),
        concurrency=options.concurrency,
        timeout=options.timeout,
        workers=options.workers,
    )
    return DONE


def _review(options: argparse.Namespace) -> int:
    import signal
    import threading
    import webbrowser
    from pathlib import Path

    from classifier.corpus.formats import Fields
    from classifier.review import run

    order = run.Review(
        options.files,
        Path(options.output),
        options.input,
        Fields(options.text_field, options.id_field, options.site_field),
        Limits(record_bytes=int(options.max_record * _MEGA)),
        options.max_rejects,
        options.model,
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


if __name__ == "__main__":
    sys.exit(main())
