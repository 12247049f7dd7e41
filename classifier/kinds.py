"""Kinds of a label: which sort of promo a segment is, or whether content is a recipe. For labels of a user's own.

A third stage behind the two of `model`. It moves no label: of a segment whose label has kinds in this model
it says which of them it is, by the segment's own n-grams, and by what the segments of the same label around
it look like, for a recipe is a stretch of text and not a sentence. "None of them" is always among the answers.
Whole numbers throughout, so that a segment's kind does not depend on the batch it was read in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from classifier.context import SCORE_STEPS
from classifier.features import BUCKET_BITS, SPACE, Rows, buckets
from classifier.model import LARGEST, TABLE_STEPS, gram_count, is_packed, softmax, weight_sums
from classifier.schema import LABELS, Kind
from classifier.sums import running
from classifier.surroundings import SCORE_LIMIT, WEIGHT_LIMIT

LANES = 4  # kinds that one look-up of an n-gram serves
COLUMNS = 4  # inputs a kind: a segment's own score, and the means of its paragraph, of those around it, of its document
NEAR = 3  # segments of the same label to either side

ARRAYS = ("weights", "scale", "bias", "mix", "mix_scale", "mix_bias")

Column = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Kinds:
    """The kinds of a model's labels.

    known: their names and labels. weights: tables x buckets, a lane a kind, as `model.pack` makes them.
    scale, bias: of each kind, the logit of one step of a weight, and of none. mix: kinds x (kinds x COLUMNS),
    whole numbers, 0 for inputs of another label's kinds; mix_scale, mix_bias: of each kind. Logits are
    against none of the label's kinds, whose own is 0, and come out calibrated.
    """

    known: tuple[Kind, ...]
    weights: NDArray[np.uint64]
    scale: NDArray[np.float64]
    bias: NDArray[np.float64]
    mix: NDArray[np.float64]
    mix_scale: NDArray[np.float64]
    mix_bias: NDArray[np.float64]

    @classmethod
    def of_arrays(cls, known: tuple[Kind, ...], found: Mapping[str, NDArray[Any]]) -> Kinds:
        """The stage from its ARRAYS. Raises ValueError where one is not of the shape, type or size that the rest relies on."""
        count = len(known)
        shapes = {"weights": (-(-count // LANES), 1 << BUCKET_BITS), "mix": (count, count * COLUMNS)}
        if wrong := [f"kinds_{name}" for name in ARRAYS if found[name].shape != shapes.get(name, (count,))]:
            raise ValueError(f"{', '.join(wrong)} missing, or not of the shape that {count} kinds have")
        weights = found["weights"]
        if weights.dtype != np.uint64 or not is_packed(weights):
            raise ValueError("a weight of kinds has more than 8 bits, or bucket 0 is not neutral")
        # Copies, as of the rest of a model. So bounded, sums of whole numbers are exact and no logit overflows.
        small = {name: found[name].astype(np.float64) for name in ARRAYS[1:]}
        if not all((np.abs(array) <= LARGEST).all() for array in small.values()) or (small["mix"] % 1).any():
            raise ValueError("a number of kinds is too large, not finite, or no whole number where it must be one")
        return cls(known, weights, **small)

    def of(self, label: int) -> list[int]:
        """Which of the kinds are of a label, an index into LABELS."""
        return [number for number, kind in enumerate(self.known) if LABELS.index(kind.label) == label]


def probabilities(kinds: Kinds, rows: Rows, labels: NDArray[np.intp]) -> NDArray[np.float64]:
    """How probable each kind is, given its label: rows x kinds, 0 where a segment has another label.

    rows: the segments of a batch of documents; labels: of each, an index into LABELS. What a row lacks to 1
    is the probability of none of its label's kinds.
    """
    out = np.zeros((len(labels), len(kinds.known)))
    for label in sorted({LABELS.index(kind.label) for kind in kinds.known}):
        chosen = np.flatnonzero(labels == label)
        if not chosen.size:
            continue
        mine = kinds.of(label)
        some = _only(rows, chosen)
        logits = mix(kinds, inputs(local_scores(kinds, some), some.shape[:, 0], some.paragraph, some.documents))[:, mine]
        out[chosen[:, None], mine] = softmax(np.concatenate((np.zeros((chosen.size, 1)), logits), axis=1))[:, 1:]
    return out


def _only(rows: Rows, chosen: NDArray[np.intp]) -> Rows:
    """Some of the rows, ascending, as if their documents held no others."""
    taken = np.zeros(len(rows.paragraph), bool)
    taken[chosen] = True
    sizes = np.diff(rows.bounds)
    grams = np.append(rows.grams[:-1][np.repeat(taken, sizes)], np.uint32(SPACE))
    bounds = np.concatenate(([0], np.cumsum(sizes[chosen])))
    return rows._replace(
        grams=grams,
        bounds=bounds,
        shape=rows.shape[chosen],
        first=rows.first[chosen],
        last=rows.last[chosen],
        paragraph=rows.paragraph[chosen],
        language=rows.language[chosen],
        documents=np.searchsorted(chosen, rows.documents),
    )


def local_scores(kinds: Kinds, rows: Rows) -> Column:
    """What the n-grams of each segment say of each kind: logits in steps of 1/SCORE_STEPS, rows x kinds."""
    grams = buckets(rows.grams, rows.bounds)
    first = np.zeros(len(rows.language), np.int64)
    sums = np.concatenate([weight_sums(table[None], rows, grams, first) for table in kinds.weights], axis=1)
    sums = sums[:, : len(kinds.known)]
    return score_steps(sums * (kinds.scale / np.sqrt(np.maximum(gram_count(rows), 1))[:, None]) + kinds.bias)


def score_steps(logits: NDArray[np.float64]) -> Column:
    """Logits as the whole numbers that `inputs` takes."""
    return np.clip(np.rint(logits * SCORE_STEPS), -SCORE_LIMIT, SCORE_LIMIT).astype(np.int64)


def inputs(scores: Column, sizes: Column, paragraphs: Column, documents: Column) -> Column:
    """The scores of each segment, and their means around it by length: rows x (kinds x COLUMNS).

    scores: the `local_scores` of segments of one label; sizes: their characters; paragraphs: where each lies,
    no number in two documents; documents: where each document's segments start, and one more.
    """
    row = np.arange(len(scores))
    document = np.repeat(np.arange(documents.size - 1), np.diff(documents))
    first, stop = documents[document], documents[document + 1]
    edges = np.flatnonzero(np.concatenate(([True], paragraphs[1:] != paragraphs[:-1], [True])))
    top, bottom = (side.repeat(np.diff(edges)) for side in (edges[:-1], edges[1:]))
    weight = np.minimum(sizes, WEIGHT_LIMIT)[:, None] + 1
    above, below = running(scores * weight), running(weight)

    def mean(low: Column, high: Column) -> Column:
        result: Column = (above[high] - above[low]) // (below[high] - below[low])
        return result

    near = mean(np.maximum(row - NEAR, first), np.minimum(row + NEAR + 1, stop))
    return np.stack([scores, mean(top, bottom), near, mean(first, stop)], axis=2).reshape(len(scores), -1)


def mix(kinds: Kinds, found: Column) -> NDArray[np.float64]:
    """Logits of each kind against none, in whole steps of 1/TABLE_STEPS. found: `inputs`."""
    result: NDArray[np.float64] = np.rint((found @ kinds.mix.T * kinds.mix_scale + kinds.mix_bias) * TABLE_STEPS)
    return result
