import json
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from classifier.decide import STEPS, Mark
from classifier.result import Result
from classifier.review import journal, pick, rank
from classifier.review.journal import Document
from classifier.schema import LABELS, LANGUAGES, Policy, Segments

EVEN = {preset: {layout: {language: dict.fromkeys(LABELS, 0.5) for language in LANGUAGES} for layout in ("article", "page")}
        for preset in ("balanced",)}  # fmt: skip


def result(*rows, presets=EVEN):
    """A document of one line a row: its text, and the probabilities of the four labels."""
    ends = np.cumsum([len(text) + 1 for text, *_ in rows]).tolist()
    shares = np.array([[round(p * STEPS) for p in row[1:]] for row in rows], np.uint16).reshape(-1, len(LABELS))
    cut = Segments(ends, list(range(len(rows))), [0] * len(rows))
    marks = np.zeros(len(rows), np.uint8)
    return Result("".join(f"{row[0]}\n" for row in rows), cut, shares, marks, Policy(), presets)


def documents(*many, site="a.example"):
    return [(Document(f"d{at}", site, one.text), one) for at, one in enumerate(many)]


def picked(labelled, number=10, sample=0, known=(), seed=0):
    with pick.read(labelled, sample, known, seed) as found:
        return pick.pick(found, number)


def texts(items, labelled):
    return [labelled[number][0].text[start:end] for (number, start, end), *_ in (item.places for item in items)]


SURE = ("The lane is open.", 0.99, 0.01, 0, 0)
UNSURE = ("Order the tide tables.", 0.4, 0.41, 0.1, 0.09)


def test_a_term_for_the_unsure_is_one_less_the_margin():
    assert rank.terms(result(SURE, UNSURE)).unsure == pytest.approx([0.02, 0.99])


def test_a_term_for_the_near_is_one_at_the_threshold_and_nothing_far_from_it():
    near = rank.terms(result(("At it.", 0.5, 0.5, 0, 0), ("Sure.", 0, 1, 0, 0), ("On it, as promo.", 0.45, 0.55, 0, 0))).near
    assert near[1] == 0
    assert near[2] == pytest.approx(1 - 0.05 / rank.NEAR)


def test_a_term_for_the_lone_asks_the_neighbour_that_agrees_most():
    alone = rank.terms(result(SURE, ("Subscribe!", 0, 1, 0, 0), ("Buy!", 0.1, 0.9, 0, 0))).alone
    assert alone == pytest.approx([1, 0.1, 0])


def test_a_document_of_one_segment_or_none_has_no_neighbours():
    assert rank.terms(result(UNSURE)).alone.tolist() == [0]
    assert rank.terms(result()).alone.size == 0


def test_more_documents_are_worth_more_and_less_each():
    one, two, eight = rank.priority(np.full(3, 0.5), np.array([1, 2, 8]))
    assert one == 0.5
    assert one < two < eight < 8 * one


def test_the_unsure_come_first():
    labelled = documents(result(SURE, UNSURE, ("Ships wait at the quay.", 0.7, 0.3, 0, 0)))
    assert texts(picked(labelled, 3), labelled) == [UNSURE[0], "Ships wait at the quay.", SURE[0]]


@pytest.mark.parametrize(("one", "other"), [("By R. Almond, 3 May", "by R. Almond,  17 May"), ("阅读 3 分钟", "阅读 12 分钟")])
def test_a_text_is_asked_about_once_whatever_its_digits_and_case(one, other):
    labelled = documents(result((one, 0, 0.4, 0, 0.6)), result((other, 0, 0.4, 0, 0.6)))
    assert len(picked(labelled)) == 1


def test_a_text_that_is_read_in_two_ways_is_asked_about_in_both():
    labelled = documents(result(("Tugs wait at Elmwick", 0.9, 0, 0, 0.1)), result(("Tugs wait at Elmwick", 0.1, 0, 0, 0.9)))
    assert sorted(item.guess for item in picked(labelled)) == ["content", "navigation"]


def test_what_was_asked_about_before_is_not_however_it_is_read_now():
    first = picked(documents(result(("Tugs wait at Elmwick", 0.9, 0, 0, 0.1))))
    again = documents(result(("Tugs wait at Elmwick", 0.1, 0, 0, 0.9)))
    assert picked(again, known={item.key for item in first}) == []


@pytest.mark.parametrize("text", ["* * *", "12.03.2026", "—", "a"])
def test_what_has_no_two_letters_is_not_asked_about(text):
    assert picked(documents(result((text, 0.4, 0.3, 0.2, 0.1)))) == []


@pytest.mark.parametrize("mark", [Mark.UNREAD, Mark.RULED, Mark.HELD])
def test_what_was_not_read_or_a_rule_decides_is_not_asked_about(mark):
    marked = replace(result(UNSURE), marks=np.array([mark], np.uint8))
    assert picked(documents(marked)) == []


def test_the_place_of_an_item_is_its_text_without_the_white_space_about_it():
    labelled = documents(result(("  版权所有。  ", 0.2, 0, 0.5, 0.3)))
    assert texts(picked(labelled), labelled) == ["版权所有。"]


def test_every_site_has_its_share_before_one_has_more():
    word = "abcdefghijklmnopqrst"
    large = [result((f"Large {letter} waits.", 0.4, 0.3, 0.2, 0.1)) for letter in word]
    small = [result((f"Small {letter} waits.", 0.2, 0, 0, 0.8)) for letter in word[:3]]
    labelled = [*documents(*large, site="large.example"), *documents(*small, site="small.example")]
    sites = Counter(labelled[item.places[0][0]][0].site for item in picked(labelled, 6))
    assert sites == {"large.example": 3, "small.example": 3}


def test_one_site_is_asked_about_in_full():
    labelled = documents(*(result((f"Ship {letter} waits.", 0.4, 0.3, 0.2, 0.1)) for letter in "abcdefghij"))
    assert len(picked(labelled, 10)) == 10


def test_no_guess_has_most_items_while_there_are_others():
    unsure = [result((f"Order {letter} today.", 0.4, 0.5, 0, 0.1)) for letter in "abcdefghij"]
    sure = [result((f"Page {letter} of it", 0, 0.1, 0, 0.9)) for letter in "abcdefghij"]
    assert Counter(item.guess for item in picked(documents(*unsure, *sure), 10))["promo"] == 6


def test_drawn_texts_are_a_sample_of_all_and_do_not_depend_on_how_unsure_they_are():
    rows = [(f"Sure {chr(97 + i // 26)}{chr(97 + i % 26)} text.", 0.99, 0.01, 0, 0) for i in range(180)]
    rows += [(f"Open {chr(97 + i)} text.", 0.4, 0.3, 0.2, 0.1) for i in range(20)]
    unsure = 0
    for seed in range(20):
        drawn = [item for item in picked(documents(result(*rows)), 10, sample=10, seed=seed) if item.drawn]
        assert len(drawn) == 10
        unsure += sum(item.confidence < 0.5 for item in drawn)
    assert 8 <= unsure <= 36  # a tenth of 200 are expected, with a standard deviation of 4


def test_the_same_seed_draws_the_same_and_another_others():
    labelled = documents(*(result((f"Ship {letter} waits.", 0.4, 0.3, 0.2, 0.1)) for letter in "abcdefghijklmnop"))
    drawn = [{item.key for item in picked(labelled, 8, 4, seed=seed) if item.drawn} for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]


def test_drawn_texts_stand_among_the_others():
    labelled = documents(*(result((f"Ship {letter} waits.", 0.4, 0.3, 0.2, 0.1)) for letter in "abcdefghijklmnopqrst"))
    places = [at for at, item in enumerate(picked(labelled, 12, sample=3)) if item.drawn]
    assert len(places) == 3
    assert places[0] < 4 <= places[1] < 8 <= places[2]


def test_candidates_of_a_large_site_stay_bounded(monkeypatch):
    monkeypatch.setattr(pick, "_SPARE", 1)
    many = [result((f"Ship {chr(97 + i)}{chr(97 + j)} waits.", 0.4, 0.3, 0.2, 0.1)) for i in range(10) for j in range(10)]
    with pick.read(documents(*many), 0, (), 0) as found:
        assert len(pick._best(found, 5)) <= 10


def test_rare_texts_are_forgotten_before_frequent_ones(monkeypatch):
    monkeypatch.setattr(pick, "_COUNTED", 4)
    labelled = documents(
        *(result(("Share this", 0, 0, 0.3, 0.7), (f"Ship {letter} waits.", 0.9, 0.1, 0, 0)) for letter in "abcdefghijk")
    )
    with pick.read(labelled, 0, (), 0) as found:
        assert len(found.counts) <= 8
        assert found.counts[pick.key("Share this", 3)] == 11


def test_an_item_is_recorded_with_every_place_of_its_text(tmp_path):
    labelled = documents(result(UNSURE, SURE), result(SURE), result(SURE, UNSURE))
    with journal.opened(tmp_path / "mine.jsonl") as kept, pick.read(labelled, 0, (), 0) as found:
        pick.record(found, pick.pick(found, 1), kept)
        (item,) = kept.items
        assert [kept.document(number).text[start:end] for number, start, end in item.places] == [UNSURE[0]] * 2
        assert [document.id for _, document in kept.documents()] == ["d0", "d2"]


def test_the_model_picks_in_english_and_chinese(clf):
    found = json.dumps(
        "Ships wait for a berth. Readers who liked this also take our course.\n\n货轮在锚地等候。立即开通会员。\n\nThe end"
    )
    text = json.loads(found)
    items = picked([(Document("a", None, text), clf.label(text))])
    assert {item.language for item in items} >= {"en", "zh-Hans"}
