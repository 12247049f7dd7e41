"""Fits a model and writes it as a folder that `Classifier.load` reads.

    python -m training.train [DATA] --output models/mine

Without DATA: from the feature rows that are shipped (`training/rows.xz`), which gives the shipped
model again. With DATA, a folder with `train*.jsonl[.gz]` or one such file, its annotated documents
are fitted on beside them, or, with `--alone`, without them. `dev*.jsonl[.gz]` in the folder, or what
`--measure` names, give the figures of the model card. `training/README.md` describes a record.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import joblib
import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from classifier import store
from classifier.model import Model
from classifier.pipeline import Classifier
from classifier.schema import LABELS, ClassifierError, InputError
from training import augment, card, choose, data, evaluate, fit, rows

FOLDS = 5


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns its exit status."""
    parser = argparse.ArgumentParser(prog="python -m training.train", description=__doc__.split("\n")[0])
    parser.add_argument("data", type=Path, nargs="?", help="a folder with train*.jsonl[.gz] (and dev*), or one file")
    parser.add_argument("--output", type=Path, required=True, help="the model folder to write")
    parser.add_argument("--rows", type=Path, default=rows.FILE, help="feature rows to fit on too (default: the shipped ones)")
    parser.add_argument("--alone", action="store_true", help="fit on DATA and our own texts alone, without feature rows")
    parser.add_argument("--measure", type=Path, nargs="+", default=[], help="annotated documents for the card's figures")
    parser.add_argument("--seed", type=int, default=0, help="of everything random (default 0)")
    options = parser.parse_args(arguments)
    if options.alone and not options.data:
        parser.error("--alone needs DATA: there is nothing else to fit on")
    try:
        shipped = None if options.alone else options.rows
        train(options.data, options.output, fit.Settings(seed=options.seed), shipped, options.measure)
    except ClassifierError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def train(
    source: Path | None, output: Path, settings: fit.Settings, shipped: Path | None, measured: Sequence[Path] = ()
) -> None:
    """Fits both stages and saves the model at `output`.

    source: annotated documents, or None. shipped: a file of feature rows, or None. measured:
    files of annotated documents for the figures of the model card, beside `dev*` of `source`.

    Raises InputError when there is too little to fit: without feature rows, fewer than two
    sites, or labels of fewer than two kinds.
    """
    say = Clock()
    annotated = read_annotated(source) if source else []
    folds = folds_by_site(annotated)
    sites = len({document.site for document in annotated})
    if not shipped and sites < 2:
        raise InputError(
            f"{sites} site in the training data: probabilities are calibrated on unseen sites, so name at least two"
        )
    own, own_folds, grams = read_own(settings)
    grams = rows.join(grams, rows.read_grams(annotated, folds))
    parts: list[rows.Contexts] = []
    about: dict[str, Any] = {"documents": 0, "sites": 0, "rearranged": 0, "data": {}}
    if shipped:
        known_grams, known, about = rows.load(shipped)
        grams = rows.join(known_grams, grams)
        parts.append(known)
    heads = fit_heads(grams, settings, say)

    parts.append(rows.read_contexts(heads, own, own_folds, np.full(len(own), rows.OWN)))
    rearranged = 0
    if annotated:
        # What is rearranged of our own texts is among the shipped rows already.
        beside, beside_folds = ([], own_folds[:0]) if shipped else (own, own_folds)
        pages, rearranged = read_pages(heads, annotated, folds, beside, beside_folds, settings)
        parts.append(pages)
    contexts = rows.join(*parts)
    say(f"{contexts.documents.size - 1} documents, {len(contexts.label)} segments, {(contexts.label >= 0).sum()} with a label")
    weight = np.choose(contexts.origin, (1.0, settings.own, settings.rearranged))
    stage = _Stage(contexts, contexts.inputs(), weight)
    logits = np.zeros((len(stage.rows), len(LABELS)))
    # Enough to calibrate and to choose thresholds.
    once = replace(settings, boosting_models=1, boosting_rounds=settings.boosting_rounds // 2)
    for number in range(FOLDS):
        student = _fit_student(stage, contexts.fold != number, once)
        chosen = contexts.fold[stage.rows] == number
        logits[chosen] = student.logits(stage.inputs[stage.rows[chosen]])
        say(f"second stage, fold {number + 1} of {FOLDS}")
    seen = contexts.measured[stage.rows]
    factors = fit.temperatures(logits[seen], contexts.label[stage.rows][seen], contexts.language[stage.rows][seen])
    thresholds = _thresholds(stage, logits, factors)

    student = _fit_student(stage, np.ones(len(contexts.fold), bool), settings)
    last = heads[-1]
    model = Model(last.weights, last.scale, last.bias, tuple(fit.quantise(student, factor) for factor in factors))
    say("both stages on all folds")

    annotated_label = (contexts.origin == rows.ANNOTATED) & (contexts.label >= 0)
    counts = Counter(LABELS[label].value for label in contexts.label[annotated_label])
    manifest: dict[str, Any] = {
        "thresholds": thresholds,
        "training": {
            "documents": about["documents"] + len(annotated),
            "sites": about["sites"] + sites,
            "segments": dict(counts),
            "picked": int((annotated_label & ~contexts.measured).sum()),
            "own": len(own),
            "rearranged": about["rearranged"] + rearranged,
            "data": {**about["data"], **(data.digest(data.training_files(source)) if source else {})},
            "settings": {name: getattr(settings, name) for name in settings.__dataclass_fields__},
            "versions": {name: version(name) for name in ("numpy", "scikit-learn", "langdetect")},
        },
        "figures": {},
    }
    store.save(output, model, manifest, card.render(manifest))
    checked = [*measured, *(data.files(source, "dev") if source and source.is_dir() else [])]
    if checked:
        classifier = Classifier.load(output)
        manifest["figures"] = {"data": data.digest(checked), "suites": evaluate.report(data.read(checked), classifier)}
        store.save(output, model, manifest, card.render(manifest))
        print(evaluate.table(manifest["figures"]["suites"]))
    say(f"wrote {output}")


def read_annotated(source: Path) -> list[data.Document]:
    """The annotated documents of `source` to fit on. Raises InputError when it has no such file."""
    if not data.files(source, "train"):
        raise InputError(f"no train*.jsonl or train*.jsonl.gz in {source}: pass a folder that has one, or a file")
    return data.annotated(source)


def read_own(settings: fit.Settings) -> tuple[list[data.Document], NDArray[np.int64], rows.Grams]:
    """Our own texts, their folds, and their n-grams with the weights they have in the first stage."""
    own = data.own()
    folds = np.arange(len(own)) % FOLDS
    weights = [settings.own_phrases if document.suite == data.PHRASES else settings.own_documents for document in own]
    return own, folds, rows.read_grams(own, folds, np.array(weights))


def read_pages(
    heads: Sequence[Model],
    annotated: Sequence[data.Document],
    folds: NDArray[np.int64],
    beside: Sequence[data.Document],
    beside_folds: NDArray[np.int64],
    settings: fit.Settings,
) -> tuple[rows.Contexts, int]:
    """Annotated documents and what is rearranged of them and of those beside, and how many were rearranged."""
    extra, extra_folds = augment.rearrange([*annotated, *beside], np.concatenate((folds, beside_folds)), settings.seed)
    origins = np.repeat([rows.ANNOTATED, rows.REARRANGED], [len(annotated), len(extra)])
    found = rows.read_contexts(heads, [*annotated, *extra], np.concatenate((folds, extra_folds)), origins)
    return found, len(extra)


def folds_by_site(documents: Sequence[data.Document]) -> NDArray[np.int64]:
    """The fold of each document: sites go round in an order that their names alone decide."""
    sites = sorted({document.site for document in documents}, key=data.rank)
    fold = {site: number % FOLDS for number, site in enumerate(sites)}
    return np.array([fold[document.site] for document in documents], np.int64)


def fit_heads(grams: rows.Grams, settings: fit.Settings, say: Clock) -> list[Model]:
    """The first stage without each fold in turn, and last with all."""
    if np.unique(grams.label).size < 2:
        raise InputError("the units hold one label only; a classifier needs at least two")
    say(f"first stage: {len(grams.label)} labelled segments")
    workers = joblib.Parallel(n_jobs=min(FOLDS + 1, os.cpu_count() or 1), return_as="generator")
    heads = []
    for number, head in enumerate(
        workers(joblib.delayed(fit.fit_heads)(grams, grams.fold != n, settings) for n in range(FOLDS + 1))
    ):
        heads.append(head)
        say(f"first stage, {number + 1} of {FOLDS + 1}")
    return heads


@dataclass(frozen=True, slots=True)
class _Stage:
    """What the second stage is fitted on: `inputs` and `weight` of every segment of `contexts`."""

    contexts: rows.Contexts
    inputs: NDArray[np.int16]
    weight: NDArray[np.float64]

    @property
    def rows(self) -> NDArray[np.intp]:
        """The rows that have a label."""
        return np.flatnonzero(self.contexts.label >= 0)


def _fit_student(stage: _Stage, chosen: NDArray[np.bool_], settings: fit.Settings) -> fit.Student:
    """The second stage on the chosen rows. It learns from annotated documents and ours twice, and from the rest of them."""
    label, annotated = stage.contexts.label, stage.contexts.origin == rows.ANNOTATED
    written = stage.contexts.origin != rows.REARRANGED
    fitted = stage.rows[chosen[stage.rows]]
    spare = np.random.default_rng(settings.seed).permutation(np.flatnonzero(chosen & annotated & (label < 0)))
    more = np.concatenate((fitted[written[fitted]], spare[: settings.unlabelled]))
    return fit.fit_student(stage.inputs[fitted], label[fitted], stage.weight[fitted], stage.inputs[more], settings)


def _thresholds(stage: _Stage, logits: NDArray[np.float64], factors: Sequence[float]) -> choose.Thresholds:
    """Thresholds on the calibrated out-of-fold probabilities of the segments to measure on."""
    contexts = stage.contexts
    probabilities = softmax(logits * np.array(factors)[contexts.language[stage.rows], None], axis=1)
    seen = contexts.measured[stage.rows]
    kept = stage.rows[seen]
    return choose.choose(
        probabilities[seen], contexts.label[kept], contexts.language[kept], contexts.layout[kept], contexts.size[kept]
    )


class Clock:
    """Progress on standard error, with the seconds since the start."""

    def __init__(self) -> None:
        self.start = time.monotonic()

    def __call__(self, message: str) -> None:
        print(f"[{time.monotonic() - self.start:5.0f} s] {message}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
