"""Throughput beside what else reads text at this stage, in one run.

    python -m training.benchmark DATA [--output training/benchmark]

DATA is an annotated file, or a folder with `train*` (to fit the classifiers beside) and `dev*` (to
label). Rounds take turns, so that a busy machine slows all alike; the first is not counted. Prints,
and writes as FILE.json and FILE.png, MB of UTF-8 text a second, one process, the median of the
rounds, and its ratio to fastText's `predict`.
"""

from __future__ import annotations

import argparse
import html
import io
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

# One thread, before NumPy is loaded.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from numpy.typing import NDArray

from classifier import accelerate, compiled, context, features, kernels, segment, split, store
from classifier import model as stages
from classifier.batch import Batch, execute
from classifier.evidence import evidence
from classifier.job import Job
from classifier.pipeline import Classifier
from classifier.reading import batches
from classifier.schema import Limits, Segments
from training import data

Tasks = dict[str, Callable[[], object]]
_COMPILED = ("kernel: features, n-grams, scores", "context: evidence and inputs", "label_many", "clean, JSONL to JSONL")
_SLOW_SHARE = 20  # what takes seconds a megabyte is timed on one document in so many
_HTML = "<html><body><article>{}</article></body></html>"


@dataclass(frozen=True, slots=True)
class Corpus:
    """What is labelled: documents, our segments of them, and what scikit-learn and fastText are fitted on."""

    texts: list[str]
    lines: list[str]
    units: list[tuple[str, str]]

    @property
    def megabytes(self) -> float:
        """Of UTF-8."""
        return sum(len(text.encode("utf-8", "surrogatepass")) for text in self.texts) / 1e6


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns its exit status."""
    parser = argparse.ArgumentParser(prog="python -m training.benchmark", description=__doc__.split("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--output", type=Path, help="where to write FILE.json and FILE.png")
    options = parser.parse_args(arguments)
    corpus = _corpus(options.data)
    size = corpus.megabytes
    with tempfile.TemporaryDirectory() as folder:
        sizes, times = _timed(corpus, Path(folder), options.rounds)
    speeds = {name: sizes[name] / median(seconds) for name, seconds in times.items()}
    base = speeds["fastText predict, segments cut"]
    print(f"{len(corpus.texts)} documents, {len(corpus.lines)} segments, {size:.2f} MB; median of {options.rounds} rounds")
    for name, speed in speeds.items():
        print(f"{name:40} {speed:9.2f} MB/s {speed / base:9.2f} x fastText")
    around = _around(corpus)
    for name, value in around.items():
        print(f"{name:60} {value:7.2f}")
    if options.output:
        about = {name: version(name) for name in ("numpy", "scikit-learn", "floret")} | {"python": platform.python_version()}
        made = {"megabytes": size, "segments": len(corpus.lines), "versions": about, "mb_per_second": speeds, **around}
        options.output.with_suffix(".json").write_text(json.dumps(made, indent=1, ensure_ascii=False) + "\n", "utf-8")
        _plot(speeds, options.output.with_suffix(".png"))
    return 0


def _corpus(source: Path) -> Corpus:
    texts = [document.text for document in data.read(data.files(source, "dev"))]
    cuts = [cut for batch in batches(texts, Limits()) for cut in segment.cut_many(batch)]
    lines = [" ".join(text[a:b].split()) for text, cut in zip(texts, cuts, strict=True) for a, b in _spans(cut)]
    units = [
        (" ".join(document.text[start:end].split()), label)
        for document in data.read(data.files(source, "train"))
        for start, end, label in document.units
    ]
    return Corpus(texts, lines, units)


def _timed(corpus: Corpus, folder: Path, rounds: int) -> tuple[dict[str, float], dict[str, list[float]]]:
    """MB that each task reads, and the seconds that it took in each round."""
    accelerate.PAYS = sys.maxsize  # which kernels run is said here
    own = {**_stages(corpus), **_whole(corpus, folder)}
    compiled.verify()
    tasks = {**own, **{f"{name}, compiled": _with_numba(own[name]) for name in _COMPILED}, **_beside(corpus, folder)}
    slow = _slow(corpus)
    sizes = dict.fromkeys(tasks, corpus.megabytes)
    sizes |= dict.fromkeys(slow, sum(len(text.encode("utf-8", "surrogatepass")) for text in corpus.texts[::_SLOW_SHARE]) / 1e6)
    times: dict[str, list[float]] = {name: [] for name in sizes}
    for _ in range(rounds + 1):
        for name, task in {**tasks, **slow}.items():
            start = time.perf_counter()
            task()
            times[name].append(time.perf_counter() - start)
    return sizes, {name: seconds[1:] for name, seconds in times.items()}


def _with_numba(task: Callable[[], object]) -> Callable[[], object]:
    def run() -> object:
        kernels.use(compiled.KERNELS)
        try:
            return task()
        finally:
            kernels.use(kernels.plain())

    return run


def _stages(corpus: Corpus) -> Tasks:
    """The stages of `label_many`, each on what the one before made."""
    model = store.load().model
    groups = list(batches(corpus.texts, Limits()))
    first = [segment.cut_many(batch) for batch in groups]
    cuts = [split.split(model, batch, cut) for batch, cut in zip(groups, first, strict=True)]
    rows = [features.rows(batch, cut) for batch, cut in zip(groups, cuts, strict=True)]
    grams = [features.buckets(row.grams, row.bounds, model.bits) for row in rows]
    pairs = list(zip(rows, grams, strict=True))

    def logits(row: features.Rows, gram: NDArray[Any]) -> NDArray[Any]:
        return stages.local_logits(model, row, gram, stages.tables_of_rows(model, row))

    scores = [context.steps(logits(*pair)) for pair in pairs]
    found = [evidence(*pair) for pair in pairs]
    inputs = [context.context_inputs(*each) for each in zip(rows, scores, found, strict=True)]

    def kernel() -> object:
        made = [features.rows(batch, cut) for batch, cut in zip(groups, cuts, strict=True)]
        return [logits(row, features.buckets(row.grams, row.bounds, model.bits)) for row in made]

    return {
        "cut and route": lambda: [segment.cut_many(batch) for batch in groups],
        "cut again by scores": lambda: [split.split(model, *each) for each in zip(groups, first, strict=True)],
        "kernel: features, n-grams, scores": kernel,
        "context: evidence and inputs": lambda: [
            context.context_inputs(row, score, evidence(row, gram))
            for row, gram, score in zip(rows, grams, scores, strict=True)
        ],
        "network": lambda: [model.networks[0].logits(each) for each in inputs],
    }


def _whole(corpus: Corpus, folder: Path) -> Tasks:
    classifier = Classifier.load()
    file = folder / "in.jsonl"
    records = [json.dumps({"id": n, "text": text}, ensure_ascii=False) for n, text in enumerate(corpus.texts)]
    file.write_text("\n".join(records), "utf-8", "surrogatepass")
    results = classifier.label_many(corpus.texts)
    policy = results[0].policy

    order = Batch(Job("clean"), [str(file)])

    def clean() -> object:
        out = io.BytesIO()
        execute(order, out, lambda *_: None, lambda *_: None)
        return out.getvalue()

    def through() -> object:
        parsed = [json.loads(line) for line in file.read_bytes().splitlines()]
        return [json.dumps(fields, ensure_ascii=False).encode("utf-8", "surrogatepass") for fields in parsed]

    return {
        "label_many": lambda: classifier.label_many(corpus.texts),
        "decide: spans and clean text": lambda: [result.with_policy(policy).clean_text for result in results],
        "label_many, spans as dicts": lambda: [result.as_dict() for result in classifier.label_many(corpus.texts)],
        "label, one by one": lambda: [classifier.label(text) for text in corpus.texts],
        "clean, JSONL to JSONL": clean,
        "JSONL passed through, nothing done": through,
        "copied in memory": lambda: [bytearray(text.encode("utf-8", "surrogatepass")) for text in corpus.texts],
    }


def _beside(corpus: Corpus, folder: Path) -> Tasks:
    """Classifiers of text fitted on the same units, asked about the same segments."""
    import floret
    from sklearn.feature_extraction.text import HashingVectorizer
    from sklearn.linear_model import SGDClassifier

    path = folder / "units.txt"
    path.write_text("".join(f"__label__{label} {text}\n" for text, label in corpus.units), "utf-8", "surrogatepass")
    fasttext = floret.train_supervised(
        str(path), wordNgrams=2, minn=2, maxn=5, dim=16, epoch=5, bucket=1 << 17, thread=2, verbose=0
    )
    hashing = HashingVectorizer(analyzer="char_wb", ngram_range=(2, 5), n_features=1 << 18)
    sgd = SGDClassifier(loss="log_loss", max_iter=5, tol=None, random_state=0)
    sgd.fit(hashing.transform([_encodable(text) for text, _ in corpus.units]), [label for _, label in corpus.units])
    lines = [_encodable(line) for line in corpus.lines]
    return {
        "fastText predict, segments cut": lambda: fasttext.predict(lines),
        "scikit-learn hashing and SGD, segments cut": lambda: sgd.predict(hashing.transform(lines)),
    }


def _slow(corpus: Corpus) -> Tasks:
    """Other tools, on a part of the documents. Those that read HTML are given a paragraph a line: another stage."""
    import justext
    import trafilatura
    from datatrove.data import Document
    from datatrove.pipeline.filters import C4QualityFilter

    from classifier import language

    texts = [_encodable(text) for text in corpus.texts[::_SLOW_SHARE]]
    pages = [_HTML.format("".join(f"<p>{html.escape(line)}</p>" for line in text.splitlines())) for text in texts]
    cuts = [segment.cut(text) for text in texts]
    words = justext.get_stoplist("English")
    rules = C4QualityFilter()
    return {
        "datatrove, C4 filter": lambda: [rules.filter(Document(text=text, id="")) for text in texts],
        "langdetect, once a paragraph": lambda: [
            language.detected(text, cut.ends, cut.paragraphs) for text, cut in zip(texts, cuts, strict=True)
        ],
        "jusText (HTML in)": lambda: [justext.justext(page, words) for page in pages],
        "trafilatura (HTML in)": lambda: [trafilatura.extract(page) for page in pages],
    }


def _around(corpus: Corpus) -> dict[str, float]:
    """Ratios of whole processes: start, workers and memory."""
    python, own = [sys.executable, "-c"], [sys.executable, "-m", "classifier", "clean"]
    with tempfile.TemporaryDirectory() as folder:
        small, large = Path(folder) / "small.txt", Path(folder) / "large.jsonl"
        small.write_text(corpus.texts[0][:5000], "utf-8", "surrogatepass")
        with large.open("w", encoding="utf-8", errors="surrogatepass") as stream:
            while stream.tell() < 20e6:
                stream.writelines(json.dumps({"text": text}, ensure_ascii=False) + "\n" for text in corpus.texts)
        start = _in_turn([*own, str(small)], [*python, "import numpy"], 7)
        workers = _in_turn([*own, "--workers", "1", str(large)], [*own, "--workers", "2", str(large)], 3)
        peak = _peak([*own, "--workers", "1", str(large)])
    return {
        "clean of 5 kB, start and all, by `import numpy`": start,
        "clean of 20 MB with one worker by two": workers,
        "peak memory of clean of 20 MB of JSONL, one process, MiB": peak,
    }


def _in_turn(one: list[str], other: list[str], rounds: int) -> float:
    """The median of how many times as long one command takes as another, run in turn."""
    ratios = []
    for _ in range(rounds):
        seconds = []
        for command in (one, other):
            start = time.perf_counter()
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            seconds.append(time.perf_counter() - start)
        ratios.append(seconds[0] / seconds[1])
    return median(ratios)


def _peak(command: list[str]) -> float:
    """MiB that the largest process of a command had in memory at most, asked of a fresh parent."""
    code = (
        "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL); "
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    found = subprocess.run([sys.executable, "-c", code, *command], check=True, capture_output=True, text=True)
    return int(found.stdout) / 1024


def _spans(cut: Segments) -> list[tuple[int, int]]:
    return list(zip([0, *cut.ends], cut.ends, strict=False))


def _encodable(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8")


def _plot(speeds: dict[str, float], path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    names = sorted(speeds, key=lambda name: speeds[name])
    figure, axes = pyplot.subplots(figsize=(8, 5.5), layout="constrained")
    bars = axes.barh(names, [speeds[name] for name in names])
    axes.bar_label(bars, [f"{speeds[name]:.3g}" for name in names], padding=3)
    axes.set(xscale="log", xlabel="MB of UTF-8 text a second, one process")
    figure.savefig(path, dpi=110)
    pyplot.close(figure)


if __name__ == "__main__":
    sys.exit(main())
