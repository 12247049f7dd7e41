import json

import pytest

from classifier import InputError
from classifier.schema import LABELS
from training import curve, data, fit, plots

LINE = "Berth {} is free again on pier {}, the harbour office said on Monday.\n{}号泊位周一重新开放，港务局说。"


def document(number):
    text = LINE.format(number, number * 7, number)
    text += "".join(chr(97 + (number * 11 + i * i) % 26) + (" " if i % 5 == 4 else "") for i in range(80))
    middle = text.index("\n")
    return data.Document(str(number), text, ((0, middle, "content"),), "a", "s", True, ((middle + 1, middle + 9, "content"),))


def test_nearly_the_same_document_is_measured_once():
    one, other = document(1), document(2)
    again = data.Document("again", one.text.replace("1", "9"), one.units, "a", "s", True)
    assert curve.without_copies([one, again, other]) == [one, other]


def test_halves_share_no_document_and_more_labels_include_fewer():
    documents = [curve.whole(document(number)) for number in range(9)]
    taught, asked = curve.halves(documents, 0)
    assert {d.id for d in taught} | {d.id for d in asked} == {d.id for d in documents}
    assert not {d.id for d in taught} & {d.id for d in asked}
    few, more = curve.labelled(taught, 3), curve.labelled(taught, 5)
    assert [sum(len(d.units) for d in found) for found in (few, more)] == [3, 5]
    assert [d.id for d in few] == [d.id for d in more][: len(few)]
    assert curve.labelled(taught, 0) == []


def test_a_site_with_too_few_labels_is_refused(tmp_path):
    (tmp_path / "train.jsonl").write_text(json.dumps({"text": "a b", "units": [[0, 3, "promo"]], "site": "x"}) + "\n", "utf-8")
    with pytest.raises(InputError, match="hold 0 labels: 50 are to be added"):
        curve.curve(tmp_path, ["x"], [50], fit.Settings())


def test_the_curve_is_printed_and_drawn_without_the_names_of_sites(tmp_path):
    row = {"macro_f1": 0.5, "accuracy": 0.75, "content_lost": 0.01, "junk_kept": 0.3, "f1": dict.fromkeys(LABELS, 0.5)}
    found = {"sites": {"site 1 (English)": {}}, "curve": [{"labels": n, "sites": {"site 1 (English)": row}} for n in (0, 50)]}
    assert curve.table(found).split("\n")[-1] == "| 50 | 0.500, 0.750, 1.00%, 30.0% |"
    plots.learning({"site 1 (English)": [(0, row), (50, row)]}, tmp_path / "curve.png")
    assert (tmp_path / "curve.png").stat().st_size > 5000


def test_a_site_is_named_by_its_language():
    assert curve.language([document(1)] * 3 + [data.Document("z", "港口关闭。" * 40, (), "a", "s", True)]) == "Chinese"
