"""Measures where documents are cut: against annotated units, and against spans that tile a text.

Boundary recall: of the places where two annotated units of different labels meet inside one
line, with nothing but white space between, the share at which a segment ends. Fragmentation:
how many segments, and how many spans of one label, an annotated unit is broken into; units of
several sentences break into as many, so the number of sentences stands beside.
"""

from __future__ import annotations

import bisect
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from classifier.result import Result
from classifier.schema import BREAKS, LABELS, LANGUAGES, InputError
from training.data import Document, lines

Spans = list[tuple[int, int, str]]
_BREAK = re.compile(f"[{BREAKS}]")
_SENTENCE = re.compile(rf"[。！？!?]+[”\"’」』）)]*(?=\s*\S)|\.[”\"’)]?\s+(?=[A-Z“\"])|[{BREAKS}]+")


@dataclass(frozen=True, slots=True)
class Tiled:
    """A document annotated from end to end: `spans` of label and language tile `text`."""

    id: str
    text: str
    spans: tuple[tuple[int, int, str, str], ...]


def read_tiled(path: Path) -> list[Tiled]:
    """Documents whose records have `text` and `spans` [[start, end, label, language], …].

    Raises InputError, with file and line, where spans do not tile the text.
    """
    documents = []
    for number, record in lines(path):
        spans = [(int(s[0]), int(s[1]), str(s[2]), str(s[3])) for s in record["spans"]]
        ends = [0, *(end for _, end, _, _ in spans)]
        if [start for start, _, _, _ in spans] != ends[:-1] or ends[-1] != len(record["text"]):
            raise InputError(f"{path}:{number}: the spans do not tile the text of {len(record['text'])} characters")
        if any(label not in LABELS or language not in LANGUAGES for _, _, label, language in spans):
            raise InputError(f"{path}:{number}: a span has a label or a language that does not exist")
        documents.append(Tiled(str(record.get("id", number)), record["text"], tuple(spans)))
    return documents


def is_tiled(path: Path) -> bool:
    """Does the file hold documents with `spans`, not with `units`?"""
    _, first = next(lines(path), (0, {}))
    return isinstance(first, dict) and "spans" in first and "units" not in first


def borders(document: Document) -> Iterator[tuple[int, int]]:
    """Where a segment should end: from the end of a unit to the start of the next, of another label, in one line."""
    units = sorted(document.units)
    for (start, end, label), (start_2, end_2, label_2) in pairwise(units):
        meet = label != label_2 and end <= start_2 and not document.text[end:start_2].strip()
        if meet and not _BREAK.search(document.text[start:end_2].strip()):
            yield end, start_2


def report(documents: Sequence[Document], results: Sequence[Result]) -> dict[str, dict[str, Any]]:
    """Boundary recall and fragmentation by suite, of one result a document."""
    count: dict[str, Counter[str]] = defaultdict(Counter)
    for document, result in zip(documents, results, strict=True):
        found = count[document.suite]
        ends = result.segments.ends
        span_ends = [span.end for span in result.spans]
        for low, high in borders(document):
            at = bisect.bisect_left(ends, low)
            found["borders"] += 1
            found["met"] += at < len(ends) and ends[at] <= high
        for start, end, _ in document.units:
            found["units"] += 1
            found["segments"] += _pieces(ends, start, end)
            found["spans"] += _pieces(span_ends, start, end)
            found["sentences"] += 1 + len(_SENTENCE.findall(document.text[start:end].strip()))
    return {suite: _figures(found) for suite, found in sorted(count.items())}


def _pieces(ends: list[int], start: int, end: int) -> int:
    return bisect.bisect_left(ends, end) - bisect.bisect_right(ends, start) + 1


def _figures(found: Counter[str]) -> dict[str, Any]:
    units = max(1, found["units"])
    return {
        "borders": found["borders"],
        "met": found["met"],
        "recall": round(found["met"] / found["borders"], 4) if found["borders"] else None,
        "segments_a_unit": round(found["segments"] / units, 3),
        "spans_a_unit": round(found["spans"] / units, 3),
        "sentences_a_unit": round(found["sentences"] / units, 3),
    }


def table(figures: dict[str, dict[str, Any]]) -> str:
    """The figures of `report` as lines of text, a suite a line."""
    rows = [f"{'cuts':12} {'borders':>8} {'recall':>7} {'segments':>9} {'spans':>7} {'sentences':>10}  a unit"]
    for suite, row in figures.items():
        recall = "      -" if row["recall"] is None else f"{row['recall']:7.3f}"
        cells = f"{row['segments_a_unit']:9.3f} {row['spans_a_unit']:7.3f} {row['sentences_a_unit']:10.3f}"
        rows.append(f"{suite:12} {row['borders']:8d} {recall} {cells}")
    return "\n".join(rows)


def exact(documents: Sequence[Tiled], results: Sequence[Result]) -> dict[str, dict[str, float]]:
    """F1 of spans that agree in label and both ends, over all and by the spans' language.

    Both sides are first brought to one form: cut at line breaks, neighbours of one label in one
    line joined (whatever their language), and stripped of white space at the ends, which no
    annotator places alike. `model` is what the model found; `cuts` what it would have found,
    had it given every segment the label of most of its characters.
    """
    count: dict[str, Counter[str]] = defaultdict(Counter)
    for document, result in zip(documents, results, strict=True):
        gold = normal(document.text, [span[:3] for span in document.spans])
        guesses = {
            "model": normal(document.text, [(span.start, span.end, span.label.value) for span in result.spans]),
            "cuts": normal(document.text, _best_labels(document, result.segments.ends)),
        }
        for name, guess in guesses.items():
            for kind, spans in (("gold", gold), ("found", guess), ("right", gold & guess)):
                for start, _, _ in spans:
                    for group in ("all", _language(document, start)):
                        count[group][f"{name} {kind}"] += 1
    return {
        group: {
            name: round(2 * n[f"{name} right"] / max(1, n[f"{name} gold"] + n[f"{name} found"]), 4)
            for name in ("model", "cuts")
        }
        for group, n in sorted(count.items())
    }


def normal(text: str, spans: Sequence[tuple[int, int, str]]) -> set[tuple[int, int, str]]:
    """Spans cut at line breaks, those of one label in one line joined, without white space at their ends."""
    found: Spans = []
    breaks = [0, *(match.end() for match in _BREAK.finditer(text)), len(text)]
    for start, end, label in spans:
        inner = breaks[bisect.bisect_right(breaks, start) : bisect.bisect_left(breaks, end)]
        for low, high in zip([start, *inner], [*inner, end], strict=True):
            if not text[low:high].strip():
                continue
            last = found[-1] if found else (0, 0, "")
            if last[2] == label and not _BREAK.search(text[last[0] : low]):
                found[-1] = (last[0], high, label)
            else:
                found.append((low, high, label))
    return {(b - len(text[a:b].lstrip()), a + len(text[a:b].rstrip()), label) for a, b, label in found}


def _best_labels(document: Tiled, ends: list[int]) -> Spans:
    out: Spans = []
    for start, end in zip([0, *ends], ends, strict=False):
        votes: Counter[str] = Counter()
        for low, high, label, _ in document.spans:
            if low < end and high > start:
                votes[label] += sum(map(len, document.text[max(low, start) : min(high, end)].split()))
        out.append((start, end, votes.most_common(1)[0][0]))
    return out


def _language(document: Tiled, at: int) -> str:
    return next(language for start, end, _, language in document.spans if start <= at < end)
