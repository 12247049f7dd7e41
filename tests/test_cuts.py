import json

import pytest

from classifier import InputError
from training import cuts, data, evaluate

ONE_LINE = "Ships wait. Buy now!"


def document(text, *units):
    return data.Document("1", text, units, "s", "s", True)


def test_a_border_lies_between_units_of_different_labels_in_one_line():
    assert list(cuts.borders(document(ONE_LINE, (0, 11, "content"), (12, 20, "promo")))) == [(11, 12)]
    assert not list(cuts.borders(document(ONE_LINE, (0, 11, "promo"), (12, 20, "promo"))))
    assert not list(cuts.borders(document("Ships wait.\nBuy now!", (0, 11, "content"), (12, 20, "promo"))))
    assert not list(cuts.borders(document("Ships wait. So Buy!", (0, 11, "content"), (15, 19, "promo"))))


def test_recall_and_fragmentation_count_segments_spans_and_sentences(clf):
    text = "Ships wait. Cranes stand still. 港口关闭。船只等待。"
    row = cuts.report([document(text, (0, 31, "content"), (32, 42, "promo"))], [clf.label(text)])["s"]
    assert (row["borders"], row["recall"]) == (1, 1.0)
    assert row["segments_a_unit"] == row["sentences_a_unit"] == 2.0


def test_spans_compare_by_label_and_visible_ends_within_lines():
    text = "Home News\n Buy now "
    assert cuts.normal(text, [(0, 5, "promo"), (5, 19, "promo")]) == {(0, 9, "promo"), (11, 18, "promo")}
    assert cuts.normal(text, [(0, 10, "navigation"), (10, 19, "promo")]) == {(0, 9, "navigation"), (11, 18, "promo")}


def test_perfect_labels_of_perfect_cuts_score_one(clf):
    text = "Ships wait. 立即购买！"
    tiled = cuts.Tiled("1", text, ((0, 12, "content", "en"), (12, 17, "promo", "zh")))
    found = cuts.exact([tiled], [clf.label(text)])
    assert set(found) == {"all", "en", "zh"}
    assert found["all"]["cuts"] == 1.0


@pytest.mark.parametrize(
    ("spans", "reason"),
    [([[0, 3, "promo", "en"]], "do not tile"), ([[0, 4, "spam", "en"]], "does not exist")],
)
def test_a_wrong_tiling_is_named_by_file_and_line(tmp_path, spans, reason):
    file = tmp_path / "tiled.jsonl"
    file.write_text(json.dumps({"text": "Ship", "spans": spans}) + "\n", "utf-8")
    with pytest.raises(InputError, match=rf"tiled\.jsonl:1: .*{reason}"):
        cuts.read_tiled(file)


def test_evaluation_tells_units_from_tiling_spans(tmp_path, capsys):
    units, tiled = tmp_path / "units.jsonl", tmp_path / "tiled.jsonl"
    units.write_text(json.dumps({"text": ONE_LINE, "units": [[0, 11, "content"], [12, 20, "promo"]]}) + "\n", "utf-8")
    tiled.write_text(
        json.dumps({"text": ONE_LINE, "spans": [[0, 12, "content", "en"], [12, 20, "promo", "en"]]}) + "\n", "utf-8"
    )
    assert evaluate.main([str(units), str(tiled)]) == 0
    printed = capsys.readouterr().out
    assert "F1 of exact spans of 1 documents" in printed
    assert "borders" in printed
