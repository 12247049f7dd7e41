"""Fits the weights of `classifier.split`: when the model may cut inside a sentence.

    python -m training.splits DATA

DATA: a folder with `train*.jsonl[.gz]`, or one such file. Positive are the borders of
annotated units that no rule finds, and units of different labels that stood next to each
other, glued as a scraper glues them; negative is every other place inside a unit. The first
stage that scores them was fitted on other sites. Prints how many of the borders on sites
not fitted on are cut at some rates of false cuts, and the weights to put into `WEIGHTS`.
"""

from __future__ import annotations

import argparse
import random
import re
import sys
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from classifier import segment, split
from classifier.model import Model
from classifier.places import KINDS
from classifier.schema import BREAKS, LANGUAGES, ClassifierError, Language
from training import data, fit, rows

ZH = LANGUAGES.index(Language.ZH)
# The share of segments of one kind that may be cut in two. At 0.02 no suite of other sites loses
# more than 0.002 macro-F1, and 4 of the 14 borders that rules miss in hand-written documents are
# met; at three times that rate no more are, and English articles lose 0.005
# (`python -m training.evaluate` with the weights of each).
FALSE_CUTS = 0.02
RATES = (0.02, 0.05, 0.1)
_LINE_BREAK = re.compile(f"[{BREAKS}]")
_HAN = re.compile("[\u3400-\u9fff]")


class Examples(NamedTuple):
    """Places, a row each: their evidence, whether a border is there, their segment, its language and source."""

    evidence: NDArray[np.int64]
    border: NDArray[np.bool_]
    segment: NDArray[np.int64]
    chinese: NDArray[np.bool_]
    glued: NDArray[np.bool_]


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns its exit status."""
    parser = argparse.ArgumentParser(prog="python -m training.splits", description=__doc__.split("\n")[0])
    parser.add_argument("data", type=Path, help="a folder with train*.jsonl[.gz], or one file")
    options = parser.parse_args(arguments)
    try:
        documents = data.annotated(options.data)
    except ClassifierError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    halves = [[d for d in documents if data.rank(d.site)[0] % 2 == side] for side in (0, 1)]
    heads = [_heads(half) for half in halves]
    sets = [_examples(heads[1 - side], halves[side]) for side in (0, 1)]
    for chinese in (False, True):
        tried = [_rates(_weights([sets[1 - side]], chinese), sets[side], chinese) for side in (0, 1)]
        shares = ", ".join(f"{np.mean([t[i] for t in tried]):.2f} at {rate}" for i, rate in enumerate(RATES))
        print(f"{'zh' if chinese else 'other'}: share of borders cut at a rate of false cuts: {shares}")
        print(np.array2string(_weights(sets, chinese), separator=", ", max_line_width=110))
    return 0


def _heads(documents: Sequence[data.Document]) -> Model:
    grams = rows.read_grams(documents, np.zeros(len(documents), np.int64))
    return fit.fit_heads(grams, np.ones(len(grams.label), bool), fit.Settings())


def glue(documents: Sequence[data.Document]) -> Iterator[data.Document]:
    """Units of different labels that stand next to each other, joined without a full stop or a line break."""
    dice = random.Random(0)
    for document in documents:
        units = [u for u in document.all_units if not _LINE_BREAK.search(document.text[u[0] : u[1]].strip())]
        for (start, end, label), (start_2, end_2, label_2) in pairwise(units):
            first = document.text[start:end].strip().rstrip(".。!！?？")
            second = document.text[start_2:end_2].strip()
            if label == label_2 or end > start_2 or not first or not second or len(first + second) > 500:
                continue
            han = bool(_HAN.search(first[-3:] + second[:3]))
            first += "" if dice.random() < (0.6 if han else 0.1) else " "
            units_2 = ((0, len(first), label), (len(first), len(first) + len(second), label_2))
            yield data.Document(document.id, first + second, units_2, document.site, document.suite, True)


def _examples(model: Model, documents: Sequence[data.Document]) -> Examples:
    parts = [_look(model, list(group), glued) for glued, group in ((False, documents), (True, glue(documents)))]
    parts[1] = parts[1]._replace(segment=parts[1].segment + parts[0].segment.max(initial=0) + 1)
    return Examples(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


def _look(model: Model, documents: Sequence[data.Document], glued: bool) -> Examples:
    texts = [document.text for document in documents]
    found, pieces, offsets = split.take_apart(model, texts, [segment.cut(text) for text in texts])
    values, possible = split.evidence(model, found, pieces, np.flatnonzero(pieces.place < 0))
    known = np.full(found.at.size, -1)
    for document, offset in zip(documents, offsets.tolist(), strict=False):
        units = document.all_units
        for start, end, _ in units:
            low, high = np.searchsorted(found.at, (offset + start + 1, offset + end))
            known[low:high] = 0
        for (_, end, label), (start, _, label_2) in pairwise(units):
            if label != label_2 and start >= end and not document.text[end:start].strip():
                low, high = np.searchsorted(found.at, (offset + end, offset + start + 1))
                known[low:high] = 1
    state = known[pieces.place]
    rows = possible & (state >= 0)
    return Examples(
        values[rows], state[rows] == 1, pieces.segment[rows], pieces.route[rows] == ZH, np.full(int(rows.sum()), glued)
    )


def _weights(sets: Sequence[Examples], chinese: bool) -> NDArray[np.int64]:
    """Weights in whole numbers whose sum is above 0 where a cut is worth it."""
    every = Examples(*(np.concatenate(columns) for columns in zip(*sets, strict=True)))
    rows = every.chinese == chinese
    head = LogisticRegression(max_iter=1000).fit(every.evidence[rows] / split.UNIT, every.border[rows])
    weights = head.coef_[0].copy()
    weights[-len(KINDS) :] += head.intercept_[0]  # one of the kinds is always there
    false = np.concatenate([_best(weights, part, chinese, glued=False) for part in sets])
    weights[-len(KINDS) :] -= np.quantile(false, 1 - FALSE_CUTS)
    result: NDArray[np.int64] = np.rint(weights * 64).astype(np.int64)
    return result


def _best(weights: NDArray[np.float64], part: Examples, chinese: bool, glued: bool) -> NDArray[np.float64]:
    """The best score in each segment: of places without a border, or of the border where it is the best place."""
    rows = (part.chinese == chinese) & (part.glued == glued) & (glued | ~part.border)
    score = (part.evidence[rows] / split.UNIT) @ weights
    segments, border = part.segment[rows], part.border[rows]
    first = np.flatnonzero(np.concatenate(([True], segments[1:] != segments[:-1])))
    best = np.maximum.reduceat(score, first)
    if not glued:
        return best
    at_border = np.maximum.reduceat(np.where(border, score, -np.inf), first)
    held = np.maximum.reduceat(border, first)
    return np.where(at_border >= best, at_border, -np.inf)[held]


def _rates(weights: NDArray[np.int64], part: Examples, chinese: bool) -> list[float]:
    false, right = (_best(weights / 64, part, chinese, glued) for glued in (False, True))
    return [float(np.mean(right >= np.quantile(false, 1 - rate))) for rate in RATES]


if __name__ == "__main__":
    sys.exit(main())
