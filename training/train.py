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
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from classifier import features, segment, split, store
from classifier.model import Model, read_context
from classifier.pipeline import Classifier
from classifier.schema import LABELS, ClassifierError, InputError
from training import augment, card, choose, data, evaluate, fit

FOLDS = 5
BATCH = 32  # documents read at once


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
    annotated = [document for document in data.read(paths) if document.fit and document.text]
    own = data.own()
    folds = np.concatenate((_folds(annotated), np.arange(len(own)) % FOLDS))
    documents = [*annotated, *own]
    weak = data.weak(source)
    heads = _fit_heads(documents, weak, folds, settings, say)

    extra, extra_folds = augment.rearrange(documents, folds, settings.seed)
    stage = _read_stage(heads, [*documents, *extra], np.concatenate((folds, extra_folds)), len(annotated), settings)
    say(f"{len(extra)} documents rearranged from these; {len(stage.label)} segments, {len(stage.rows)} of them with a label")
    logits = np.zeros((len(stage.rows), len(LABELS)))
    once = replace(settings, boosting_models=1, students=1)  # enough to calibrate and to choose thresholds
    for number in range(folds.max() + 1):
        student = _fit_student(stage, stage.fold != number, once)
        chosen = stage.fold[stage.rows] == number
        logits[chosen] = student.logits(stage.inputs[stage.rows[chosen]])
        say(f"second stage, fold {number + 1} of {folds.max() + 1}")
    seen = stage.annotated[stage.rows]
    factors = fit.temperatures(logits[seen], stage.label[stage.rows][seen], stage.language[stage.rows][seen])
    thresholds = _thresholds(stage, logits, factors)

    student = _fit_student(stage, np.ones(len(stage.fold), bool), settings)
    model = Model(
        heads[-1].weights, heads[-1].scale, heads[-1].bias, tuple(fit.quantise(student, factor) for factor in factors)
    )
    say("both stages on all folds")

    counts = Counter(LABELS[label].value for label in stage.label[stage.annotated & (stage.label >= 0)])
    manifest: dict[str, Any] = {
        "thresholds": thresholds,
        "training": {
            "documents": len(annotated),
            "sites": len({document.site for document in annotated}),
            "segments": dict(counts),
            "own": len(own),
            "weak": len(weak),
            "rearranged": len(extra),
            "data": data.digest([*paths, *data.weak_files(source)]),
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


def _fit_heads(
    documents: Sequence[data.Document],
    weak: Sequence[data.Document],
    folds: NDArray[np.int64],
    settings: fit.Settings,
    say: _Clock,
) -> list[Model]:
    """The first stage without each fold in turn, and last with all; weak documents are in every one."""
    everything = [*documents, *weak]
    cuts = [segment.cut(document.text) for document in everything]
    labels = [data.segment_labels(document, cut) for document, cut in zip(everything, cuts, strict=True)]
    grams = fit.count_grams([d.text for d in everything], cuts, labels, [d.weight for d in everything])
    if np.unique(grams.label).size < 2:
        raise InputError("the units hold one label only; a classifier needs at least two")
    say(f"{len(documents)} documents and {len(weak)} weak ones, {len(grams.label)} labelled segments of {sum(map(len, cuts))}")
    owner = np.repeat([*folds, *[-1] * len(weak)], [int((label >= 0).sum()) for label in labels])
    heads = []
    for number in range(folds.max() + 2):
        heads.append(fit.fit_heads(grams, owner != number, settings))
        say(f"first stage, {number + 1} of {folds.max() + 2}")
    return heads


@dataclass(frozen=True, slots=True)
class _Stage:
    """What the second stage is fitted on, a row a segment.

    label: UNLABELLED where there is none. size: characters. annotated: whether it stands in a
    document as it was annotated, and not in one of our own or a rearranged one.
    """

    inputs: NDArray[np.int16]
    label: NDArray[np.int64]
    language: NDArray[np.int64]
    size: NDArray[np.int64]
    fold: NDArray[np.int64]
    weight: NDArray[np.float64]
    annotated: NDArray[np.bool_]

    @property
    def rows(self) -> NDArray[np.intp]:
        """The rows that have a label."""
        return np.flatnonzero(self.label >= 0)


def _read_stage(
    heads: Sequence[Model], documents: Sequence[data.Document], folds: NDArray[np.int64], annotated: int, settings: fit.Settings
) -> _Stage:
    """Every document through the first stage that was fitted without its fold; the first `annotated` are that."""
    found: list[tuple[NDArray[Any], ...]] = []
    for fold in range(folds.max() + 1):
        mine = np.flatnonzero(folds == fold).tolist()
        for batch in (mine[at : at + BATCH] for at in range(0, len(mine), BATCH)):
            texts = [documents[i].text for i in batch]
            cuts = split.split(heads[fold], texts, [segment.cut(text) for text in texts])
            rows = features.rows(texts, cuts)
            own = np.repeat([i >= annotated for i in batch], [len(cut) for cut in cuts])
            found.append(
                (
                    read_context(heads[fold], rows).astype(np.int16),
                    np.concatenate([data.segment_labels(documents[i], cut) for i, cut in zip(batch, cuts, strict=True)]),
                    rows.language,
                    np.concatenate([np.diff([0, *cut.ends]) for cut in cuts]),
                    np.full(len(own), fold),
                    np.where(own, settings.rearranged, 1.0),
                    ~own,
                )
            )
    return _Stage(*(np.concatenate(column) for column in zip(*found, strict=True)))


def _fit_student(stage: _Stage, chosen: NDArray[np.bool_], settings: fit.Settings) -> fit.Student:
    """The second stage on the chosen rows. It learns from annotated documents twice, and from the rest of them."""
    rows = stage.rows[chosen[stage.rows]]
    spare = np.random.default_rng(settings.seed).permutation(np.flatnonzero(chosen & stage.annotated & (stage.label < 0)))
    more = np.concatenate((rows[stage.annotated[rows]], spare[: settings.unlabelled]))
    weight = stage.weight[rows] * np.where(stage.label[rows] == fit.PROMO, settings.promo, 1.0)
    return fit.fit_student(stage.inputs[rows], stage.label[rows], weight, stage.inputs[more], settings)


def _folds(documents: Sequence[data.Document]) -> NDArray[np.int64]:
    """The fold of each document: sites go round in an order that their names alone decide."""
    sites = sorted({document.site for document in documents}, key=data.rank)
    if len(sites) < 2:
        raise InputError(
            f"{len(sites)} site in the training data: probabilities are calibrated on unseen sites, so name at least two"
        )
    fold = {site: number % min(FOLDS, len(sites)) for number, site in enumerate(sites)}
    return np.array([fold[document.site] for document in documents])


def _thresholds(stage: _Stage, logits: NDArray[np.float64], factors: Sequence[float]) -> dict[str, dict[str, dict[str, float]]]:
    """Thresholds on the calibrated out-of-fold probabilities of annotated segments."""
    probabilities = softmax(logits * np.array(factors)[stage.language[stage.rows], None], axis=1)
    seen = stage.annotated[stage.rows]
    kept = stage.rows[seen]
    return choose.choose(probabilities[seen], stage.label[kept], stage.language[kept], stage.size[kept])


class _Clock:
    """Progress on standard error, with the seconds since the start."""

    def __init__(self) -> None:
        self.start = time.monotonic()

    def __call__(self, message: str) -> None:
        print(f"[{time.monotonic() - self.start:5.0f} s] {message}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
