"""What the `classifier` command takes: its commands, their arguments, and policy and limits made of them.

Nothing heavy is imported here, so that --help answers at once.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import fields

from classifier.schema import (
    LABELS,
    LANGUAGE_IDS,
    LANGUAGES,
    MOST_KINDS,
    PRESETS,
    InputError,
    Kind,
    Label,
    Limits,
    Policy,
    PolicyError,
)

MEGA = 1_000_000
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


class _Version(argparse.Action):
    """Says the version when asked: argparse's own action would look it up at every start."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from classifier import __version__

        sys.stdout.write(f"classifier {__version__}\n")
        parser.exit()


def parser() -> argparse.ArgumentParser:
    """Every command; what is parsed says which in `command`."""
    root = argparse.ArgumentParser(prog="classifier", description=_DESCRIPTION, epilog=_EXIT)
    root.add_argument("--version", action=_Version, nargs=0, help="the version of the package, and end")
    commands = root.add_subparsers(metavar="COMMAND", required=True)
    for name, what in _COMMANDS.items():
        command = commands.add_parser(name, help=what, description=what, epilog=_EXIT)
        command.set_defaults(command=name)
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
    info.set_defaults(command="info")
    return root


def _add_profile(command: argparse.ArgumentParser) -> None:
    _add_input(command)
    add = command.add_argument
    add("--model", metavar="FOLDER", help="a model folder (default: the shipped model)")
    add("--output", metavar="FILE", required=True, help="where the profiles go: sites.json, or sites.json.gz")
    add("--add", action="append", default=[], metavar="FILE", help="profiles of other documents to add; repeatable")
    add("--workers", type=_at_least_one, metavar="N", help="processes for more than half a megabyte (default: all cores)")
    command.set_defaults(command="profile")


def _add_serve(command: argparse.ArgumentParser) -> None:
    add = command.add_argument
    add("--host", default="127.0.0.1", help="address to listen at (default 127.0.0.1: this machine alone)")
    add("--port", type=int, default=8000, help="port to listen at (default 8000)")
    add("--max-body", type=_positive, default=8.0, metavar="MB", help="refuse larger bodies (default 8)")
    add("--concurrency", type=_at_least_one, default=256, metavar="N", help="refuse more requests at once (default 256)")
    add("--timeout", type=_positive, default=60.0, metavar="S", help="seconds for a body, and for its answer (default 60)")
    add("--workers", type=_at_least_one, metavar="N", help="processes that label (default: one a core)")
    add = command.add_argument_group("decision, where a request does not say otherwise").add_argument
    _add_labelling(add)
    _add_seconds(add)
    command.set_defaults(command="serve")


def _add_show(command: argparse.ArgumentParser) -> None:
    _add_documents(command)
    _add_labelling(command.add_argument_group("decision").add_argument)
    add = command.add_argument_group("output").add_argument
    add("--html", metavar="FILE", help="write a page of HTML that needs nothing else")
    add("--why", action="store_true", help="say what decided each label")
    add("--limit", type=_at_least_one, default=20, metavar="N", help="documents at most (default 20)")
    add("--color", choices=("auto", "always", "never"), default="auto", help="in the terminal (default: where it can)")
    command.set_defaults(command="show")


def _add_review(command: argparse.ArgumentParser) -> None:
    _add_input(command)
    add = command.add_argument_group("review").add_argument
    add(
        "--output", required=True, metavar="FILE", help="annotated documents, .jsonl; beside it .review.jsonl keeps the answers"
    )
    add("--number", type=_at_least_one, default=100, metavar="N", help="texts to ask about (default 100)")
    add("--documents", type=_at_least_one, default=5_000, metavar="N", help="read no more than so many (default 5000)")
    add("--seed", type=int, default=0, metavar="N", help="of what is drawn at random (default 0)")
    add("--port", type=int, default=0, help="port of 127.0.0.1 to serve the page at (default: any that is free)")
    add("--no-browser", action="store_true", help="say the address and open nothing")
    add("--export", nargs=2, metavar=("KIND", "FILE"), help="write what is asked for label-studio or csv, and end")
    add("--import", dest="imported", metavar="FILE", help="take back what --export wrote and people labelled, and end")
    add(
        "--kind",
        action="append",
        default=[],
        metavar="NAME=LABEL",
        help="offer a label of your own, a kind of one of the four, such as recipe=content; repeatable, and remembered",
    )
    _add_setup(command.add_argument_group("guesses").add_argument)
    command.set_defaults(command="review")


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
    _add_limit(add, "--max-record", "record_bytes", _megabytes, "MB", "set a longer record or text file aside (default 32)")
    what = "set the rest of a compressed file aside where it expands to over N times its size (default 200)"
    _add_limit(add, "--max-expansion", "expansion", _at_least_one, "N", what)
    _add_seconds(add)
    return add


def _add_seconds(add: Callable[..., argparse.Action]) -> None:
    what = "of a document of more than a million characters, keep unread what is left after so long (default 600)"
    _add_limit(add, "--max-seconds", "document_seconds", _positive, "S", what)


def _add_limit(
    add: Callable[..., argparse.Action], name: str, bound: str, kind: Callable[[str], float], unit: str, what: str
) -> None:
    """An option for one of `Limits`, under the name that it has there: `limits` takes what it finds."""
    add(name, dest=bound, type=kind, default=getattr(Limits(), bound), metavar=unit, help=what)


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
    _add_setup(add)


def _add_setup(add: Callable[..., argparse.Action]) -> None:
    """What labels, whatever the policy: the arguments of `Setup`, but for the limits."""
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
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"{argument}: use a number above 0")
    return number


def _megabytes(argument: str) -> int:
    """So many megabytes, in bytes: a part of one counts whole."""
    return math.ceil(_positive(argument) * MEGA)


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


def kinds(arguments: Sequence[str]) -> tuple[Kind, ...]:
    """Kinds from `NAME=LABEL`. Raises InputError for what is none, one that is named twice, or too many."""
    found = []
    for argument in arguments:
        name, _, label = argument.partition("=")
        if label not in set(LABELS):
            raise InputError(f"--kind {argument!r}: write NAME=LABEL, such as recipe=content, with one of {', '.join(LABELS)}")
        found.append(Kind(name, Label(label)))
    names = [kind.name for kind in found]
    if twice := [name for name in names if names.count(name) > 1]:
        raise InputError(f"--kind names {twice[0]!r} twice: a kind is of one label")
    if len(found) > MOST_KINDS:
        raise InputError(f"{len(found)} kinds: a model holds {MOST_KINDS} at most")
    return tuple(found)


def policy(options: argparse.Namespace) -> Policy:
    """The policy that a command was given. Raises PolicyError for what is none."""
    return Policy(options.policy, frozenset(options.keep), dict(map(_threshold, options.threshold)))


def limits(options: argparse.Namespace) -> Limits:
    """The limits that a command was given, and for the others those that there always are."""
    given = vars(options)
    return Limits(**{bound.name: given[bound.name] for bound in fields(Limits) if bound.name in given})
