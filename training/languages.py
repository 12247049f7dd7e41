"""Measures language routing on texts with gold language spans, and its speed.

    python -m training.languages FILE [--documents FILE …]

FILE holds a JSON object a line: `text`, `spans` [[start, end, language]], optional `hard`,
`note` and `id`. A language counts as its path: en, zh (and zh-…), other for every other code.
Prints how many texts are exact to the character and which are not, and the same for
langdetect's own detector asked once a text line. White space at a border may belong to
either side.

On `--documents` (JSONL with `text`) it prints the throughput of cutting and routing beside
langdetect's own detector asked once a paragraph, in turns, and how many texts per 1,000
documents were scored against langdetect's profiles.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from classifier import language, segment
from classifier.language import profiles
from classifier.schema import LANGUAGE_IDS, LANGUAGES, ClassifierError, InputError
from training.data import lines

# Pieces of a text: where each ends, and its path.
Pieces = list[tuple[int, str]]


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns its exit status."""
    parser = argparse.ArgumentParser(prog="python -m training.languages", description=__doc__.split("\n")[0])
    parser.add_argument("file", type=Path, help="texts with gold language spans, JSONL or JSONL.gz")
    parser.add_argument("--documents", type=Path, nargs="+", help="documents to measure the speed on")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args(arguments)
    try:
        texts = read(options.file)
        for how in reversed(LANGUAGE_IDS):
            wrong = [record for record in texts if found(record["text"], how) != gold(record)]
            if how == "exact":
                print("\n".join(_view(record, how) for record in wrong))
            hard = [record for record in texts if record.get("hard")]
            right = len(hard) - sum(record in hard for record in wrong)
            print(f"{how:10} exact {len(texts) - len(wrong)} of {len(texts)}, hard {right} of {len(hard)}")
        if options.documents:
            speed([record["text"] for path in options.documents for record in read(path)], options.rounds)
    except ClassifierError as error:
        print(f"languages: {error}", file=sys.stderr)
        return 2
    return 0


def read(path: Path) -> list[dict[str, Any]]:
    """The objects of a JSONL file, gzip or not; each has a string `text`. Raises InputError with the line."""
    records = []
    for number, record in lines(path):
        if not isinstance(record, dict) or not isinstance(record.get("text"), str):
            raise InputError(f"{path}:{number}: a record needs a string `text`")
        records.append(record)
    return records


def gold(record: dict[str, Any]) -> Pieces:
    """The pieces of a record, neighbours of one path joined."""
    spans = [(end, "en" if code == "en" else "zh" if code.startswith("zh") else "other") for _, end, code in record["spans"]]
    return _joined(record["text"], spans)


def found(text: str, how: str = "exact") -> Pieces:
    """The pieces that we see in a text, neighbours of one path joined."""
    cut = segment.cut(text, language_id=how)
    return _joined(text, [(end, LANGUAGES[path].value) for end, path in zip(cut.ends, cut.languages, strict=True)])


def _joined(text: str, pieces: Pieces) -> Pieces:
    out: Pieces = []
    for end, path in pieces:
        while end < len(text) and text[end].isspace():
            end += 1
        if out and out[-1][1] == path:
            out.pop()
        out.append((end, path))
    return out


def _view(record: dict[str, Any], how: str) -> str:
    rows = [f"wrong: {record.get('id', '')} {record.get('note', '')}"]
    for name, pieces in (("gold", gold(record)), ("found", found(record["text"], how))):
        starts = [0, *(end for end, _ in pieces)]
        shown = (f"{path} {record['text'][start:end]!r}" for start, (end, path) in zip(starts, pieces, strict=False))
        rows.append(f"  {name:6}" + "  ".join(shown))
    return "\n".join(rows)


def speed(texts: list[str], rounds: int) -> None:
    """Prints throughput beside langdetect's, and look-ups of the profiles."""
    size = sum(len(text.encode("utf-8", "surrogatepass")) for text in texts) / 1e6
    before = profiles.lookups()
    cuts = segment.cut_many(texts)
    looked = profiles.lookups() - before
    tasks: dict[str, Callable[[], object]] = {
        "cutting and routing": lambda: segment.cut_many(texts),
        "routing alone": lambda: language.routes(texts, [cut.ends for cut in cuts]),
        "langdetect, once a paragraph": lambda: [
            language.detected(text, cut.ends, cut.paragraphs) for text, cut in zip(texts, cuts, strict=True)
        ],
    }
    times: dict[str, list[float]] = {name: [] for name in tasks}
    for _ in range(rounds):
        for name, task in tasks.items():
            start = time.perf_counter()
            task()
            times[name].append(time.perf_counter() - start)
    base = median(times["langdetect, once a paragraph"])
    paragraphs = sum(len(set(cut.paragraphs)) for cut in cuts)
    print(f"{len(texts)} documents, {paragraphs} paragraphs, {size:.2f} MB; median of {rounds} rounds")
    for name, seconds in times.items():
        print(f"{name:30} {size / median(seconds):7.3f} MB/s   {base / median(seconds):6.1f} x langdetect")
    print(f"{1000 * looked / max(len(texts), 1):.0f} look-ups of the profiles per 1,000 documents")


if __name__ == "__main__":
    sys.exit(main())
