"""How well the terms of `classifier.review.rank` find what the model has wrong, on annotated documents.

    python -m training.asking FILE [FILE …]

Prints the share of segments that the model has wrong among the first so many of each order: by the terms alone, by
sums of them, and by chance.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from classifier.pipeline import Classifier
from classifier.review import rank
from classifier.schema import ClassifierError
from training import data

_FIRST = (100, 200, 400, 800)
# Weights of unsure, near and alone.
_SUMS = (
    (1.0, 0.0, 0.0),
    (0.0, 1.0, 0.0),
    (0.0, 0.0, 1.0),
    (0.5, 0.5, 0.0),
    (0.7, 0.0, 0.3),
    (0.5, 0.0, 0.5),
    (0.8, 0.1, 0.1),
    (rank.UNSURE, rank.NEAR_THRESHOLD, rank.ALONE),
    (0.5, 0.3, 0.2),
    (0.4, 0.2, 0.4),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns its exit status."""
    parser = argparse.ArgumentParser(prog="python -m training.asking", description=__doc__.split("\n")[0])
    parser.add_argument("files", type=Path, nargs="+", help="annotated documents, JSONL or JSONL.gz")
    try:
        terms, wrong = measured(data.read(parser.parse_args(arguments).files))
    except ClassifierError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"{wrong.size} segments, {wrong.mean():.3f} of them wrong\nunsure near alone  " + "  ".join(f"{n:5}" for n in _FIRST))
    for weights in _SUMS:
        order = np.argsort(-(terms @ np.array(weights)), kind="stable")
        print("{:6} {:4} {:5}  ".format(*weights) + "  ".join(f"{wrong[order[:first]].mean():.3f}" for first in _FIRST))
    return 0


def measured(documents: Sequence[data.Document]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """The terms of all annotated segments, segments x 3, and which of them the model has wrong."""
    rows, wrong = [np.zeros((0, 3))], [np.zeros(0, bool)]
    results = Classifier.load().label_many([document.text for document in documents])
    for document, result in zip(documents, results, strict=True):
        truth = data.segment_labels(document, result.segments)
        known = truth != data.UNLABELLED
        if known.any():
            rows.append(np.column_stack(rank.terms(result))[known])
            wrong.append(result.probabilities.argmax(1)[known] != truth[known])
    return np.concatenate(rows), np.concatenate(wrong)


if __name__ == "__main__":
    sys.exit(main())
