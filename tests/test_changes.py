import numpy as np
import pytest

from classifier import Policy
from classifier.result import Result
from classifier.schema import LABELS, LANGUAGES, LAYOUTS, PRESETS, Segments
from training import changes, data

LEVEL = {
    preset: {layout: {language: dict.fromkeys(LABELS, 0.8) for language in LANGUAGES} for layout in LAYOUTS}
    for preset in PRESETS
}
ENGLISH, CHINESE = "Ships wait. Buy now!", "船只等待。立即购买！"


def result(text, ends, labels, sure=()):
    """A result with these labels; what is not sure is content's, or promo's where the label is content's."""
    chances = np.zeros((len(ends), len(LABELS)))
    for row, label, much in zip(chances, labels, sure or [0.9] * len(ends), strict=True):
        row[LABELS.index(label)] = much
        row[int(label == "content")] += 1 - much
    cut = Segments(ends, [0] * len(ends), [int(not text.isascii())] * len(ends))
    return Result(text, cut, np.rint(chances * 10_000).astype(np.uint16), np.zeros(len(ends), np.uint8), Policy(), LEVEL)


def document(text, units, site="a"):
    return data.Document("one", text, tuple(units), site, "toy", True)


@pytest.mark.parametrize(("text", "middle"), [(ENGLISH, 12), (CHINESE, 5)])
def test_a_changed_decision_says_what_it_was_what_it_is_and_which_is_right(text, middle):
    one = document(text, [(0, middle, "content"), (middle, len(text), "promo")])
    before, after = result(text, [len(text)], ["content"]), result(text, [middle, len(text)], ["content", "promo"])
    (found,), share = changes.decisions([one], [before], [after])
    assert (found.start, found.end, found.text) == (middle, len(text), text[middle:])
    assert (found.label_before, found.label_after, found.kept_before, found.kept_after) == ("content", "promo", True, False)
    assert (found.annotated, found.right) == ("promo", "after")
    assert share == pytest.approx(len(text[middle:]) / len(text.replace(" Buy", "Buy")), abs=1e-4)


def test_what_is_not_annotated_has_no_right_side_and_the_same_cut_elsewhere_is_no_change():
    one = document(ENGLISH, [])
    before, after = result(ENGLISH, [20], ["content"]), result(ENGLISH, [12, 20], ["content", "content"])
    assert changes.decisions([one], [before], [after]) == ([], 0.0)
    (found,), _ = changes.decisions([one], [before], [result(ENGLISH, [20], ["legal"])])
    assert (found.annotated, found.right) == (None, None)


def test_a_label_that_stays_but_is_kept_no_more_is_a_change_and_comes_first():
    one = document(CHINESE, [(5, 10, "promo")])
    before = result(CHINESE, [5, 10], ["legal", "promo"], [0.7, 0.7])
    after = result(CHINESE, [5, 10], ["navigation", "promo"], [0.7, 0.95])
    found, _ = changes.decisions([one], [before], [after])
    assert [(d.label_before, d.label_after, d.kept_before, d.kept_after, d.right) for d in found] == [
        ("promo", "promo", True, False, "after"),
        ("legal", "navigation", True, True, None),
    ]


def many(label_of):
    """Forty documents of two units each, and a result for each with the labels that `label_of` gives."""
    documents = [document(ENGLISH, [(0, 11, "content"), (12, 20, "promo")], f"site {n % 4}") for n in range(40)]
    return documents, [result(ENGLISH, [12, 20], label_of(n)) for n in range(40)]


def right(_):
    return ["content", "promo"]


def test_a_loss_that_is_large_and_no_chance_is_named_with_both_figures():
    documents, before = many(right)
    _, after = many(lambda n: ["content", "legal" if n < 12 else "promo"])
    (loss,) = changes.losses(documents, before, after)
    assert loss.startswith("macro-F1 1.0000 before, 0.91")
    assert changes.losses(documents, after, before) == []


def test_a_loss_within_the_tolerance_or_within_chance_is_none():
    documents, before = many(right)
    for wrong in (1, 2):
        _, after = many(lambda n, wrong=wrong: ["content", "legal" if n < wrong else "promo"])
        assert changes.losses(documents, before, after) == []
    # Five documents got worse and four better.
    _, before = many(lambda n: ["content", "legal" if n in range(4) else "promo"])
    _, after = many(lambda n: ["content", "legal" if n in range(10, 15) else "promo"])
    assert changes.losses(documents, before, after) == []


def test_content_that_is_lost_is_named():
    documents, before = many(right)
    _, after = many(lambda n: ["promo" if n < 10 else "content", "promo"])
    assert [loss.split()[0] for loss in changes.losses(documents, before, after)] == ["macro-F1", "content"]


def test_figures_stand_side_by_side_by_suite_and_by_site():
    documents, before = many(right)
    _, after = many(lambda n: ["content", "legal" if n % 4 == 2 else "promo"])
    found = changes.side_by_side(documents, before, after)
    assert {*found["site"]} == {"all", "site 0", "site 1", "site 2", "site 3"}
    assert found["site"]["site 2"]["before"]["accuracy"] == 1.0
    assert found["site"]["site 2"]["after"]["accuracy"] == 0.5
    assert found["suite"]["toy"]["after"]["accuracy"] == 0.875


def test_the_summary_shows_some_decisions_and_the_file_has_all(tmp_path, clf):
    long = "Buy now! " * 20 + "\ud800"
    documents = [document(f"{n} {long}", []) for n in range(changes.PRINTED + 5)]
    held_out = [result(one.text, [len(one.text)], ["legal" if one.text[0] == "1" else "content"]) for one in documents]
    found = changes.report(documents, held_out, "site", clf, clf, [])
    changes.save(found, tmp_path / changes.FILE)
    printed = changes.summary(found)
    count = len(found["decisions"][changes.YOURS])
    assert count > changes.PRINTED
    assert f"{count - changes.PRINTED} more" in printed
    assert max(map(len, printed.split("\n"))) < 160
    assert "not worse than the model before" in printed
    assert (tmp_path / changes.FILE).read_bytes().count(b"Buy now! Buy now! ") >= count
