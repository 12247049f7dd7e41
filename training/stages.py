"""Documents and feature rows to a model: both stages with their folds, calibration and thresholds."""

from __future__ import annotations

import os
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from typing import Any

import joblib
import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from classifier.model import Model
from classifier.schema import LABELS, InputError
from training import augment, choose, data, fit, rows

FOLDS = 5
Known = tuple[rows.Grams, rows.Contexts, dict[str, Any]]  # as `rows.load` returns it


@dataclass(frozen=True, slots=True)
class Fitted:
    """A model and what came with it.

    without: the model fitted without each fold in turn, with a lighter second stage. training: what
    the manifest says of the fit.
    """

    model: Model
    without: tuple[Model, ...]
    thresholds: choose.Thresholds
    training: dict[str, Any]


def fit_stages(
    annotated: Sequence[data.Document],
    folds: NDArray[np.int64],
    settings: fit.Settings,
    known: Known | None,
    say: Clock,
    heads: Sequence[Model] | None = None,
) -> Fitted:
    """Both stages on annotated documents, our own texts, and feature rows.

    folds: of each document. known: feature rows; documents beside them have the weight
    `settings.added`. heads: the first stage without each fold and with all, where it is fitted already.
    """
    own, own_folds, grams = read_own(settings)
    factor = settings.added if known else 1.0
    grams = rows.join(grams, rows.read_grams(annotated, folds, np.full(len(annotated), factor)))
    parts: list[tuple[rows.Contexts, float]] = []
    about: dict[str, Any] = {"documents": 0, "sites": 0, "rearranged": 0, "data": {}}
    if known:
        known_grams, known_contexts, about = known
        grams = rows.join(known_grams, grams)
        parts.append((known_contexts, 1.0))
    heads = heads or fit_heads(grams, settings, say)

    parts.append((rows.read_contexts(heads, own, own_folds, np.full(len(own), rows.OWN)), 1.0))
    rearranged = 0
    if annotated:
        # What is rearranged of our own texts is among the shipped rows already.
        beside, beside_folds = ([], own_folds[:0]) if known else (own, own_folds)
        pages, rearranged = read_pages(heads, annotated, folds, beside, beside_folds, settings)
        parts.append((pages, factor))
    contexts = rows.join(*(part for part, _ in parts))
    say(f"{contexts.documents.size - 1} documents, {len(contexts.label)} segments, {(contexts.label >= 0).sum()} with a label")
    weight = np.choose(contexts.origin, (1.0, settings.own, settings.rearranged))
    sizes = [len(part.label) for part, _ in parts]
    weight *= np.repeat([times for _, times in parts], sizes)
    added = np.arange(len(contexts.label)) >= (sizes[0] + sizes[1] if known else len(contexts.label))
    stage = _Stage(contexts, contexts.inputs(), weight, added)
    logits = np.zeros((len(stage.rows), len(LABELS)))
    # Enough to calibrate and to choose thresholds.
    once = replace(settings, boosting_models=1, boosting_rounds=settings.boosting_rounds // 2)
    students = []
    for number in range(FOLDS):
        student = _fit_student(stage, contexts.fold != number, once)
        chosen = contexts.fold[stage.rows] == number
        logits[chosen] = student.logits(stage.inputs[stage.rows[chosen]])
        students.append(student)
        say(f"second stage, fold {number + 1} of {FOLDS}")
    seen = contexts.measured[stage.rows]
    factors = fit.temperatures(logits[seen], contexts.label[stage.rows][seen], contexts.language[stage.rows][seen])
    thresholds = _thresholds(stage, logits, factors)

    students.append(_fit_student(stage, np.ones(len(contexts.fold), bool), settings))
    say("both stages on all folds")
    *without, model = (
        Model(head.weights, head.scale, head.bias, tuple(fit.quantise(student, factor) for factor in factors))
        for head, student in zip(heads, students, strict=True)
    )
    annotated_label = (contexts.origin == rows.ANNOTATED) & (contexts.label >= 0)
    training = {
        "documents": about["documents"] + len(annotated),
        "sites": about["sites"] + len({document.site for document in annotated}),
        "segments": dict(Counter(LABELS[label].value for label in contexts.label[annotated_label])),
        "picked": int((annotated_label & ~contexts.measured).sum()),
        "own": len(own),
        "rearranged": about["rearranged"] + rearranged,
        "data": {**about["data"]},
        "settings": {name: getattr(settings, name) for name in settings.__dataclass_fields__},
        "versions": {name: version(name) for name in ("numpy", "scikit-learn", "langdetect")},
    }
    return Fitted(model, tuple(without), thresholds, training)


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
    """What the second stage is fitted on: `inputs` and `weight` of every segment of `contexts`.

    added: whether it is of a document beside feature rows.
    """

    contexts: rows.Contexts
    inputs: NDArray[np.int16]
    weight: NDArray[np.float64]
    added: NDArray[np.bool_]

    @property
    def rows(self) -> NDArray[np.intp]:
        """The rows that have a label."""
        return np.flatnonzero(self.contexts.label >= 0)


def _fit_student(stage: _Stage, chosen: NDArray[np.bool_], settings: fit.Settings) -> fit.Student:
    """The second stage on the chosen rows. It learns from annotated documents and ours twice, and from the rest of them."""
    label, annotated = stage.contexts.label, stage.contexts.origin == rows.ANNOTATED
    written = stage.contexts.origin != rows.REARRANGED
    fitted = stage.rows[chosen[stage.rows]]
    spare = chosen & annotated & (label < 0)
    # What is drawn of the shipped rows does not hang on what was added, and what was added is not left to chance.
    drawn = np.random.default_rng(settings.seed).permutation(np.flatnonzero(spare & ~stage.added))[: settings.unlabelled]
    beside = np.flatnonzero(spare & stage.added)[: settings.unlabelled]
    more = np.concatenate((fitted[written[fitted]], drawn, beside))
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
