"""The two stages fitted with scikit-learn, and turned into the integers that inference runs."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import logsumexp
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPRegressor
from sklearn.preprocessing import StandardScaler

from classifier.model import HIDDEN_STEPS, HIDDEN_TOTAL, TABLES, Model, Network, pack
from classifier.schema import LABELS, LANGUAGES, Label, Language
from training.rows import ARTICLE, PAGE, Grams

PROMO = LABELS.index(Label.PROMO)
# A head or a calibration on fewer segments than this is worse than one for all languages.
ENOUGH = 400
ABSENT = -8.0  # the logit of a label that a training set does not hold
INT8, INT16 = 127, 32_767


@dataclass(frozen=True, slots=True)
class Settings:
    """What was chosen; `training/README.md` holds the measurements.

    inverse_regularisation: of the local heads. elsewhere: what a segment of a page weighs in a head for articles, and
    one of an article in a head for pages. boosting_rounds, boosting_leaves: of the teacher of the second
    stage. units: of the network that learns from it. decay: what the squares of its weights cost.
    unlabelled: how many segments without a label it learns from beside the annotated ones.
    told: how much of what it learns of a segment with a label is that label, in place of what the teacher says.
    rearranged, own: the weight of a segment of a rearranged document, and of one of our own, in
    the second stage, beside an annotated one at 1; short: by what that of a short rearranged one is
    multiplied; promo: of a promo segment there. own_phrases,
    own_documents: the weight of a segment of our own in the first stage. added: in both stages, of a
    segment of documents that are fitted on beside feature rows; steps_on: how many steps the first stage
    then takes from where the shipped one stands.
    promo_odds: what the network's odds of promo are multiplied by.
    seed: of everything random.
    """

    inverse_regularisation: float = 1.5
    elsewhere: float = 0.03
    boosting_rounds: int = 150
    boosting_leaves: int = 31
    units: int = 192
    decay: float = 0.1
    unlabelled: int = 100_000
    told: float = 0.3
    rearranged: float = 0.6
    short: float = 3.0
    own: float = 1.5
    own_phrases: float = 1.0
    own_documents: float = 0.3
    added: float = 10.0
    steps_on: int = 15
    promo: float = 1.75
    promo_odds: float = 1.4
    seed: int = 0


# Weights and intercepts are searched for at one pace: with inputs this much larger, and as much less regularisation, they
# need steps of like sizes. Without it, the search was far from its end after 150 steps, and how far was chance.
_LARGER = 10.0
_MOST_STEPS = 60


class Table(NamedTuple):
    """One of a local stage's TABLES: weights of buckets x labels, the logit of one step of a weight, and intercepts."""

    weights: NDArray[np.int8]
    scale: float
    bias: NDArray[np.float64]


def fit_heads(grams: Grams, chosen: NDArray[np.bool_], settings: Settings, start: Model | None = None) -> Model:
    """The local stage, table by table; see `fit_table`."""
    seen = weighed(grams.counts, grams.total)
    return of_tables([fit_table(grams, *seen, chosen, table, settings, start) for table in range(len(TABLES))])


def of_tables(found: Sequence[Table]) -> Model:
    """A model without networks from its tables, in the order of TABLES."""
    weights, scale, bias = (np.array(column) for column in zip(*found, strict=True))
    return Model(pack(weights), scale, bias, ())


def fit_table(
    grams: Grams,
    weighted: sp.csr_matrix,
    rarity: NDArray[np.float64],
    chosen: NDArray[np.bool_],
    table: int,
    settings: Settings,
    start: Model | None = None,
) -> Table:
    """One of the local stage's tables: logistic regression on counts over the root of their number.

    weighted, rarity: `weighed` of the n-grams. Buckets are weighed by inverse document frequency, which only
    regularises: it is folded into the weights. A table of a language hears segments of its own setting and ours, and
    the others faintly; with too few of its own, all alike. `other`, and a language with too few segments, is fitted on
    all. start: a model whose local stage the search begins at, which must not know what `chosen` leaves out.
    """
    language, of_pages = TABLES[table]
    rows, weight = chosen & (grams.language == LANGUAGES.index(language)), grams.weight
    if language is Language.OTHER or rows.sum() < ENOUGH or np.unique(grams.label[rows]).size < 2:
        rows = chosen
    elif (rows & (grams.setting == (PAGE if of_pages else ARTICLE))).sum() >= ENOUGH:
        weight = np.where(grams.setting == (ARTICLE if of_pages else PAGE), weight * settings.elsewhere, weight)
    regularisation = settings.inverse_regularisation / _LARGER**2
    head = LogisticRegression(C=regularisation, max_iter=_MOST_STEPS, tol=1e-6, class_weight="balanced")
    if start and np.unique(grams.label[rows]).size == len(LABELS):
        # Few labels are no reason to move to another optimum: the number of steps is the choice.
        head.set_params(warm_start=True, max_iter=settings.steps_on)
        slopes = unpack(start.weights[table]) * start.scale[table] / (rarity[:, None] * _LARGER)
        head.coef_ = np.ascontiguousarray(slopes.T)
        head.intercept_ = start.bias[table].copy()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        head.fit(weighted[rows] * _LARGER, grams.label[rows], sample_weight=weight[rows])
    slopes, offsets = head.coef_ * _LARGER, head.intercept_
    if len(head.classes_) == 2:
        slopes, offsets = np.concatenate((-slopes, slopes)) / 2, np.concatenate((-offsets, offsets)) / 2
    float_weights = slopes.T * rarity[:, None]
    used = np.abs(float_weights).max(1)
    # The largest weights of all are clipped, so that the steps of the others are finer.
    scale = float(np.quantile(used[used > 0], 0.9999)) / INT8
    weights = np.zeros((len(rarity), len(LABELS)), np.int8)
    weights[:, head.classes_] = np.rint(float_weights / scale).clip(-INT8, INT8).astype(np.int8)
    bias = np.full(len(LABELS), ABSENT)
    bias[head.classes_] = offsets
    return Table(weights, scale, bias)


def weighed(counts: sp.csr_matrix, total: NDArray[np.int64]) -> tuple[sp.csr_matrix, NDArray[np.float64]]:
    """Counts over the root of the number of each row's n-grams, by the rarity of each bucket; and that rarity."""
    seen = np.asarray((counts > 0).sum(0)).ravel()
    rarity = (np.log((counts.shape[0] + 1) / (seen + 1)) + 0.3) / 3
    return (sp.diags(1 / np.sqrt(np.maximum(total, 1))) @ counts @ sp.diags(rarity)).tocsr(), rarity


def unpack(words: NDArray[np.uint64]) -> NDArray[np.int64]:
    """The weights of each bucket that `model.pack` put into one word: buckets x labels."""
    weights = (words[:, None] >> np.arange(0, 64, 16, dtype=np.uint64) & np.uint64(0xFF)).astype(np.int64) - 128
    weights[0] = 0
    return weights


@dataclass(frozen=True, slots=True)
class Student:
    """A fitted second stage in floating point: logits = relu(inputs @ hidden + bias) @ out + out_bias."""

    hidden: NDArray[np.float64]
    hidden_bias: NDArray[np.float64]
    out: NDArray[np.float64]
    out_bias: NDArray[np.float64]

    def logits(self, inputs: NDArray[np.int16]) -> NDArray[np.float64]:
        """Logits of the labels, rows x labels."""
        units = np.maximum(inputs.astype(np.float64) @ self.hidden + self.hidden_bias, 0)
        result: NDArray[np.float64] = units @ self.out + self.out_bias
        return result


# Learning rates of the network, and how many times it sees all segments at each.
_SCHEDULE = ((4e-3, 14), (1e-3, 5), (2.5e-4, 4))
_STEPS = 200  # at least so many batches each time, also of few segments
# Which of its random beginnings it takes. Of three, this one alone calls a calm pitch glued to an article's end, that
# nothing was fitted on, promo (0.53 of 1; 0.46, 0.45); of traps it has 0.79 right (0.82, 0.79), of the spans of the cases
# 0.81 exact (0.78, 0.81).
_BEGINNING = 0


def fit_student(
    inputs: NDArray[np.int16],
    labels: NDArray[np.int64],
    weights: NDArray[np.float64],
    twice: NDArray[np.bool_],
    more: NDArray[np.int16],
    settings: Settings,
) -> Student:
    """The second stage: gradient boosting on the labels, distilled into a small network.

    inputs, labels, weights: segments with a label; twice: which of them the network sees two times; more: segments
    without one, which it alone learns from. It learns the boosting's probabilities, mixed with the labels (Hinton,
    Vinyals and Dean 2015, "Distilling the Knowledge in a Neural Network"), by a loss that is the cross-entropy
    plus how far they are from adding up to 1: it runs in two matrix products and keeps nearly all of the boosting's accuracy.
    """
    teacher = HistGradientBoostingClassifier(
        max_iter=settings.boosting_rounds,
        learning_rate=0.08,
        max_leaf_nodes=settings.boosting_leaves,
        l2_regularization=1.0,
        max_features=0.3,
        early_stopping=False,
        random_state=settings.seed,
    )
    known = inputs.astype(np.float32)
    teacher.fit(known, labels, sample_weight=weights * np.where(labels == PROMO, settings.promo, 1.0))
    target = np.zeros((len(inputs) + len(more), len(LABELS)))
    target[:, teacher.classes_] = teacher.predict_proba(np.concatenate((known, more)))
    labelled = target[: len(inputs)]
    labelled += settings.told * (np.eye(len(LABELS))[labels] - labelled)
    everything = np.concatenate((known, more, known[twice]))
    target = np.concatenate((target, labelled[twice]))
    scaler = StandardScaler().fit(everything)
    scaled = scaler.transform(everything)
    network = MLPRegressor(
        loss="poisson",
        hidden_layer_sizes=(settings.units,),
        alpha=settings.decay,
        batch_size=int(np.clip(len(scaled) // _STEPS, 32, 1024)),
        warm_start=True,
        random_state=settings.seed + _BEGINNING,
    )
    for rate, epochs in _SCHEDULE:
        network.set_params(learning_rate_init=rate, max_iter=epochs, n_iter_no_change=epochs)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # the number of epochs is the choice
            network.fit(scaled, target)
    hidden = network.coefs_[0].astype(np.float64) / scaler.scale_[:, None]
    shift = network.intercepts_[0] - scaler.mean_ @ hidden
    out_bias = network.intercepts_[1].astype(np.float64)
    out_bias[PROMO] += np.log(settings.promo_odds)
    return Student(hidden, shift, network.coefs_[1].astype(np.float64), out_bias)


def temperatures(logits: NDArray[np.float64], labels: NDArray[np.int64], tables: NDArray[np.int64]) -> list[float]:
    """The factor a table that makes logits of unseen sites mean what they say.

    Temperature scaling (Guo et al. 2017, "On Calibration of Modern Neural Networks") on
    out-of-fold logits: it moves no label. tables: which of TABLES reads each; one with too few segments shares the
    factor of all.
    """
    found: list[float] = []
    for table, (language, _) in enumerate(TABLES):
        rows = tables == table
        if language is Language.OTHER or rows.sum() < ENOUGH:
            rows = np.ones(len(labels), bool)
        found.append(temperature(logits[rows], labels[rows]))
    return found


def temperature(logits: NDArray[np.float64], labels: NDArray[np.int64]) -> float:
    """The factor at which scaled logits are least surprised by the labels."""
    return float(minimize_scalar(_surprise, bounds=(0.2, 5), args=(logits, labels), method="bounded").x)


def _surprise(factor: float, logits: NDArray[np.float64], labels: NDArray[np.int64]) -> float:
    """The mean negative log-likelihood of the labels under scaled logits."""
    scaled = logits * factor
    return float((logsumexp(scaled, axis=1) - scaled[np.arange(len(labels)), labels]).mean())


def quantise(student: Student, factor: float) -> Network:
    """The network in whole numbers, its logits times a factor."""
    out, out_bias = student.out * factor, student.out_bias * factor
    # Rounding adds at most half a step a weight.
    steps = HIDDEN_TOTAL - len(student.hidden)
    hidden_scale = np.maximum(np.abs(student.hidden).sum(0), 1e-12) / steps
    out_scale = np.maximum(np.abs(out).max(0), 1e-12) / INT16
    return Network(
        hidden=np.rint(student.hidden / hidden_scale).astype(np.float32),
        hidden_scale=hidden_scale.astype(np.float32),
        hidden_bias=student.hidden_bias.astype(np.float32),
        out=np.rint(out / out_scale),
        out_scale=out_scale / HIDDEN_STEPS,
        out_bias=out_bias,
    )
