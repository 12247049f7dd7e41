"""The `classifier` command: arguments to calls. The only module that prints.

Exit status: 0 done; 1 done, but some input was set aside; 2 wrong use; 3 the model was refused.
Everything heavy is imported when a command runs, so that --help answers at once.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from classifier.schema import LABELS, LANGUAGE_IDS, PRESETS, InputError, Label, ModelError, Policy, PolicyError

if TYPE_CHECKING:
    from classifier.corpus.formats import Record
    from classifier.decide import Result
    from classifier.pipeline import Classifier

DONE, SET_ASIDE, WRONG_USE, MODEL_REFUSED = range(4)
INTERRUPTED = 130
# Documents are labelled in groups of about this many characters.
_GROUP = 500_000

_DESCRIPTION = "Labels every part of scraped text as content, promo, legal or navigation."
_EXIT = "exit status: 0 done, 1 some input was set aside, 2 wrong use, 3 the model was refused"


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; returns its exit status."""
    options = _parser().parse_args(arguments)
    try:
        status = int(options.run(options))
        sys.stdout.flush()
        return status
    except ModelError as error:
        return _fail(error, MODEL_REFUSED)
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
    clean.set_defaults(run=_clean)

    label = commands.add_parser("label", help="label and span of every part, as JSONL or for people", epilog=_EXIT)
    label.add_argument("--format", choices=("jsonl", "text"), default="jsonl", help="of the output (default jsonl)")
    label.set_defaults(run=_label)

    for command in (clean, label):
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

    info = commands.add_parser("info", help="the model: languages, figures, checksum", epilog=_EXIT)
    info.add_argument("--json", action="store_true", help="the whole manifest")
    info.set_defaults(run=_info)
    for command in (clean, label, info):
        command.add_argument("--model", metavar="FOLDER", help="a model folder (default: the shipped model)")
    return parser


def _load(options: argparse.Namespace) -> Classifier:
    policy = Policy(options.policy, frozenset(Label(name) for name in options.keep), dict(map(_threshold, options.threshold)))
    from classifier.pipeline import Classifier

    return Classifier.load(options.model, policy=policy, language_id=options.language_id)


def _threshold(argument: str) -> tuple[Label, float]:
    label, _, value = argument.partition("=")
    try:
        return Label(label), float(value)
    except ValueError:
        raise PolicyError(
            f"--threshold {argument!r}: write LABEL=P, such as promo=0.8, with one of {', '.join(LABELS)}"
        ) from None


def _results(options: argparse.Namespace) -> Iterator[tuple[Record, Result] | None]:
    """Every document with its result, in input order; None for input that was set aside."""
    from classifier.corpus import formats

    names = options.files or [formats.STANDARD_INPUT]
    formats.check(names)
    classifier = _load(options)
    group: list[Record] = []
    size = 0
    for name in names:
        for record in formats.read(name, options.input, options.text_field, options.id_field):
            if isinstance(record, formats.Reject):
                print(f"classifier: set aside: {record.where}: {record.reason}", file=sys.stderr)
                yield None
                continue
            group.append(record)
            size += len(record.text)
            if size >= _GROUP:
                yield from zip(group, classifier.label_many([record.text for record in group]), strict=True)
                group, size = [], 0
    yield from zip(group, classifier.label_many([record.text for record in group]), strict=True)


def _clean(options: argparse.Namespace) -> int:
    from classifier.corpus import formats

    def write(record: Record, result: Result) -> bytes:
        if options.format == "jsonl" or (options.format is None and record.fields is not None):
            fields = record.fields or {options.id_field: record.id}
            return formats.dump({**fields, options.text_field: result.clean_text})
        return _plain(result.clean_text)

    return _write(options, write)


def _label(options: argparse.Namespace) -> int:
    from classifier import report
    from classifier.corpus import formats

    def write(record: Record, result: Result) -> bytes:
        if options.format == "jsonl":
            return formats.dump({"id": record.id, **result.as_dict()})
        return _plain("\n".join([f"{record.id}: {report.summary(result)}", *report.view(result), ""]))

    return _write(options, write)


def _write(options: argparse.Namespace, write: Callable[[Record, Result], bytes]) -> int:
    out = sys.stdout.buffer
    aside = 0
    for item in _results(options):
        if item is None:
            aside += 1
        else:
            out.write(write(*item))
    out.flush()
    if aside:
        print(f"classifier: {aside} set aside", file=sys.stderr)
    return SET_ASIDE if aside else DONE


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
