"""Feature rows to calibrated probabilities: a linear head a language, then a network in context.

Everything that is summed is an integer, so a score depends neither on the order of the sums
nor on how documents were batched: the same text gives the same bits in any process.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from classifier.features import BUCKET_BITS, ORDERS, SPACE, Rows, buckets
from classifier.schema import LABELS, LANGUAGES

# Steps to one unit of a logit, and the largest step: scores enter the network as small integers.
SCORE_STEPS = 16
SCORE_LIMIT = 127
HIDDEN_STEPS = 64
HIDDEN_LIMIT = 4095
NEIGHBOURS = 3
WINDOW = 8
INPUTS = 88  # columns that context_inputs() makes
TABLE_STEPS = 64  # the softmax reads exp() from a table with this many entries a unit

_LOGS = np.array([round(8 * math.log2(1 + n)) for n in range(8192)], np.int64)
_EXP = np.array([math.exp(-n / TABLE_STEPS) for n in range(16 * TABLE_STEPS)])
_LANES = np.uint64(0x0000FFFF0000FFFF)
_TERMINAL = np.array(sorted(map(ord, ".!?。!?;")), np.uint32)
_CLOSING = np.array(sorted(map(ord, "\"')]」』》】)")), np.uint32)
_COLON = np.array(sorted(map(ord, ":,、,:|")), np.uint32)


@dataclass(frozen=True, slots=True)
class Network:
    """One hidden layer with rectified units, its weights integers.

    hidden: inputs x units; hidden_scale, hidden_bias: units.
    out: units x labels; out_scale, out_bias: labels. Logits come out calibrated.
    """

    hidden: NDArray[np.float64]
    hidden_scale: NDArray[np.float64]
    hidden_bias: NDArray[np.float64]
    out: NDArray[np.float64]
    out_scale: NDArray[np.float64]
    out_bias: NDArray[np.float64]

    def logits(self, inputs: NDArray[np.float64]) -> NDArray[np.float64]:
        """Logits of the labels for rows of integer inputs, in steps of 1/TABLE_STEPS."""
        # Integers below 2**53: the products are exact, whatever BLAS does with their order.
        active = (inputs @ self.hidden) * self.hidden_scale + self.hidden_bias
        units = np.clip(np.rint(active * HIDDEN_STEPS), 0, HIDDEN_LIMIT)
        return np.rint(((units @ self.out) * self.out_scale + self.out_bias) * TABLE_STEPS)


@dataclass(frozen=True, slots=True)
class Model:
    """The two stages.

    weights: languages x buckets, four 8-bit weights (biased by 128) in the 16-bit lanes of
        each word, one lane a label. scale: languages, the logit of one step of a weight.
    bias: languages x labels. networks: one a language.
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
    """Weights of shape languages x buckets x 4 as one word a bucket; bucket 0 is neutral."""
    biased = weights.astype(np.int64) + 128
    biased[:, 0] = 0
    lanes = biased.astype(np.uint64) << np.arange(0, 64, 16, dtype=np.uint64)
    result: NDArray[np.uint64] = np.bitwise_or.reduce(lanes, axis=2)
    return result


def local_logits(model: Model, rows: Rows, grams: Sequence[NDArray[np.uint32]]) -> NDArray[np.float64]:
    """The first stage: logits of each segment by its own n-grams, rows x labels."""
    return sums_to_logits(model, local_sums(model, rows, grams), gram_count(rows), rows.language)


def local_sums(model: Model, rows: Rows, grams: Sequence[NDArray[np.uint32]]) -> NDArray[np.int64]:
    """The weights of each segment's n-grams, added up: rows x labels. Those of a run of segments add up too."""
    table = np.repeat(rows.language, np.diff(rows.bounds)).astype(np.uint32) << np.uint32(model.bits)
    flat = model.weights.reshape(-1)
    words = np.zeros(rows.grams.size - 1, np.uint64)
    for bucket in grams:
        words += flat[bucket + table]
    # Five grams of 255 fit a 16-bit lane; a segment's sum needs more, so lanes are halved.
    even = _segment_sums(words & _LANES, rows.bounds)
    odd = _segment_sums(words >> np.uint64(16) & _LANES, rows.bounds)
    low, high = np.uint64(0xFFFFFFFF), np.uint64(32)
    sums = np.stack([even & low, odd & low, even >> high, odd >> high], axis=1).astype(np.int64)
    return sums - 128 * gram_count(rows)[:, None]


def sums_to_logits(
    model: Model, sums: NDArray[np.int64], count: NDArray[np.int64], routes: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Logits from the sums of weights of so many n-grams, by language: rows x labels."""
    norm = model.scale[routes] / np.sqrt(np.maximum(count, 1))
    result: NDArray[np.float64] = sums * norm[:, None] + model.bias[routes]
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


def probabilities(model: Model, rows: Rows) -> NDArray[np.float64]:
    """Both stages: the calibrated probability of each label for each segment, rows x labels."""
    inputs = read_context(model, rows).astype(np.float64)
    logits = np.zeros((inputs.shape[0], len(LABELS)))
    for language, network in enumerate(model.networks):
        chosen = rows.language == language
        if chosen.any():
            logits[chosen] = network.logits(inputs[chosen])
    below = np.minimum(logits.max(1, keepdims=True) - logits, _EXP.size - 1).astype(np.int64)
    weight = _EXP[below]
    total = weight[:, 0] + weight[:, 1] + weight[:, 2] + weight[:, 3]
    result: NDArray[np.float64] = weight / total[:, None]
    return result


def read_context(model: Model, rows: Rows) -> NDArray[np.int64]:
    """The second stage's inputs from the first stage's scores; the n-grams are hashed once for both."""
    grams = buckets(rows.grams, rows.bounds, model.bits)
    return context_inputs(rows, steps(local_logits(model, rows, grams)), grams)


def steps(logits: NDArray[np.float64]) -> NDArray[np.int64]:
    """Logits as the integers that the second stage reads, centred on their mean."""
    centre = (logits[:, 0] + logits[:, 1] + logits[:, 2] + logits[:, 3]) / 4
    scaled = np.rint((logits - centre[:, None]) * SCORE_STEPS)
    return np.clip(scaled, -SCORE_LIMIT, SCORE_LIMIT).astype(np.int64)


def context_inputs(rows: Rows, scores: NDArray[np.int64], grams: Sequence[NDArray[np.uint32]]) -> NDArray[np.int64]:
    """What the second stage sees of each segment: integers, rows x inputs.

    Its own score and its neighbours', those of its surroundings, paragraph and document;
    where it stands; its shape and theirs; how far its n-grams occur elsewhere in its document.
    """
    n = scores.shape[0]
    index = np.arange(n)
    document = np.repeat(np.arange(rows.documents.size - 1), np.diff(rows.documents))
    first, stop = rows.documents[document], rows.documents[document + 1]
    length = rows.shape[:, 0]
    columns: list[NDArray[np.int64]] = [scores]

    kind = np.stack([_log(length), *_ends(rows)], axis=1)
    for offset in [o for k in range(1, NEIGHBOURS + 1) for o in (-k, k)]:
        other = np.clip(index + offset, 0, max(n - 1, 0))
        inside = (index + offset >= first) & (index + offset < stop)
        columns.append(scores[other] * inside[:, None])
        if abs(offset) == 1:
            columns.append(kind[other] * inside[:, None])
            columns.append((inside & (rows.paragraph[other] == rows.paragraph))[:, None])

    low, high = np.maximum(index - WINDOW, first), np.minimum(index + WINDOW + 1, stop)
    columns.append(_means(scores, low, high))
    columns.append(_log(_means(length[:, None], low, high)))
    edges = np.flatnonzero(np.concatenate(([True], rows.paragraph[1:] != rows.paragraph[:-1], [True]))) if n else index
    line = np.repeat(np.arange(edges.size - 1), np.diff(edges)) if n else index
    top, bottom = edges[line], edges[line + 1]
    weight = length + 1
    for a, b in ((top, bottom), (first, stop)):
        columns.append(_weighted(scores, weight, a, b))
        columns.append(_log(np.stack([b - a, _sums(length, a, b)], axis=1)))
        columns.append(_log(np.stack([index - a, b - 1 - index], axis=1)))
    before = _sums(weight, first, index)
    columns.append((before * 100 // np.maximum(_sums(weight, first, stop), 1))[:, None])
    columns.append(_log(np.stack([line - line[first] if n else line, line[stop - 1] - line if n else line], axis=1)))
    columns.append(_log(_means(length[:, None], first, stop)))

    columns.append(kind)
    letters = np.maximum(rows.shape[:, 1], 1)
    visible = np.maximum(length, 1)
    shares = [rows.shape[:, 1] * 100 // visible, rows.shape[:, 2] * 100 // letters]
    shares += [rows.shape[:, 3] * 100 // visible, rows.shape[:, 4] * 100 // letters, rows.shape[:, 5] * 100 // visible]
    columns.append(np.stack(shares, axis=1))
    han, all_letters = _sums(rows.shape[:, 4], first, stop), _sums(rows.shape[:, 1], first, stop)
    columns.append((han * 100 // np.maximum(all_letters, 1))[:, None])
    columns.append(_agreement(rows, document, grams))
    columns.append(np.stack([rows.language == k for k in range(len(LANGUAGES))], axis=1) * 10)
    return np.concatenate(columns, axis=1)


def _ends(rows: Rows) -> list[NDArray[np.int64]]:
    """Marks at the two ends of each segment: sentence end, colon, closer; digit, quote, symbol."""
    last, first = rows.last, rows.first
    out = [np.isin(last, marks) for marks in (_TERMINAL, _COLON, _CLOSING)]
    out.append(first == ord("0"))
    out.append(np.isin(first, _CLOSING))
    out.append((first > 0x2010) & (first < 0x2E80) | (first < ord("0")) & (first != SPACE))
    return [(flag * 10).astype(np.int64) for flag in out]


def _log(values: NDArray[np.int64]) -> NDArray[np.int64]:
    return _LOGS[np.minimum(values, _LOGS.size - 1)]


def _sums(values: NDArray[np.int64], low: NDArray[np.int64], high: NDArray[np.int64]) -> NDArray[np.int64]:
    total = np.concatenate((np.zeros((1, *values.shape[1:]), np.int64), np.cumsum(values, axis=0)))
    result: NDArray[np.int64] = total[high] - total[low]
    return result


def _means(values: NDArray[np.int64], low: NDArray[np.int64], high: NDArray[np.int64]) -> NDArray[np.int64]:
    result: NDArray[np.int64] = _sums(values, low, high) // np.maximum(high - low, 1)[:, None]
    return result


def _weighted(
    scores: NDArray[np.int64], weight: NDArray[np.int64], low: NDArray[np.int64], high: NDArray[np.int64]
) -> NDArray[np.int64]:
    return _sums(scores * weight[:, None], low, high) // np.maximum(_sums(weight, low, high), 1)[:, None]


def _agreement(rows: Rows, document: NDArray[np.int64], grams: Sequence[NDArray[np.uint32]]) -> NDArray[np.int64]:
    """Percent of a segment's n-grams (orders 2 and 4) that other segments of its document hold.

    And whether the whole segment stands in its document again.
    """
    owner = np.repeat(np.arange(rows.bounds.size - 1, dtype=np.int32), np.diff(rows.bounds))
    columns = []
    widths = np.diff(rows.bounds[rows.documents])
    # A table for each document, of at least twice its n-grams, so that few collide.
    log_size = np.ceil(np.log2(np.maximum(2 * widths, 2))).astype(np.int64).clip(8, BUCKET_BITS)
    base = np.concatenate(([0], np.cumsum(1 << log_size)))
    mask = np.repeat((1 << log_size) - 1, widths)
    start = np.repeat(base[:-1], widths)
    slots = np.zeros(base[-1], np.int32)
    for order in (2, 4):
        gram = grams[order - 1]
        key = start + (gram & mask)
        slots[key[::-1]] = owner[::-1]
        lowest = slots[key]
        slots[key] = owner
        shared = (lowest != slots[key]) & (gram != 0)
        valid = _sums((gram != 0).astype(np.int64), rows.bounds[:-1], rows.bounds[1:])
        hits = _sums(shared.astype(np.int64), rows.bounds[:-1], rows.bounds[1:])
        columns.append(hits * 100 // np.maximum(valid, 1))
    digest = _segment_sums(grams[-1].astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15), rows.bounds)
    digest ^= _segment_sums(grams[0].astype(np.uint64) << np.uint64(40), rows.bounds)
    _, rank = np.unique(digest, return_inverse=True)
    _, inverse, repeats = np.unique(document * (rank.size + 1) + rank, return_inverse=True, return_counts=True)
    columns.append((repeats[inverse] > 1).astype(np.int64) * 10)
    return np.stack(columns, axis=1)
