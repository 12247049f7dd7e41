"""The same documents through every integration: are the labels the same, and what does the way cost?

    python -m training.routes FILE.jsonl[.gz] … [--documents 2000] [--only NAME …] [--output training/routes]

Each route is a program of its own that reads `pages.parquet` or `pages.jsonl` and writes spans; those for Arrow's
engines are the examples of classifier/adapters/arrow.md, word for word. A route runs with one document and with
all of them: its time is the difference, beside that of `label_many` and spans as dicts, found in the same way.
Prints, and writes as FILE.json, for each: seconds to start, seconds for the documents, how many times the library's,
and whether every span is the library's. Engines that are not installed are named and left out.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import parquet

import classifier
from training.runs import records

ADAPTERS = Path(classifier.__file__).parent / "adapters"

_LIBRARY = """
import json
from classifier import Classifier
pages = [json.loads(line) for line in open("pages.jsonl", encoding="utf-8")]
results = Classifier.load().label_many([page["text"] for page in pages])
with open("labels.jsonl", "w", encoding="utf-8") as out:
    for page, result in zip(pages, results):
        print(json.dumps({"id": page["id"], **result.as_dict()}), file=out)
"""
_SCRAPY = """
import json
import scrapy
from scrapy.crawler import CrawlerProcess

class Pages(scrapy.Spider):
    name = "pages"
    async def start(self):
        for line in open("pages.jsonl", encoding="utf-8"):
            yield json.loads(line)

process = CrawlerProcess({
    "ADDONS": {"classifier.adapters.scrapy.ClassifierAddon": 500}, "CLASSIFIER_MODE": "annotate",
    "FEEDS": {"labels.jsonl": {"format": "jsonlines"}}, "LOG_ENABLED": False, "TELNETCONSOLE_ENABLED": False,
})
process.crawl(Pages)
process.start()
"""
_DATATROVE = """
from datatrove.executor import LocalPipelineExecutor
from datatrove.pipeline.readers import JsonlReader
from datatrove.pipeline.writers.jsonl import JsonlWriter
from classifier.adapters.datatrove import BoilerplateFilter

if __name__ == "__main__":
    steps = [JsonlReader(".", glob_pattern="pages.jsonl"), BoilerplateFilter(clean=False, labels="boilerplate"),
             JsonlWriter("out", output_filename="labels.jsonl", compression=None)]
    LocalPipelineExecutor(steps, logging_dir="logs", tasks=1, workers=1).run()
"""
_HTTP = """
import json, subprocess, sys, time, urllib.request
serve = "from classifier.adapters.http.service import serve; serve(port=8765, workers=1, max_body=64_000_000)"
server = subprocess.Popen([sys.executable, "-c", serve], stderr=subprocess.DEVNULL)
try:
    for _ in range(600):
        try:
            urllib.request.urlopen("http://127.0.0.1:8765/health")
            break
        except OSError:
            time.sleep(0.1)
    lines = open("pages.jsonl", "rb").read().splitlines(keepends=True)
    with open("labels.jsonl", "wb") as out:
        for at in range(0, len(lines), 100):
            body = b"".join(lines[at : at + 100])
            kind = {"Content-Type": "application/x-ndjson"}
            request = urllib.request.Request("http://127.0.0.1:8765/label", body, kind)
            out.write(urllib.request.urlopen(request).read())
finally:
    server.terminate()
    server.wait()
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns its exit status: 1 when a route's labels are not the library's."""
    parser = argparse.ArgumentParser(prog="python -m training.routes", description=__doc__.split("\n")[0])
    parser.add_argument("files", type=Path, nargs="+")
    parser.add_argument("--documents", type=int, default=2000)
    parser.add_argument("--only", nargs="+", metavar="NAME", help="some of the routes")
    parser.add_argument("--output", type=Path, help="where to write FILE.json")
    options = parser.parse_args(arguments)
    texts = _texts(options.files, options.documents)
    rows = []
    with tempfile.TemporaryDirectory() as name:
        expected, library = _measured(lambda folder: _python(folder, _LIBRARY), texts, Path(name) / "library")
        for route, (needs, do) in _routes().items():
            if options.only and route not in options.only:
                continue
            if find_spec(needs) is None:
                print(f"{route:28} {needs} is not installed")
                continue
            spans, times = _measured(do, texts, Path(name) / re.sub(r"\W", "-", route))
            same = sum(spans.get(key) == value for key, value in expected.items())
            row = {"route": route, **times, "times_library": times["seconds"] / library["seconds"], "same": same}
            rows.append(row)
            print(
                f"{route:28} start {times['start']:6.1f} s  documents {times['seconds']:7.2f} s"
                f"  {row['times_library']:6.2f} x library  {same} of {len(texts)} the same",
                flush=True,
            )
    if options.output:
        options.output.with_suffix(".json").write_text(json.dumps(rows, indent=1) + "\n", "utf-8")
    return int(any(row["same"] != len(texts) for row in rows))


def _texts(files: Sequence[Path], number: int) -> list[str]:
    """Documents spread over the files."""
    found = [record["text"] for record in records(files)]
    return found[:: max(1, len(found) // number)][:number]


def _measured(do: Callable[[Path], object], texts: list[str], folder: Path) -> tuple[dict[str, Any], dict[str, float]]:
    """The spans of each document by its number, and the seconds that a route takes: to start, and for the documents."""
    seconds = []
    for number in (1, len(texts)):
        home = folder / str(number)
        home.mkdir(parents=True)
        rows = [{"id": str(at), "text": text} for at, text in enumerate(texts[:number])]
        (home / "pages.jsonl").write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")
        parquet.write_table(pa.Table.from_pylist(rows), home / "pages.parquet")
        start = time.perf_counter()
        do(home)
        seconds.append(time.perf_counter() - start)
    return _spans(home), {"start": seconds[0], "seconds": seconds[1] - seconds[0]}


def _spans(home: Path) -> dict[str, Any]:
    table = home / "labels.parquet"
    if table.exists():
        return {row["id"]: row["spans"] for row in parquet.read_table(table).to_pylist()}
    (file,) = home.rglob("labels.jsonl")
    rows = [json.loads(line) for line in file.read_text("utf-8").split("\n") if line]
    return {row["id"]: (row.get("metadata") or row).get("boilerplate", row).get("spans") for row in rows}


def _routes() -> dict[str, tuple[str, Callable[[Path], object]]]:
    """Name to the module that it needs, and what does it in a folder."""
    label = ["-m", "classifier", "label", "pages.jsonl", "--output"]
    routes: dict[str, tuple[str, Callable[[Path], object]]] = {
        "command line, one worker": ("classifier", lambda home: _run(home, [*label, "labels.jsonl", "--workers", "1"])),
        "command line, two workers": ("classifier", lambda home: _run(home, [*label, "labels.jsonl", "--workers", "2"])),
        "Scrapy": ("scrapy", lambda home: _python(home, _SCRAPY)),
        "datatrove": ("datatrove", lambda home: _python(home, _DATATROVE)),
        "HTTP": ("fastapi", lambda home: _python(home, _HTTP)),
    }
    sections = re.split(r"^## ", (ADAPTERS / "arrow.md").read_text("utf-8"), flags=re.M)[1:]
    codes = {part.split("\n")[0]: found[1] for part in sections if (found := re.search(r"```python\n(.*?)```", part, re.S))}
    for name, needs in (("Plain pyarrow", "pyarrow"), ("Polars", "polars"), ("DuckDB", "duckdb"), ("datasets", "datasets")):
        routes[name] = needs, lambda home, code=codes[name]: _python(home, code)  # type: ignore[misc]
    for master in ("local[2,4]", "local-cluster[2,1,1024]"):
        routes[f"Spark {master}"] = "pyspark", lambda home, master=master: _spark(home, codes["Spark"], master)  # type: ignore[misc]
    routes["Ray Data"] = "ray", lambda home: _python(home, codes["Ray Data"])
    return routes


def _spark(home: Path, code: str, master: str) -> None:
    (home / "label.py").write_text(code, "utf-8")
    own = os.pathsep.join([str(ADAPTERS.parent.parent), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYSPARK_PYTHON": sys.executable, "PYTHONPATH": own}
    submit = [str(Path(sys.executable).parent / "spark-submit"), "--master", master, "label.py"]
    subprocess.run([*submit, "pages.parquet", "labels.parquet"], cwd=home, env=environment, check=True, capture_output=True)


def _python(home: Path, code: str) -> None:
    (home / "route.py").write_text(code, "utf-8")
    _run(home, ["route.py"])


def _run(home: Path, arguments: list[str]) -> None:
    subprocess.run([sys.executable, *arguments], cwd=home, check=True, capture_output=True)


if __name__ == "__main__":
    sys.exit(main())
