"""What labels of a new site are worth there: a learning curve.

    python -m training.curve DATA --sites A B C [--labels 50 100 200] [--output training/curve]

DATA: as for `training.extract`. A model is fitted without any document of the sites; then their labels are added to it
as `training.train --add` adds them, so many of each site at once, one fit a number. Half of a site's documents, drawn by
chance, give the labels, in an order that does not change, so that more labels include fewer; the other half is measured
on. Documents that are nearly copies of one before them are left out. Writes OUTPUT.json and OUTPUT.png, which number the
sites and do not name them, and prints the same. Units that were picked for being hard teach, and are not measured on.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from classifier import segment
from classifier.pipeline import Classifier
from classifier.schema import LANGUAGES, ClassifierError, InputError
from training import added, changes, data, evaluate, fit, plots, stages

LABELS = (50, 100, 200)
NAMES = {"en": "English", "zh": "Chinese", "other": "other"}
# Documents that share more than this of their words, digits aside, are taken for one.
_COPY = 0.6
_WORD = re.compile(r"[a-z]+|[\u3400-\u9fff]{2}")


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns its exit status."""
    parser = argparse.ArgumentParser(prog="python -m training.curve", description=__doc__.split("\n")[0])
    parser.add_argument("data", type=Path, help="a folder with train*.jsonl[.gz] (and dev*), or one file")
    parser.add_argument("--sites", nargs="+", required=True, help="sites as the records name them")
    parser.add_argument("--labels", type=int, nargs="+", default=LABELS, help="how many of each site (default: 50 100 200)")
    parser.add_argument("--output", type=Path, default=Path("training/curve"), help="without suffix (default: %(default)s)")
    parser.add_argument("--quick", action="store_true", help="a lighter second stage: half the rounds of boosting")
    parser.add_argument("--seed", type=int, default=0, help="of everything random (default 0)")
    options = parser.parse_args(arguments)
    settings = fit.Settings(seed=options.seed)
    if options.quick:
        settings = replace(settings, boosting_rounds=settings.boosting_rounds // 2)
    try:
        found = curve(options.data, options.sites, sorted(options.labels), settings)
    except ClassifierError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    options.output.with_suffix(".json").write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    plots.learning(
        {site: [(row["labels"], row["sites"][site]) for row in found["curve"]] for site in found["sites"]},
        options.output.with_suffix(".png"),
    )
    print(table(found))
    return 0


def curve(source: Path, sites: Sequence[str], numbers: Sequence[int], settings: fit.Settings) -> dict[str, Any]:
    """Figures of each site by the number of its labels that were added, 0 among them. Raises InputError for a site of
    which there are too few labels."""
    say = stages.Clock()
    documents = data.annotated(source)
    taught, asked = {}, {}
    for number, site in enumerate(sites, 1):
        own = without_copies([document for document in documents if document.site == site])
        name = f"site {number} ({language(own)})" if own else site
        teach, asked[name] = halves(own, settings.seed)
        taught[name] = list(map(whole, teach))
        if (there := sum(len(document.units) for document in taught[name])) < numbers[-1]:
            raise InputError(f"half of the documents of {site!r} hold {there} labels: {numbers[-1]} are to be added")
    known = stages.read_known([document for document in documents if document.site not in sites], settings, say)
    others = data.read(data.files(source, "dev")) if source.is_dir() else []
    found: list[dict[str, Any]] = []
    first: Classifier | None = None
    for count in (0, *numbers):
        add = [document for own in taught.values() for document in labelled(own, count)]
        _, folds = added.folds(add, stages.FOLDS)
        fitted = stages.fit_stages(add, folds, settings, known, say)
        reader = added.classifier(fitted.model, fitted.thresholds)
        row: dict[str, Any] = {"labels": count, "sites": {}}
        for name, own in asked.items():
            row["sites"][name] = evaluate.report(own, reader)["all"]
        first = first or reader
        if others:
            texts = [document.text for document in others]
            row["others"] = evaluate.report(others, reader)["all"]
            row["others decided again"] = changes.decisions(others, first.label_many(texts), reader.label_many(texts))[1]
        found.append(row)
        say(f"{count} labels of each site: {json.dumps(row)}")
    return {
        "sites": {name: {"documents measured": len(own)} for name, own in asked.items()},
        "settings": {name: getattr(settings, name) for name in settings.__dataclass_fields__},
        "curve": found,
    }


def whole(document: data.Document) -> data.Document:
    """A document whose picked units count like the others: a user gives both."""
    return replace(document, units=tuple(document.all_units), picked=())


def without_copies(documents: Sequence[data.Document]) -> list[data.Document]:
    """The documents that share little enough of their words with each one before."""
    kept: list[tuple[data.Document, set[str]]] = []
    for document in documents:
        words = _WORD.findall(document.text.lower())
        runs = {" ".join(words[i : i + 3]) for i in range(max(1, len(words) - 2))}
        if all(len(runs & known) <= _COPY * min(len(runs), len(known)) for _, known in kept):
            kept.append((document, runs))
    return [document for document, _ in kept]


def halves(documents: Sequence[data.Document], seed: int) -> tuple[list[data.Document], list[data.Document]]:
    """Documents to label and documents to measure on, by chance."""
    order = np.random.default_rng(seed).permutation(len(documents))
    middle = len(documents) // 2
    return [documents[i] for i in order[:middle]], [documents[i] for i in order[middle:]]


def labelled(documents: Sequence[data.Document], count: int) -> list[data.Document]:
    """The first documents with so many labels together, the last of them perhaps not labelled to its end."""
    found: list[data.Document] = []
    for document in documents:
        if count <= 0:
            break
        found.append(replace(document, units=document.units[:count]))
        count -= len(document.units)
    return found


def language(documents: Sequence[data.Document]) -> str:
    """The language that most segments are in."""
    routes = [route for cut in segment.cut_many([document.text for document in documents]) for route in cut.languages]
    return NAMES[LANGUAGES[np.bincount(routes).argmax()]]


def table(found: dict[str, Any]) -> str:
    """The curve as a table in Markdown: a row a number of labels."""
    names = list(found["sites"])
    lines = ["| labels of each site | " + " | ".join(names) + " |", "|---|" + "---|" * len(names)]
    for row in found["curve"]:
        cells = [
            f"{site['macro_f1']:.3f}, {site['accuracy']:.3f}, {site['content_lost']:.2%}, {site['junk_kept']:.1%}"
            for site in row["sites"].values()
        ]
        lines.append(f"| {row['labels']} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
