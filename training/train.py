"""Fits a model on annotated documents and writes it as a folder that `Classifier.load` reads.

    python -m training.train DATA --output models/mine

DATA is a folder with `train*.jsonl[.gz]` and, for the figures of the model card,
`dev*.jsonl[.gz]`; or one such file. `training/README.md` describes a record.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from classifier import features, segment, store
from classifier.model import Model, read_context
from classifier.pipeline import Classifier
from classifier.schema import LABELS, LANGUAGES, ClassifierError, InputError, Segments
from training import card, choose, data, evaluate, fit

FOLDS = 5


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns its exit status."""
    parser = argparse.ArgumentParser(prog="python -m training.train", description=__doc__.split("\n")[0])
    parser.add_argument("data", type=Path, help="a folder with train*.jsonl[.gz] (and dev*), or one file")
    parser.add_argument("--output", type=Path, required=True, help="the model folder to write")
    parser.add_argument("--seed", type=int, default=0, help="of everything random (default 0)")
    options = parser.parse_args(arguments)
    try:
        train(options.data, options.output, fit.Settings(seed=options.seed))
    except ClassifierError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def train(source: Path, output: Path, settings: fit.Settings) -> None:
    """Fits both stages on the documents of `source` and saves the model at `output`.

    Raises InputError when there is too little to fit: fewer than two sites, or labels of
    fewer than two kinds.
    """
    say = _Clock()
    paths = data.files(source, "train")
    if not paths:
        raise InputError(f"no train*.jsonl or train*.jsonl.gz in {source}: pass a folder that has one, or a file")
    documents = [document for document in data.read(paths) if document.fit and document.text]
    folds = _folds(documents)
    cuts = [segment.cut(document.text) for document in documents]
    labels = [data.segment_labels(document, cut) for document, cut in zip(documents, cuts, strict=True)]
    grams = fit.count_grams([document.text for document in documents], cuts, labels)
    if np.unique(grams.label).size < 2:
        raise InputError(f"{source}: the units hold one label only; a classifier needs at least two")
    say(f"{len(documents)} documents, {len(grams.label)} labelled segments of {sum(map(len, cuts))}")

    owner = np.repeat(folds, [int((label >= 0).sum()) for label in labels])
    contexts: list[NDArray[np.int16]] = [np.zeros((0, 0), np.int16)] * len(documents)
    for number in range(folds.max() + 1):
        head = fit.fit_heads(grams, owner != number, settings)
        for i in np.flatnonzero(folds == number):
            rows = features.rows([documents[i].text], [cuts[i]])
            contexts[i] = read_context(head, rows).astype(np.int16)
        say(f"first stage, fold {number + 1} of {folds.max() + 1}")

    inputs = np.concatenate([context[label >= 0] for context, label in zip(contexts, labels, strict=True)])
    logits = np.zeros((len(inputs), len(LABELS)))
    for number in range(folds.max() + 1):
        student = fit.fit_student(
            inputs[owner != number], grams.label[owner != number], _spare(contexts, folds != number), settings
        )
        logits[owner == number] = student.logits(inputs[owner == number])
        say(f"second stage, fold {number + 1} of {folds.max() + 1}")
    calibration = fit.calibrate(logits, grams.label, grams.language)
    thresholds = _thresholds(cuts, labels, grams, logits, calibration)

    local = fit.fit_heads(grams, np.ones(len(owner), bool), settings)
    student = fit.fit_student(inputs, grams.label, _spare(contexts, folds >= 0), settings)
    networks = tuple(fit.quantise(student, scaling) for scaling in calibration)
    model = Model(local.weights, local.scale, local.bias, networks)
    say("both stages on all folds")

    counts = Counter(LABELS[label].value for label in grams.label)
    manifest: dict[str, Any] = {
        "thresholds": thresholds,
        "training": {
            "documents": len(documents),
            "sites": len({document.site for document in documents}),
            "segments": dict(counts),
            "data": data.digest(paths),
            "settings": {name: getattr(settings, name) for name in settings.__dataclass_fields__},
            "versions": {name: version(name) for name in ("numpy", "scikit-learn", "langdetect")},
        },
        "figures": {},
    }
    store.save(output, model, manifest, card.render(manifest))
    checked = data.files(source, "dev") if source.is_dir() else []
    if checked:
        classifier = Classifier.load(output)
        manifest["figures"] = {"data": data.digest(checked), "suites": evaluate.report(data.read(checked), classifier)}
        store.save(output, model, manifest, card.render(manifest))
        print(evaluate.table(manifest["figures"]["suites"]))
    say(f"wrote {output}")


def _folds(documents: Sequence[data.Document]) -> NDArray[np.int64]:
    """The fold of each document: sites go round in an order that their names alone decide."""
    sites = sorted({document.site for document in documents}, key=data.rank)
    if len(sites) < 2:
        raise InputError(
            f"{len(sites)} site in the training data: probabilities are calibrated on unseen sites, so name at least two"
        )
    fold = {site: number % min(FOLDS, len(sites)) for number, site in enumerate(sites)}
    return np.array([fold[document.site] for document in documents])


def _spare(contexts: Sequence[NDArray[np.int16]], chosen: NDArray[np.bool_]) -> NDArray[np.int16]:
    return np.concatenate([context for context, take in zip(contexts, chosen, strict=True) if take])


def _thresholds(
    cuts: Sequence[Segments],
    labels: Sequence[NDArray[np.int64]],
    grams: fit.Grams,
    logits: NDArray[np.float64],
    calibration: Sequence[fit.Calibration],
) -> dict[str, dict[str, dict[str, float]]]:
    sizes = np.concatenate([np.diff([0, *cut.ends])[label >= 0] for cut, label in zip(cuts, labels, strict=True)])
    probabilities = np.zeros_like(logits)
    for language in range(len(LANGUAGES)):
        rows = grams.language == language
        matrix, shift = calibration[language]
        scaled = logits[rows] @ matrix + shift
        weight = np.exp(scaled - scaled.max(1, keepdims=True))
        probabilities[rows] = weight / weight.sum(1, keepdims=True)
    return choose.choose(probabilities, grams.label, grams.language, sizes)


class _Clock:
    """Progress on standard error, with the seconds since the start."""

    def __init__(self) -> None:
        self.start = time.monotonic()

    def __call__(self, message: str) -> None:
        print(f"[{time.monotonic() - self.start:5.0f} s] {message}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
