"""Measures a model on annotated documents it was not fitted on.

    python -m training.evaluate FILE [FILE …] [--model FOLDER] [--plots FOLDER] [--json FILE]

Prints, per suite and over all: macro-F1 and F1 of the labels over annotated units, the share
of content characters that the policy removes (lost) and of boilerplate that it keeps (kept).
A unit's prediction is the label over most of its non-space characters. Then the cuts: how many
borders between units of different labels a segment ends at, and how many pieces a unit is in.
Of a file whose records have `spans` that tile the text in place of `units`, it prints the F1
of exact spans instead (`training.cuts` says what is exact).
"""

from __future__ import annotations

import argparse
import bisect
import json
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from classifier.decide import CONTENT
from classifier.pipeline import Classifier
from classifier.result import Result
from classifier.schema import LABELS, PRESETS, ClassifierError, Policy
from training import cuts, data

# A label with fewer units than this in a suite is left out of its macro-F1.
FEW_UNITS = 10
BUDGETS = (0.002, 0.005, 0.01, 0.02, 0.05)  # content lost, at which the trade-off is printed
Report = dict[str, dict[str, Any]]


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns its exit status."""
    parser = argparse.ArgumentParser(prog="python -m training.evaluate", description=__doc__.split("\n")[0])
    parser.add_argument("files", type=Path, nargs="+", help="annotated documents, JSONL or JSONL.gz")
    parser.add_argument("--model", type=Path, help="a model folder (default: the shipped model)")
    parser.add_argument("--policy", choices=PRESETS, default="balanced")
    parser.add_argument("--plots", type=Path, help="a folder for confusion.png and calibration.png")
    parser.add_argument("--json", type=Path, help="a file for all figures")
    options = parser.parse_args(arguments)
    try:
        tiled = [path for path in options.files if cuts.is_tiled(path)]
        classifier = Classifier.load(options.model, policy=Policy(options.policy))
        documents = data.read([path for path in options.files if path not in tiled], classifier.kinds)
        results = classifier.label_many([document.text for document in documents])
        for path in tiled:
            print_exact(path, classifier)
    except ClassifierError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    if not documents:
        return 0
    figures = score(documents, results)
    print(table(figures))
    print(cuts.table(cuts.report(documents, results)))
    truth, probabilities = unit_probabilities(documents, results)
    print(f"expected calibration error {calibration_error(truth, probabilities):.3f}")
    sizes = np.array([end - start for document in documents for start, end, _ in document.units])
    suites = np.array([document.suite for document in documents for _ in document.units])
    curves = {
        suite: trade_off(truth[suites == suite], probabilities[suites == suite], sizes[suites == suite])
        for suite in sorted({*suites.tolist()})
    }
    print(trade_off_table(curves))
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1) + "\n", "utf-8")
    if options.plots:
        from training import plots

        options.plots.mkdir(parents=True, exist_ok=True)
        plots.confusion(truth, probabilities.argmax(1), options.plots / "confusion.png")
        plots.calibration(truth, probabilities, options.plots / "calibration.png")
        points = {}
        for preset in PRESETS:
            decided = score(documents, [result.with_policy(Policy(preset)) for result in results])
            points[preset] = {suite: (row["content_lost"], row["junk_kept"]) for suite, row in decided.items()}
        plots.trade_off(curves, points, options.plots / "trade_off.png")
    return 0


def print_exact(path: Path, classifier: Classifier) -> None:
    """Prints F1 of exact spans of a file of tiled documents, and what perfect labels of our segments would give."""
    documents = cuts.read_tiled(path)
    results = classifier.label_many([document.text for document in documents])
    print(f"{path.name}: F1 of exact spans of {len(documents)} documents")
    for group, row in cuts.exact(documents, results).items():
        print(f"{group:12} {row['model']:.3f}   with perfect labels of the same segments {row['cuts']:.3f}")


def report(documents: Sequence[data.Document], classifier: Classifier) -> Report:
    """The figures of a model on annotated documents, by suite."""
    return score(documents, classifier.label_many([document.text for document in documents]))


class Reading(NamedTuple):
    """What a result makes of one annotated unit.

    document: its number. label: the annotated one; guess: the label over most of its non-space characters.
    size, removed: how many those are, and how many of them the policy removes.
    """

    document: int
    label: str
    guess: str
    size: int
    removed: int


def readings(documents: Sequence[data.Document], results: Sequence[Result]) -> Iterator[Reading]:
    """What one result a document makes of every unit that is not picked."""
    for number, (document, result) in enumerate(zip(documents, results, strict=True)):
        for start, end, label in document.units:
            yield Reading(number, label, *_read_unit(result, start, end))


def score(documents: Sequence[data.Document], results: Sequence[Result]) -> Report:
    """Figures by suite, and over `all`, of one result a document."""
    return grouped(readings(documents, results), [document.suite for document in documents])


def grouped(found: Iterable[Reading], groups: Sequence[str]) -> Report:
    """Figures by group, and over `all`. groups: of each document."""
    pairs: dict[str, list[tuple[str, str]]] = defaultdict(list)
    size: dict[str, Counter[str]] = defaultdict(Counter)
    for reading in found:
        kind = "content" if reading.label == "content" else "junk"
        for group in (groups[reading.document], "all"):
            pairs[group].append((reading.label, reading.guess))
            size[group].update({kind: reading.size, f"{kind} removed": reading.removed})
    return {group: _figures(rows, size[group]) for group, rows in sorted(pairs.items())}


def _figures(rows: Sequence[tuple[str, str]], size: Counter[str]) -> dict[str, Any]:
    f1 = {}
    for label in LABELS:
        gold, guessed = sum(g == label for g, _ in rows), sum(p == label for _, p in rows)
        if gold:
            f1[label.value] = 2 * sum(g == p == label for g, p in rows) / (gold + guessed)
    count = Counter(gold for gold, _ in rows)
    counted = [value for label, value in f1.items() if count[label] >= FEW_UNITS] or list(f1.values())
    return {
        "units": len(rows),
        "macro_f1": round(sum(counted) / len(counted), 4),
        "accuracy": round(sum(gold == guess for gold, guess in rows) / len(rows), 4),
        "f1": {label: round(value, 4) for label, value in f1.items()},
        "often": [label for label in f1 if count[label] >= FEW_UNITS],
        "content_lost": round(size["content removed"] / max(1, size["content"]), 4),
        "junk_kept": round(1 - size["junk removed"] / max(1, size["junk"]), 4) if size["junk"] else 0.0,
    }


def _read_unit(result: Result, start: int, end: int) -> tuple[str, int, int]:
    """The label over most of a unit's non-space characters, how many they are, how many are removed."""
    votes: Counter[str] = Counter()
    removed = 0
    for span in result.spans:
        if span.start < end and span.end > start:
            size = sum(map(len, result.text[max(span.start, start) : min(span.end, end)].split()))
            votes[span.label.value] += size
            removed += 0 if span.kept else size
    return votes.most_common(1)[0][0], sum(votes.values()), removed


def unit_probabilities(
    documents: Sequence[data.Document], results: Sequence[Result]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The gold label of every unit, and the model's probabilities, averaged over its characters."""
    truth: list[int] = []
    found: list[NDArray[np.float64]] = []
    for document, result in zip(documents, results, strict=True):
        ends = np.array(result.segments.ends)
        starts = np.concatenate(([0], ends[:-1]))
        for start, end, label in document.units:
            overlap = (np.minimum(ends, end) - np.maximum(starts, start)).clip(0)
            row = overlap @ result.probabilities.astype(np.float64)
            truth.append(LABELS.index(label))
            found.append(row / row.sum())
    return np.array(truth), np.array(found)


def trade_off(
    truth: NDArray[np.int64], probabilities: NDArray[np.float64], sizes: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Content lost and boilerplate kept, one value a threshold from 1 down to 0, as shares of characters.

    truth, probabilities, sizes (characters): of units. What is removed is what is not called content
    and whose probability of not being content reaches the threshold.
    """
    content = truth == CONTENT
    doubt = np.where(probabilities.argmax(1) == CONTENT, -1, 1 - probabilities[:, CONTENT])
    gone = doubt[None, :] >= np.linspace(1, 0, 201)[:, None]
    lost = (gone & content) @ sizes / max(1, sizes[content].sum())
    kept = 1 - (gone & ~content) @ sizes / max(1, sizes[~content].sum())
    return lost, kept


def trade_off_table(curves: Mapping[str, tuple[NDArray[np.float64], NDArray[np.float64]]]) -> str:
    """Boilerplate kept where one threshold would lose so much content at most, a suite a line."""
    lines = [f"{'kept at lost':12} " + " ".join(f"{budget:>7.1%}" for budget in BUDGETS)]
    for suite, (lost, kept) in curves.items():
        lines.append(f"{suite:12} " + " ".join(f"{kept[lost <= budget].min(initial=1):7.3f}" for budget in BUDGETS))
    return "\n".join(lines)


def unit_languages(documents: Sequence[data.Document], results: Sequence[Result]) -> NDArray[np.int64]:
    """The language path of every unit, as an index into LANGUAGES: that of the segment it begins in."""
    return np.array(
        [
            result.segments.languages[bisect.bisect_right(result.segments.ends, start)]
            for document, result in zip(documents, results, strict=True)
            for start, _, _ in document.units
        ]
    )


def calibration_error(truth: NDArray[np.int64], probabilities: NDArray[np.float64], bins: int = 15) -> float:
    """Expected calibration error of the most probable label, over bins of equal width (Guo et al. 2017)."""
    confidence = probabilities.max(1)
    right = probabilities.argmax(1) == truth
    number = np.minimum((confidence * bins).astype(int), bins - 1)
    weight = np.bincount(number, minlength=bins)
    gap = np.abs(np.bincount(number, right, bins) - np.bincount(number, confidence, bins))
    return float(gap.sum() / max(1, weight.sum()))


def table(figures: Report) -> str:
    """The figures as lines of text, a suite a line."""
    head = f"{'suite':12} {'units':>6} {'macroF1':>8} {'acc':>6} " + " ".join(f"{label:>10}" for label in LABELS)
    lines = [f"{head} {'lost':>7} {'kept':>7}"]
    for suite, row in figures.items():
        cells = " ".join(f"{row['f1'][label]:10.3f}" if label in row["f1"] else " " * 10 for label in LABELS)
        lines.append(
            f"{suite:12} {row['units']:6d} {row['macro_f1']:8.3f} {row['accuracy']:6.3f} {cells}"
            f" {row['content_lost']:7.4f} {row['junk_kept']:7.4f}"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
