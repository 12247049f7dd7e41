"""Feature rows to calibrated probabilities: a linear head a language and layout, then a network in context, one a head.

Everything that is summed is an integer, so a score depends neither on the order of the sums
nor on how documents were batched: the same text gives the same bits in any process.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from classifier.context import INPUT_LIMIT, context_inputs, steps, told
from classifier.evidence import evidence
from classifier.features import ORDERS, Rows, buckets
from classifier.kernels import kernel
from classifier.layout import pages
from classifier.schema import LABELS, LANGUAGES, Language

HIDDEN_STEPS = 64
HIDDEN_LIMIT = 4095
HIDDEN_TOTAL = 2**24 // INPUT_LIMIT  # of a unit's weights, without their signs
TABLE_STEPS = 64  # the softmax reads exp() from a table with this many entries a unit

_EXP = np.array([math.exp(-n / TABLE_STEPS) for n in range(16 * TABLE_STEPS)])
HALVES = np.uint64(0x0000FFFF0000FFFF)  # every other of the four lanes of a word
EIGHT_BITS = np.uint64(0x00FF00FF00FF00FF)  # where the four weights of a bucket lie
# Scales and biases of the shipped model stay below 500. So bounded, no sum overflows and no logit is NaN.
LARGEST = 1e6
# The heads of the first stage, each a table of weights: one a language, behind them those for pages, where words mean
# other things than in articles, and so does what stands around ("What was tried" in training/README.md). A model from
# before has the first ones alone.
TABLES = (*((language, False) for language in LANGUAGES), (Language.EN, True), (Language.ZH, True))
_OF_PAGES = np.array([TABLES.index((language, (language, True) in TABLES)) for language in LANGUAGES])


@dataclass(frozen=True, slots=True)
class Network:
    """One hidden layer with rectified units, its weights integers.

    hidden: inputs x units, those of a unit together below HIDDEN_TOTAL; hidden_scale,
    hidden_bias: units. out: units x labels; out_scale, out_bias: labels. Logits come out calibrated.
    """

    hidden: NDArray[np.float32]
    hidden_scale: NDArray[np.float32]
    hidden_bias: NDArray[np.float32]
    out: NDArray[np.float64]
    out_scale: NDArray[np.float64]
    out_bias: NDArray[np.float64]

    def logits(self, inputs: NDArray[np.float32]) -> NDArray[np.float64]:
        """Logits of the labels for rows of integer inputs, in steps of 1/TABLE_STEPS."""
        # Whole numbers below 2**24: exact in single precision, whatever BLAS does with their order.
        units = inputs @ self.hidden
        units *= self.hidden_scale
        units += self.hidden_bias
        units *= np.float32(HIDDEN_STEPS)
        np.rint(units, out=units)
        np.clip(units, 0, HIDDEN_LIMIT, out=units)
        return np.rint(((units.astype(np.float64) @ self.out) * self.out_scale + self.out_bias) * TABLE_STEPS)


@dataclass(frozen=True, slots=True)
class Model:
    """The two stages.

    weights: TABLES x buckets, four 8-bit weights (biased by 128) in the 16-bit lanes of
        each word, one lane a label. scale: TABLES, the logit of one step of a weight.
    bias: TABLES x labels. networks: one a table.
    """

    weights: NDArray[np.uint64]
    scale: NDArray[np.float64]
    bias: NDArray[np.float64]
    networks: tuple[Network, ...]

    @property
    def bits(self) -> int:
        """log2 of the number of buckets."""
        return int(self.weights.shape[1]).bit_length() - 1


def pack(weights: NDArray[np.int8]) -> NDArray[np.uint64]:
    """Weights of shape tables x buckets x 4 as one word a bucket; bucket 0 is neutral."""
    biased = weights.astype(np.int64) + 128
    biased[:, 0] = 0
    lanes = biased.astype(np.uint64) << np.arange(0, 64, 16, dtype=np.uint64)
    result: NDArray[np.uint64] = np.bitwise_or.reduce(lanes, axis=2)
    return result


def is_packed(weights: NDArray[np.uint64]) -> bool:
    """Whether words could have come from `pack`: weights of 8 bits, bucket 0 neutral."""
    return not ((weights & ~EIGHT_BITS).any() or weights[:, 0].any())


def local_logits(model: Model, rows: Rows, grams: NDArray[np.uint32], table: NDArray[np.int64]) -> NDArray[np.float64]:
    """The first stage: logits of each segment by its own n-grams, rows x labels. table: `tables_of_rows`."""
    return sums_to_logits(model, weight_sums(model.weights, rows, grams, table), gram_count(rows), table)


def tables_of_rows(model: Model, rows: Rows) -> NDArray[np.int64]:
    """The table that reads each segment."""
    return tables(model, rows.shape[:, 0], rows.language, rows.paragraph, rows.documents)


def tables(
    model: Model,
    sizes: NDArray[np.int64],
    languages: NDArray[np.int64],
    paragraphs: NDArray[np.int64],
    documents: NDArray[np.int64],
) -> NDArray[np.int64]:
    """The table that reads each segment: its language's, or on a page the one for pages, as an index into TABLES.

    sizes, languages, paragraphs, documents: of the segments of a batch, as for `layout.pages`.
    """
    if len(model.weights) < len(TABLES):
        return languages
    on_page = np.repeat(pages(sizes, languages, paragraphs, documents), np.diff(documents))
    return np.where(on_page, _OF_PAGES[languages], languages)


def weight_sums(
    weights: NDArray[np.uint64], rows: Rows, grams: NDArray[np.uint32], table: NDArray[np.int64]
) -> NDArray[np.int64]:
    """The weights of each segment's n-grams, added up: rows x 4. Those of a run of segments add up too.

    weights: tables x buckets, as `pack` makes them; grams: as `features.buckets` does; table: that of each segment.
    """
    return lane_sums(weights, grams, rows.bounds, table) - 128 * gram_count(rows)[:, None]


@kernel
def lane_sums(
    weights: NDArray[np.uint64], grams: NDArray[np.uint32], bounds: NDArray[np.int64], table: NDArray[np.int64]
) -> NDArray[np.int64]:
    """`weight_sums`, each weight with its bias of 128. bounds: of the segments in `grams`."""
    start = np.repeat((table * weights.shape[1]).astype(np.uint32), np.diff(bounds))
    flat = weights.reshape(-1)
    words = np.zeros(grams.shape[1], np.uint64)
    for bucket in grams:
        words += flat.take(bucket + start)
    # Five grams of 255 fit a 16-bit lane; a segment's sum needs more, so lanes are halved.
    even = _segment_sums(words & HALVES, bounds)
    odd = _segment_sums(words >> np.uint64(16) & HALVES, bounds)
    low, high = np.uint64(0xFFFFFFFF), np.uint64(32)
    return np.stack([even & low, odd & low, even >> high, odd >> high], axis=1).astype(np.int64)


def sums_to_logits(
    model: Model, sums: NDArray[np.int64], count: NDArray[np.int64], table: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Logits from the sums of weights of so many n-grams, by the table of each row: rows x labels."""
    norm = model.scale[table] / np.sqrt(np.maximum(count, 1))
    result: NDArray[np.float64] = sums * norm[:, None] + model.bias[table]
    return result


def gram_count(rows: Rows) -> NDArray[np.int64]:
    """How many n-grams each segment has, of all orders together."""
    size = np.diff(rows.bounds)
    orders = np.arange(2, ORDERS + 1)[:, None]  # of order 1, the closing space is the next segment's
    result: NDArray[np.int64] = size + np.maximum(size + 2 - orders, 0).sum(0)
    return result


def _segment_sums(values: NDArray[np.uint64], bounds: NDArray[np.int64]) -> NDArray[np.uint64]:
    total = np.concatenate((np.zeros(1, np.uint64), np.cumsum(values, dtype=np.uint64)))
    return total[bounds[1:]] - total[bounds[:-1]]


def probabilities(model: Model, rows: Rows, known: NDArray[np.int64] | None = None) -> NDArray[np.float64]:
    """Both stages: the calibrated probability of each label for each segment, rows x labels.

    known: the label of each segment that is known beforehand, which its neighbours then see; -1 where it is not.
    """
    table = tables_of_rows(model, rows)
    result = network_probabilities(model, read_context(model, rows, table, known), table)
    if known is not None:
        result[known >= 0] = np.eye(len(LABELS))[known[known >= 0]]
    return result


def network_probabilities(model: Model, inputs: NDArray[np.float32], table: NDArray[np.int64]) -> NDArray[np.float64]:
    """The second stage: probabilities from its inputs, as `read_context` makes them. table: `tables_of_rows`."""
    logits = np.zeros((inputs.shape[0], len(LABELS)))
    for number, network in enumerate(model.networks):
        chosen = table == number
        if chosen.all():
            logits = network.logits(inputs)
        elif chosen.any():
            logits[chosen] = network.logits(inputs.T[:, chosen].T)  # a column lies together
    return softmax(logits)


def softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """Probabilities of logits in whole steps of 1/TABLE_STEPS, rows x classes."""
    below = np.minimum(logits.max(1, keepdims=True) - logits, _EXP.size - 1).astype(np.int64)
    weight = _EXP[below]
    total = sum(weight.T[1:], weight[:, 0])  # one after the other, so that the order is always the same
    result: NDArray[np.float64] = weight / total[:, None]
    return result


def read_context(
    model: Model, rows: Rows, table: NDArray[np.int64], known: NDArray[np.int64] | None = None
) -> NDArray[np.float32]:
    """The second stage's inputs from the first stage's scores; the n-grams are hashed once for both."""
    grams = buckets(rows.grams, rows.bounds, model.bits)
    scores = steps(local_logits(model, rows, grams, table))
    return context_inputs(rows, scores if known is None else told(scores, known), evidence(rows, grams))
