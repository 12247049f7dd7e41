"""What a run over files costs beside the library alone: throughput a worker, memory, growth, and the piece of work.

    python -m training.runs FILE.jsonl[.gz] … [--sizes 100 1000] [--workers 2] [--output training/runs]

Corpora of so many MB are made of the files' records, again and again with other ids. Of each, `classifier clean
--output` runs once, and before and after it `label_many` and `clean_text` of the same texts (the first 30 MB) in one
process. Prints, and writes as FILE.json: MB of text a second of both, the run's share of the library's speed a
worker, and the memory of all its processes together (proportional set size), at most. Then, on the smallest, how
long a run takes by the bytes of a piece of work.
"""

from __future__ import annotations

import argparse
import gzip
import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import mean
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from classifier import batch
from classifier.corpus import pieces
from classifier.job import Job
from classifier.pipeline import Classifier

_LIBRARY_MB = 30
_GROUP = 200
_PIECES = (50_000, 200_000, 500_000, 2_000_000, 8_000_000)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns its exit status."""
    parser = argparse.ArgumentParser(prog="python -m training.runs", description=__doc__.split("\n")[0])
    parser.add_argument("files", type=Path, nargs="+")
    parser.add_argument("--sizes", type=float, nargs="+", default=[100, 1000], metavar="MB")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--output", type=Path, help="where to write FILE.json")
    options = parser.parse_args(arguments)
    classifier = Classifier.load()
    found: dict[str, Any] = {"runs": [], "pieces": []}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for size in options.sizes:
            corpus = folder / f"{size:g}.jsonl"
            text = _make(corpus, options.files, size * 1e6)
            row = {"mb": size, "workers": options.workers, **_compare(classifier, corpus, text, options.workers)}
            found["runs"].append(row)
            print(*(f"{key} {value:.4g}" for key, value in row.items()), sep="  ", flush=True)
        for piece in _PIECES:
            row = {"piece": piece, "seconds": _by_piece(folder / f"{min(options.sizes):g}.jsonl", options.workers, piece)}
            found["pieces"].append(row)
            print(*(f"{key} {value:.4g}" for key, value in row.items()), sep="  ", flush=True)
    if options.output:
        options.output.with_suffix(".json").write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    return 0


def records(files: Sequence[Path]) -> Iterator[dict[str, Any]]:
    """The records of JSONL files, gzipped or not, that hold a text."""
    for file in files:
        with gzip.open(file, "rb") if file.suffix == ".gz" else file.open("rb") as stream:
            for line in stream:
                record = json.loads(line)
                if record.get("text"):
                    yield {"id": record.get("id"), "url": record.get("site"), "text": record["text"]}


def _make(corpus: Path, files: Sequence[Path], size: float) -> float:
    """Writes a corpus of so many bytes; returns the MB of text in it."""
    number = 0
    text = 0
    with corpus.open("wb") as out:
        while out.tell() < size:
            for record in records(files):
                number += 1
                out.write(json.dumps({**record, "id": number}, ensure_ascii=False).encode("utf-8", "backslashreplace") + b"\n")
                text += len(record["text"].encode("utf-8", "backslashreplace"))
                if out.tell() >= size:
                    break
    return text / 1e6


def _compare(classifier: Classifier, corpus: Path, text: float, workers: int) -> dict[str, float]:
    output = corpus.with_suffix("")
    command = [sys.executable, "-m", "classifier", "clean", str(corpus), "--output", f"{output}/"]
    before = _library(classifier, corpus)
    start = time.perf_counter()
    with subprocess.Popen([*command, "--workers", str(workers)]) as process:
        peak = 0.0
        while process.poll() is None:
            peak = max(peak, sum(map(_memory, [process.pid, *_children(process.pid)])))
            time.sleep(0.2)
    seconds = time.perf_counter() - start
    after = _library(classifier, corpus)
    shutil.rmtree(output)
    library = mean([before, after])
    return {
        "seconds": seconds,
        "run_mb_a_second": text / seconds,
        "library_mb_a_second": library,
        "share_a_worker": text / seconds / workers / library,
        "peak_mib": peak,
    }


def _library(classifier: Classifier, corpus: Path) -> float:
    texts: list[str] = []
    size = 0
    with corpus.open("rb") as stream:
        for line in stream:
            texts.append(json.loads(line)["text"])
            size += len(texts[-1].encode("utf-8", "backslashreplace"))
            if size > _LIBRARY_MB * 1e6:
                break
    start = time.perf_counter()
    for at in range(0, len(texts), _GROUP):
        for result in classifier.label_many(texts[at : at + _GROUP]):
            _ = result.clean_text
    return size / 1e6 / (time.perf_counter() - start)


def _children(process: int) -> list[int]:
    try:
        return [int(child) for child in Path(f"/proc/{process}/task/{process}/children").read_text().split()]
    except OSError:
        return []


def _memory(process: int) -> float:
    """MiB of a process, pages that several share counted in parts."""
    try:
        lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


def _by_piece(corpus: Path, workers: int, piece: int) -> float:
    before = pieces._PIECE
    pieces._PIECE = piece
    try:
        start = time.perf_counter()
        order = batch.Batch(Job("clean"), [str(corpus)], workers=workers)
        batch.execute(order, io.BytesIO(), lambda *_: None, lambda *_: None)
        return time.perf_counter() - start
    finally:
        pieces._PIECE = before


if __name__ == "__main__":
    sys.exit(main())
