"""Turns annotated documents into the feature rows that are shipped in their place.

    python -m training.extract DATA [--output FILE] [--without SITE …]

DATA: a folder with `train*.jsonl[.gz]`, or one such file. The file of rows holds hashed n-grams, shapes, scores
and labels, no text; `python -m training.train --output …` fits the model from it. Sites left out give rows
that a model can be fitted on to see what it makes of sites that it does not know (`training.curve`).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from classifier.schema import ClassifierError, InputError
from training import data, fit, rows, stages


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns its exit status."""
    parser = argparse.ArgumentParser(prog="python -m training.extract", description=__doc__.split("\n")[0])
    parser.add_argument("data", type=Path, help="a folder with train*.jsonl[.gz], or one file")
    parser.add_argument("--output", type=Path, default=rows.FILE, help="the file to write (default: the shipped one)")
    parser.add_argument("--without", nargs="+", default=[], metavar="SITE", help="sites whose documents are left out")
    parser.add_argument("--seed", type=int, default=0, help="of everything random (default 0)")
    options = parser.parse_args(arguments)
    try:
        extract(options.data, options.output, fit.Settings(seed=options.seed), options.without)
    except ClassifierError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def extract(source: Path, output: Path, settings: fit.Settings, without: Sequence[str] = ()) -> None:
    """Writes the feature rows of the annotated documents of `source`, and of what is rearranged from them.

    without: sites to leave out. Raises InputError for one that is not there.
    """
    say = stages.Clock()
    annotated = data.annotated(source)
    if unknown := sorted({*without} - {document.site for document in annotated}):
        raise InputError(f"no annotated document of {unknown[0]!r} in {source}: --without takes sites as records name them")
    annotated = [document for document in annotated if document.site not in without]
    folds = stages.folds_by_site(annotated)
    own, own_folds, own_grams = stages.read_own(settings)
    grams = rows.read_grams(annotated, folds)
    heads = stages.fit_heads(rows.join(grams, own_grams), settings, say)
    contexts, rearranged = stages.read_pages(heads, annotated, folds, own, own_folds, settings)
    about = {
        "documents": len(annotated),
        "sites": len({document.site for document in annotated}),
        "rearranged": rearranged,
        "data": data.digest(data.training_files(source)),
    }
    say(f"{len(grams.label)} labelled segments, {len(contexts.label)} in all, of {contexts.documents.size - 1} documents")
    rows.save(output, grams, contexts, about)
    say(f"wrote {output}, {output.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    sys.exit(main())
