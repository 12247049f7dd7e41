"""Runs over files as a user starts them: every format, every kind of damage."""

import gzip
import io
import itertools
import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest
from backports import zstd
from pyarrow import parquet

from classifier import cli
from classifier.job import restore

AD = "Subscribe to our newsletter today!"
LEGAL = "版权所有，未经授权不得转载。"
NEWS = [
    "Ships wait for a berth, the port authority said on Monday. The wind is expected to turn on Thursday.",
    "港口周一重新开放，船只恢复通行。港务局表示，风向将在周四转变。",
    "Three ports cut their daily crane hours after ice closed the northern lane, two officials said.",
]
TEXTS = [f"{NEWS[n % 3]} No. {n}.\n{AD if n % 2 else LEGAL}" for n in range(60)]
ROWS = [
    {"id": f"d{n}", "url": f"https://site{n % 4}.example/{n}", "n": 12345678901234567890123, "text": text}
    for n, text in enumerate(TEXTS)
]
JSONL = b"".join(json.dumps(row, ensure_ascii=False).encode() + b"\n" for row in ROWS)
ROOT_OR_DEVICE = "/dev/null/nowhere"


@pytest.fixture(scope="module")
def cleaned(clf):
    texts = [result.clean_text for result in clf.label_many(TEXTS)]
    assert all(text != before for text, before in zip(texts, TEXTS, strict=True))
    return texts


@pytest.fixture
def run(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)

    def call(*arguments):
        status = cli.main([str(argument) for argument in arguments])
        return status, capfd.readouterr().err

    return call


def records(file):
    data = file.read_bytes()
    return [json.loads(line) for line in data.split(b"\n") if line]


def wet():
    out = []
    for row in ROWS:
        body = row["text"].encode()
        head = f"WARC/1.0\r\nWARC-Type: conversion\r\nWARC-Target-URI: {row['url']}\r\nWARC-Record-ID: {row['id']}\r\n"
        out.append(gzip.compress(head.encode() + b"Content-Length: %d\r\n\r\n" % len(body) + body + b"\r\n\r\n"))
    return b"".join(out)


def table(rows=ROWS, **columns):
    sink = io.BytesIO()
    parquet.write_table(pa.table({"id": [r["id"] for r in rows], "text": [r["text"] for r in rows], **columns}), sink)
    return sink.getvalue()


INPUTS = {
    "in.jsonl": JSONL,
    "in.gz": gzip.compress(JSONL),
    "in.json.zst": zstd.compress(JSONL),
    "crawl.wet": wet(),
    "in.parquet": table(url=[row["url"] for row in ROWS]),
}


@pytest.mark.parametrize("name", INPUTS)
@pytest.mark.parametrize("output", ["out.jsonl", "out.jsonl.gz", "out.jsonl.zst", "out.parquet"])
def test_every_format_becomes_every_other_with_the_same_clean_text(run, tmp_path, cleaned, name, output):
    (tmp_path / name).write_bytes(INPUTS[name])
    assert run("clean", name, "--output", output) == (0, "")
    data = (tmp_path / output).read_bytes()
    if output.endswith("parquet"):
        rows = parquet.read_table(tmp_path / output).to_pylist()
        assert [row["id"] for row in rows] == [row["id"] for row in ROWS]
    else:
        unpack = {"gz": gzip.decompress, "zst": zstd.decompress}.get(output.rpartition(".")[2], bytes)
        rows = [json.loads(line) for line in unpack(data).splitlines()]
        assert [(row["id"], row["url"]) for row in rows] == [(row["id"], row["url"]) for row in ROWS]
    assert [row["text"] for row in rows] == cleaned


def test_lines_stay_one_document_a_line(run, tmp_path, clf):
    lines = [text.replace("\n", " ") for text in TEXTS]
    (tmp_path / "in.txt").write_bytes("\r\n".join(lines).encode())
    assert run("clean", "--input", "lines", "in.txt", "--output", "out.txt") == (0, "")
    expected = [result.clean_text for result in clf.label_many(lines)]
    assert (tmp_path / "out.txt").read_bytes() == "\r\n".join(expected).encode()


def test_a_folder_of_text_files_becomes_a_folder_of_the_same_names(run, tmp_path, cleaned):
    (tmp_path / "pages" / "more").mkdir(parents=True)
    names = [f"more/{n}.md" if n % 2 else f"{n}.txt.gz" for n in range(60)]
    for name, text in zip(names, TEXTS, strict=True):
        (tmp_path / "pages" / name).write_bytes(gzip.compress(text.encode()) if name.endswith("gz") else text.encode())
    assert run("clean", "pages", "--output", "out") == (0, "")
    assert [(tmp_path / "out" / name.removesuffix(".gz")).read_text() for name in names] == cleaned
    assert len(list((tmp_path / "out").rglob("*.*"))) == 60 + 2


def test_two_text_files_of_one_name_are_refused_before_work_is_done(run, tmp_path):
    for folder in "ab":
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "page.txt").touch()
    status, err = run("clean", "a/page.txt", "b/page.txt", "--output", "out")
    assert status == 2
    assert "room for one page.txt" in err


def test_labels_in_parquet_have_one_schema_and_the_same_values(run, tmp_path):
    (tmp_path / "in.jsonl").write_bytes(JSONL)
    assert run("label", "in.jsonl", "--output", "out.parquet") == (0, "")
    assert run("label", "in.jsonl", "--output", "out.jsonl") == (0, "")
    rows = parquet.read_table(tmp_path / "out.parquet").to_pylist()
    for row in rows:
        row["quality"]["languages"] = {name: share for name, share in row["quality"]["languages"].items() if share is not None}
    assert rows == records(tmp_path / "out.jsonl")


def test_other_columns_of_a_table_and_their_types_stay(run, tmp_path):
    more = {
        "when": pa.array([1_700_000_000_000 + n for n in range(60)], pa.timestamp("ms")),
        "raw": pa.array([b"\xff"] * 60),
        "tags": pa.array([["a", None]] * 60),
    }
    (tmp_path / "in.parquet").write_bytes(table(**more))
    assert run("clean", "in.parquet", "--output", "out") == (0, "")
    before, after = (parquet.read_table(tmp_path / name) for name in ("in.parquet", "out/part-000000.parquet"))
    assert before.schema == after.schema
    assert before.drop_columns("text") == after.drop_columns("text")
    assert run("clean", "in.parquet", "--output", "out.jsonl") == (0, "")
    assert records(tmp_path / "out.jsonl")[0]["tags"] == ["a", None]


@pytest.mark.parametrize(
    ("columns", "rows"),
    [({"text": pa.array([1, 2])}, 2), ({"body": pa.array(["a", "b"])}, 2), ({"text": pa.array(["a", None])}, 1)],
)
def test_rows_without_text_are_set_aside_one_by_one(run, tmp_path, columns, rows):
    parquet.write_table(pa.table(columns), tmp_path / "in.parquet")
    assert run("clean", "in.parquet", "--output", "out")[0] == 1
    assert [reject["reason"] for reject in records(tmp_path / "out/rejects.jsonl")] == ["no text"] * rows


def test_a_damaged_table_is_set_aside(run, tmp_path):
    (tmp_path / "in.parquet").write_bytes(table()[:-20])
    assert run("clean", "in.parquet", "--output", "out")[0] == 1
    assert "unreadable" in records(tmp_path / "out/rejects.jsonl")[0]["reason"]


@pytest.mark.parametrize("command", [["clean", "--audit"], ["label"], ["filter", "--min-share", "0.8", "--dropped"]])
def test_the_output_is_the_same_for_any_number_of_workers(run, tmp_path, command):
    rows = [json.dumps({**row, "pad": "x" * 3_000}).encode() for row in ROWS]
    (tmp_path / "in.jsonl").write_bytes(b"\n".join(rows * 12))
    (tmp_path / "bad.jsonl").write_bytes(JSONL[:-3])
    for workers in (1, 2, 3):
        run(*command, "in.jsonl", "bad.jsonl", "--output", f"{workers}/", "--shard-size", "0.8", "--workers", workers)
    names = sorted(file.name for file in (tmp_path / "1").iterdir())
    assert len(names) >= 6
    for name, workers in itertools.product(names, "23"):
        one, other = tmp_path / "1" / name, tmp_path / workers / name
        if name == "report.json":
            assert {**json.loads(one.read_bytes()), "speed": 0} == {**json.loads(other.read_bytes()), "speed": 0}
        elif name != "report.html":
            assert one.read_bytes() == other.read_bytes()


def test_an_audit_restores_every_text(run, tmp_path, cleaned):
    (tmp_path / "in.jsonl").write_bytes(JSONL)
    assert run("clean", "in.jsonl", "--output", "out.jsonl", "--audit") == (0, "")
    audit = records(tmp_path / "out.audit.jsonl")
    assert [restore(text, line["removed"]) for text, line in zip(cleaned, audit, strict=True)] == TEXTS
    assert [line["id"] for line in audit] == [row["id"] for row in ROWS]


def test_documents_of_another_language_are_left_as_they_are(run, tmp_path, cleaned):
    (tmp_path / "in.jsonl").write_bytes(JSONL)
    assert run("clean", "in.jsonl", "--output", "out.jsonl", "--language", "zh")[0] == 0
    for n, row in enumerate(records(tmp_path / "out.jsonl")):
        assert row["text"] == (cleaned[n] if n % 3 == 1 else TEXTS[n])
    assert json.loads((tmp_path / "out.report.json").read_bytes())["verdicts"] == {"language": 40}


def test_filter_keeps_records_as_they_are_and_says_why_it_drops_the_others(run, tmp_path):
    rows = [{"text": NEWS[0], "n": 1.10}, {"text": AD}, {"text": f"{NEWS[0]} {AD}"}, {"text": NEWS[1]}]
    lines = [json.dumps(row).encode().replace(b"1.1", b"1.10") + b"\n" for row in rows]
    (tmp_path / "in.jsonl").write_bytes(b"".join(lines))
    options = ["--min-share", "0.9", "--min-characters", "20", "--language", "en"]
    status, err = run("filter", "in.jsonl", *options, "--output", "out.jsonl", "--dropped")
    assert status == 0
    assert (tmp_path / "out.jsonl").read_bytes() == lines[0]
    dropped = records(tmp_path / "out.dropped.jsonl")
    assert [row["dropped_because"] for row in dropped] == [
        ["content share", "content characters"],
        ["content share"],
        ["language"],
    ]
    assert "1 of 4 documents kept; content characters: 1; content share: 2; language: 1" in err


def test_filter_by_a_run_of_boilerplate(run, tmp_path, capfd):
    (tmp_path / "in.txt").write_text(f"{NEWS[0]}\n{AD}")
    for most, kept in ((10, ""), (60, f"{NEWS[0]}\n{AD}")):
        cli.main(["filter", "in.txt", "--max-run", str(most)])
        assert capfd.readouterr().out == kept
    assert run("filter", "in.txt")[0] == 2


def test_the_report_counts_what_was_done(run, tmp_path):
    (tmp_path / "in.jsonl").write_bytes(JSONL + b"{\n\xff\n")
    assert run("clean", "in.jsonl", "--output", "out")[0] == 1
    report = json.loads((tmp_path / "out/report.json").read_bytes())
    assert (report["documents"], report["written"], report["set_aside"]) == (60, 60, 2)
    assert report["rejects"] == {"not JSON": 1, "not UTF-8": 1}
    assert report["characters"] == sum(map(len, TEXTS))
    assert (
        sum(row["characters"] for languages in report["labels"].values() for row in languages.values()) == report["characters"]
    )
    assert {AD, LEGAL} <= {row["text"] for row in report["removed_strings"]}
    assert report["sites"]["number"] == 4
    page = (tmp_path / "out/report.html").read_text()
    assert AD in page
    assert "<script" not in page


@pytest.mark.parametrize("pack", [gzip.compress, zstd.compress])
def test_a_packed_file_cut_short_gives_what_it_has_and_says_so(run, tmp_path, pack):
    rows = [{"id": n, "text": f"{NEWS[n % 3]} {os.urandom(400).hex()}"} for n in range(600)]
    (tmp_path / "in").write_bytes(pack("".join(json.dumps(row) + "\n" for row in rows).encode())[:-1_000])
    assert run("clean", "in", "--output", "out.jsonl")[0] == 1
    found = records(tmp_path / "out.jsonl")
    assert [row["id"] for row in found] == list(range(len(found)))
    assert 500 < len(found) < 600
    (reject,) = records(tmp_path / "out.rejects.jsonl")
    assert "unreadable from here to its end" in reject["reason"]
    assert reject["line"] == len(found) + 1


def test_a_bomb_gives_what_it_has_up_to_the_cap(run, tmp_path):
    (tmp_path / "in.gz").write_bytes(gzip.compress(JSONL + bytes(300_000_000)))
    assert run("label", "in.gz", "--output", "out.jsonl")[0] == 1
    assert len(records(tmp_path / "out.jsonl")) == 60
    assert "bomb" in records(tmp_path / "out.rejects.jsonl")[-1]["detail"]


@pytest.mark.slow
def test_a_line_of_200_megabytes_is_set_aside_and_the_next_is_read(run, tmp_path):
    with (tmp_path / "in.jsonl").open("wb") as file:
        file.write(b'{"text": "')
        for _ in range(200):
            file.write(b"word " * 200_000)
        file.write(b'"}\n{"text": "after"}\n')
    assert run("clean", "in.jsonl", "--output", "out.jsonl")[0] == 1
    assert records(tmp_path / "out.jsonl") == [{"text": "after"}]
    assert records(tmp_path / "out.rejects.jsonl")[0]["reason"] == "too long"


@pytest.mark.parametrize(
    ("name", "data", "texts", "reasons"),
    [
        ("empty.jsonl", b"", [], []),
        ("blank.jsonl", b"\n \r\n", [], []),
        ("bom.jsonl", b'\xef\xbb\xbf{"text": "a"}\n', ["a"], []),
        ("crlf.jsonl", b'{"text": "a"}\r\n{"text": "b"}\r\n', ["a", "b"], []),
        ("separators.jsonl", '{"text": "a\u2028b\u2029c\u0085d"}\n'.encode(), ["a\u2028b\u2029c\u0085d"], []),
        ("nul.jsonl", b'{"text": "a\\u0000b"}\n{"text": "c\x00"}\n', ["a\x00b"], ["not JSON"]),
        ("surrogate.jsonl", b'{"text": "\\ud83d"}\n', ["\ud83d"], []),
        ("one-bad-byte.jsonl", b'{"text": "a"}\n{"text": "\xe6\x96"}\n{"text": "c"}\n', ["a", "c"], ["not UTF-8"]),
        ("utf-16.jsonl", '{"text": "a"}\n'.encode("utf-16"), [], ["not UTF-8", "not JSON"]),
        ("open.jsonl", b'{"text": "a"}\n{"text": "b', ["a"], ["not JSON"]),
    ],
)
def test_hostile_jsonl_costs_the_damaged_records_alone(run, tmp_path, name, data, texts, reasons):
    (tmp_path / name).write_bytes(data)
    everything = [part for label in ("promo", "legal", "navigation") for part in ("--keep", label)]
    status, _ = run("clean", name, "--output", "out.jsonl", *everything)
    assert status == (1 if reasons else 0)
    assert [row["text"] for row in records(tmp_path / "out.jsonl")] == texts
    rejects = tmp_path / "out.rejects.jsonl"
    assert [reject["reason"] for reject in (records(rejects) if reasons else [])] == reasons


@pytest.mark.parametrize("data", [b"", b"\x00\x00 text \x00", b"\xef\xbb\xbftext", b"a\r\nb\r", "one\u2028two".encode()])
def test_hostile_text_is_kept_to_the_byte(run, tmp_path, data):
    (tmp_path / "page.txt").write_bytes(data)
    everything = [part for label in ("promo", "legal", "navigation") for part in ("--keep", label)]
    assert run("clean", "page.txt", "--output", "out.txt", *everything) == (0, "")
    assert (tmp_path / "out.txt").read_bytes() == data.removeprefix(b"\xef\xbb\xbf")


def test_the_output_may_not_be_the_input_nor_a_link_to_it(run, tmp_path):
    (tmp_path / "in.jsonl").write_bytes(JSONL)
    (tmp_path / "link.jsonl").symlink_to("in.jsonl")
    for output in ("in.jsonl", "link.jsonl"):
        status, err = run("clean", "in.jsonl", "--output", output)
        assert status == 2
        assert "written over" in err
    assert (tmp_path / "in.jsonl").read_bytes() == JSONL


def test_a_folder_cleaned_into_itself_reads_no_output(run, tmp_path):
    (tmp_path / "in.jsonl").write_bytes(JSONL)
    assert run("clean", ".", "--output", "out") == (0, "")
    assert len(records(tmp_path / "out/part-000000.jsonl")) == 60
    assert run("clean", ".", "--output", "out", "--resume")[0] == 0


def test_an_output_that_cannot_be_written_says_where(run, tmp_path):
    (tmp_path / "in.jsonl").write_bytes(JSONL)
    status, err = run("clean", "in.jsonl", "--output", f"{ROOT_OR_DEVICE}/")
    assert status == 4
    assert f"cannot write {ROOT_OR_DEVICE}" in err


def test_a_disk_that_fills_up_stops_the_run_and_resume_goes_on(run, tmp_path):
    (tmp_path / "in.jsonl").write_bytes(JSONL * 20)
    command = [sys.executable, "-m", "classifier", "clean", "in.jsonl", "--output", "out", "--shard-size", "0.1"]

    def small_disk():
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    full = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, preexec_fn=small_disk)
    assert full.returncode == 4
    assert "cannot write out/part-000000.jsonl" in full.stderr
    assert not list((tmp_path / "out").glob("part-*"))
    assert run("clean", "in.jsonl", "--output", "out", "--shard-size", "0.1", "--resume")[0] == 0
    assert run("clean", "in.jsonl", "--output", "whole", "--shard-size", "0.1")[0] == 0
    for file in (tmp_path / "whole").glob("part-*"):
        assert file.read_bytes() == (tmp_path / "out" / file.name).read_bytes()


def test_a_full_device_behind_standard_output_is_an_error(tmp_path):
    (tmp_path / "in.jsonl").write_bytes(JSONL)
    with Path("/dev/full").open("wb") as full:
        command = [sys.executable, "-m", "classifier", "clean", "in.jsonl"]
        ran = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, cwd=tmp_path)
    assert ran.returncode == 4
    assert "cannot write standard output: No space left" in ran.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--resume"], "--resume needs --output"),
        (["--audit"], "--audit needs --output"),
        (["--format", "parquet"], "--format parquet needs --output"),
        (["--output", "out.csv"], "end its name in .jsonl, .txt or .parquet"),
        (["--output", "out.jsonl", "--format", "text"], "asks for jsonl"),
    ],
)
def test_options_that_contradict_each_other_are_wrong_use(run, tmp_path, arguments, message):
    (tmp_path / "in.jsonl").write_bytes(JSONL)
    status, err = run("clean", "in.jsonl", *arguments)
    assert status == 2
    assert message in err


def test_standard_input_is_read_into_an_output_but_not_resumed(tmp_path, cleaned):
    command = [sys.executable, "-m", "classifier", "clean", "-", "--output", "out.jsonl"]
    for pack in (gzip.compress, bytes):
        subprocess.run(command, input=pack(JSONL), cwd=tmp_path, check=True)
        assert [row["text"] for row in records(tmp_path / "out.jsonl")] == cleaned
        (tmp_path / "out.jsonl").unlink()
    ran = subprocess.run([*command, "--resume"], input="", cwd=tmp_path, capture_output=True, text=True)
    assert ran.returncode == 2
    assert "cannot read standard input again" in ran.stderr


def test_too_many_rejects_stop_the_run_early(run, tmp_path):
    (tmp_path / "in.jsonl").write_bytes(JSONL + b"{\n" * 10)
    status, err = run("clean", "in.jsonl", "--output", "out", "--max-rejects", 9)
    assert status == 4
    assert "10 records were set aside, and --max-rejects allows 9" in err
    assert run("clean", "in.jsonl", "--output", "out", "--max-rejects", 10, "--resume")[0] == 1


RULES = """
[[rule]]
phrase = "newsletter"
keep = true

[[rule]]
phrases = ["nowhere to be found", "<b>"]
label = "promo"
note = "<script>"

[[rule]]
phrase = "风向将在周四转变"
label = "navigation"
site = "site1.example"
"""


def test_rules_decide_in_a_run_and_its_report_says_what_each_did(run, tmp_path):
    (tmp_path / "in.jsonl").write_bytes(JSONL)
    (tmp_path / "rules.toml").write_text(RULES, "utf-8")
    status, err = run("clean", "in.jsonl", "--output", "out", "--rules", "rules.toml", "--audit")
    assert (status, err) == (0, "classifier: rules that never fired: 2 ('nowhere to be found')\n")
    rows = records(tmp_path / "out" / "part-000000.jsonl")
    assert all(AD in row["text"] for row in rows[1::2])
    wind = {n: "风向" in row["text"] for n, row in enumerate(rows) if n % 3 == 1}
    assert wind == {n: n % 4 != 1 for n in range(1, 60, 3)}
    audit = records(tmp_path / "out" / "audit-000000.jsonl")
    (ruled,) = audit[3]["rules"]
    assert (TEXTS[3][ruled[0] : ruled[1]], ruled[2]) == (AD, 1)
    assert restore(rows[13]["text"], audit[13]["removed"]) == TEXTS[13]
    did = json.loads((tmp_path / "out" / "report.json").read_bytes())["rules"]
    assert [(row["rule"], row["does"], row["site"], row["documents"], row["times"]) for row in did] == [
        (1, "keep", None, 30, 30),
        (2, "promo", None, 0, 0),
        (3, "navigation", "site1.example", 5, 5),
    ]
    page = (tmp_path / "out" / "report.html").read_text("utf-8")
    assert "Never fired: 2." in page
    assert "<script>" not in page


def test_a_run_that_goes_on_refuses_other_rules_and_other_profiles(run, tmp_path):
    (tmp_path / "in.jsonl").write_bytes(JSONL)
    (tmp_path / "rules.toml").write_text(RULES, "utf-8")
    assert run("profile", "in.jsonl", "--output", "sites.json")[0] == 0
    options = ("--rules", "rules.toml", "--profiles", "sites.json")
    assert run("clean", "in.jsonl", "--output", "out", *options)[0] == 0
    assert run("clean", "in.jsonl", "--output", "out", *options, "--resume")[0] == 0
    (tmp_path / "other.toml").write_text(RULES + "# changed", "utf-8")
    assert run("profile", "in.jsonl", "--output", "other.json", "--add", "sites.json")[0] == 0
    for name, other in (
        ("rules", ("--rules", "other.toml", *options[2:])),
        ("profiles", (*options[:2], "--profiles", "other.json")),
    ):
        status, err = run("clean", "in.jsonl", "--output", "out", *other, "--resume")
        assert (status, f"was begun with other options {name}" in err) == (2, True)


def test_output_with_rules_is_the_same_with_any_number_of_workers(run, tmp_path, monkeypatch):
    from classifier.corpus import pieces

    monkeypatch.setattr(pieces, "_PIECE", 2_000)
    (tmp_path / "in.jsonl").write_bytes(JSONL)
    (tmp_path / "rules.toml").write_text(RULES, "utf-8")
    run("profile", "in.jsonl", "--output", "sites.json")
    for workers in (1, 2):
        options = ("--rules", "rules.toml", "--profiles", "sites.json", "--workers", workers)
        assert run("label", "in.jsonl", "--output", f"{workers}.jsonl", *options)[0] == 0
    assert (tmp_path / "1.jsonl").read_bytes() == (tmp_path / "2.jsonl").read_bytes()
    deciders = {span["decided_by"] for row in records(tmp_path / "1.jsonl") for span in row["spans"]}
    assert {"rule", "model"} <= deciders


def test_a_rules_file_that_is_wrong_is_refused_before_anything_is_written(run, tmp_path):
    (tmp_path / "in.jsonl").write_bytes(JSONL)
    (tmp_path / "rules.toml").write_text('[[rule]]\nphrase = "abc"\n', "utf-8")
    status, err = run("clean", "in.jsonl", "--output", "out", "--rules", "rules.toml")
    assert (status, (tmp_path / "out").exists()) == (2, False)
    assert err.startswith("classifier: rules.toml, rule 1 has neither label nor keep: give it one, label = one of")
