import json
import os
import subprocess
import sys

import pytest

from classifier.review import journal, units
from classifier.review.journal import Document, Item
from classifier.schema import InputError, Kind, Label, RunStopped
from training import data

TEXT = "Ships wait for a berth.\nSubscribe today!\n版权所有。"
PLACES = {"wait": (0, 0, 23), "subscribe": (0, 24, 40), "rights": (0, 41, 46)}


def item(key, *places, guess="content", drawn=()):
    return Item(key, places or (PLACES[key],), drawn, guess, 0.5, "en", ("the model is unsure",))


@pytest.fixture
def output(tmp_path):
    return tmp_path / "mine.jsonl"


@pytest.fixture
def kept(output):
    with journal.opened(output) as begun:
        begun.add_document(Document("a", "a.example", TEXT))
        begun.add_items([item("wait"), item("subscribe", guess="promo"), item("rights", drawn=(PLACES["rights"],))])
        yield begun


def again(output):
    """What another process would read."""
    with journal.beside(output).open("rb") as file:
        read = journal.Journal(file, "copy")
        read.load()
        return read.answers, read.items, read.units


def test_an_answer_is_on_disk_when_it_is_given(kept, output):
    kept.answer("subscribe", "promo")
    assert again(output)[0] == {"subscribe": "promo"}


def test_items_and_documents_are_read_back_as_they_were(kept, output):
    assert again(output)[1] == kept.items
    assert kept.document(0) == Document("a", "a.example", TEXT)


def test_an_undo_takes_the_last_answer_back_and_is_on_disk(kept, output):
    kept.answer("wait", "content")
    kept.answer("subscribe", "legal")
    assert kept.undo() == "subscribe"
    assert again(output)[0] == {"wait": "content"}


def test_an_undo_of_a_second_answer_brings_the_first_one_back(kept, output):
    kept.answer("wait", "content")
    kept.answer("wait", "promo")
    kept.undo()
    assert again(output)[0] == {"wait": "content"}


RECIPE, AFFILIATE = Kind("recipe", Label("content")), Kind("affiliate", Label("promo"))


def test_answers_that_name_kinds_are_read_again_without_declaring_them(output):
    with journal.opened(output) as begun:
        begun.add_document(Document("a", None, TEXT))
        begun.add_items([item("wait"), item("subscribe", guess="promo")])
        begun.declare([RECIPE, AFFILIATE])
        begun.answer("wait", "recipe")
    with journal.opened(output) as more:
        assert (more.kinds, more.answers) == ((RECIPE, AFFILIATE), {"wait": "recipe"})
        more.declare([AFFILIATE, Kind("house", Label("promo"))])
        assert list(more.labels)[4:] == ["recipe", "affiliate", "house"]


@pytest.mark.parametrize(
    ("kinds", "said"),
    [
        ([Kind("recipe", Label("promo"))], "'recipe' is a kind of content in .*, not of promo"),
        ([Kind(f"k{number}", Label("promo")) for number in range(5)], "5 kinds at most"),
        ([Kind("mixed", Label("promo"))], "'mixed' cannot name a kind here"),
    ],
)
def test_kinds_that_contradict_have_no_key_or_are_an_answer_are_refused(kept, kinds, said):
    kept.declare([RECIPE])
    with pytest.raises(InputError, match=said):
        kept.declare(kinds)
    assert kept.kinds == (RECIPE,)


def test_an_answer_that_no_line_declares_is_a_damage_that_is_named(kept, output):
    with journal.beside(output).open("ab") as file:
        file.write(b'{"answer": "wait", "label": "recipe"}\n')
    with pytest.raises(InputError, match=r"copy:6: no line of a review.*'recipe'"):
        again(output)
    assert kept.answers == {}


def test_a_document_says_of_its_own_kinds_which_labels_they_are(kept):
    kept.declare([RECIPE, AFFILIATE])
    kept.answer("wait", "recipe")
    kept.answer("rights", "legal")
    (record,) = units.records(kept)
    assert (record["units"], record["kinds"]) == ([[0, 23, "recipe"], [41, 46, "legal"]], {"recipe": "content"})


def test_a_kind_agrees_with_the_guess_of_its_label(kept):
    kept.declare([RECIPE, AFFILIATE])
    kept.answer("wait", "recipe")
    kept.answer("subscribe", "recipe")
    assert (units.summary(kept).labels, units.summary(kept).agreed) == ({"recipe": 2}, 1)


def test_there_may_be_nothing_to_undo(kept):
    assert kept.undo() is None


def test_half_a_line_is_cut_off_and_what_stood_before_it_kept(output):
    with journal.opened(output) as begun:
        begun.add_document(Document("a", None, TEXT))
        begun.add_items([item("wait")])
        begun.answer("wait", "content")
    whole = journal.beside(output).read_bytes()
    journal.beside(output).write_bytes(whole + b'{"answer": "wai')
    with journal.opened(output) as more:
        assert more.answers == {"wait": "content"}
        more.answer("wait", "legal")
    assert again(output)[0] == {"wait": "legal"}


def test_cut_at_any_byte_the_journal_can_be_read_and_no_answer_before_it_is_lost(output):
    with journal.opened(output) as begun:
        begun.add_document(Document("a", None, TEXT))
        begun.add_items([item("wait"), item("rights")])
        begun.answer("wait", "content")
        begun.answer("rights", "legal")
    path = journal.beside(output)
    whole = path.read_bytes()
    answers = [at for at, line in enumerate(whole.splitlines()) if b'"answer"' in line]
    for end in range(len(whole)):
        path.write_bytes(whole[:end])
        with journal.opened(output) as read:
            lines = whole[:end].count(b"\n")
            assert len(read.answers) == sum(at < lines for at in answers)


def test_a_failed_write_leaves_the_journal_as_it_was(kept, output, monkeypatch):
    real, calls = os.pwrite, []

    def half(descriptor, raw, at):
        calls.append(raw)
        if len(calls) == 2:
            raise OSError(28, "No space left on device")
        return real(descriptor, raw[:7], at)

    monkeypatch.setattr(os, "pwrite", half)
    with pytest.raises(RunStopped, match="No space left"):
        kept.answer("wait", "promo")
    monkeypatch.undo()
    assert again(output)[0] == kept.answers == {}
    kept.answer("wait", "content")
    assert again(output)[0] == {"wait": "content"}


def test_a_document_is_written_once(kept):
    assert kept.add_document(Document("a", "a.example", TEXT)) == 0
    assert kept.add_document(Document("b", "a.example", TEXT)) == 1


def test_nobody_else_writes_meanwhile(kept, output):  # noqa: ARG001
    code = "import sys, pathlib, classifier.review.journal as j\nwith j.opened(pathlib.Path(sys.argv[1])): pass"
    ran = subprocess.run([sys.executable, "-c", code, str(output)], capture_output=True, text=True, check=False)
    assert "another review is writing" in ran.stderr


def test_a_file_that_another_made_is_not_written_over(output):
    output.write_text('{"text": "mine"}\n')
    with pytest.raises(InputError, match="written over"), journal.opened(output):
        pass
    assert output.read_text() == '{"text": "mine"}\n'


@pytest.mark.parametrize("line", ['{"text": "a"}', "[]", "no json", '{"review": 99}'])
def test_what_is_no_journal_is_refused_with_its_line(output, line):
    journal.beside(output).write_text(line + "\n")
    with pytest.raises(InputError, match=r"review\.jsonl:1: .*--output"), journal.opened(output):
        pass


def test_an_output_is_named_jsonl(tmp_path):
    with pytest.raises(InputError, match=r"\.jsonl"), journal.opened(tmp_path / "mine.csv"):
        pass


def test_the_output_is_what_training_reads(kept, output):
    kept.answer("subscribe", "promo")
    kept.answer("rights", "legal")
    units.write(kept, output)
    (document,) = data.read([output])
    assert document.units == ((24, 40, "promo"), (41, 46, "legal"))
    assert (document.id, document.site, document.text) == ("a", "a.example", TEXT)


def test_one_answer_is_for_its_text_in_every_document(kept):
    other = kept.add_document(Document("b", None, "Subscribe today!"))
    kept.add_items([item("twice", PLACES["subscribe"], (other, 0, 16))])
    kept.answer("twice", "promo")
    assert [(record["id"], record["units"]) for record in units.records(kept)] == [
        ("a", [[24, 40, "promo"]]),
        ("b", [[0, 16, "promo"]]),
    ]


@pytest.mark.parametrize("answer", ["mixed", "skip"])
def test_what_is_mixed_or_skipped_is_in_no_document(kept, answer):
    kept.answer("wait", answer)
    assert list(units.records(kept)) == []


def test_what_was_drawn_is_marked_as_such(kept):
    kept.answer("rights", "legal")
    kept.answer("wait", "content")
    (record,) = units.records(kept)
    assert record["random"] == [[41, 46]]


def test_units_do_not_overlap_and_what_was_imported_stands_above_answers(kept):
    kept.answer("wait", "content")
    kept.answer("subscribe", "promo")
    kept.set_units(0, [(20, 30, "legal")])
    (record,) = units.records(kept)
    assert record["units"] == [[20, 30, "legal"]]


def test_a_document_with_a_lone_surrogate_is_written(output):
    with journal.opened(output) as begun:
        begun.add_document(Document("a", None, "\ud800 lone text"))
        begun.add_items([item("lone", (0, 2, 11))])
        begun.answer("lone", "content")
        units.write(begun, output)
    assert json.loads(output.read_text("utf-8"))["text"] == "\ud800 lone text"


def test_an_output_that_cannot_be_written_is_said_and_what_stood_there_stays(kept, output, monkeypatch):
    kept.answer("wait", "content")
    units.write(kept, output)
    before = output.read_bytes()
    kept.answer("subscribe", "promo")

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(RunStopped, match=r"No space left.*every answer is kept"):
        units.write(kept, output)
    assert output.read_bytes() == before
    assert not list(output.parent.glob("*.tmp"))


def test_the_summary_says_how_often_the_model_was_right_and_where_it_was_drawn(kept):
    kept.answer("subscribe", "promo")
    kept.answer("rights", "legal")
    kept.answer("wait", "mixed")
    assert list(units.spoken(units.summary(kept))) == [
        "2 of 3 texts labelled (1 promo, 1 legal), 1 mixed, 0 skipped",
        "the model had 1 of 2 right; of the 1 drawn at random, 0",
    ]
