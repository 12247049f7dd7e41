"""Labelling throughput beside fastText's predict on the same segments, in one run.

    python -m training.benchmark DATA

DATA is an annotated file, or a folder with `train*` (to fit fastText's supervised classifier,
as floret ships it) and `dev*` (to label). Rounds take turns, so that a busy machine slows all
alike. Prints MB of UTF-8 text a second, one process, the median of the rounds, and ratios.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import floret

from classifier import segment, split, store
from classifier.pipeline import Classifier
from training import data


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns its exit status."""
    parser = argparse.ArgumentParser(prog="python -m training.benchmark", description=__doc__.split("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args(arguments)
    fitted = _fasttext(data.read(data.files(options.data, "train")))
    texts = [document.text for document in data.read(data.files(options.data, "dev"))]
    lines = [" ".join(piece.split()) for text in texts for piece in _pieces(text)]
    size = sum(len(text.encode("utf-8", "surrogatepass")) for text in texts) / 1e6
    classifier = Classifier.load()
    model, cuts = store.load().model, [segment.cut(text) for text in texts]
    tasks: dict[str, Callable[[], object]] = {
        "label_many, spans and all": lambda: [result.as_dict() for result in classifier.label_many(texts)],
        "label_many": lambda: classifier.label_many(texts),
        "label, one by one": lambda: [classifier.label(text) for text in texts],
        "cutting and routing alone": lambda: [segment.cut(text) for text in texts],
        "cutting again by scores alone": lambda: split.split(model, texts, cuts),
        "fastText predict, segments cut": lambda: fitted.predict(lines),
    }
    times: dict[str, list[float]] = {name: [] for name in tasks}
    for _ in range(options.rounds + 1):
        for name, task in tasks.items():
            start = time.perf_counter()
            task()
            times[name].append(time.perf_counter() - start)
    base = median(times["fastText predict, segments cut"][1:])
    print(f"{len(texts)} documents, {len(lines)} segments, {size:.2f} MB; median of {options.rounds} rounds")
    for name, seconds in times.items():
        middle = median(seconds[1:])  # the first round warms up
        print(f"{name:32} {size / middle:7.2f} MB/s   {base / middle:6.2f} x fastText")
    return 0


def _pieces(text: str) -> list[str]:
    ends = segment.cut(text).ends
    return [text[a:b] for a, b in zip([0, *ends], ends, strict=False)]


def _fasttext(documents: Sequence[data.Document]) -> floret.FastText:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "train.txt"
        lines = (
            f"__label__{label} {' '.join(document.text[start:end].split())}\n"
            for document in documents
            for start, end, label in document.units
        )
        path.write_text("".join(lines), "utf-8", "surrogatepass")
        return floret.train_supervised(str(path), minn=1, maxn=4, dim=16, epoch=10, bucket=1 << 17, thread=2, verbose=0)


if __name__ == "__main__":
    sys.exit(main())
