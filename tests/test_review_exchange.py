import csv
import io
import json
import xml.etree.ElementTree as ET

import pytest

from classifier.review import exchange, journal, label_studio, table
from classifier.review.journal import Document, Item
from classifier.schema import InputError, Kind, Label

TEXTS = {
    "plain": ("Ships wait for a berth. Subscribe today!", ["Ships wait for a berth.", "Subscribe today!"]),
    "astral": ("🚢🧑‍🔧 A tug 🛟 waits.\n订阅𠮷报！", ["A tug 🛟 waits.", "订阅𠮷报！"]),
    "marks": ("Cafe\u0301 au port: re\u0301serve\u0301.\nนาย", ["Cafe\u0301 au port: re\u0301serve\u0301.", "นาย"]),
    "breaks": ('One line\r\nof "two".\r\n\r\nThe end, "he said".', ['One line\r\nof "two".', 'The end, "he said".']),
    "formula": (
        '=HYPERLINK("http://a.example")\n+1 for all\n\'quoted',
        ['=HYPERLINK("http://a.example")', "+1 for all", "'quoted"],
    ),
    "lone": ("\ud800 is alone. So am I.", ["\ud800 is alone.", "So am I."]),
}
LABELS = ["promo", "legal", "navigation"]


@pytest.fixture
def kept(tmp_path):
    with journal.opened(tmp_path / "mine.jsonl") as begun:
        for name, (text, pieces) in TEXTS.items():
            number = begun.add_document(Document(name, f"{name}.example", text))
            places = [(number, text.index(piece), text.index(piece) + len(piece)) for piece in pieces]
            begun.add_items(Item(f"{name}{at}", (place,), (), "content", 0.6, "", ()) for at, place in enumerate(places))
        yield begun


@pytest.fixture
def file(tmp_path):
    return tmp_path / "exchanged"


def rows(raw):
    return list(csv.DictReader(io.StringIO(raw.decode("utf-8-sig"), newline="")))


def as_csv(found):
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, table.COLUMNS)
    writer.writeheader()
    writer.writerows(found)
    return out.getvalue().encode("utf-8-sig")


def labelled(raw):
    """The table as a person would fill it in."""
    found = rows(raw)
    for at, row in enumerate(found):
        row["label"] = LABELS[at % 3]
    return as_csv(found)


def annotated(raw, change=lambda value: value):
    """The tasks as Label Studio exports them, every region given another label."""
    tasks = json.loads(raw)
    at = 0
    for task in tasks:
        result = []
        for region in task.pop("predictions")[0]["result"]:
            region["value"]["labels"] = [LABELS[at % 3]]
            region["value"] = change(region["value"])
            result.append(region)
            at += 1
        task["annotations"] = [{"id": at, "result": result, "was_cancelled": False}]
    return json.dumps(tasks).encode()


def expected(kept):
    return {item.key: LABELS[at % 3] for at, item in enumerate(kept.items)}


def test_a_table_comes_back_with_every_answer(kept, file):
    file.write_bytes(labelled(table.rows(kept)))
    taken = exchange.take(kept, file)
    assert taken.aside == []
    assert kept.answers == expected(kept)


def test_label_studio_comes_back_with_every_answer(kept, file):
    file.write_bytes(annotated(label_studio.tasks(kept)))
    taken = exchange.take(kept, file)
    assert taken.aside == []
    assert kept.answers == expected(kept)


def test_answers_are_exported_and_come_back_unchanged(kept, file):
    for at, item in enumerate(kept.items):
        kept.answer(item.key, LABELS[at % 3])
    before = dict(kept.answers)
    file.write_bytes(table.rows(kept))
    assert exchange.take(kept, file).aside == []
    assert kept.answers == before


@pytest.mark.parametrize("column", ["id", "site", "text"])
def test_no_cell_of_a_table_is_a_formula(kept, column):
    begun = kept.add_document(Document("=1+1", "@site", "-2+3 and more"))
    kept.add_items([Item("evil", ((begun, 0, 13),), (), "content", 0.6, "", ())])
    assert not [row[column] for row in rows(table.rows(kept)) if row[column][:1] in "=+-@\t\r"]


def test_a_document_whose_id_is_a_formula_is_found_again(kept, file):
    begun = kept.add_document(Document("=1+1", None, "More and more"))
    kept.add_items([Item("evil", ((begun, 0, 13),), (), "content", 0.6, "", ())])
    file.write_bytes(labelled(table.rows(kept)))
    exchange.take(kept, file)
    assert "evil" in kept.answers


@pytest.mark.parametrize("separator", [";", "\t"])
def test_a_table_may_come_back_with_another_separator_and_other_line_breaks_in_its_cells(kept, file, separator):
    found = rows(labelled(table.rows(kept)))
    for row in found:
        row["text"] = row["text"].replace("\r\n", "\n")
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, table.COLUMNS, delimiter=separator)
    writer.writeheader()
    writer.writerows(found)
    file.write_text(out.getvalue(), "utf-8")
    assert exchange.take(kept, file).aside == []
    assert kept.answers == expected(kept)


def test_a_row_without_a_label_is_counted_and_answers_nothing(kept, file):
    file.write_bytes(table.rows(kept))
    taken = exchange.take(kept, file)
    assert (taken.empty, taken.answers, kept.answers) == (len(kept.items), 0, {})


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        ("label", "advert", "unknown label"),
        ("label", "广告", "unknown label"),
        ("id", "nobody", "unknown document"),
        ("end", "9999", "not at its place"),
        ("start", "-1", "not at its place"),
        ("start", "first", "not at its place"),
        ("text", "Something else", "not at its place"),
    ],
)
def test_a_row_that_is_wrong_is_set_aside_with_its_line_and_the_others_are_taken(kept, file, column, value, reason):
    found = rows(labelled(table.rows(kept)))
    found[1][column] = value
    file.write_bytes(as_csv(found))
    taken = exchange.take(kept, file)
    assert [(entry.where, entry.reason) for entry in taken.aside] == [(f"{file}:3", reason)]
    assert len(kept.answers) == len(kept.items) - 1


def test_the_line_behind_a_cell_of_several_lines_is_the_right_one(kept, file):
    found = rows(labelled(table.rows(kept)))
    number = next(at for at, row in enumerate(found) if row["id"] == "breaks")
    found[number + 1]["label"] = "advert"
    file.write_bytes(as_csv(found))
    lines = file.read_bytes().split(b"\n")
    (aside,) = exchange.take(kept, file).aside
    assert b"The end" in lines[int(aside.where.rpartition(":")[2]) - 1]


def test_two_labels_for_one_place_are_one_label_and_one_set_aside(kept, file):
    found = rows(labelled(table.rows(kept)))
    file.write_bytes(as_csv([*found, {**found[0], "label": "legal"}]))
    taken = exchange.take(kept, file)
    assert [entry.reason for entry in taken.aside] == ["labelled twice"]
    assert kept.answers == expected(kept)


@pytest.mark.parametrize("raw", [b"a,b\n1,2\n", b"\xff\xfe\x00", b"", b"{}", b"[", '"text"'.encode("utf-16")])
def test_what_is_neither_kind_is_refused(kept, file, raw):
    file.write_bytes(raw)
    with pytest.raises(InputError, match="exchanged"):
        exchange.take(kept, file)


def test_offsets_in_label_studio_are_code_points(kept):
    task = next(task for task in json.loads(label_studio.tasks(kept)) if task["data"]["id"] == "astral")
    value = task["predictions"][0]["result"][0]["value"]
    assert task["data"]["text"][value["start"] : value["end"]] == value["text"] == "A tug 🛟 waits."


def test_offsets_that_an_old_label_studio_counted_in_utf_16_are_converted(kept, file):
    texts = {text[text.index(piece) :][: len(piece)]: text for text, pieces in TEXTS.values() for piece in pieces}

    def utf_16(value):
        text = texts[value["text"]]
        size = lambda part: len(part.encode("utf-16-le", "surrogatepass")) // 2  # noqa: E731
        return {**value, "start": size(text[: value["start"]]), "end": size(text[: value["end"]])}

    file.write_bytes(annotated(label_studio.tasks(kept), utf_16))
    assert exchange.take(kept, file).aside == []
    assert kept.answers == expected(kept)


def test_a_quoted_text_with_its_line_breaks_written_out_is_the_same(kept, file):
    def written(value):
        return {**value, "text": value["text"].replace("\r", "\\r").replace("\n", "\\n")}

    file.write_bytes(annotated(label_studio.tasks(kept), written))
    assert exchange.take(kept, file).aside == []


def test_a_region_with_other_borders_becomes_a_unit_and_its_item_is_not_asked_about_again(kept, file):
    def shorter(value):
        return {**value, "start": 0, "end": 5, "text": "Ships"} if value["text"].startswith("Ships") else value

    file.write_bytes(annotated(label_studio.tasks(kept), shorter))
    taken = exchange.take(kept, file)
    assert taken.units == 1
    assert kept.units == {0: [(0, 5, "promo")]}
    assert kept.answers["plain0"] == "mixed"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"labels": ["advert"]}, "unknown label"),
        ({"labels": ["promo", "legal"]}, "unknown label"),
        ({"labels": []}, "unknown label"),
        ({"end": 10_000}, "not at its place"),
        ({"start": 3}, "not at its place"),
        ({"start": None}, "no label"),
    ],
)
def test_a_region_that_is_wrong_is_set_aside_with_its_task(kept, file, change, reason):
    def wrong(value):
        return {**value, **change} if value["text"] == "Subscribe today!" else value

    file.write_bytes(annotated(label_studio.tasks(kept), wrong))
    (aside,) = exchange.take(kept, file).aside
    assert aside.reason == reason
    assert "task 1, region plain1" in aside.where


def test_a_task_whose_text_was_changed_is_set_aside(kept, file):
    tasks = json.loads(annotated(label_studio.tasks(kept)))
    tasks[0]["data"]["text"] += "."
    file.write_text(json.dumps(tasks))
    assert [entry.reason for entry in exchange.take(kept, file).aside] == ["unknown document"]


def test_of_several_annotations_the_latest_that_was_not_cancelled_is_taken_and_the_others_are_counted(kept, file):
    tasks = json.loads(annotated(label_studio.tasks(kept)))
    (first,) = tasks[0]["annotations"]
    region = {**first["result"][0], "value": {**first["result"][0]["value"], "labels": ["legal"]}}
    tasks[0]["annotations"] = [
        {"id": 7, "updated_at": "2026-03-02T10:00:00Z", "result": [region]},
        {"id": 8, "updated_at": "2026-03-01T10:00:00Z", "result": first["result"]},
        {"id": 9, "updated_at": "2026-03-03T10:00:00Z", "result": first["result"], "was_cancelled": True},
    ]
    file.write_text(json.dumps(tasks))
    taken = exchange.take(kept, file)
    assert kept.answers["plain0"] == "legal"
    assert [(entry.where, entry.reason) for entry in taken.aside] == [(f"{file}, task 1, annotation 8", "replaced")]


def test_the_interface_for_label_studio_has_every_label_and_fits_the_tasks(kept):
    tree = ET.fromstring(label_studio.config(kept))
    assert [label.get("value") for label in tree.iter("Label")] == ["content", "promo", "legal", "navigation"]
    region = json.loads(label_studio.tasks(kept))[0]["predictions"][0]["result"][0]
    assert (tree.find("Labels").get("name"), tree.find("Text").get("name")) == (region["from_name"], region["to_name"])


KINDS = [Kind("straße", Label("navigation")), Kind("食谱", Label("content"))]


def test_kinds_are_offered_in_label_studio_behind_the_four_in_the_colour_of_theirs(kept):
    kept.declare(KINDS)
    labels = list(ET.fromstring(label_studio.config(kept)).iter("Label"))
    assert [(label.get("value"), label.get("hotkey")) for label in labels[4:]] == [("straße", "5"), ("食谱", "6")]
    assert labels[5].get("background") == labels[0].get("background")


@pytest.mark.parametrize("name", ["straße", "食谱"])
def test_kinds_go_out_and_come_back_both_ways(kept, file, name):
    kept.declare(KINDS)
    first, second = (item.key for item in kept.items[:2])
    kept.answer(first, name)
    found = rows(table.rows(kept))
    assert found[0]["label"] == name
    found[1]["label"] = name.upper()
    file.write_bytes(as_csv(found))
    assert exchange.take(kept, file).aside == []
    assert kept.answers == {first: name, second: name}
    task = json.loads(label_studio.tasks(kept))[0]
    assert [region["value"]["labels"] for region in task["predictions"][0]["result"]] == [[name], [name]]
    for key in (first, second):
        kept.answer(key, "legal")
    file.write_text(json.dumps([{**task, "annotations": task["predictions"]}]))
    assert exchange.take(kept, file).aside == []
    assert kept.answers == {first: name, second: name}


def test_a_label_that_nobody_declared_is_set_aside_with_what_to_do(kept, file):
    found = rows(table.rows(kept))
    found[0]["label"] = "recipe"
    file.write_bytes(as_csv(found))
    (aside,) = exchange.take(kept, file).aside
    assert (aside.reason, "--kind" in aside.detail) == ("unknown label", True)


def test_an_unknown_kind_is_refused(kept, file):
    with pytest.raises(InputError, match="label-studio, csv"):
        exchange.export(kept, "excel", file)
