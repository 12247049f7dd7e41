import json
from collections import Counter
from pathlib import Path

import pytest

from training import data, gate

TEXT = "The port authority said that ships wait for a berth.\n© 2026 Harbour Ledger. All rights reserved."
EXAMPLES = Path(__file__).with_name("examples")


@pytest.fixture
def files(tmp_path):
    """A file of annotated documents, and floors that the shipped model was pinned to on it."""
    source, floors = tmp_path / "own.jsonl", tmp_path / "floors.json"
    end = TEXT.index("\n")
    record = {"text": TEXT, "units": [[0, end, "content"], [end + 1, len(TEXT), "legal"]], "suite": "toy"}
    source.write_text(json.dumps(record, ensure_ascii=False) + "\n", "utf-8")
    assert run(source, floors, "--update") == 0
    return source, floors


def test_the_shipped_model_keeps_its_floors_on_our_own_traps():
    assert gate.main([str(EXAMPLES / "traps.jsonl")]) == 0


def test_our_own_traps_are_sixty_and_more_in_both_languages():
    documents = data.read([EXAMPLES / "traps.jsonl"])
    count = Counter(document.suite for document in documents)
    assert len(documents) >= 60
    assert min(count["traps_en"], count["traps_zh"]) >= 30
    texts = {document.text for document in data.own()}
    assert not texts & {document.text for document in documents}


def run(source, floors, *options):
    return gate.main([str(source), "--floors", str(floors), *options])


def move(floors, figure, value, side="at least"):
    pinned = json.loads(floors.read_text("utf-8"))
    pinned["own.jsonl"][side][figure] = value
    floors.write_text(json.dumps(pinned), "utf-8")


def test_a_model_passes_the_floors_it_was_pinned_to(files):
    assert run(*files) == 0


def test_a_figure_below_its_floor_fails_and_is_named(files, capsys):
    move(files[1], "toy: macro-F1", 1.5)
    assert run(*files) == 1
    assert "toy: macro-F1 is 1.0000, must be at least 1.50" in capsys.readouterr().out


def test_a_figure_above_its_ceiling_fails(files):
    move(files[1], "toy: content lost", -0.1, "at most")
    assert run(*files) == 1


def test_a_figure_that_is_no_longer_measured_fails(files):
    move(files[1], "toy: F1 of poetry", 0.1)
    assert run(*files) == 1


def test_changed_data_fails_whatever_the_figures(files):
    files[0].write_text(files[0].read_text("utf-8") + "\n", "utf-8")
    assert run(*files) == 1


def test_data_without_floors_fails(files, tmp_path):
    assert run(files[0], tmp_path / "none.json") == 1


def test_a_floor_is_lowered_by_an_explicit_flag_only(files):
    move(files[1], "toy: macro-F1", 1.5)
    before = files[1].read_text("utf-8")
    assert run(*files, "--update") == 1
    assert json.loads(files[1].read_text("utf-8")) == json.loads(before)
    assert run(*files, "--update", "--lower") == 0
    assert run(*files) == 0


def test_an_update_keeps_the_better_floor(files):
    move(files[1], "toy: content lost", 0.4, "at most")
    assert run(*files, "--update") == 0
    assert json.loads(files[1].read_text("utf-8"))["own.jsonl"]["at most"]["toy: content lost"] == 0


def test_a_file_without_units_is_wrong_use(files, tmp_path):
    empty = tmp_path / "empty.jsonl"
    empty.write_text('{"text": "a", "units": []}\n', "utf-8")
    assert run(empty, files[1]) == 2
