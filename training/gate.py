"""Holds a model to pinned floors: no figure may fall behind without somebody saying so.

    python -m training.gate FILE [FILE …] [--model FOLDER] [--update [--lower]]

`floors.json` holds, for each file of annotated documents, its SHA-256 and the figures that a
model must reach on it: F1 of every label, macro-F1 and exact spans at least; content lost,
boilerplate kept and calibration error at most; each by suite and by language. A file that
changed is refused, because figures on other text say nothing about these floors.

`--update` pins the model's own figures where they are better, and files that are new;
a worse figure, or changed data, needs `--lower` too. Exit status: 0 all held, 1 a figure fell
behind, 2 wrong use.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from classifier.pipeline import Classifier
from classifier.schema import LANGUAGES, ClassifierError, InputError, Policy
from training import cuts, data, evaluate

FLOORS = Path(__file__).with_name("floors.json")
# A floor is its figure rounded to this, away from the better side.
STEP = 0.01

Figures = dict[str, dict[str, float]]  # "at least" and "at most": figure name -> value


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns its exit status."""
    parser = argparse.ArgumentParser(prog="python -m training.gate", description=__doc__.split("\n")[0])
    parser.add_argument("files", type=Path, nargs="+", help="annotated documents, JSONL or JSONL.gz")
    parser.add_argument("--model", type=Path, help="a model folder (default: the shipped model)")
    parser.add_argument("--floors", type=Path, default=FLOORS, help="the file of floors (default: %(default)s)")
    parser.add_argument("--update", action="store_true", help="pin the model's figures where they are better")
    parser.add_argument("--lower", action="store_true", help="with --update: pin them where they are worse too")
    options = parser.parse_args(arguments)
    if options.lower and not options.update:
        parser.error("--lower goes with --update")
    try:
        floors = json.loads(options.floors.read_text("utf-8")) if options.floors.exists() else {}
        classifier = Classifier.load(options.model)
        found = {path.name: {"sha256": data.digest([path])[path.name], **measure(path, classifier)} for path in options.files}
    except (ClassifierError, ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    status = 0
    for name, figures in found.items():
        complaints = compare(name, floors.get(name), figures)
        if options.update and (options.lower or name not in floors or not complaints):
            floors[name] = pin(None if options.lower else floors.get(name), figures)
            complaints = []
        count = sum(len(figures[side]) for side in ("at least", "at most"))
        print(f"{name}: {count} figures, {'all held' if not complaints else f'{len(complaints)} complaints'}")
        for complaint in complaints:
            print(f"  {complaint}")
        status |= bool(complaints)
    if options.update:
        options.floors.write_text(json.dumps(floors, indent=1, sort_keys=True) + "\n", "utf-8")
    return status


def measure(path: Path, classifier: Classifier) -> Figures:
    """The figures of a model on a file of annotated documents, by the side on which they are held.

    Of a file of documents with `spans` that tile the text: F1 of exact spans by language. Of one with
    `units`: per suite and per language path, what `training.evaluate` prints.
    """
    if cuts.is_tiled(path):
        tiled = cuts.read_tiled(path)
        exact = cuts.exact(tiled, classifier.label_many([document.text for document in tiled]))
        return {"at least": {f"{group}: exact spans": row["model"] for group, row in exact.items()}, "at most": {}}
    documents = data.read([path], classifier.kinds)
    if not any(document.units for document in documents):
        raise InputError(f"{path} holds no annotated unit: pass a file of documents with `units`")
    results = classifier.label_many([document.text for document in documents])
    least: dict[str, float] = {}
    most: dict[str, float] = {}
    for suite, row in evaluate.score(documents, results).items():
        least[f"{suite}: macro-F1"] = row["macro_f1"]
        least[f"{suite}: accuracy"] = row["accuracy"]
        least |= {f"{suite}: F1 of {label}": row["f1"][label] for label in row["often"]}
        most[f"{suite}: content lost"] = row["content_lost"]
        most[f"{suite}: boilerplate kept"] = row["junk_kept"]
    careful = evaluate.score(documents, [result.with_policy(Policy.careful()) for result in results])
    most |= {f"{suite}: content lost by careful": row["content_lost"] for suite, row in careful.items()}
    truth, probabilities = evaluate.unit_probabilities(documents, results)
    languages = evaluate.unit_languages(documents, results)
    for number, language in enumerate(LANGUAGES):
        rows = languages == number
        if rows.sum() >= evaluate.FEW_UNITS:
            right = truth[rows] == probabilities[rows].argmax(1)
            least[f"path {language}: accuracy"] = float(np.mean(right))
            most[f"path {language}: calibration error"] = evaluate.calibration_error(truth[rows], probabilities[rows])
    most["all: calibration error"] = evaluate.calibration_error(truth, probabilities)
    return {"at least": least, "at most": most}


def compare(name: str, floors: Mapping[str, Any] | None, figures: Mapping[str, Any]) -> list[str]:
    """What is wrong with the figures of one file beside its floors, a line each."""
    if floors is None:
        return [f"no floors for {name}: pin them with --update"]
    if floors["sha256"] != figures["sha256"]:
        return [f"the data changed (SHA-256 {figures['sha256'][:12]}…, floors for {floors['sha256'][:12]}…): see --lower"]
    wrong = []
    for side, sign in (("at least", 1), ("at most", -1)):
        for figure, floor in floors[side].items():
            value = figures[side].get(figure)
            if value is None or sign * value < sign * floor:
                wrong.append(f"{figure} is {'absent' if value is None else f'{value:.4f}'}, must be {side} {floor:.2f}")
    return wrong


def pin(floors: Mapping[str, Any] | None, figures: Mapping[str, Any]) -> dict[str, Any]:
    """New floors: the figures with a little room, and old floors where these are better."""
    pinned: dict[str, Any] = {"sha256": figures["sha256"], "at least": {}, "at most": {}}
    for side, better, away in (("at least", max, math.floor), ("at most", min, math.ceil)):
        for figure, value in figures[side].items():
            floor = round(away(round(value / STEP, 6)) * STEP, 2)
            old = (floors or {}).get(side, {}).get(figure, floor)
            pinned[side][figure] = better(floor, old)
    return pinned


if __name__ == "__main__":
    sys.exit(main())
