"""The `classifier` command: arguments to calls. The only module that prints.

Exit status: 0 done; 1 done, but some input was set aside; 2 wrong use; 3 the model was refused;
4 a worker process died.
Everything heavy is imported when a command runs, so that --help answers at once.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from classifier.schema import LABELS, LANGUAGE_IDS, PRESETS, InputError, Label, ModelError, Policy, PolicyError, WorkerLost

if TYPE_CHECKING:
    from classifier.corpus.formats import Raw, Record
    from classifier.decide import Result
    from classifier.pipeline import Classifier

DONE, SET_ASIDE, WRONG_USE, MODEL_REFUSED, LOST = range(5)
INTERRUPTED = 130
# Documents are labelled in groups of about this many bytes.
_GROUP = 500_000

_DESCRIPTION = "Labels every part of scraped text as content, promo, legal or navigation."
_EXIT = "exit status: 0 done, 1 some input was set aside, 2 wrong use, 3 the model was refused, 4 a worker died"


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; returns its exit status."""
    options = _parser().parse_args(arguments)
    try:
        status = int(options.run(options))
        sys.stdout.flush()
        return status
    except ModelError as error:
        return _fail(error, MODEL_REFUSED)
    except WorkerLost as error:
        return _fail(error, LOST)
    except (InputError, PolicyError) as error:
        return _fail(error, WRONG_USE)
    except BrokenPipeError:  # the reader has gone, as in `classifier label … | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    except KeyboardInterrupt:
        return INTERRUPTED


def _fail(error: Exception, status: int) -> int:
    print(f"classifier: {error}", file=sys.stderr)
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="classifier", description=_DESCRIPTION, epilog=_EXIT)
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    clean = commands.add_parser(
        "clean", help="text in, clean text out; JSONL in, JSONL out with the field cleaned", epilog=_EXIT
    )
    clean.add_argument("--format", choices=("text", "jsonl"), help="of the output (default: that of the input)")
    clean.set_defaults(run=_run)

    label = commands.add_parser("label", help="label and span of every part, as JSONL or for people", epilog=_EXIT)
    label.add_argument("--format", choices=("jsonl", "text"), default="jsonl", help="of the output (default jsonl)")
    label.set_defaults(run=_run)

    for name, command in (("clean", clean), ("label", label)):
        command.set_defaults(command=name)
        command.add_argument("files", nargs="*", metavar="FILE", help="text or JSONL; - or none: standard input")
        command.add_argument(
            "--input", choices=("auto", "text", "jsonl"), default="auto", help="what the files hold (default: see for yourself)"
        )
        command.add_argument("--text-field", default="text", metavar="NAME", help="JSONL field of the text (default text)")
        command.add_argument("--id-field", default="id", metavar="NAME", help="JSONL field of the identifier (default id)")
        command.add_argument(
            "--policy", choices=PRESETS, default="balanced", help="how sure to be before removing (default balanced)"
        )
        command.add_argument(
            "--keep",
            action="append",
            default=[],
            choices=[str(name) for name in LABELS],
            help="never remove this label; repeatable",
        )
        command.add_argument(
            "--threshold",
            action="append",
            default=[],
            metavar="LABEL=P",
            help="remove a label from this probability; repeatable",
        )

        command.add_argument(
            "--language-id",
            choices=LANGUAGE_IDS,
            default="exact",
            help="who decides the language of a text: we, or langdetect's own detector (default exact)",
        )

        command.add_argument(
            "--workers", type=_workers, metavar="N", help="processes for more than half a megabyte (default: all cores)"
        )

    info = commands.add_parser("info", help="the model: languages, figures, checksum", epilog=_EXIT)
    info.add_argument("--json", action="store_true", help="the whole manifest")
    info.set_defaults(run=_info)
    for command in (clean, label, info):
        command.add_argument("--model", metavar="FOLDER", help="a model folder (default: the shipped model)")
    return parser


def _threshold(argument: str) -> tuple[Label, float]:
    label, _, value = argument.partition("=")
    try:
        return Label(label), float(value)
    except ValueError:
        raise PolicyError(
            f"--threshold {argument!r}: write LABEL=P, such as promo=0.8, with one of {', '.join(LABELS)}"
        ) from None


def _workers(argument: str) -> int:
    number = int(argument)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} workers can do nothing: use 1 or more")
    return number


@dataclass(frozen=True)
class _Job:
    """What is done with every document: the options that workers need."""

    command: str
    format: str | None
    text_field: str
    id_field: str
    model: str | None
    policy: Policy
    language_id: str


_at_work: tuple[_Job, Classifier] | None = None


def _start(job: _Job) -> None:
    """Loads the model that `_do` uses, once a process; one that was forked has it already."""
    global _at_work
    if _at_work and _at_work[0] == job:
        return
    from classifier.pipeline import Classifier

    _at_work = job, Classifier.load(job.model, policy=job.policy, language_id=job.language_id)


def _do(group: list[Raw]) -> tuple[bytes, list[str]]:
    """Output for a group of documents, and what of it was set aside, and why."""
    from classifier.corpus import formats

    assert _at_work
    job, classifier = _at_work
    parsed = [formats.parse(raw, job.text_field, job.id_field) for raw in group]
    aside = [f"{item.where}: {item.reason}" for item in parsed if isinstance(item, formats.Reject)]
    records = [item for item in parsed if isinstance(item, formats.Record)]
    results = classifier.label_many([record.text for record in records])
    return b"".join(_written(job, record, result) for record, result in zip(records, results, strict=True)), aside


def _written(job: _Job, record: Record, result: Result) -> bytes:
    from classifier.corpus import formats

    if job.command == "label":
        if job.format == "jsonl":
            return formats.dump({"id": record.id, **result.as_dict()})
        from classifier import report

        return _plain("\n".join([f"{record.id}: {report.summary(result)}", *report.view(result), ""]))
    if job.format == "jsonl" or (job.format is None and record.fields is not None):
        fields = record.fields or {job.id_field: record.id}
        return formats.dump({**fields, job.text_field: result.clean_text})
    return _plain(result.clean_text)


def _groups(names: Sequence[str], kind: str) -> Iterator[list[Raw]]:
    from classifier.corpus import formats

    group: list[Raw] = []
    size = 0
    for name in names:
        for raw in formats.read(name, kind):
            group.append(raw)
            size += len(raw.raw)
            if size >= _GROUP:
                yield group
                group, size = [], 0
    yield group


def _run(options: argparse.Namespace) -> int:
    from classifier.corpus import formats, workers

    names = options.files or [formats.STANDARD_INPUT]
    formats.check(names)
    policy = Policy(options.policy, frozenset(Label(name) for name in options.keep), dict(map(_threshold, options.threshold)))
    job = _Job(
        options.command, options.format, options.text_field, options.id_field, options.model, policy, options.language_id
    )
    number = options.workers or workers.cores()
    if number > 1:
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # a worker is a core's worth of work
    _start(job)
    out = sys.stdout.buffer
    count = 0
    for written, aside in workers.run(_groups(names, options.input), _do, number, partial(_start, job)):
        out.write(written)
        for line in aside:
            print(f"classifier: set aside: {line}", file=sys.stderr)
        count += len(aside)
    out.flush()
    if count:
        print(f"classifier: {count} set aside", file=sys.stderr)
    return SET_ASIDE if count else DONE


def _plain(text: str) -> bytes:
    return text.encode("utf-8", "backslashreplace")


def _info(options: argparse.Namespace) -> int:
    import json

    from classifier import report
    from classifier.pipeline import Classifier

    info = Classifier.load(options.model).info
    print(json.dumps(info, indent=1) if options.json else "\n".join(report.model_summary(info)))
    return DONE


if __name__ == "__main__":
    sys.exit(main())
