"""What becomes of a model's figures when documents arrive as scrapers and converters leave them.

    python -m training.disturbed FILE [FILE …] [--model FOLDER] [--policy careful]

FILE: annotated documents to measure on, as `training.evaluate` reads them. Each is changed, its units go with it, and the
same figures are printed: as it is, as Markdown, on one line, with lines of 80 columns; of the units of content behind
a place in a run of content alone, as it is and with a pitch of another document there, glued or on a line of its own; and
of short documents made of few units of content, a pitch glued to them, and a legal notice on the next line.
"""

from __future__ import annotations

import argparse
import random
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import accumulate
from pathlib import Path

from classifier.pipeline import Classifier
from classifier.schema import PRESETS, ClassifierError, Policy
from training import data, evaluate

Edit = tuple[int, int, str]  # what stands from one offset to another, and what stands there then
COLUMNS = 80
BEHIND = 3  # units of content behind a pitch that are looked at
ROUNDS = 8  # over the documents, each with other places and pitches
SHORT = (1, 2, 3, 6)  # units of content in a short document
_SHORTEST, _LONGEST = 20, 300  # characters of a pitch or notice
_SHORT_LINE = 60  # characters of a line that a converter would have as heading or list item
_WORD = re.compile(r"\S+")


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns its exit status."""
    parser = argparse.ArgumentParser(prog="python -m training.disturbed", description=__doc__.split("\n")[0])
    parser.add_argument("files", type=Path, nargs="+", help="annotated documents, JSONL or JSONL.gz")
    parser.add_argument("--model", type=Path, help="a model folder (default: the shipped model)")
    parser.add_argument("--policy", choices=PRESETS, default="balanced", help="what decides (default: balanced)")
    options = parser.parse_args(arguments)
    try:
        documents = data.read(options.files)
        classifier = Classifier.load(options.model, policy=Policy(options.policy))
    except ClassifierError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    for name, change in DISTURBANCES.items():
        changed = [edited(document, list(change(document.text))) for document in documents]
        print(f"== {name}\n{evaluate.table(evaluate.report(changed, classifier))}", flush=True)
    for name, joint in JOINTS.items():
        print(f"== {name}\n{evaluate.table(evaluate.report(interrupted(documents, joint), classifier))}", flush=True)
    for count in SHORT:
        table = evaluate.table(evaluate.report(shortened(documents, count), classifier))
        print(f"== units of content: {count}, a pitch glued to them, a notice below\n{table}", flush=True)
    return 0


def edited(document: data.Document, edits: Sequence[Edit]) -> data.Document:
    """A document with some of its text in other words, and its units where they are then. edits: in order, apart."""
    parts, moved = [], [0]
    at = 0
    for start, end, text in edits:
        parts += [document.text[at:start], text]
        moved.append(len(text) - (end - start))
        at = end
    moves = list(accumulate(moved))

    def place(offset: int, closing: bool) -> int:
        # What is put in at the end of a unit stands behind it, what is put in at its start before it.
        passed = sum(end < offset or (end == offset and (start < end or not closing)) for start, end, _ in edits)
        return offset + moves[passed]

    units = [(place(start, False), place(end, True), label) for start, end, label in document.units]
    return replace(document, text="".join(parts) + document.text[at:], units=tuple(units))


def _markdown(text: str) -> Iterator[Edit]:
    """Short lines as headings, list items, and list items that are links."""
    at = 0
    for number, line in enumerate(text.split("\n")):
        bare = line.strip()
        if bare and len(line) <= _SHORT_LINE:
            start = at + line.index(bare)
            yield start, start, ("## ", "* ", "* [")[number % 3]
            if number % 3 == 2:
                yield start + len(bare), start + len(bare), "](https://example.org/a)"
        at += len(line) + 1


def _one_line(text: str) -> Iterator[Edit]:
    return ((at, at + 1, " ") for at, char in enumerate(text) if char == "\n")


def _wrapped(text: str) -> Iterator[Edit]:
    """Lines broken between words, Chinese ones, of half as many characters, anywhere."""
    at = 0
    for line in text.split("\n"):
        if data.is_chinese(line):
            yield from ((at + cut, at + cut, "\n") for cut in range(COLUMNS // 2, len(line), COLUMNS // 2))
        else:
            begin = 0
            for word in _WORD.finditer(line):
                if word.end() - begin > COLUMNS and word.start() > begin:
                    begin = word.start()
                    yield at + begin - 1, at + begin, "\n"
        at += len(line) + 1


DISTURBANCES: dict[str, Callable[[str], Iterator[Edit]]] = {
    "as it is": lambda _: iter(()),
    "Markdown": _markdown,
    "on one line": _one_line,
    f"lines of {COLUMNS} columns": _wrapped,
}
# What stands before and behind a pitch; None for no pitch.
JOINTS = {"content behind some place": None, "behind a pitch glued in there": "", "behind a pitch on a line there": "\n"}


def interrupted(documents: Sequence[data.Document], joint: str | None) -> list[data.Document]:
    """Documents with a pitch somewhere in each run of touching units of content; `units` are those behind it."""
    pitches = _said(documents, "promo")
    out = []
    places, choices = random.Random(0), random.Random(0)
    for number, document in [*enumerate(documents)] * ROUNDS:
        edits, behind = [], []
        chinese = data.is_chinese(document.text)
        # Of another document, or the article would be of what it sells.
        fitting = [text for other, text in pitches[chinese] if other != number]
        for run in _runs(document, 4):
            first = places.randrange(1, len(run))
            behind += run[first : first + BEHIND]
            if joint is not None and fitting:
                before, after = (joint, joint) if joint else ("", "" if chinese else " ")
                edits.append((run[first][0], run[first][0], f"{before}{choices.choice(fitting)}{after}"))
        out.append(edited(replace(document, units=tuple(behind)), edits))
    return out


def shortened(documents: Sequence[data.Document], count: int) -> list[data.Document]:
    """So many touching units of content of each document, a pitch of another glued to them, a notice of another below."""
    pitches, notices = _said(documents, "promo"), _said(documents, "legal")
    out = []
    choices = random.Random(0)
    for number, document in [*enumerate(documents)] * ROUNDS:
        chinese = data.is_chinese(document.text)
        runs = list(_runs(document, count))
        behind = [[text for other, text in said[chinese] if other != number] for said in (pitches, notices)]
        if not runs or not all(behind):
            continue
        run = choices.choice(runs)
        first = choices.randrange(len(run) - count + 1)
        begin, end = run[first][0], run[first + count - 1][1]
        text = document.text[begin:end]
        units = [(a - begin, b - begin, label) for a, b, label in run[first : first + count]]
        for joint, label, texts in zip(("" if chinese else " ", "\n"), ("promo", "legal"), behind, strict=True):
            said = choices.choice(texts)
            text += joint + said
            units.append((len(text) - len(said), len(text), label))
        out.append(replace(document, text=text, units=tuple(units)))
    return out


def _said(documents: Sequence[data.Document], label: str) -> dict[bool, list[tuple[int, str]]]:
    """The texts of units of a label, each with the number of its document: those that are not Chinese, and those that are."""
    found: dict[bool, list[tuple[int, str]]] = {False: [], True: []}
    for number, document in enumerate(documents):
        for start, end, name in document.units:
            text = document.text[start:end].strip()
            if name == label and _SHORTEST <= len(text) <= _LONGEST and "\n" not in text:
                found[data.is_chinese(text)].append((number, text))
    return found


def _runs(document: data.Document, least: int) -> Iterator[list[data.Unit]]:
    """Runs of at least so many units of content that touch."""
    run: list[data.Unit] = []
    for unit in (*sorted(document.units), (len(document.text), len(document.text), "")):
        touches = bool(run) and not document.text[run[-1][1] : unit[0]].strip()
        if unit[2] == "content" and (touches or not run):
            run.append(unit)
            continue
        if len(run) >= least:
            yield run
        run = [unit] if unit[2] == "content" else []


if __name__ == "__main__":
    sys.exit(main())
