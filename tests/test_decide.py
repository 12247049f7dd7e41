from dataclasses import replace

import numpy as np
import pytest

from classifier import Label, Policy
from classifier.decide import STEPS
from classifier.result import Result
from classifier.schema import LABELS, LANGUAGES, LAYOUTS, PRESETS, Kind, Segments

PRESET_VALUES = {"careful": 0.95, "balanced": 0.7, "thorough": 0.5}
PRESET = {
    name: {layout: {language: dict.fromkeys(LABELS[1:], PRESET_VALUES[name]) for language in LANGUAGES} for layout in LAYOUTS}
    for name in PRESETS
}


def make(parts, policy=None):
    """A result from (text, paragraph, language, probabilities) a segment."""
    texts, paragraphs, languages, rows = zip(*parts, strict=True)
    ends = np.cumsum([len(text) for text in texts]).tolist()
    scores = np.rint(np.array(rows) * STEPS).astype(np.uint16)
    return Result(
        "".join(texts),
        Segments(ends, list(paragraphs), list(languages)),
        scores,
        np.zeros(len(ends), np.uint8),
        policy or Policy(),
        PRESET,
    )


CONTENT, PROMO, LEGAL = (1, 0, 0, 0), (0.1, 0.9, 0, 0), (0, 0, 1, 0)


def kept(result):
    return [(result.text[span.start : span.end], span.label, span.kept) for span in result.spans]


def test_neighbours_of_one_label_and_language_are_one_span():
    result = make([("One. ", 0, 0, CONTENT), ("Two. ", 0, 0, CONTENT), ("三。", 0, 1, CONTENT)])
    assert [(span.end, span.language) for span in result.spans] == [(10, "en"), (12, "zh")]


def test_the_columns_are_the_spans():
    result = make([("One. ", 0, 0, CONTENT), ("Buy!\n", 0, 0, PROMO), ("二。", 1, 1, CONTENT), ("©", 1, 0, LEGAL)])
    columns = result.columns
    spans = [(s.start, s.end, LABELS.index(s.label), LANGUAGES.index(s.language), s.confidence, s.kept) for s in result.spans]
    assert list(zip(*(column.tolist() for column in columns[:6]), strict=True)) == spans
    assert columns.paragraph.tolist() == [0, 0, 0, 1, 1]


def test_a_text_without_characters_has_no_row_in_any_column(clf):
    assert [column.size for column in clf.label("").columns] == [0] * 9


def test_a_span_never_leaves_its_paragraph():
    result = make([("One.\n", 0, 0, CONTENT), ("Two.", 1, 0, CONTENT)])
    assert [span.end for span in result.spans] == [5, 9]


def test_confidence_is_the_mean_over_characters():
    result = make([("abcdef", 0, 0, (0.1, 0.9, 0, 0)), ("gh", 0, 0, (0.4, 0.6, 0, 0))])
    assert [span.confidence for span in result.spans] == [pytest.approx(0.9 * 0.75 + 0.6 * 0.25)]


def test_boilerplate_below_the_threshold_is_kept_and_keeps_its_label():
    unsure = (0.4, 0.6, 0, 0)
    assert kept(make([("Buy", 0, 0, unsure)])) == [("Buy", "promo", True)]
    assert kept(make([("Buy", 0, 0, PROMO)])) == [("Buy", "promo", False)]


def test_what_is_surely_not_content_goes_even_when_its_kind_is_open():
    assert kept(make([("Buy", 0, 0, (0.05, 0.5, 0, 0.45))])) == [("Buy", "promo", False)]


def test_content_is_never_removed():
    open_case = (0.34, 0.33, 0.0, 0.33)
    assert make([("Text", 0, 0, open_case)], Policy.thorough()).clean_text == "Text"


def test_a_kept_label_stays_and_its_doubt_counts_as_kept():
    parts = [("© 2026", 0, 0, LEGAL), (" Buy", 0, 0, (0.1, 0.6, 0.3, 0))]
    assert make(parts, Policy(keep={"legal"})).clean_text == "© 2026 Buy"
    assert make(parts).clean_text == ""


def test_a_threshold_set_by_hand_wins_over_the_preset():
    parts = [("Buy", 0, 0, PROMO)]
    assert make(parts, Policy(thresholds={Label.PROMO: 0.95})).clean_text == "Buy"
    assert make(parts, Policy(thresholds={Label.PROMO: 0.5})).clean_text == ""


def test_another_policy_moves_no_span():
    result = make([("One. ", 0, 0, CONTENT), ("Buy", 0, 0, (0.2, 0.8, 0, 0))])
    careful = result.with_policy(Policy.careful())
    assert [(s.start, s.end, s.label, s.confidence) for s in careful.spans] == [
        (s.start, s.end, s.label, s.confidence) for s in result.spans
    ]
    assert (result.clean_text, careful.clean_text) == ("One. ", "One. Buy")


def test_taking_the_end_of_a_line_leaves_its_line_break():
    result = make([("One. ", 0, 0, CONTENT), ("Buy\n\n", 0, 0, PROMO), ("Two.", 1, 0, CONTENT)])
    assert result.clean_text == "One. \n\nTwo."
    assert [(text, label) for text, label, _ in kept(result)][1:3] == [("Buy", "promo"), ("\n\n", "content")]


def test_taking_a_whole_line_takes_its_line_break():
    assert make([("Buy\n", 0, 0, PROMO), ("Two.", 1, 0, CONTENT)]).clean_text == "Two."


@pytest.mark.parametrize(
    ("place", "sizes"), [("article", (300,) * 9), ("page", (30,) * 10), ("passage", (300,)), ("brief", (300,) * 8)]
)
def test_a_document_of_each_layout_is_decided_by_thresholds_of_its_own(place, sizes):
    result = make([("x" * size, line, 0, (0.1, 0.9, 0, 0)) for line, size in enumerate(sizes)])
    assert not any(span.kept for span in result.spans)
    unsure = {**PRESET, "balanced": {**PRESET["balanced"], place: PRESET["careful"][place]}}
    assert all(span.kept for span in replace(result, presets=unsure).spans)


def test_a_paragraph_has_the_label_of_most_of_its_characters():
    result = make([("A long sentence of content. ", 0, 0, CONTENT), ("Buy\n", 0, 0, PROMO), ("© 2026", 1, 0, LEGAL)])
    assert [(p.start, p.end, p.label, p.kept) for p in result.paragraphs] == [
        (0, 32, "content", True),
        (32, 38, "legal", False),
    ]


def test_a_line_break_stays_where_any_of_its_line_does_and_goes_with_the_whole_line():
    ends = [("Read on. ", 0, 0, (0, 0, 0, 1)), ("Buy\n", 0, 0, PROMO), ("Two.", 1, 0, CONTENT)]
    assert kept(make(ends))[:3] == [("Read on. ", "navigation", False), ("Buy", "promo", False), ("\n", "promo", False)]
    assert kept(make(ends, Policy(keep={"navigation"})))[2] == ("\n", "promo", True)


def test_a_line_break_takes_the_label_nearest_to_content_and_the_surest_span_of_it():
    result = make(
        [("© A. ", 0, 0, (0, 0, 0.7, 0.3)), ("© B. ", 0, 1, LEGAL), ("Menu\n", 0, 0, (0, 0, 0, 1)), ("Two.", 1, 0, CONTENT)]
    )
    last = result.spans[3]
    assert (last.start, last.end, last.label, last.language, last.confidence) == (14, 15, "legal", "zh", 1)


@pytest.mark.parametrize("blanks", [" ", "\t\u3000", "\xa0", ""])
def test_only_a_line_break_is_parted_from_boilerplate_not_blanks_behind_it(blanks):
    assert [text for text, *_ in kept(make([("One. ", 0, 0, CONTENT), (f"Buy{blanks}", 0, 0, PROMO)]))] == [
        "One. ",
        f"Buy{blanks}",
    ]


def test_no_line_break_is_parted_from_content_or_from_a_span_of_white_space():
    assert len(make([("Buy. ", 0, 0, PROMO), ("One.\n", 0, 0, CONTENT)]).spans) == 2
    assert len(make([("One. ", 0, 0, CONTENT), (" \n", 0, 0, PROMO)]).spans) == 2


def test_a_paragraph_has_language_and_confidence_of_most_of_its_characters():
    parts = [("Buy now ", 0, 0, PROMO), ("立即购买", 0, 1, (0.3, 0.7, 0, 0)), ("OK", 0, 0, CONTENT)]
    [line] = make(parts).paragraphs
    assert (line.start, line.end, line.label, line.language) == (0, 14, "promo", "en")
    assert line.confidence == round((0.9 * 6 + 0.7 * 4) / 10, 4)


def test_the_confidence_of_a_paragraph_is_rounded_to_four_places():
    [line] = make([("Buy now. ", 0, 0, PROMO), ("买吧", 0, 1, (0.2, 0.8, 0, 0)), ("再买一次吧", 0, 2, PROMO)]).paragraphs
    assert line.confidence == round((0.9 * 12 + 0.8 * 2) / 14, 4) == 0.8857


def test_a_paragraph_of_white_space_and_nothing_to_see_has_a_confidence():
    assert make([("  ", 0, 0, PROMO), ("  ", 0, 1, (0.3, 0.7, 0, 0))]).paragraphs[0].confidence == pytest.approx(0.8)


@pytest.mark.parametrize(
    ("text", "stays"),
    [("Buy now ", False), ("Buy", False), ("No", True), ("N", True)],
    ids=["less", "more by one", "as much", "most"],
)
def test_a_paragraph_is_kept_when_most_of_it_is_and_a_tie_goes_to_its_first_span(text, stays):
    [line] = make([("OK", 0, 0, CONTENT), (text, 0, 0, PROMO)]).paragraphs
    assert line.kept is stays
    [line] = make([(text, 0, 0, PROMO), ("OK", 0, 0, CONTENT)]).paragraphs
    assert line.kept is (stays and len(text) < 2)


def test_decisions_near_their_threshold_are_listed_with_the_distance_from_it():
    parts = [("One. ", 0, 0, CONTENT), ("Buy. ", 0, 0, (0.25, 0.75, 0, 0)), ("© 2026", 0, 0, (0.33, 0, 0.67, 0))]
    result = make(parts)
    near = [(start, end, label, removal) for start, end, label, removal, _ in result.near_threshold(0.06)]
    assert near == [(5, 10, "promo", 0.75), (10, 16, "legal", 0.67)]
    assert [round(margin, 4) for *_, margin in result.near_threshold(0.06)] == [0.05, -0.03]
    assert [start for start, *_ in result.near_threshold(0.04)] == [10]


def test_a_result_without_characters_has_no_decision_near_a_threshold():
    assert (
        Result("", Segments([], [], []), np.zeros((0, 4), np.uint16), np.zeros(0, np.uint8), Policy(), PRESET).near_threshold(1)
        == []
    )


def test_a_result_is_a_json_object_of_spans_paragraphs_and_quality():
    result = make([("One. ", 0, 0, CONTENT), ("Buy\n", 0, 0, PROMO)])
    assert result.as_dict() == {
        "spans": [span.as_dict() for span in result.spans],
        "paragraphs": [span.as_dict() for span in result.paragraphs],
        "quality": result.quality.as_dict(),
    }


def test_a_segment_of_one_character_has_its_own_probabilities():
    assert make([("x", 0, 0, (0.3, 0.7, 0, 0))]).spans[0].confidence == 0.7


def test_quality_counts_characters_without_spaces():
    quality = make([("One two. ", 0, 0, CONTENT), ("Buy", 0, 0, PROMO)]).quality
    assert (quality.characters, quality.content_characters, quality.kept_share) == (10, 7, 0.7)
    assert quality.worst is not None
    assert quality.worst.label == "promo"


def test_every_figure_of_quality():
    parts = [
        ("Buy now ", 0, 0, PROMO),
        ("© Us. ", 0, 1, LEGAL),
        ("One. ", 0, 0, CONTENT),
        ("Go", 0, 1, PROMO),
    ]
    result = make(parts, Policy(thresholds={"legal": 2}))
    quality = replace(result, segments=replace(result.segments, chinese_script="Hant")).quality
    assert (quality.characters, quality.content_characters, quality.longest_boilerplate, quality.unread) == (16, 4, 10, 0)
    assert (quality.content_share, quality.kept_share, quality.undecided_share) == (0.25, 0.5, 0.25)
    assert quality.languages == {"en": 0.625, "zh": 0.375}
    assert quality.chinese_script == "Hant"
    assert quality.worst == result.spans[1]


def test_shares_of_quality_are_rounded_to_four_places():
    quality = make([("One", 0, 0, CONTENT), ("Buyers", 0, 1, (0.4, 0.6, 0, 0)), ("B", 0, 0, PROMO)]).quality
    assert (quality.content_share, quality.kept_share, quality.undecided_share) == (0.3, 0.9, 0.6)
    assert quality.languages == {"zh": 0.6, "en": 0.4}
    quality = make([("One", 0, 0, CONTENT), ("Buyer now", 0, 1, (0.4, 0.6, 0, 0))]).quality
    assert (quality.content_share, quality.kept_share, quality.undecided_share) == (0.2727, 1, 0.7273)
    assert quality.languages == {"zh": 0.7273, "en": 0.2727}


def test_a_text_of_one_character_or_none_but_spaces_has_shares_too():
    assert make([("x", 0, 0, CONTENT)]).quality.content_share == 1
    blank = make([("  ", 0, 0, CONTENT)]).quality
    assert (blank.content_share, blank.kept_share, blank.longest_boilerplate, blank.languages) == (0, 0, 0, {})


def test_what_is_kept_because_the_model_is_unsure_is_counted_as_undecided():
    result = make([("One two. ", 0, 0, CONTENT), ("Buy", 0, 0, (0.4, 0.6, 0, 0))])
    assert result.with_policy(Policy(thresholds={"promo": 0.7})).quality.undecided_share == 0.3
    assert result.with_policy(Policy(thresholds={"promo": 0.6})).quality.undecided_share == 0
    assert result.with_policy(Policy(keep={"promo"}, thresholds={"promo": 0.7})).quality.undecided_share == 0


def test_an_empty_text_has_no_spans_and_no_quality():
    result = Result("", Segments([], [], []), np.zeros((0, 4), np.uint16), np.zeros(0, np.uint8), Policy(), PRESET)
    assert (result.spans, result.paragraphs, result.clean_text) == ((), (), "")
    assert result.quality.content_share == 0


def test_a_kind_that_the_policy_does_not_name_changes_no_decision():
    parts = [("Buy one ", 0, 0, (0.2, 0.8, 0, 0)), ("and two", 0, 0, (0.4, 0.6, 0, 0))]
    told = replace(make(parts), kinds=(Kind("affiliate", Label.PROMO),), kind_scores=np.array([[9000], [0]], np.uint16))
    assert [(span.kind, span.kept) for span in told.spans] == [("affiliate", False), (None, False)]
    assert told.clean_text == make(parts).clean_text == ""
    assert [span.kept for span in told.with_policy(Policy(keep={"affiliate"})).spans] == [True, True]
    assert [span.kept for span in told.with_policy(Policy(thresholds={"affiliate": 0.9})).spans] == [True, True]


def test_what_is_of_a_kept_kind_stays_and_its_doubt_counts_as_kept():
    kinds = (Kind("affiliate", Label.PROMO), Kind("house", Label.PROMO))
    parts = [("Buy. ", 0, 0, PROMO), ("Join.", 0, 0, PROMO), ("Win.", 1, 0, PROMO)]
    told = replace(make(parts), kinds=kinds, kind_scores=np.array([[8000, 0], [0, 9000], [4000, 0]], np.uint16))
    asked = told.with_policy(Policy(keep={"affiliate"}))
    assert kept(asked) == [("Buy. ", "promo", True), ("Join.", "promo", False), ("Win.", "promo", True)]
    assert asked.quality.undecided_share == round(4 / 13, 4)


def test_a_kind_of_content_goes_from_its_own_threshold_on_and_nothing_else_of_content():
    parts = [("Boil. ", 0, 0, (0.9, 0.1, 0, 0)), ("Fry. ", 0, 0, (0.5, 0.3, 0.2, 0)), ("Said.", 0, 0, CONTENT)]
    told = replace(make(parts), kinds=(Kind("recipe", Label.CONTENT),), kind_scores=np.array([[9000], [9000], [0]], np.uint16))
    assert told.clean_text == "Boil. Fry. Said."
    apart = replace(told, segments=Segments([6, 11, 16], [0, 1, 2], [0, 0, 0]))
    assert apart.with_policy(Policy(thresholds={"recipe": 0.8})).clean_text == "Fry. Said."
    assert apart.with_policy(Policy(thresholds={"recipe": 0.4})).clean_text == "Said."
