"""What a new model does otherwise than the one before it: figures side by side, decisions that changed, whether it is worse."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from classifier.pipeline import Classifier
from classifier.result import Result
from classifier.schema import LABELS, Span
from training import data, evaluate

FILE = "changes.json"
# Texts of our own that no model is fitted on, in a checkout: what every model is held to.
_TRAPS = Path(__file__).parent.parent / "tests" / "examples" / "traps.jsonl"
YOURS = "what was added"

# A model is worse when it loses more than this and chance does not explain it. The same data under another seed
# moves macro-F1 by 0.005 to 0.02 on such suites ("What was tried" in README.md); content is dearer.
WORST_F1 = 0.02
WORST_LOST = 0.01
CHANCE = 0.05  # the share of the draws in which the loss may vanish
DRAWS = 2000
PRINTED = 20  # decisions that are printed; the file has all
_SHORT = 60  # characters of a text that are printed
_INDEX = {label.value: number for number, label in enumerate(LABELS)}


@dataclass(frozen=True, slots=True)
class Decision:
    """A stretch of a document that two models decide differently.

    label_*, kept_*: the label and whether it is kept, by the model before and after. annotated: the label that a
    unit gives it, or None; right: who decides as the annotation says, "before", "after" or "neither", or None.
    """

    document: str
    site: str
    start: int
    end: int
    text: str
    label_before: str
    label_after: str
    kept_before: bool
    kept_after: bool
    annotated: str | None
    right: str | None


def pinned() -> list[Path]:
    """The files that every model is held to: our own traps, where this is a checkout."""
    return [_TRAPS] if _TRAPS.exists() else []


def report(
    documents: Sequence[data.Document],
    held_out: Sequence[Result],
    by: str,
    before: Classifier,
    after: Classifier,
    files: Sequence[Path],
) -> dict[str, Any]:
    """Everything about the change from one model to another, as a JSON object.

    documents: what was added; held_out: what models that were fitted without them make of them; by: what was set
    apart as a whole. files: annotated documents that neither model was fitted on.
    """
    sets = [(YOURS, list(documents), list(held_out))]
    for path in files:
        read = data.read([path])
        sets.append((path.name, read, after.label_many([document.text for document in read])))
    found: dict[str, Any] = {
        "base": {"folder": before.info["folder"], "sha256": before.info["sha256"]},
        "set apart by": by,
        "figures": {},
        "worse": [],
        "decided again": {},
        "decisions": {},
    }
    for name, read, results in sets:
        old = before.label_many([document.text for document in read])
        found["figures"][name] = side_by_side(read, old, results)
        if name != YOURS:
            found["worse"] += [f"{name}: {loss}" for loss in losses(read, old, results)]
        changed, share = decisions(read, old, results)
        found["decided again"][name] = share
        found["decisions"][name] = [asdict(decision) for decision in changed]
    return found


def save(found: dict[str, Any], path: Path) -> None:
    """Writes a report, whole or not at all."""
    staged = path.with_name(f".{path.name}.tmp")
    staged.write_text(json.dumps(found, ensure_ascii=False, indent=1) + "\n", "utf-8", errors="surrogatepass")
    staged.replace(path)


def side_by_side(documents: Sequence[data.Document], before: Sequence[Result], after: Sequence[Result]) -> dict[str, Any]:
    """Figures before and after, by suite and by site."""
    groups = {"suite": [document.suite for document in documents], "site": [document.site for document in documents]}
    found: dict[str, Any] = {}
    for kind, names in groups.items():
        if kind == "site" and len(set(names)) == len(names):
            continue  # each document a site of its own: nobody named any
        old, new = (evaluate.grouped(evaluate.readings(documents, results), names) for results in (before, after))
        found[kind] = {name: {"before": old[name], "after": new[name]} for name in old}
    return found


def decisions(
    documents: Sequence[data.Document], before: Sequence[Result], after: Sequence[Result]
) -> tuple[list[Decision], float]:
    """What is decided differently, first what is kept or removed now, the longest first; and its share of all characters."""
    found: list[Decision] = []
    moved = total = 0
    for document, old, new in zip(documents, before, after, strict=True):
        for start, end, was, now in _pieces(old.spans, new.spans):
            text = document.text[start:end].strip()
            total += len(text)
            moved += len(text) * (was.kept != now.kept)
            if text and (was.label, was.kept) != (now.label, now.kept):
                found.append(_decision(document, start, end, was, now))
    found.sort(key=lambda one: (one.kept_before == one.kept_after, one.start - one.end))
    return found, round(moved / max(total, 1), 4)


def _pieces(before: Sequence[Span], after: Sequence[Span]) -> list[tuple[int, int, Span, Span]]:
    """Stretches in which each model decides one thing, with the first span of each there."""
    edges = sorted({0, *(span.end for span in before), *(span.end for span in after)})
    pieces: list[tuple[int, int, Span, Span]] = []
    i = j = 0
    for start, end in pairwise(edges):
        i += before[i].end <= start
        j += after[j].end <= start
        was, now = before[i], after[j]
        if pieces and (last := pieces[-1])[1] == start and _same(last[2], was) and _same(last[3], now):
            pieces[-1] = (last[0], end, last[2], last[3])
        else:
            pieces.append((start, end, was, now))
    return pieces


def _same(one: Span, other: Span) -> bool:
    return (one.label, one.kept) == (other.label, other.kept)


def _decision(document: data.Document, start: int, end: int, was: Span, now: Span) -> Decision:
    votes: Counter[str] = Counter()
    for begin, stop, label in document.units:
        votes[label] += max(0, min(stop, end) - max(begin, start))
    gold, size = votes.most_common(1)[0] if votes else ("", 0)
    annotated = gold if 2 * size >= end - start else None
    right = None
    if annotated:
        if was.label != now.label:
            good = [was.label == annotated, now.label == annotated]
        else:
            good = [was.kept == (annotated == "content"), now.kept == (annotated == "content")]
        right = "before" if good[0] else "after" if good[1] else "neither"
    text = document.text[start:end].strip()
    return Decision(
        document.id, document.site, start, end, text, was.label, now.label, was.kept, now.kept, annotated, right
    )  # fmt: skip


def losses(documents: Sequence[data.Document], before: Sequence[Result], after: Sequence[Result]) -> list[str]:
    """In what the later results are worse on annotated documents, beyond tolerance and chance.

    Documents are drawn again, with replacement, for both models alike (Efron and Tibshirani 1993, "An Introduction
    to the Bootstrap"): a loss counts where it is larger than its tolerance on these documents, and is there in all
    draws but CHANCE. Macro-F1 is over the labels that `evaluate` counts.
    """
    tables = [_counts(documents, results) for results in (before, after)]
    drawn = np.random.default_rng(0).multinomial(len(documents), np.full(len(documents), 1 / len(documents)), DRAWS)
    whole = np.ones((1, len(documents)), np.int64)
    found = []
    for name, figure, sign, limit in (("macro-F1", _macro_f1, 1, WORST_F1), ("content lost", _lost, -1, WORST_LOST)):
        old, new = (float(figure(table, whole)[0]) for table in tables)
        loss = sign * (figure(tables[0], drawn) - figure(tables[1], drawn))
        if sign * (old - new) > limit and np.mean(loss <= 0) < CHANCE:
            found.append(f"{name} {old:.4f} before, {new:.4f} after")
    return found


def _counts(documents: Sequence[data.Document], results: Sequence[Result]) -> NDArray[np.int64]:
    """Of each document: units by annotated and guessed label, then characters of content, and those removed."""
    table = np.zeros((len(documents), len(LABELS) ** 2 + 2), np.int64)
    for unit in evaluate.readings(documents, results):
        table[unit.document, len(LABELS) * _INDEX[unit.label] + _INDEX[unit.guess]] += 1
        if unit.label == "content":
            table[unit.document, -2:] += (unit.size, unit.removed)
    return table


def _macro_f1(table: NDArray[np.int64], draws: NDArray[np.int64]) -> NDArray[np.float64]:
    """Macro-F1 of each draw, over the labels that are frequent in all documents."""
    often = np.flatnonzero(_confusion(table.sum(0)[None]).sum((0, 2)) >= evaluate.FEW_UNITS)
    often = often if often.size else np.arange(len(LABELS))
    counts = _confusion(draws @ table)
    right = np.diagonal(counts, axis1=1, axis2=2)
    f1 = 2 * right / np.maximum(counts.sum(1) + counts.sum(2), 1)
    result: NDArray[np.float64] = f1[:, often].mean(1)
    return result


def _confusion(sums: NDArray[np.int64]) -> NDArray[np.int64]:
    return sums[:, :-2].reshape(-1, len(LABELS), len(LABELS))


def _lost(table: NDArray[np.int64], draws: NDArray[np.int64]) -> NDArray[np.float64]:
    """The share of content characters that is removed, of each draw."""
    sums = draws @ table[:, -2:]
    result: NDArray[np.float64] = sums[:, 1] / np.maximum(sums[:, 0], 1)
    return result


def summary(found: dict[str, Any]) -> str:
    """The report as lines of text: tables, decisions, and in what the new model is worse."""
    lines = [
        f"{'before and after':24} {'units':>6} {'macro-F1':>15} {'accuracy':>15} {'content lost':>15} {'boilerplate kept':>17}"
    ]
    for name, kinds in found["figures"].items():
        lines.append(f"{name} (set apart by {found['set apart by']})" if name == YOURS else name)
        for kind, groups in kinds.items():
            rows = [(group, row) for group, row in groups.items() if kind == "suite" or group != "all"]
            lines += [_row(f"  {kind} {group}", row["before"], row["after"]) for group, row in rows]
    for name, decided in found["decisions"].items():
        right = defaultdict(int, Counter(one["right"] for one in decided))
        counts = ", ".join(
            f"{words} {right[who]}"
            for who, words in (
                ("after", "right now"),
                ("before", "right before"),
                ("neither", "neither"),
                (None, "not annotated"),
            )
        )
        lines.append(f"{name}: another decision to keep or remove for {found['decided again'][name]:.1%} of the text")
        lines.append(f"  {len(decided)} decisions changed: {counts}")
        lines += [_line(one) for one in decided[:PRINTED]]
        if len(decided) > PRINTED:
            lines.append(f"  … and {len(decided) - PRINTED} more: all are in {FILE}")
    lines += [f"worse: {loss}" for loss in found["worse"]] or ["not worse than the model before on what both are held to"]
    return "\n".join(lines)


def _row(name: str, before: dict[str, Any], after: dict[str, Any]) -> str:
    cells = [
        f"{before[figure]:.{digits}f} → {after[figure]:.{digits}f}"
        for figure, digits in (("macro_f1", 3), ("accuracy", 3), ("content_lost", 4), ("junk_kept", 3))
    ]
    return f"{name:24.24} {before['units']:6d} {cells[0]:>15} {cells[1]:>15} {cells[2]:>15} {cells[3]:>17}"


def _line(one: dict[str, Any]) -> str:
    text = " ".join(one["text"].split())
    text = text if len(text) <= _SHORT else f"{text[: _SHORT - 1]}…"
    was, now = (f"{one[f'label_{when}']} {'kept' if one[f'kept_{when}'] else 'removed'}" for when in ("before", "after"))
    mark = {"after": "+", "before": "-", "neither": "!", None: " "}[one["right"]]
    return f"  {mark} {was} → {now}: {text}"
