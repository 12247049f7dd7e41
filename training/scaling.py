"""How the time of `label_many` grows: with the length of a document, their number, and their languages.

    python -m training.scaling DATA [--output training/scaling] [--longest 50]

DATA: as for `training.benchmark`. Documents are made of lines of `dev*`, drawn with replacement.
Prints, and writes as FILE.json, seconds, MB a second, the peak of memory since the start, and how
many times as long ten times the text takes.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import sys
import time
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from classifier.pipeline import Classifier
from classifier.schema import Language
from training import data

SIZE = 1_000_000  # characters of text where something else than size is varied
DOCUMENT = 5_000


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns its exit status."""
    parser = argparse.ArgumentParser(prog="python -m training.scaling", description=__doc__.split("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--output", type=Path, help="where to write FILE.json")
    parser.add_argument("--longest", type=float, default=50, help="MB of the longest document (default 50)")
    options = parser.parse_args(arguments)
    classifier = Classifier.load()
    pick = _lines(classifier, [document.text for document in data.read(data.files(options.data, "dev"))])
    classifier.label_many([pick(SIZE, 0.2, 0.02)])  # the first call loads tables
    rows = _rows(classifier, pick, options.longest * 1e6)
    for row in rows:
        print(
            f"{row['varied']:22} {row['value']:>12,g}  {row['seconds']:9.4f} s  {row['mb_per_second']:7.3f} MB/s"
            f"  {row['peak_mib']:7.0f} MiB" + (f"  x {row['times']:.2f}" if row.get("times") else "")
        )
    if options.output:
        options.output.with_suffix(".json").write_text(json.dumps(rows, indent=1) + "\n", "utf-8")
    return 0


def _rows(classifier: Classifier, pick: Callable[[int, float, float], str], longest: float) -> list[dict[str, Any]]:
    rows = []
    size = 100.0
    while size <= longest:
        rows.append(_timed(classifier, "characters, 1 document", size, [pick(int(size), 0.2, 0.02)]))
        size *= 10 if size * 10 <= longest or size == longest else longest / size
    for count in (10, 100, 1000):
        texts = [pick(DOCUMENT, 0.2, 0.02) for _ in range(count)]
        rows.append(_timed(classifier, "documents of 5,000", count, texts))
    for share in (0, 0.25, 0.5, 0.75, 1):
        texts = [pick(DOCUMENT, share, 0) for _ in range(SIZE // DOCUMENT)]
        rows.append(_timed(classifier, "share of Chinese lines", share, texts))
    for share in (0, 0.05, 0.2, 0.5):
        texts = [pick(DOCUMENT, 0.2, share) for _ in range(SIZE // DOCUMENT)]
        rows.append(_timed(classifier, "share of mixed lines", share, texts))
    for before, row in pairwise(rows):
        if row["varied"] == before["varied"] and row["value"] == 10 * before["value"]:
            row["times"] = row["seconds"] / before["seconds"] * before["megabytes"] / row["megabytes"] * 10
    return rows


def _lines(classifier: Classifier, texts: Sequence[str]) -> Callable[[int, float, float], str]:
    """A maker of documents: of so many characters, so many of their lines in Chinese, and so many half and half."""
    kinds: dict[Language, list[str]] = {Language.EN: [], Language.ZH: []}
    for text, result in zip(texts, classifier.label_many(texts), strict=True):
        for line in result.paragraphs:
            if line.language in kinds:
                kinds[line.language].append(text[line.start : line.end].strip())
    drawn = random.Random(0)

    def pick(size: int, chinese: float, mixed: float) -> str:
        made: list[str] = []
        length = 0
        while length < size:
            both = drawn.random() < mixed
            languages = tuple(kinds) if both else (Language.ZH if drawn.random() < chinese else Language.EN,)
            made.append(" ".join(drawn.choice(kinds[language]) for language in languages) + "\n")
            length += len(made[-1])
        return "".join(made)[:size]

    return pick


def _timed(classifier: Classifier, varied: str, value: float, texts: list[str]) -> dict[str, Any]:
    megabytes = sum(len(text.encode("utf-8", "surrogatepass")) for text in texts) / 1e6
    best = float("inf")
    for _ in range(3 if megabytes < 5 else 1):
        start = time.perf_counter()
        classifier.label_many(texts)
        best = min(best, time.perf_counter() - start)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    speed = megabytes / best
    return {"varied": varied, "value": value, "megabytes": megabytes, "seconds": best, "mb_per_second": speed, "peak_mib": peak}


if __name__ == "__main__":
    sys.exit(main())
