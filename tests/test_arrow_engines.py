"""The examples of arrow.md, run as files: every engine gives the library's labels, also when a worker of it is killed."""

import importlib.util
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from classifier import Policy
from classifier.adapters.arrow import annotate

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "classifier" / "adapters" / "arrow.md").read_text("utf-8")

PIECES = [
    "Ships wait for a berth, the port authority said on Monday.",
    "The pilot boarded at dawn and left the bridge four hours later, hoarse and content.",
    "Nobody in the village remembers a winter in which the ferry ran on every single day.",
    "Subscribe to our newsletter today!",
    "Order now and save 30% on your first crate 📦🍊",
    "All rights reserved. This page is not investment advice.",
    "Home | Ports | Weather | Contact",
    "By Ines Okafor, 4 March 2025",
    "港口周一重新开放，船只恢复通行。",
    "渔民说，今年的风比往年更冷，他们只能在中午以前出海。",
    "扫码关注公众号，领取新人礼包🎁",
    "版权所有，未经授权不得转载。",
    "首页 > 港口 > 正文",
    "Die Fähre fährt heute nicht.",
    "👩‍👩‍👧🚢",
    "e\u0301te\u0301, caf\u00e9 \u202e\u200b",
]
WHOLE = ["", None, "\n", "\n\n\n", "\r\n", " \u3000\t", "。", "🚢", "\u2028", "x" * 3_000, "港" * 3_000]


def documents():
    """Some 300, of one piece to a dozen, on lines of their own, on one line, or run together."""
    random.seed(11)
    joined = (
        random.choice(["\n", " ", "", "\n\n", "\r\n"]).join(random.choices(PIECES, k=random.randint(1, 12)))
        for _ in range(300 - len(WHOLE))
    )
    return [*WHOLE, *joined]


@pytest.fixture(scope="module")
def rows(clf):
    return by_library(clf, Policy())


def by_library(clf, policy):
    """The spans, clean text and content share that the library gives, by the number of a document."""
    out = {}
    for number, text in enumerate(documents()):
        result = clf.label(text or "").with_policy(policy)
        spans = [span.as_dict() for span in result.spans]
        out[number] = (text, result.clean_text, spans, result.quality.content_share) if text is not None else (None,) * 4
    return out


@pytest.fixture
def folder(tmp_path):
    """A folder with pages.parquet in two row groups."""
    texts = documents()
    table = pa.table({"number": range(len(texts)), "text": pa.array(texts, pa.string())})
    parquet.write_table(table, tmp_path / "pages.parquet", row_group_size=200)
    return tmp_path


def labels(folder):
    """What an example wrote, in the shape of `rows`."""
    found = parquet.read_table(folder / "labels.parquet").to_pylist()
    assert len(found) == len({row["number"] for row in found})
    return {
        row["number"]: (row["text"], row["clean_text"], row["spans"], row["quality"] and row["quality"]["content_share"])
        for row in found
    }


def examples():
    """The code of the page by the heading it stands under, and its number there."""
    for section in PAGE.split("\n## ")[1:]:
        heading = section.splitlines()[0]
        for number, code in enumerate(re.findall(r"```python\n(.*?)```", section, re.S), 1):
            yield f"{heading} {number}", code


EXAMPLES = dict(examples())
NEEDS = {"Spark 1": "pyspark", "Ray Data 1": "ray"}
SLOW = pytest.mark.slow


def start(code, folder, *command):
    """Runs code as a file in a folder, in a process group of its own."""
    (folder / "example.py").write_text(code, "utf-8")
    environment = {
        **os.environ,
        "HF_HOME": str(folder / "cache"),
        "PYSPARK_PYTHON": sys.executable,
        "PYTHONPATH": str(ROOT),
        "RAY_USAGE_STATS_ENABLED": "0",
        "SPARK_LOCAL_IP": "127.0.0.1",
    }
    arguments = [*(command or [sys.executable]), "example.py", *(["pages.parquet", "labels.parquet"] if command else [])]
    with (folder / "log").open("wb") as log:
        return subprocess.Popen(
            arguments, cwd=folder, env=environment, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
        )


def finish(run, folder, seconds=300):
    """Waits for a run that must end well."""
    try:
        status = run.wait(seconds)
    finally:
        if run.poll() is None:
            os.killpg(run.pid, signal.SIGKILL)
    assert status == 0, (folder / "log").read_text("utf-8", "replace")[-5_000:]


def submit(master):
    """The command that runs a script on Spark, if there is one."""
    pytest.importorskip("pyspark")
    if not (shutil.which("java") or os.environ.get("JAVA_HOME")):
        pytest.skip("Spark needs Java")
    script = Path(importlib.util.find_spec("pyspark").origin).parent / "bin" / "spark-submit"
    return [str(script), "--master", master, "--conf", "spark.ui.enabled=false"]


def test_the_page_has_an_example_for_every_engine():
    engines = ["Plain pyarrow 1", "Polars 1", "Polars 2", "DuckDB 1", "DuckDB 2", "datasets 1", "Spark 1", "Ray Data 1"]
    assert list(EXAMPLES) == engines
    assert len(EXAMPLES) == PAGE.count("```python")


@pytest.mark.parametrize("name", [name for name in EXAMPLES if name not in NEEDS])
def test_an_example_of_the_page_gives_every_document_the_labels_of_the_library(name, folder, rows):
    finish(start(EXAMPLES[name], folder), folder)
    assert labels(folder) == rows


@SLOW
@pytest.mark.parametrize("master", ["local[2,4]", "local-cluster[2,1,1024]"])
def test_spark_gives_every_document_the_labels_of_the_library(master, folder, rows):
    finish(start(EXAMPLES["Spark 1"], folder, *submit(master)), folder)
    assert labels(folder) == rows


@SLOW
def test_ray_gives_every_document_the_labels_of_the_library(folder, rows):
    pytest.importorskip("ray")
    finish(start(EXAMPLES["Ray Data 1"], folder), folder)
    assert labels(folder) == rows


def changed(name, *replacements):
    """An example with something else in it."""
    code = EXAMPLES[name]
    for old, new in replacements:
        assert code.count(old) == 1
        code = code.replace(old, new)
    return code


CAREFUL = Policy.careful(keep={"legal"})
IMPORTS = "from functools import partial\nfrom classifier import Policy\n"


@SLOW
def test_spark_takes_a_policy(folder, clf, rows):
    options = "partial(annotate_batches, policy=Policy.careful(keep={'legal'})), after"
    code = IMPORTS + changed("Spark 1", ("annotate_batches, after", options))
    finish(start(code, folder, *submit("local[2,4]")), folder)
    assert labels(folder) == by_library(clf, CAREFUL) != rows


@SLOW
def test_ray_takes_a_policy(folder, clf, rows):
    pytest.importorskip("ray")
    options = "map_batches(Annotate, fn_constructor_kwargs={'policy': Policy.careful(keep={'legal'})}, "
    finish(start(IMPORTS + changed("Ray Data 1", ("map_batches(Annotate, ", options)), folder), folder)
    assert labels(folder) == by_library(clf, CAREFUL) != rows


@SLOW
def test_datasets_takes_a_policy(folder, clf, rows):
    options = "annotate, fn_kwargs={'policy': Policy.careful(keep={'legal'})}, num_proc=2, "
    finish(start(IMPORTS + changed("datasets 1", ("annotate, batched", options + "batched")), folder), folder)
    assert labels(folder) == by_library(clf, CAREFUL) != rows


def test_offsets_count_characters_as_polars_and_duckdb_do(clf):
    import duckdb
    import polars as pl

    texts = [text for text in documents() if text]
    labelled = annotate(pa.table({"text": texts}))
    expected = [text[span.start : span.end] for text in texts for span in clf.label(text).spans]
    spans = pl.from_arrow(labelled).explode("spans").unnest("spans")
    assert spans.select(pl.col("text").str.slice("start", pl.col("end") - pl.col("start")))["text"].to_list() == expected
    connection = duckdb.connect()
    query = 'SELECT substring(text, s.start + 1, s."end" - s.start) FROM (SELECT text, unnest(spans) AS s FROM labelled)'
    assert [piece for (piece,) in connection.sql(query).fetchall()] == expected


def test_a_lazy_polars_query_hands_over_a_frame_piece_by_piece():
    import polars as pl

    sizes = []

    def label(frame):
        sizes.append(frame.height)
        return frame

    pl.LazyFrame({"text": ["Ahoy."] * 500_000}).map_batches(label, streamable=True).collect(engine="streaming")
    assert sum(sizes) == 500_000
    assert len(sizes) > 1


def test_a_streamed_dataset_gives_the_same_labels(rows):
    from datasets import Dataset

    texts = documents()
    streamed = Dataset.from_dict({"text": texts}).to_iterable_dataset(num_shards=3)
    found = list(streamed.with_format("arrow").map(annotate, batched=True, batch_size=50).with_format(None))
    assert [row["spans"] for row in found] == [spans for _, _, spans, _ in rows.values()]


KILLED_SPARK = """
import os
import sys
import time
from pathlib import Path

from pyspark.sql import SparkSession
from pyspark.sql.pandas.types import from_arrow_schema, to_arrow_schema

from classifier.adapters.arrow import annotate_batches, schema

MARK = Path.cwd() / "mark"


def slow(batches):
    for number, batch in enumerate(annotate_batches(batches)):
        if number == 1:
            try:
                with MARK.open("x") as mark:
                    print(os.getpid(), file=mark)
                time.sleep(600)
            except FileExistsError:
                pass
        yield batch


source, target = sys.argv[1:]
spark = SparkSession.builder.config("spark.sql.execution.arrow.maxRecordsPerBatch", 10).getOrCreate()
pages = spark.read.parquet(source).repartition(4, "number")
after = from_arrow_schema(schema(to_arrow_schema(pages.schema)))
pages.mapInArrow(slow, after).write.parquet(target)
spark.stop()
"""
KILLED_RAY = """
import os
import time
from pathlib import Path

import ray

from classifier.adapters.arrow import annotate

MARK = Path.cwd() / "mark"


class Annotate:
    calls = 0

    def __call__(self, pages):
        self.calls += 1
        if self.calls == 3 and not MARK.exists():
            MARK.write_text(f"{os.getpid()}\\n")
            time.sleep(600)
        return annotate(pages)


ray.init(num_cpus=2)
pages = ray.data.read_parquet("pages.parquet").repartition(10)
pool = ray.data.ActorPoolStrategy(size=1)
labels = pages.map_batches(Annotate, batch_format="pyarrow", batch_size=30, compute=pool)
labels.write_parquet("labels.parquet")
"""


def marked(run, folder, seconds=200):
    """The worker that said it is at work, and now waits to be killed."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and run.poll() is None:
        if (folder / "mark").exists() and (text := (folder / "mark").read_text()).endswith("\n"):
            return int(text)
        time.sleep(0.1)
    os.killpg(run.pid, signal.SIGKILL)
    pytest.fail((folder / "log").read_text("utf-8", "replace")[-5_000:])


def java_above(pid):
    """The Java process that started a Python worker."""
    while "java" not in Path(f"/proc/{pid}/comm").read_text():
        pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    assert "CoarseGrainedExecutorBackend" in Path(f"/proc/{pid}/cmdline").read_text()
    return pid


@SLOW
@pytest.mark.parametrize(
    ("master", "executor"),
    [("local[2,4]", False), ("local-cluster[2,1,1024]", False), ("local-cluster[2,1,1024]", True)],
    ids=["a worker", "a worker of an executor", "an executor"],
)
def test_spark_ends_with_the_same_rows_when_one_of_its_processes_is_killed(master, executor, folder, rows):
    run = start(KILLED_SPARK, folder, *submit(master))
    worker = marked(run, folder)
    os.kill(java_above(worker) if executor else worker, signal.SIGKILL)
    finish(run, folder)
    assert labels(folder) == rows


@SLOW
def test_ray_ends_with_the_same_rows_when_an_actor_is_killed(folder, rows):
    pytest.importorskip("ray")
    run = start(KILLED_RAY, folder)
    os.kill(marked(run, folder), signal.SIGKILL)
    finish(run, folder)
    assert labels(folder) == rows
