"""Adds labels of your own to a model, each a kind of one of the four: a recipe is content, an affiliate link promo.

    python -m training.kinds MINE.jsonl … --kind recipe=content --kind affiliate=promo --output models/mine [--base FOLDER]

Records are those of `training.train`; a unit's label may also be the name of a kind. A unit labelled content, or with a
kind that is declared in its record alone, is then content that is no recipe. The model's four labels, probabilities and
thresholds stay what they are: kinds are a stage behind them (`classifier/kinds.py`), fitted in seconds. Kinds that the base
has must be declared again.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from classifier import store
from classifier.options import kinds as declared
from classifier.schema import ClassifierError, InputError, Kind
from training import card, data, fit_kinds

# Of our own texts every fifth: all of them took seven times as long and told the kinds no better.
_OURS = 5
FEWEST = 20  # units of a kind: with fewer, a fold of five holds too few to say how well it is told

Figures = dict[str, dict[str, Any]]


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns its exit status."""
    parser = argparse.ArgumentParser(prog="python -m training.kinds", description=__doc__.split("\n")[0])
    parser.add_argument("files", type=Path, nargs="+", help="annotated documents, JSONL or JSONL.gz")
    parser.add_argument("--kind", action="append", required=True, metavar="NAME=LABEL", help="as recipe=content; repeatable")
    parser.add_argument("--base", type=Path, help="the model to add them to (default: the shipped one)")
    parser.add_argument("--output", type=Path, required=True, help="the model folder to write")
    options = parser.parse_args(arguments)
    try:
        figures = add(options.files, declared(options.kind), options.output, options.base)
    except ClassifierError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(table(figures))
    return 0


def add(files: Sequence[Path], known: Sequence[Kind], output: Path, base: Path | None = None) -> Figures:
    """Fits kinds on annotated documents and writes the base model with them.

    files: annotated documents; known: the kinds; base: a model folder, the shipped one without; it may be `output`.
    Returns the figures of each kind on documents that it was not fitted on. Raises InputError where there is too
    little to fit, ModelError when the base is refused.
    """
    documents = [document for document in data.read(files, known) if document.fit and document.text]
    check(documents, known)
    stored = store.load(base)
    found, answers = fit_kinds.fit(documents, folds(documents), known, data.own()[::_OURS], stored.model)
    figures = score(answers, known)
    manifest = {
        **{key: stored.manifest[key] for key in ("thresholds", "training", "figures")},
        "kinds_fitted": {"data": data.digest(files), "documents": len(documents), "figures": figures},
    }
    store.save(output, stored.model, manifest, card.render(manifest), found)
    return figures


def check(documents: Sequence[data.Document], known: Sequence[Kind]) -> None:
    """Raises InputError for a kind that too few units, or one document alone, show."""
    units: Counter[str] = Counter()
    homes: dict[str, set[str]] = defaultdict(set)
    for number, document in enumerate(documents):
        for _, _, name in document.kinds:
            units[name] += 1
            homes[name].add(str(number))
    for kind in known:
        if units[kind.name] < FEWEST:
            raise InputError(f"{units[kind.name]} units of {kind.name!r}: label {FEWEST} at least, of many documents")
        if len(homes[kind.name]) < 2:
            raise InputError(f"all units of {kind.name!r} stand in one document: label some in others, to be measured on")


def folds(documents: Sequence[data.Document]) -> NDArray[np.int64]:
    """The fold of each document: by site where there are enough, else by document; those of one kind go round."""
    sites = len({document.site for document in documents}) >= 2 * fit_kinds.FOLDS
    groups: dict[str, Counter[str]] = defaultdict(Counter)
    names = [document.site if sites else f"{number} {document.id}" for number, document in enumerate(documents)]
    for name, document in zip(names, documents, strict=True):
        groups[name].update(kind for _, _, kind in document.kinds)
    most = {name: max(count, key=lambda kind: (count[kind], kind), default="") for name, count in groups.items()}
    order = sorted(groups, key=lambda name: (most[name], data.rank(name)))
    fold = {name: number % fit_kinds.FOLDS for number, name in enumerate(order)}
    return np.array([fold[name] for name in names], np.int64)


def score(answers: fit_kinds.Answers, known: Sequence[Kind]) -> Figures:
    """How well each kind is told from the rest of its label, in segments of documents that were left out.

    Per kind: its label, segments that have it, precision and recall, and the mean probability of what is
    called so, which a calibrated model has equal to its precision.
    """
    figures: Figures = {}
    for number, kind in enumerate(known):
        truth, called = answers.truth == number, answers.guess == number
        right = int((truth & called).sum())
        figures[kind.name] = {
            "label": kind.label.value,
            "segments": int(truth.sum()),
            "precision": round(right / max(1, int(called.sum())), 4),
            "recall": round(right / max(1, int(truth.sum())), 4),
            "stated": round(float(answers.stated[called].mean()), 4) if called.any() else 0.0,
        }
    return figures


def table(figures: Figures) -> str:
    """The figures as lines of text, a kind a line."""
    lines = [f"{'kind':16} {'of':10} {'segments':>8} {'precision':>9} {'recall':>7} {'stated':>7}"]
    for name, row in figures.items():
        numbers = f"{row['segments']:8d} {row['precision']:9.3f} {row['recall']:7.3f} {row['stated']:7.3f}"
        lines.append(f"{name:16} {row['label']:10} {numbers}")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
