"""The stage that tells kinds of a label apart, fitted with scikit-learn on a few hundred segments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.special import softmax
from sklearn.linear_model import LogisticRegression

from classifier import features, kinds, model, segment, split
from classifier.context import SCORE_STEPS
from classifier.kinds import Kinds
from classifier.schema import LABELS, Kind
from training import data, rows
from training.fit import ABSENT, INT8, INT16, temperature, weighed

FOLDS = 5
# Inverse regularisation of the head over n-grams, and of what mixes its scores; and how much all our texts of a
# label together weigh, as what is none of its kinds, beside all labelled segments of the user's: "Kinds" in
# `training/README.md` has the measurements.
HEAD, MIX, OURS = 1.5, 1.0, 0.05


class Answers(NamedTuple):
    """Labelled segments of a label with kinds, told by a stage fitted without their fold.

    truth, guess: which kind, -1 for none of its label's; stated: the probability of the guess.
    """

    truth: NDArray[np.int64]
    guess: NDArray[np.int64]
    stated: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Segments:
    """Segments of labels that have kinds, in document order.

    counts: how often each hashed n-gram stands in it, segments x buckets. size: characters. paragraph, document:
    where it lies, numbered throughout. label: an index into LABELS. kind: which, from 1; 0 for none of its label's,
    UNLABELLED where nobody said. fold, weight: of each.
    """

    counts: sp.csr_matrix
    size: NDArray[np.int64]
    paragraph: NDArray[np.int64]
    document: NDArray[np.int64]
    label: NDArray[np.int64]
    kind: NDArray[np.int64]
    fold: NDArray[np.int64]
    weight: NDArray[np.float64]

    def only(self, chosen: NDArray[np.bool_]) -> Segments:
        """Some of them."""
        return Segments(*(getattr(self, name)[chosen] for name in self.__dataclass_fields__))


class Head(NamedTuple):
    """What n-grams say of each kind: whole weights, buckets x kinds, the logit of one step, and of none."""

    weights: NDArray[np.int64]
    scale: NDArray[np.float64]
    bias: NDArray[np.float64]

    def scores(self, of: Segments) -> NDArray[np.int64]:
        """As `kinds.local_scores` of a stage with these weights."""
        total = rows.totals(of.counts)
        return kinds.score_steps((of.counts @ self.weights) * (self.scale / np.sqrt(np.maximum(total, 1))[:, None]) + self.bias)


class Mixer(NamedTuple):
    """Logits of each kind from `kinds.inputs`."""

    slopes: NDArray[np.float64]
    offsets: NDArray[np.float64]

    def logits(self, found: NDArray[np.int64]) -> NDArray[np.float64]:
        """Against none of the kinds, whose logit comes first and is 0."""
        return np.concatenate((np.zeros((len(found), 1)), found @ self.slopes.T + self.offsets), axis=1)


def fit(
    documents: Sequence[data.Document],
    folds: NDArray[np.int64],
    known: Sequence[Kind],
    ours: Sequence[data.Document],
    base: model.Model,
) -> tuple[Kinds, Answers]:
    """Kinds fitted on documents, and what those left out in turn were told to be.

    folds: of each document; ours: texts whose labels are of no kind; base: cuts the documents, and labels what
    nobody did.
    """
    own = read(documents, folds, known, base)
    beside = read(ours, np.arange(len(ours)) % FOLDS, known, base)
    count, tables = len(known), -(-len(known) // kinds.LANES)
    weights = np.zeros((rows.BUCKETS, tables * kinds.LANES), np.int8)
    scale, bias, mix_scale, mix_bias = (np.zeros(count) for _ in range(4))
    mix = np.zeros((count, count * kinds.COLUMNS))
    answers: list[Answers] = []
    for label in {LABELS.index(kind.label): None for kind in known}:
        mine = np.array([number for number, kind in enumerate(known) if LABELS.index(kind.label) == label])
        head, mixer, told = _fit_label(_joined(own, beside, label), mine, int((own.label == label).sum()))
        weights[:, mine], scale[mine], bias[mine] = head
        places = (mine[:, None] * kinds.COLUMNS + np.arange(kinds.COLUMNS)).ravel()
        mix_scale[mine] = np.maximum(np.abs(mixer.slopes).max(1), 1e-12) / INT16
        mix[np.ix_(mine, places)] = np.rint(mixer.slopes / mix_scale[mine, None])
        mix_bias[mine] = mixer.offsets
        answers.append(told)
    packed = model.pack(weights.reshape(rows.BUCKETS, tables, kinds.LANES).transpose(1, 0, 2))
    stage = Kinds(tuple(known), packed, scale, bias, mix, mix_scale, mix_bias)
    return stage, Answers(*(np.concatenate(column) for column in zip(*answers, strict=True)))


def read(documents: Sequence[data.Document], folds: NDArray[np.int64], known: Sequence[Kind], base: model.Model) -> Segments:
    """The segments of documents whose label has kinds: by their units, or by the model where no unit says."""
    wanted = sorted({LABELS.index(kind.label) for kind in known})
    of_number = np.array([*range(len(LABELS)), *(LABELS.index(kind.label) for kind in known), data.UNLABELLED])
    found: list[tuple[NDArray[Any], ...]] = []
    counts = [sp.csr_matrix((0, rows.BUCKETS), dtype=np.float32)]
    lines = 0
    for at in range(0, len(documents), rows.BATCH):
        batch = documents[at : at + rows.BATCH]
        texts = [document.text for document in batch]
        cuts = split.split(base, texts, segment.cut_many(texts))
        made = features.rows(texts, cuts)
        named = np.concatenate([data.segment_names(document, cut, known) for document, cut in zip(batch, cuts, strict=True)])
        label = np.where(named >= 0, of_number[named], model.probabilities(base, made).argmax(1))
        chosen = np.flatnonzero(np.isin(label, wanted))
        counts.append(rows.counted(features.buckets(made.grams, made.bounds), made.bounds, chosen))
        document = np.repeat(np.arange(at, at + len(batch)), np.diff(made.documents))[chosen]
        kind = np.where(named < 0, data.UNLABELLED, np.maximum(named - len(LABELS) + 1, 0))[chosen]
        found.append((made.shape[chosen, 0], lines + made.paragraph[chosen], document, label[chosen], kind, folds[document]))
        lines += int(made.paragraph[-1]) + 1 if len(made.paragraph) else 0
    counted = sp.vstack(counts, format="csr")
    size, paragraph, document, label, kind, fold = (np.concatenate(column) for column in zip(*found, strict=True))
    return Segments(counted, size, paragraph, document, label, kind, fold, np.ones(counted.shape[0]))


def _joined(own: Segments, beside: Segments, label: int) -> Segments:
    """The segments of one label, the user's first; ours weigh OURS of what all labelled ones of the user's do."""
    own, beside = own.only(own.label == label), beside.only(beside.label == label)
    share = OURS * (own.kind >= 0).sum() / max(1, (beside.kind >= 0).sum())
    shifted = {
        "paragraph": beside.paragraph + own.paragraph.max(initial=0) + 1,
        "document": beside.document + own.document.max(initial=0) + 1,
        "weight": beside.weight * share,
        "counts": sp.vstack((own.counts, beside.counts), format="csr"),
    }
    columns = {
        name: np.concatenate((getattr(own, name), shifted.get(name, getattr(beside, name))))
        for name in Segments.__dataclass_fields__
        if name != "counts"
    }
    return Segments(shifted["counts"], **columns)


def _fit_label(every: Segments, mine: NDArray[np.int64], own: int) -> tuple[Head, Mixer, Answers]:
    """The stage for the kinds of one label. mine: their numbers; own: how many of the segments, the first, are the user's."""
    classes = np.concatenate(([0], mine + 1))
    labelled = every.kind >= 0
    truth = np.searchsorted(classes, every.kind)
    scores = np.zeros((len(truth), len(mine)), np.int64)
    for fold in range(FOLDS):
        out = every.fold == fold
        scores[out] = _head(every.only(labelled & ~out), truth[labelled & ~out], len(mine)).scores(every.only(out))
    starts = np.flatnonzero(np.concatenate(([True], every.document[1:] != every.document[:-1], [True])))
    found = kinds.inputs(scores, every.size, every.paragraph, starts)
    logits = np.zeros((len(truth), len(classes)))
    for fold in range(FOLDS):
        chosen = labelled & (every.fold != fold)
        logits[every.fold == fold] = _mixer(found[chosen], truth[chosen], every.weight[chosen], len(mine)).logits(
            found[every.fold == fold]
        )
    asked = np.flatnonzero(labelled[:own])
    # Never above 1: a few segments told without an error must not make it certain.
    factor = min(1.0, temperature(logits[asked], truth[asked]))
    told = softmax(logits[asked] * factor, axis=1)
    mixer = _mixer(found[labelled], truth[labelled], every.weight[labelled], len(mine))
    numbers = np.concatenate(([-1], mine))
    answers = Answers(numbers[truth[asked]], numbers[told.argmax(1)], told.max(1))
    head = _head(every.only(labelled), truth[labelled], len(mine))
    return head, Mixer(mixer.slopes * factor, mixer.offsets * factor), answers


def _head(of: Segments, truth: NDArray[np.int64], count: int) -> Head:
    """Logistic regression as in `fit.fit_heads`, each kind and none of them weighing alike."""
    total = rows.totals(of.counts)
    # What one segment alone holds says nothing of others, and is most of all n-grams.
    used = np.flatnonzero(np.asarray((of.counts > 0).sum(0)).ravel() > 1)
    scaled, rarity = weighed(of.counts[:, used], total)
    shares = np.bincount(truth, of.weight, count + 1)
    weight = of.weight * of.weight.sum() / (np.count_nonzero(shares) * shares[truth])
    slopes, bias = _logistic(scaled, truth, weight, count, HEAD)
    exact = slopes * rarity
    scale = np.maximum(np.quantile(np.abs(exact), 0.9999, axis=1), 1e-12) / INT8
    weights = np.zeros((rows.BUCKETS, count), np.int64)
    weights[used] = np.rint(exact / scale[:, None]).clip(-INT8, INT8).T
    return Head(weights, scale, bias)


def _mixer(found: NDArray[np.int64], truth: NDArray[np.int64], weight: NDArray[np.float64], count: int) -> Mixer:
    slopes, offsets = _logistic(found / SCORE_STEPS, truth, weight, count, MIX)
    return Mixer(slopes / SCORE_STEPS, offsets)


def _logistic(
    inputs: Any, truth: NDArray[np.int64], weight: NDArray[np.float64], count: int, strength: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Slopes and offsets of so many kinds against none of them, class 0 of `truth`; ABSENT for one that is not there."""
    regression = LogisticRegression(C=strength, max_iter=300, tol=1e-3).fit(inputs, truth, sample_weight=weight)
    slopes, offsets = regression.coef_, regression.intercept_
    if len(regression.classes_) == 2:
        slopes, offsets = np.concatenate((np.zeros_like(slopes), slopes)), np.concatenate(([0.0], offsets))
    out, shift = np.zeros((count, inputs.shape[1])), np.full(count, ABSENT)
    out[regression.classes_[1:] - 1] = slopes[1:] - slopes[0]
    shift[regression.classes_[1:] - 1] = offsets[1:] - offsets[0]
    return out, shift
