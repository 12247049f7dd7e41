"""The datatrove adapter, by itself and in runs of datatrove's local executor."""

import json
import pickle
import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from datatrove.data import Document
from datatrove.executor import LocalPipelineExecutor
from datatrove.pipeline.readers import JsonlReader
from datatrove.pipeline.writers import JsonlWriter, ParquetWriter

from classifier import Classifier, Label, ModelError, Policy
from classifier.adapters import datatrove as adapter
from classifier.adapters.datatrove import BoilerplateFilter
from classifier.schema import PolicyError
from classifier.setup import Setup

PAGE = Path(adapter.__file__).with_suffix(".md").read_text("utf-8")
BRIDGE = (
    "The old stone bridge was closed for three days while divers looked at its foundations, the county said on Friday.\n"
    "They found no new cracks, and the buses cross it again from Monday.\n"
    "Sign up now for our free daily newsletter and never miss a story!\n"
    "© Valley Gazette. All rights reserved. No part may be reproduced without written permission."
)
LIBRARY = (
    "县图书馆搬进了老火车站，候车室现在是阅览室，原来的售票窗口用来办借书证。\n"
    "馆长说，第一周来的人比过去一个月还多，孩子们最喜欢站台上的那节旧车厢。\n"
    "点击下方链接立即下载客户端，新用户注册即送大礼包！\n"
    "版权声明：本网站所有内容版权归本报所有，未经书面许可不得转载或使用。"
)
MIXED = BRIDGE.splitlines()[0] + "\n" + LIBRARY
OFFERS = "Order today and save half!\nDownload our app now and get a free gift!\n关注公众号领取优惠券！"
TEXTS = [BRIDGE, LIBRARY, MIXED, OFFERS]


def documents(texts):
    return [Document(text=text, id=str(number)) for number, text in enumerate(texts)]


@pytest.fixture
def crawl(tmp_path):
    """A folder of JSONL as a crawl leaves it: two files, each with every text ten times."""
    (tmp_path / "crawl").mkdir()
    for name in "ab":
        records = [{"id": f"{name}{number}", "text": text, "site": name} for number, text in enumerate(TEXTS * 10)]
        lines = [json.dumps(record, ensure_ascii=False) for record in records]
        (tmp_path / "crawl" / f"{name}.jsonl").write_text("\n".join(lines), "utf-8")
    return tmp_path


def written(folder):
    return [json.loads(line) for file in sorted(folder.glob("*.jsonl")) for line in file.read_text("utf-8").splitlines()]


def run(folder, *steps, tasks=2, workers=2):
    """A run of steps over a crawl; returns the counts of the first, and what was written."""
    pipeline = [JsonlReader(str(folder / "crawl")), *steps, JsonlWriter(str(folder / "clean"), compression=None)]
    executor = LocalPipelineExecutor(pipeline, tasks=tasks, workers=workers, logging_dir=str(folder / "logs"))
    executor.run()
    stats = json.loads((folder / "logs" / "stats.json").read_text("utf-8"))[1]["stats"]
    return {name: value if isinstance(value, int) else value["total"] for name, value in stats.items()}, written(
        folder / "clean"
    )


def test_two_workers_clean_a_crawl_as_the_library_does(crawl, clf):
    counts, records = run(crawl, BoilerplateFilter())
    kept = [text for text in TEXTS if clf.label(text).clean_text]
    assert len(records) == 2 * 10 * len(kept) == counts["forwarded"] > counts["dropped_nothing_left"] > 0
    for record in records:
        assert record["text"] == clf.label(TEXTS[int(record["id"][1:]) % len(TEXTS)]).clean_text
        assert record["metadata"]["site"] == record["id"][0]
    removed = sum(len(text) - len(clf.label(text).clean_text) for text in kept)
    assert counts["characters_removed"] == 2 * 10 * removed > 0


def test_two_workers_write_the_labels_of_the_library(crawl, clf):
    policy = Policy.careful(keep={"legal"})
    _, records = run(crawl, BoilerplateFilter(policy, labels="labels", clean=False))
    for record in records:
        text = TEXTS[int(record["id"][1:]) % len(TEXTS)]
        assert record["text"] == text
        assert record["metadata"]["labels"] == json.loads(json.dumps(clf.label(text).with_policy(policy).as_dict()))


def test_two_workers_drop_what_is_below_quality_count_why_and_write_it_as_it_was(crawl):
    dropped = JsonlWriter(str(crawl / "dropped"), compression=None)
    counts, records = run(crawl, BoilerplateFilter(min_share=0.2, exclusion_writer=dropped))
    assert (counts["total"], counts["forwarded"], counts["dropped"], counts["dropped_content_share"]) == (80, 60, 20, 20)
    assert OFFERS not in {record["text"] for record in records}
    assert {(record["text"], record["metadata"]["filter_reason"]) for record in written(crawl / "dropped")} == {
        (OFFERS, "content_share")
    }


def test_a_worker_loads_the_model_once_for_all_of_its_tasks(crawl, monkeypatch):
    adapter.loaded.cache_clear()
    loads = []
    load = Classifier.load
    monkeypatch.setattr(Classifier, "load", lambda model, **options: loads.append(model) or load(model, **options))
    run(crawl, BoilerplateFilter(), tasks=2, workers=1)
    assert loads == [None]


def test_a_step_is_shipped_without_a_model():
    adapter.loaded.cache_clear()
    step = BoilerplateFilter(Policy(thresholds={Label.PROMO: 0.8}), labels="labels", min_share=0.5)
    data = pickle.dumps(step)
    assert len(data) < 2_000
    assert adapter.loaded.cache_info().misses == 0
    assert pickle.loads(data).filter_batch(documents(TEXTS)) == step.filter_batch(documents(TEXTS))


def test_rules_and_profiles_decide_by_the_site_in_the_metadata(tide):
    step = pickle.loads(pickle.dumps(BoilerplateFilter(labels="labels", clean=False, site_field="address", **tide.files)))
    batch = [Document(text=text, id="", metadata={"address": site}) for text, site in tide.documents]
    assert step.filter_batch(batch) == [True] * len(batch)
    assert [doc.metadata["labels"]["spans"][-1]["decided_by"] for doc in batch] == tide.decided


@pytest.mark.parametrize("batch_size", [1, 3, 100])
def test_batches_of_any_size_give_the_same_documents(batch_size, clf):
    step = BoilerplateFilter(batch_size=batch_size)
    assert [doc.text for doc in step.run(documents(TEXTS))] == [clf.label(text).clean_text for text in TEXTS[:-1]]


@pytest.mark.parametrize(
    ("bound", "reason"),
    [
        ({"min_share": 0.2}, "content_share"),
        ({"min_characters": 20}, "content_characters"),
        ({"max_run": 30}, "boilerplate_run"),
        ({"min_share": 0.2, "min_characters": 20}, "content_share"),
    ],
)
def test_a_dropped_document_has_the_first_reason_that_holds_and_its_text(bound, reason):
    (doc,) = documents([OFFERS])
    assert BoilerplateFilter(**bound).filter(doc) == (False, reason)
    assert doc.text == OFFERS


def test_a_document_whose_text_is_no_string_is_dropped_and_costs_no_other(clf):
    batch = documents([BRIDGE, None, 7, ["a list"], LIBRARY])
    results = BoilerplateFilter(labels="labels").filter_batch(batch)
    assert results == [True, *[(False, "no_text")] * 3, True]
    assert [batch[0].text, batch[4].text] == [clf.label(BRIDGE).clean_text, clf.label(LIBRARY).clean_text]
    assert [doc.metadata for doc in batch[1:4]] == [{}] * 3


@pytest.mark.parametrize("text", [OFFERS, "", " \n"])
def test_a_document_of_which_nothing_would_be_left_is_dropped_as_it_is(text):
    (doc,) = documents([text])
    assert BoilerplateFilter().filter(doc) == (False, "nothing_left")
    assert doc.text == text
    assert BoilerplateFilter(clean=False).filter(doc) is True


@pytest.mark.parametrize("bound", [{"min_share": 50}, {"min_share": "0.5"}, {"min_characters": -1}, {"max_run": float("nan")}])
def test_a_bound_out_of_range_is_refused_when_the_step_is_made(bound):
    with pytest.raises(PolicyError, match="use a number from 0"):
        BoilerplateFilter(**bound)


def test_a_model_that_is_not_there_is_refused_with_its_name():
    with pytest.raises(ModelError, match="no/such/folder"):
        BoilerplateFilter(model="no/such/folder").filter(documents([BRIDGE])[0])


def test_the_program_of_the_page_runs_as_it_stands(crawl, clf):
    program, _ = re.findall(r"```python\n(.*?)```", PAGE, re.S)
    (crawl / "program.py").write_text(program, "utf-8")
    subprocess.run([sys.executable, "program.py"], cwd=crawl, check=True, capture_output=True, timeout=120)
    policy = Policy.balanced(keep={"legal"})
    kept = {clf.label(text).with_policy(policy).clean_text for text in TEXTS if text != OFFERS}
    assert {record["text"] for record in written(crawl / "clean")} == kept
    assert {record["text"] for record in written(crawl / "dropped")} == {OFFERS}


def test_labels_go_into_parquet_as_the_page_writes_them(tmp_path, clf):
    _, program = re.findall(r"```python\n(.*?)```", PAGE, re.S)
    names = {}
    exec(program, names)
    writer = ParquetWriter(str(tmp_path), adapter=names["labels_as_text"])
    list(writer.run(BoilerplateFilter(labels="boilerplate", clean=False).run(documents(TEXTS))))
    (file,) = tmp_path.glob("*.parquet")
    rows = pq.read_table(file).to_pylist()
    assert [json.loads(row["boilerplate"]) for row in rows] == [
        json.loads(json.dumps(clf.label(text).as_dict())) for text in TEXTS
    ]


def test_the_reader_drops_the_rest_of_a_file_as_the_page_says(tmp_path):
    (tmp_path / "crawl").mkdir()
    line = json.dumps({"text": BRIDGE}).encode() + b"\n"
    (tmp_path / "crawl" / "a.jsonl").write_bytes(line * 2_000 + b'{"text": "\xff"}\n' + line * 2_000)
    counts, _ = run(tmp_path, BoilerplateFilter(), tasks=1, workers=1)
    assert counts["total"] <= 2_000


def test_the_page_lists_every_argument():
    from inspect import signature

    *own, setup = signature(BoilerplateFilter).parameters
    assert setup == "setup"
    assert re.findall(r"^\| `(\w+)`", PAGE, re.M) == [*own, *(name.name for name in fields(Setup))]


def test_the_adapter_without_its_library_names_the_extra():
    code = "import sys; sys.modules['datatrove'] = None; import classifier.adapters.datatrove"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "pip install 'boilerplate-classifier[datatrove]'" in done.stderr
