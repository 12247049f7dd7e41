"""What the neighbours of a segment gain when its label is known beforehand, by the score that stands for it.

    python -m training.told FILE [FILE …]

FILE: annotated documents that the model was not fitted on. The labels of a share of the segments of boilerplate, drawn
at random, are told, as rules tell them; judged are all other segments with a label: log loss (natural), and the share
labelled rightly, of all and of content. Chooses `context.SURE`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from classifier import context, features, model, store
from classifier.decide import CONTENT
from classifier.evidence import evidence
from classifier.pipeline import Classifier
from classifier.schema import LABELS, ClassifierError
from classifier.surroundings import SCORE_LIMIT
from training import data

TOLD = (0.1, 0.5)  # shares of the segments of boilerplate
DRAWS = 3
_LEAST = 0.003  # a lower probability counts as this one in the log loss
# The score of the label, and of the others.
SCORES = ((SCORE_LIMIT, -SCORE_LIMIT), (127, -42), (90, -30), (64, -64), (60, -20), (48, -16), (32, -11))


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns its exit status."""
    parser = argparse.ArgumentParser(prog="python -m training.told", description=__doc__.split("\n")[0])
    parser.add_argument("files", type=Path, nargs="+", help="annotated documents, JSONL or JSONL.gz")
    options = parser.parse_args(arguments)
    try:
        documents = data.read(options.files)
        results = Classifier.load().label_many([document.text for document in documents])
    except ClassifierError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    cuts = [result.segments for result in results]
    rows = features.rows(*zip(*(result.labelled for result in results), strict=True))
    labels = np.concatenate([data.segment_labels(*pair) for pair in zip(documents, cuts, strict=True)])
    print("\n".join(table(store.load().model, rows, labels)))
    return 0


def table(stages: model.Model, rows: features.Rows, labels: NDArray[np.int64]) -> Iterator[str]:
    """A line for each pair of scores, and one where nothing is told. labels: of each segment, or UNLABELLED."""
    yield f"{'scores':>10}" + "".join(f"{f'{share:.0%}: log loss, right, content':>34}" for share in TOLD)
    grams = features.buckets(rows.grams, rows.bounds, stages.bits)
    tables = model.tables_of_rows(stages, rows)
    scores = context.steps(model.local_logits(stages, rows, grams, tables))
    found = evidence(rows, grams)
    for pair in (None, *SCORES):
        cells = ""
        for share in TOLD:
            figures = []
            for draw in range(DRAWS):
                told = (labels > CONTENT) & (np.random.default_rng(draw).random(labels.size) < share)
                judged = (labels >= CONTENT) & ~told
                sure = np.where(labels[:, None] == np.arange(len(LABELS)), *(pair or (0, 0)))
                seen = np.where(told[:, None] & bool(pair), sure, scores)
                inputs = context.context_inputs(rows, seen, found)
                figures.append(_figures(model.network_probabilities(stages, inputs, tables)[judged], labels[judged]))
            cells += "".join(f"{value:{width}.4f}" for value, width in zip(np.mean(figures, axis=0), (18, 8, 8), strict=True))
        yield f"{'nothing' if pair is None else f'{pair[0]}, {pair[1]}':>10}{cells}"


def _figures(probabilities: NDArray[np.float64], labels: NDArray[np.int64]) -> list[float]:
    own = np.maximum(probabilities[np.arange(labels.size), labels], _LEAST)
    right = probabilities.argmax(1) == labels
    return [float(-np.log(own).mean()), float(right.mean()), float(right[labels == CONTENT].mean())]


if __name__ == "__main__":
    sys.exit(main())
