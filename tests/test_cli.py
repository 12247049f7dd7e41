import json
import os
import pty
import subprocess
import sys
import termios
from importlib.metadata import version

import pytest

from classifier import cli, store

AD = "Ships wait for a berth, the port authority said on Monday. Subscribe to our newsletter today!"


@pytest.fixture
def jsonl(tmp_path):
    file = tmp_path / "in.jsonl"
    rows = [
        {"id": "a", "text": AD, "count": 123456789012345678901234567890, "名": ["值", None]},
        {"id": 7, "text": "扫码关注我们", "x": 1.5},
        {"text": "\ud800 lone"},
    ]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return file


def run(capfdbinary, *arguments):
    status = cli.main([str(argument) for argument in arguments])
    captured = capfdbinary.readouterr()
    return status, captured.out, captured.err.decode()


def test_the_version_is_that_of_the_package(capsys):
    with pytest.raises(SystemExit) as ended:
        cli.main(["--version"])
    assert (ended.value.code, capsys.readouterr().out) == (0, f"classifier {version('boilerplate-classifier')}\n")


def test_clean_text_writes_exactly_the_clean_text(capfdbinary, tmp_path, clf, flattened):
    file = tmp_path / "page.txt"
    file.write_text(flattened, "utf-8")
    assert run(capfdbinary, "clean", file) == (0, clf.label(flattened).clean_text.encode(), "")


def test_clean_jsonl_changes_one_field_and_no_other(capfdbinary, jsonl, clf):
    status, out, _ = run(capfdbinary, "clean", jsonl)
    rows = [json.loads(line) for line in out.splitlines()]
    source = [json.loads(line) for line in jsonl.read_text("utf-8").splitlines()]
    assert status == 0
    assert [row["text"] for row in rows] == [clf.label(row["text"]).clean_text for row in source]
    assert [{**row, "text": 0} for row in rows] == [{**row, "text": 0} for row in source]


def test_label_writes_spans_that_tile_every_document(capfdbinary, jsonl):
    _, out, _ = run(capfdbinary, "label", jsonl)
    rows = [json.loads(line) for line in out.splitlines()]
    assert [row["id"] for row in rows] == ["a", 7, f"{jsonl}:3"]
    assert set(rows[0]) == {"id", "spans", "paragraphs", "quality"}
    assert set(rows[0]["spans"][0]) == {"start", "end", "label", "language", "confidence", "kept", "decided_by", "kind"}
    assert rows[0]["spans"][-1]["end"] == len(AD)


def test_the_view_for_people_shows_every_span(capfdbinary, tmp_path):
    file = tmp_path / "page.txt"
    file.write_text(AD, "utf-8")
    status, out, _ = run(capfdbinary, "label", "--format", "text", file)
    assert status == 0
    assert b"content" in out
    assert b"Subscribe to our newsletter today!" in out


def test_standard_input_is_read_as_what_it_holds():
    for text, key in (("Plain text of a page.", None), ('{"body": "The north quay reopens on Monday.", "id": 1}\n', "body")):
        arguments = ["clean", "-"] + (["--text-field", key] if key else [])
        ran = subprocess.run(
            [sys.executable, "-m", "classifier", *arguments], input=text.encode(), capture_output=True, check=True
        )
        assert ran.stdout.decode() == text


def test_bad_lines_are_set_aside_with_place_and_reason_and_the_rest_is_done(capfdbinary, tmp_path):
    file = tmp_path / "in.jsonl"
    lines = [
        b'{"text": "one"}',
        b"\xff\xfe",
        b"{",
        b"[1]",
        b'{"body": 1}',
        b'{"text": 5}',
        b"",
        b'{"text": "two"}',
        b"[" * 100_000,
    ]
    file.write_bytes(b"\n".join(lines) + b"\n")
    status, out, err = run(capfdbinary, "clean", file)
    assert status == 1
    assert [json.loads(line)["text"] for line in out.splitlines()] == ["one", "two"]
    assert [line.split("line ")[1][0] for line in err.splitlines()[:-1]] == ["2", "3", "4", "5", "6", "9"]
    assert err.splitlines()[-1] == "classifier: 6 set aside"


def test_a_text_file_that_is_not_utf_8_is_set_aside(capfdbinary, tmp_path):
    file = tmp_path / "page.txt"
    file.write_bytes(b"good \xff bad")
    status, out, err = run(capfdbinary, "clean", file)
    assert (status, out) == (1, b"")
    assert "not UTF-8: byte 6 of it" in err


def test_a_missing_file_stops_the_run_before_anything_is_written(capfdbinary, jsonl):
    status, out, err = run(capfdbinary, "clean", jsonl, "nowhere.txt")
    assert (status, out) == (2, b"")
    assert "cannot read nowhere.txt" in err


@pytest.mark.parametrize(
    "arguments", [["--threshold", "promo"], ["--threshold", "spam=1"], ["--threshold", "promo=-1"], ["--keep", "spam"]]
)
def test_a_wrong_threshold_or_label_is_wrong_use(capfdbinary, jsonl, arguments):
    status, _, err = run(capfdbinary, "clean", jsonl, *arguments)
    assert status == 2
    assert "use" in err


@pytest.mark.parametrize("arguments", [[], ["sing"], ["clean", "--policy", "wild"]])
def test_wrong_arguments_are_wrong_use(arguments, capsys):
    with pytest.raises(SystemExit) as stopped:
        cli.main(arguments)
    assert stopped.value.code == 2
    assert "usage" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["clean", "label", "info", "serve"])
def test_a_refused_model_has_a_status_of_its_own(capfdbinary, tmp_path, jsonl, command):
    status, _, err = run(capfdbinary, command, *([jsonl] if command in ("clean", "label") else []), "--model", tmp_path)
    assert status == 3
    assert "no model at" in err


def test_policy_keep_and_threshold_reach_the_decision(capfdbinary, tmp_path):
    file = tmp_path / "page.txt"
    file.write_text(AD, "utf-8")
    everything = [part for label in ("promo", "legal", "navigation") for part in ("--keep", label)]
    assert run(capfdbinary, "clean", file, *everything)[1].decode() == AD
    assert b"Subscribe" not in run(capfdbinary, "clean", file, "--threshold", "promo=0")[1]
    never = [part for label in ("promo", "legal", "navigation") for part in ("--threshold", f"{label}=2")]
    assert run(capfdbinary, "clean", file, *never)[1].decode() == AD


def test_langdetect_decides_the_language_when_asked(capfdbinary, tmp_path):
    file = tmp_path / "page.txt"
    file.write_text("Titelseite, Impressum, Kontakt. 港口周一重新开放，船只恢复通行。", "utf-8")
    ways = [run(capfdbinary, "label", file, "--language-id", way)[1] for way in ("exact", "langdetect")]
    found = [{span["language"] for span in json.loads(out)["spans"]} for out in ways]
    assert "zh" in found[0]
    assert found[0] != found[1]


def test_info_names_the_model_and_its_figures(capfdbinary, clf):
    status, out, _ = run(capfdbinary, "info")
    assert status == 0
    assert next(iter(clf.info["sha256"].values())) in out.decode()
    assert json.loads(run(capfdbinary, "info", "--json")[1])["labels"] == ["content", "promo", "legal", "navigation"]


def test_a_reader_that_leaves_early_is_no_error(tmp_path):
    file = tmp_path / "in.jsonl"
    file.write_text('{"text": "A line of text."}\n' * 5000, "utf-8")
    ran = subprocess.run(
        f"{sys.executable} -m classifier label {file} | head -n 1", shell=True, capture_output=True, check=True
    )
    assert ran.stderr == b""


@pytest.mark.parametrize("command", ["clean", "label"])
def test_any_number_of_workers_writes_the_same_bytes_and_sets_aside_the_same_lines(capfdbinary, tmp_path, command):
    file = tmp_path / "in.jsonl"
    lines = [
        json.dumps({"id": n, "pad": "x" * 900, "text": f"{n} {AD} 扫码关注我们。"}) if n % 50 else "{" for n in range(1_250)
    ]
    file.write_text("\n".join(lines), "utf-8")
    assert file.stat().st_size > 1_000_000
    once = run(capfdbinary, command, "--workers", 1, file)
    assert once[0] == 1
    assert once[2].count("set aside: ") == 25
    assert run(capfdbinary, command, "--workers", 3, file) == once


def test_no_workers_at_all_is_wrong_use(jsonl, capsys):
    with pytest.raises(SystemExit):
        cli.main(["clean", "--workers", "0", str(jsonl)])
    assert "use 1 or more" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["clean", "in.jsonl", "--output", "out"], "interrupted: --resume goes on with it"),
        (["clean", "in.jsonl"], "interrupted"),
        (["clean", "--output", "out"], "interrupted"),
        (["clean", "-", "--output", "out"], "interrupted"),
        (["profile", "in.jsonl", "--output", "sites.json"], "interrupted"),
    ],
)
def test_going_on_is_advised_only_where_files_can_be_read_again(monkeypatch, capsys, arguments, said):
    def interrupted(_):
        raise KeyboardInterrupt

    monkeypatch.setitem(cli._RUNS, arguments[0], interrupted)
    assert cli.main(arguments) == cli.INTERRUPTED
    assert capsys.readouterr().err == f"classifier: {said}\n"


def test_a_bar_is_shown_on_a_terminal_and_only_there(tmp_path, jsonl):
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 120))
    command = [sys.executable, "-m", "classifier", "clean", str(jsonl), "--output", f"{tmp_path}/out.jsonl"]
    ran = subprocess.run(command, stderr=theirs, check=True, stdout=subprocess.PIPE)
    os.close(theirs)
    shown = os.read(ours, 100_000).decode()
    assert "B/s" in shown
    assert "3 documents, " in shown
    assert "out.report.html" in shown
    assert ran.stdout == b""


def test_a_reject_is_named_beside_the_bar(tmp_path):
    (tmp_path / "in.jsonl").write_text("{\n")
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "classifier", "clean", f"{tmp_path}/in.jsonl"]
    subprocess.run(command, stderr=theirs, check=False, stdout=subprocess.PIPE)
    os.close(theirs)
    assert "set aside: " in os.read(ours, 100_000).decode()


ATTACK = "\x1b]0;owned\x07\x1b[2J\u202e\x9b31m"
SHOWN = r"\x1b]0;owned\x07\x1b[2J\u202e\x9b31m"


def on_a_terminal(*arguments):
    """What a command writes to a terminal that is both its outputs."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 400))
    subprocess.run([sys.executable, "-m", "classifier", *arguments], stdout=theirs, stderr=theirs, check=False)
    os.close(theirs)
    return os.read(ours, 100_000).decode()


@pytest.mark.parametrize("arguments", [["clean"], ["label"], ["label", "--format", "text"]])
def test_a_terminal_shows_escapes_of_the_text_and_obeys_none(tmp_path, arguments):
    (tmp_path / "in.txt").write_text(f"Ships wait {ATTACK} for a berth,\tthe port said.\n港口关闭。\n", "utf-8")
    shown = on_a_terminal(*arguments, f"{tmp_path}/in.txt")
    assert not set(shown) & set("\x1b\x07\x9b\u202e")
    if arguments == ["clean"]:
        assert shown.replace("\r\n", "\n") == f"Ships wait {SHOWN} for a berth,\tthe port said.\n港口关闭。\n"


def test_a_pipe_gets_the_text_as_it_is(capfdbinary, tmp_path):
    file = tmp_path / "in.txt"
    file.write_bytes(f"Ships wait {ATTACK} for a berth,\tthe port said.\r\n".encode())
    assert run(capfdbinary, "clean", file) == (0, file.read_bytes(), "")


def test_the_view_shows_escapes_of_text_and_identifiers_and_obeys_none(capfdbinary, tmp_path):
    file = tmp_path / "in.jsonl"
    file.write_text(json.dumps({"id": f"a{ATTACK}", "text": f"Ships wait {ATTACK} for a berth."}) + "\n")
    out = run(capfdbinary, "label", "--format", "text", file)[1].decode()
    assert out.startswith(f"a{SHOWN}: ")
    assert f"Ships wait {SHOWN} for a berth." in out


def test_messages_show_escapes_of_file_names_and_reasons_and_obey_none(capfdbinary, tmp_path):
    file = tmp_path / f"a{ATTACK}.jsonl"
    file.write_text('{"id": 1}\n', "utf-8")
    assert f"a{SHOWN}.jsonl, line 1" in run(capfdbinary, "clean", file)[2]
    file.unlink()
    for arguments in (["clean", file], ["clean", "-", "--model", file], ["info", "--model", file]):
        error = run(capfdbinary, *arguments)[2]
        assert f"a{SHOWN}.jsonl" in error
        assert "\x1b" not in error


def test_the_model_is_described_without_obeying_its_manifest(capfdbinary, tmp_path):
    stored = store.load()
    row = {"macro_f1": 0.5, "content_lost": 0.1, "junk_kept": 0.1, "units": 3}
    said = {"thresholds": stored.manifest["thresholds"], "training": stored.manifest["training"]}
    store.save(tmp_path / "model", stored.model, {**said, "figures": {"suites": {ATTACK: row}}}, "")
    assert SHOWN in run(capfdbinary, "info", "--model", tmp_path / "model")[1].decode()


def test_rules_are_shown_to_people_too(capfdbinary, tmp_path):
    (tmp_path / "page.txt").write_text(AD, "utf-8")
    (tmp_path / "rules.toml").write_text('[[rule]]\nphrase = "port authority"\nlabel = "legal"\nsite = "tide.example"\n')
    arguments = ("--rules", tmp_path / "rules.toml", "--site", "www.Tide.example", tmp_path / "page.txt")
    status, out, _ = run(capfdbinary, "label", *arguments)
    spans = json.loads(out)["spans"]
    assert (status, next((span["label"], span["decided_by"]) for span in spans)) == (0, ("legal", "rule"))
    assert b"legal" in run(capfdbinary, "show", "--why", *arguments)[1]
