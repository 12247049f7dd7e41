"""What an answer about a segment is worth: how unsure the model is, how near to a removal, how alone among its neighbours.

    priority = (0.024 + 0.6 unsure + 0.2 near + 0.2 alone) x (1 + log2 documents)

unsure: 1 less the margin between the two most probable labels (margin sampling: Scheffer, Decomain and
Wrobel, 2001). near: 1 at the threshold of the run it stands in, 0 from `NEAR` away: there a small error decides
whether text is lost. alone: 1 less the greater of the probabilities that its two neighbours give its label.

The weights: of the annotated segments of 237 documents, 15 % of which the model has wrong, it has wrong among the
first 100, 200, 400 and 800 by this sum 56, 54, 52 and 44 %; by `unsure` alone 53, 51, 48 and 42 %, by `near` alone
22 to 18 %, by `alone` 19 to 40 % (`python -m training.asking FILE`). A text that the model is sure of is wrong about
as often as its probabilities are off, 2.4 % (`training.evaluate`): so a frequent one counts even so. One answer
settles a text in every document that it stands in, and documents of one site say much the same twice: hence
the logarithm.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from classifier.decide import STEPS
from classifier.result import Result

SURE_AND_WRONG, UNSURE, NEAR_THRESHOLD, ALONE = 0.024, 0.6, 0.2, 0.2
# How far from its threshold a probability still counts as near. With 0.1 in place of it, of those first 200 and 400
# texts 49 % each would be wrong.
NEAR = 0.3


class Terms(NamedTuple):
    """Columns, a value a segment, 0 to 1 each; see the module."""

    unsure: NDArray[np.float64]
    near: NDArray[np.float64]
    alone: NDArray[np.float64]

    @property
    def worth(self) -> NDArray[np.float64]:
        """What an answer is worth for one document."""
        total: NDArray[np.float64] = SURE_AND_WRONG + UNSURE * self.unsure + NEAR_THRESHOLD * self.near + ALONE * self.alone
        return total


def terms(result: Result) -> Terms:
    """The three terms of every segment of a document."""
    number = len(result.segments)
    if not number:
        return Terms(*(np.zeros(0) for _ in Terms._fields))
    shares = result.probabilities / STEPS
    ordered = np.sort(shares, 1)
    return Terms(1 - (ordered[:, -1] - ordered[:, -2]), _near(result), _alone(shares))


def priority(worth: NDArray[np.float64], documents: NDArray[np.int64]) -> NDArray[np.float64]:
    """What an answer is worth when the text stands in so many documents."""
    total: NDArray[np.float64] = worth * (1 + np.log2(np.maximum(documents, 1)))
    return total


def _near(result: Result) -> NDArray[np.float64]:
    out = np.zeros(len(result.segments))
    ends = np.array(result.segments.ends)
    for start, end, _, _, margin in result.near_threshold(NEAR):
        first, last = np.searchsorted(ends, start, "right"), np.searchsorted(ends, end)
        out[first : last + 1] = 1 - abs(margin) / NEAR
    return out


def _alone(shares: NDArray[np.float64]) -> NDArray[np.float64]:
    number = len(shares)
    if number < 2:
        return np.zeros(number)
    label, rows = shares.argmax(1), np.arange(number)
    before = shares[np.maximum(rows - 1, 0), label]
    behind = shares[np.minimum(rows + 1, number - 1), label]
    before[0], behind[-1] = behind[0], before[-1]
    apart: NDArray[np.float64] = 1 - np.maximum(before, behind)
    return apart
