"""Turns annotated documents into the feature rows that are shipped in their place.

    python -m training.extract DATA [--output FILE]

DATA: a folder with `train*.jsonl[.gz]`, or one such file. The file of rows holds hashed n-grams, shapes, scores
and labels, no text; `python -m training.train --output …` fits the model from it.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from classifier.schema import ClassifierError
from training import data, fit, rows, stages


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns its exit status."""
    parser = argparse.ArgumentParser(prog="python -m training.extract", description=__doc__.split("\n")[0])
    parser.add_argument("data", type=Path, help="a folder with train*.jsonl[.gz], or one file")
    parser.add_argument("--output", type=Path, default=rows.FILE, help="the file to write (default: the shipped one)")
    parser.add_argument("--seed", type=int, default=0, help="of everything random (default 0)")
    options = parser.parse_args(arguments)
    try:
        extract(options.data, options.output, fit.Settings(seed=options.seed))
    except ClassifierError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def extract(source: Path, output: Path, settings: fit.Settings) -> None:
    """Writes the feature rows of the annotated documents of `source`, and of what is rearranged from them.

    Beside them (`rows.own_beside`) our own texts as their first stage reads them: a model fitted from the rows then
    needs no first stage but its own.
    """
    say = stages.Clock()
    known = stages.read_known(data.annotated(source), settings, say)
    known.about["data"] = data.digest(data.training_files(source))
    assert known.own  # it is read with the rest
    rows.save(output, known.grams, known.contexts, known.about)
    rows.save(rows.own_beside(output), rows.read_grams([], np.zeros(0, np.int64)), known.own, {"corpus": data.own_digest()})
    say(f"wrote {output}, {output.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    sys.exit(main())
