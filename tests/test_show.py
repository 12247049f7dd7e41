import json
import os
import pty
import subprocess
import sys

import pytest

from classifier import cli

AD = "Ships wait for a berth, the port authority said on Monday. Subscribe to our newsletter today!"
ZH = "扫码关注我们的公众号，每天早晨送到您的邮箱！"


@pytest.fixture
def jsonl(tmp_path):
    file = tmp_path / "in.jsonl"
    rows = [{"id": "first", "body": AD}, {"id": "second", "body": ZH}, {"id": "third", "body": AD}]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return file


def run(capfdbinary, *arguments):
    status = cli.main(["show", *map(str, arguments)])
    captured = capfdbinary.readouterr()
    return status, captured.out.decode(), captured.err.decode()


def test_a_text_file_is_shown_with_what_the_marks_mean(capfdbinary, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "page.txt").write_text(AD, "utf-8")
    status, out, err = run(capfdbinary, "page.txt")
    assert (status, err) == (0, "")
    assert "removed" in out.splitlines()[1]
    assert "\npage.txt\n" in out
    assert "Subscribe to our newsletter today!" in out


def test_the_first_documents_are_shown_of_the_field_that_is_named(capfdbinary, jsonl):
    _, out, _ = run(capfdbinary, jsonl, "--text-field", "body", "--limit", "2")
    assert [name in out.splitlines() for name in ("first", "second", "third")] == [True, True, False]
    assert ZH in out


def test_why_says_what_decided(capfdbinary, jsonl):
    _, out, _ = run(capfdbinary, jsonl, "--text-field", "body", "--limit", "1", "--why")
    assert "Promo rather than" in out


def test_what_cannot_be_read_is_set_aside_and_the_rest_is_shown(capfdbinary, tmp_path):
    file = tmp_path / "in.jsonl"
    file.write_text('{"text": 1}\n{"text": "Buy now!", "id": "good"}\n', "utf-8")
    status, out, err = run(capfdbinary, file)
    assert status == 1
    assert "good" in out
    assert "line 1" in err


def test_a_policy_decides_what_is_shown_as_removed(capfdbinary, jsonl):
    options = (jsonl, "--text-field", "body", "--limit", "1", "--keep", "promo")
    _, out, _ = run(capfdbinary, *options)
    assert not [line for line in out.splitlines()[3:] if line.startswith("-")]


def test_a_page_is_written_whole(capfdbinary, jsonl, tmp_path):
    page = tmp_path / "page.html"
    status, out, err = run(capfdbinary, jsonl, "--text-field", "body", "--html", page, "--why")
    assert (status, out) == (0, "")
    assert str(page) in err
    source = page.read_text("utf-8")
    assert source.startswith("<!doctype html>")
    assert source.endswith("</html>\n")
    assert source.count("<article") == 3


def test_a_page_of_nothing_is_not_written(capfdbinary, tmp_path):
    empty = tmp_path / "in.jsonl"
    empty.write_text("\n", "utf-8")
    status, _, err = run(capfdbinary, empty, "--html", tmp_path / "page.html")
    assert status == 2
    assert "no document" in err
    assert not (tmp_path / "page.html").exists()


def test_standard_input_is_shown_without_colour_where_nobody_watches():
    command = [sys.executable, "-m", "classifier", "show", "-"]
    ran = subprocess.run(command, input=AD.encode(), capture_output=True, check=True)
    assert b"Subscribe" in ran.stdout
    assert b"\x1b" not in ran.stdout


def test_a_terminal_is_shown_colours(tmp_path):
    file = tmp_path / "page.txt"
    file.write_text("The council approved the new budget on Tuesday night.\nSubscribe to our newsletter today!", "utf-8")
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color"}
    environment.pop("NO_COLOR", None)
    subprocess.run([sys.executable, "-m", "classifier", "show", str(file)], stdout=theirs, env=environment, check=True)
    os.close(theirs)
    shown = os.read(ours, 100_000)
    os.close(ours)
    assert b"\x1b[38;5;162;1;9mSubscribe" in shown


@pytest.mark.parametrize(("variables", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)])
def test_who_wants_no_colour_on_a_terminal_gets_none(monkeypatch, variables, coloured):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.delenv("NO_COLOR", raising=False)
    for name, value in {"TERM": "xterm", **variables}.items():
        monkeypatch.setenv(name, value)
    assert cli._coloured() is coloured


@pytest.mark.parametrize(("choice", "coloured"), [("always", True), ("never", False), ("auto", False)])
def test_colour_is_as_asked_for_where_nobody_watches(capfdbinary, jsonl, choice, coloured):
    _, out, _ = run(capfdbinary, jsonl, "--text-field", "body", "--color", choice)
    assert ("\x1b[" in out) is coloured
