"""The cases that the fuzzer kept, each held to its promises again, and the fuzzer's own judgement."""

import json

import pytest

from tests import fuzz, hostile

CASES = list(fuzz.kept())


def test_every_target_has_cases_in_a_small_corpus():
    assert {name for name, _ in CASES} == set(fuzz.NAMES) == set(fuzz.targets())
    assert fuzz.CORPUS.stat().st_size < 300_000


@pytest.mark.parametrize("every", [4, pytest.param(1, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", fuzz.NAMES)
def test_the_kept_cases_break_no_promise(name, every):
    run = fuzz.targets()[name]
    for data in [data for target, data in CASES if target == name][::every]:
        run(data)


@pytest.mark.parametrize(
    ("broken", "what"),
    [
        (lambda _: 1 // 0, "ZeroDivisionError"),
        (lambda _: hostile.ordered(b"ab", [hostile.Raw("a", "a", "jsonl", 1, 0, b"b")]), "AssertionError"),
    ],
)
def test_a_finding_is_written_down_once_with_its_case_and_does_not_end_the_run(tmp_path, monkeypatch, broken, what):
    watch = fuzz.Watch("label", tmp_path)
    monkeypatch.setattr(watch, "run", broken)
    for data in (b"a", b"b"):
        watch(data)
    watch.write()
    seen = json.loads((tmp_path / "label.json").read_text())
    (found,) = seen["findings"].values()
    assert seen["executions"] == 2
    assert found["what"].startswith(what)
    assert open(found["case"], "rb").read() == b"a"  # noqa: PTH123, SIM115


@pytest.mark.parametrize(("taken", "number"), [((0.9, 511), 0), ((1.1, 10), 2), ((0.1, 513), 2)])
def test_a_slow_case_and_too_much_memory_are_findings(tmp_path, monkeypatch, taken, number):
    fuzz.Watch("jsonl", tmp_path)(b"{}")
    monkeypatch.setattr(fuzz, "alone", lambda *_: taken)
    total = {"slowest": 0.0, "peak_mb": 0, "findings": {}}
    fuzz.judge("jsonl", tmp_path, total)
    assert (total["slowest"], total["peak_mb"], len(total["findings"])) == (*taken, number)


def test_a_case_alone_has_its_seconds_and_megabytes(tmp_path):
    (tmp_path / "case").write_bytes(b'{"text": "a"}')
    seconds, megabytes = fuzz.alone("jsonl", tmp_path / "case")
    assert seconds > 0
    assert megabytes > 1


def test_a_case_that_takes_no_new_step_is_left_out_of_the_corpus():
    run = fuzz.targets()["jsonl"]
    cases = [b'{"text": "a"}', b'{"text": "bb"}', b"[1]"]
    assert fuzz.minimised(cases, run) == [b"[1]", b'{"text": "a"}']
