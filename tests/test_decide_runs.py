"""What decides a run beside its label: kinds, rules and repetition; and what of it is shown."""

import math
from dataclasses import replace

import numpy as np
import pytest

from classifier import Label, Policy, Span, disguise
from classifier.decide import STEPS, Mark, pool, thresholds
from classifier.result import Result
from classifier.schema import LABELS, LANGUAGES, Decider, Kind, Language, Layout, PolicyError, Segments
from tests.test_decide import CONTENT, LEGAL, PRESET, PROMO, kept, make

AFFILIATE, HOUSE, RECIPE = Kind("affiliate", Label.PROMO), Kind("house", Label.PROMO), Kind("recipe", Label.CONTENT)
SURE_PROMO = (0, 1, 0, 0)


def told(parts, kinds, scores, policy=None):
    """A result with kinds, from their probabilities given the label, a row a segment."""
    return replace(make(parts, policy), kinds=kinds, kind_scores=np.rint(np.array(scores) * STEPS).astype(np.uint16))


def marked(parts, *marks, policy=None):
    return replace(make(parts, policy), marks=np.array(marks, np.uint8))


def decided(result):
    return [(span.kept, span.decided_by) for span in result.spans]


def removals(result):
    return [removal for *_, removal, _ in result.near_threshold(9)]


# Pools and thresholds


@pytest.mark.parametrize(
    ("values", "sizes", "mean"),
    [
        ([3, 4], [1, 1], 4),
        ([3, 4, 3], [1, 1, 1], 3),
        ([7], [1], 7),
        ([2, 8], [3, 1], 4),
        ([2, 4], [3, 1], 3),
        ([5, 9], [0, 0], 0),
    ],
)
def test_the_mean_of_a_run_is_over_its_characters_and_a_half_is_rounded_up(values, sizes, mean):
    assert pool(np.array(values)[:, None], np.array(sizes), np.array([0])).tolist() == [[mean]]


def test_each_run_has_a_mean_of_its_own_of_each_label():
    values = np.array([[1, 10], [3, 30], [5, 50]])
    assert pool(values, np.array([1, 1, 4]), np.array([0, 2])).tolist() == [[2, 20], [5, 50]]


def test_a_threshold_is_of_its_layout_its_language_and_its_label():
    presets = {
        "balanced": {
            layout: {
                language: {label: more + 10 * row + column for column, label in enumerate(LABELS)}
                for row, language in enumerate(LANGUAGES)
            }
            for layout, more in (("article", 0), ("page", 5))
        }
    }
    assert thresholds(Policy(), presets, Layout.ARTICLE).tolist() == [
        [math.inf, 10 * i + 1, 10 * i + 2, 10 * i + 3] for i in range(3)
    ]
    assert thresholds(Policy(), presets, Layout.PAGE)[2].tolist() == [math.inf, 26, 27, 28]
    assert thresholds(Policy(keep={"legal"}), presets, Layout.ARTICLE)[1].tolist() == [math.inf, 11, math.inf, 13]
    # A model from before there were passages and briefs decides them as pages.
    for layout in (Layout.PASSAGE, Layout.BRIEF):
        assert thresholds(Policy(), presets, layout).tolist() == thresholds(Policy(), presets, Layout.PAGE).tolist()


def test_a_kind_has_the_threshold_of_its_label_its_own_or_none():
    kinds = (AFFILIATE, HOUSE, RECIPE)
    policy = Policy(keep={"house"}, thresholds={"promo": 0.6, "recipe": 0.9})
    for row in thresholds(policy, PRESET, Layout.ARTICLE, kinds).tolist():
        assert row == [math.inf, 0.6, 0.7, 0.7, 0.6, math.inf, 0.9]


# Kinds


def test_a_segment_is_of_the_most_probable_kind_and_of_none_where_none_is_as_probable():
    parts = [("Buy. ", 0, 0, SURE_PROMO), ("Win. ", 1, 0, SURE_PROMO), ("Go.", 2, 0, SURE_PROMO), ("Now.", 3, 0, SURE_PROMO)]
    result = told(parts, (AFFILIATE, HOUSE), [[0.5, 0], [0.2, 0.6], [0.34, 0.33], [0.45, 0.45]])
    assert [span.kind for span in result.spans] == [None, "house", "affiliate", "affiliate"]


@pytest.mark.parametrize("change", [{"kind_scores": None}, {"kinds": ()}])
def test_without_kinds_or_their_scores_no_segment_has_one(change):
    result = replace(told([("Buy. ", 0, 0, PROMO)], (AFFILIATE,), [[0.9]]), **change)
    assert [(span.kind, span.kept) for span in result.spans] == [(None, False)]


@pytest.mark.parametrize(("given", "step"), [(0.9, 0.5), (0.8999, 0.4999), (0.8, 0.4444)])
def test_the_probability_of_a_kind_is_that_of_its_label_times_its_own_rounded_to_a_step(given, step):
    result = told([("Buy", 0, 0, (0, 0.5555, 0.4445, 0))], (AFFILIATE, HOUSE), [[given, 0]], Policy(thresholds={"house": 0.7}))
    asked = replace(result, policy=Policy(keep={"affiliate"}))
    assert asked.spans[0].kind == "affiliate"
    assert asked._runs.removal.tolist() == [pytest.approx(1 - step, abs=1e-9)]


def test_all_kinds_of_a_label_are_told_apart_when_one_of_them_is_asked_for_and_those_of_another_are_not():
    parts = [("Buy. ", 0, 0, (0, 0.9, 0.1, 0)), ("Win. ", 0, 0, (0, 0.7, 0.3, 0)), ("Go.", 0, 0, (0, 0.8, 0.2, 0))]
    scores = [[0.9, 0], [0, 0.9], [0, 0]]
    apart = told(parts, (AFFILIATE, HOUSE), scores, Policy(thresholds={"affiliate": 0.95}))
    assert removals(apart) == [1, 1, 1]
    assert [span.confidence for span in apart.spans] == [0.9, 0.7, 0.8]
    doubt = [(text, line, language, (0.1, *row[1:2], row[2] - 0.1, 0)) for text, line, language, row in parts]
    doubt[1] = ("Win. ", 0, 0, (0.3, 0.7, 0, 0))
    of_another = told(doubt, (AFFILIATE, HOUSE, RECIPE), [[*row, 0] for row in scores], Policy(thresholds={"recipe": 0.95}))
    assert removals(of_another) == [pytest.approx(1 - (5 * 0.1 + 5 * 0.3 + 3 * 0.1) / 13, abs=1e-4)] * 3
    own = told(doubt, (AFFILIATE, HOUSE, RECIPE), [[*row, 0] for row in scores], Policy(thresholds={"house": 0.95}))
    assert removals(own) == [0.9, 0.7, 0.9]


def test_a_kept_kind_counts_as_kept_and_its_siblings_do_not():
    parts = [("Buy. ", 0, 0, (0.1, 0.8, 0.1, 0)), ("Win.", 1, 0, (0.1, 0.8, 0.1, 0))]
    result = told(parts, (HOUSE, AFFILIATE), [[0.25, 0.75], [0.75, 0.25]], Policy(keep={"affiliate"}))
    assert result._runs.removal.tolist() == [pytest.approx(0.3), pytest.approx(0.7)]
    assert result._runs.limit.tolist() == [math.inf, 0.7]


def test_a_kind_of_a_kept_label_goes_by_its_own_probability_and_its_siblings_stay():
    parts = [("Boil. ", 0, 0, (0.8, 0.2, 0, 0)), ("Said.", 1, 0, (0.8, 0.2, 0, 0))]
    kinds = (Kind("quote", Label.CONTENT), RECIPE)
    result = told(parts, kinds, [[0, 0.75], [0.75, 0]], Policy(thresholds={"recipe": 0.6}))
    assert [(span.kind, span.kept) for span in result.spans] == [("recipe", False), ("quote", True)]
    assert removals(result) == [pytest.approx(0.6)]


def test_a_policy_that_names_a_kind_of_no_model_is_refused():
    result = told([("Buy", 0, 0, PROMO)], (AFFILIATE,), [[0.9]])
    assert result.with_policy(Policy(keep={"affiliate"})).policy.keep == {"content", "affiliate"}
    with pytest.raises(PolicyError, match="'recipe'"):
        result.with_policy(Policy(keep={"recipe"}))


# Rules, limits and repetition

UNSURE = (0.25, 0.75, 0, 0)
REPEATED = Mark.REPEATED
HIGH = Policy(thresholds={"promo": 0.9})


@pytest.mark.parametrize(
    ("mark", "expected"),
    [
        (0, (False, Decider.MODEL)),
        (Mark.RULED, (False, Decider.RULE)),
        (Mark.HELD, (True, Decider.RULE)),
        (Mark.UNREAD, (True, Decider.LIMIT)),
        (Mark.UNREAD | Mark.RULED, (True, Decider.LIMIT)),
        (REPEATED, (False, Decider.MODEL)),
        (REPEATED | Mark.HELD, (True, Decider.RULE)),
    ],
)
def test_a_mark_says_who_decided_and_what_is_held_or_unread_stays(mark, expected):
    assert decided(marked([("Buy", 0, 0, SURE_PROMO)], mark)) == [expected]


@pytest.mark.parametrize(
    ("language", "sure", "gone"), [(0, 0.7, True), (0, 0.6999, False), (1, 0.8, True), (1, 0.7999, False), (2, 0.8999, False)]
)
def test_what_repeats_goes_from_the_probability_of_its_language_on(language, sure, gone):
    result = marked([("Buy now", 0, language, (1 - sure, sure, 0, 0))], REPEATED, policy=HIGH)
    assert decided(result) == [(False, Decider.SITE) if gone else (True, Decider.MODEL)]


def test_what_repeats_needs_as_much_certainty_as_the_thorough_preset():
    high = {**PRESET, "thorough": PRESET["careful"]}
    result = marked([("Buy now", 0, 0, (0.06, 0.94, 0, 0))], REPEATED, policy=Policy(thresholds={"promo": 0.99}))
    assert decided(replace(result, presets=high)) == [(True, Decider.MODEL)]
    result = marked([("Buy now", 0, 0, (0.05, 0.95, 0, 0))], REPEATED, policy=Policy(thresholds={"promo": 0.99}))
    assert decided(replace(result, presets=high)) == [(False, Decider.SITE)]


def test_a_low_threshold_is_not_raised_because_a_run_repeats():
    result = marked([("Buy", 0, 0, (0.4, 0.6, 0, 0))], REPEATED, policy=Policy(thresholds={"promo": 0.55}))
    assert decided(result) == [(False, Decider.MODEL)]


@pytest.mark.parametrize(("threshold", "gone"), [(1, True), (1.01, False)])
def test_a_threshold_above_1_holds_what_repeats_too(threshold, gone):
    result = marked([("Buy", 0, 0, UNSURE)], REPEATED, policy=Policy(thresholds={"promo": threshold}))
    assert decided(result)[0][0] is not gone


def test_a_run_repeats_when_all_its_segments_do_and_the_one_beside_it_does_not():
    parts = [("Buy. ", 0, 0, UNSURE), ("Win.", 0, 0, UNSURE), ("Go.", 1, 0, UNSURE)]
    expected = [(False, Decider.SITE), (True, Decider.MODEL)]
    assert decided(marked(parts, REPEATED, REPEATED, 0, policy=HIGH)) == expected
    assert decided(marked(parts, REPEATED, 0, REPEATED, policy=HIGH)) == expected[::-1]


def test_a_kind_of_a_kept_label_is_not_removed_sooner_because_it_repeats():
    result = told([("Buy", 0, 0, SURE_PROMO)], (AFFILIATE,), [[0.8]], Policy(keep={"promo"}, thresholds={"affiliate": 0.9}))
    assert decided(replace(result, marks=np.array([REPEATED], np.uint8))) == [(True, Decider.MODEL)]
    assert decided(result.with_policy(Policy(keep={"promo"}, thresholds={"affiliate": 0.8}))) == [(False, Decider.MODEL)]


def test_marks_and_rules_part_spans_and_repetition_does_not():
    parts = [("Buy. ", 0, 0, PROMO)] * 3
    assert [span.end for span in marked(parts, 0, Mark.RULED, Mark.RULED).spans] == [5, 15]
    assert [span.end for span in marked(parts, 0, REPEATED, 0).spans] == [15]


@pytest.mark.parametrize(
    ("rules", "found"),
    [
        ([0, 0, 0, 0], ()),
        ([2, 2, 2, 0], ((0, 10, 2), (10, 15, 2))),
        ([0, 1, 2, 2], ((5, 10, 1), (10, 17, 2))),
        ([1, 2, 0, 1], ((0, 5, 1), (5, 10, 2), (15, 17, 1))),
    ],
)
def test_what_one_rule_decided_is_listed_line_by_line(rules, found):
    parts = [("Buy. ", 0, 0, PROMO), ("Win.\n", 0, 0, PROMO), ("Go.. ", 1, 0, PROMO), ("No", 1, 0, PROMO)]
    assert make(parts).ruled == ()
    assert replace(make(parts), rules=np.array(rules, np.int32)).ruled == found


# What is near a threshold


def test_a_decision_as_far_from_its_threshold_as_asked_is_not_listed():
    result = make([("Buy", 0, 0, UNSURE)], Policy(thresholds={"promo": 0.5}))
    assert result.near_threshold(0.25) == []
    assert result.near_threshold(0.2501) == [(0, 3, Label.PROMO, 0.75, 0.25)]


def test_what_is_never_removed_is_near_no_threshold():
    assert make([("One", 0, 0, (0.5, 0.5, 0, 0))]).near_threshold(1e9) == []


# Paragraphs


def test_a_paragraph_of_one_span_is_that_span():
    result = make([("Buy", 0, 0, (0.1234, 0.8766, 0, 0))])
    assert result.paragraphs == result.spans


def test_who_decided_a_paragraph_is_who_decided_most_of_it():
    parts = [("Buy now. ", 0, 0, PROMO), ("Win.", 0, 0, PROMO)]
    assert [line.decided_by for line in marked(parts, Mark.RULED, 0).paragraphs] == [Decider.RULE]
    assert [line.decided_by for line in marked(parts, 0, Mark.RULED).paragraphs] == [Decider.MODEL]


def test_a_paragraph_is_of_the_kind_of_most_of_what_has_its_label():
    parts = [("Buy it. ", 0, 0, SURE_PROMO), ("Join. ", 0, 0, SURE_PROMO), ("Said it all.", 0, 0, CONTENT)]
    kinds, scores = (AFFILIATE, HOUSE, RECIPE), [[0.9, 0, 0], [0, 0.9, 0], [0, 0, 0.9]]
    assert [(line.label, line.kind) for line in told(parts[:2], kinds, scores[:2]).paragraphs] == [("promo", "affiliate")]
    mixed = told([*parts[:2], ("Said it.", 0, 0, CONTENT)], kinds, scores).paragraphs
    assert [(line.label, line.kind) for line in mixed] == [("promo", "affiliate")]


def test_among_equal_shares_of_a_paragraph_the_first_names_it():
    [line] = make([("Buy ", 0, 1, PROMO), ("One", 0, 0, CONTENT)]).paragraphs
    assert (line.label, line.language) == ("promo", "zh")


def test_spans_without_a_visible_character_count_as_one_character_each():
    [line] = make([("  ", 0, 0, PROMO), ("   ", 0, 1, (0.5, 0.5, 0, 0)), ("\t", 0, 0, (0.3, 0.7, 0, 0))]).paragraphs
    assert (line.label, line.confidence) == ("promo", 0.8)


# A line break behind boilerplate


def test_a_line_break_is_a_span_of_its_own_with_all_that_its_line_has():
    parts = [
        ("One. ", 0, 0, (0.6, 0.4, 0, 0)),
        ("二。", 0, 1, (0.9, 0.1, 0, 0)),
        ("Buy \n \n", 0, 0, PROMO),
        ("Two.", 1, 0, CONTENT),
    ]
    *_, last, line_break, _ = make(parts).spans
    assert (last.start, last.end, last.label, last.kept) == (7, 10, "promo", False)
    assert line_break == Span(10, 14, Label.CONTENT, Language.ZH, 0.9, True)


@pytest.mark.parametrize("char", "\r\x0b\x0c\u2028\u2029\x85")
def test_whatever_breaks_a_line_is_parted_from_boilerplate(char):
    result = make([("One. ", 0, 0, CONTENT), (f"Buy{char}", 0, 0, PROMO), ("Two.", 1, 0, CONTENT)])
    assert result.clean_text == f"One. {char}Two."


# A text in disguise


def seen(text, parts):
    """A result over a text as a reader sees it. parts: (end, line, probabilities) a segment."""
    ends, lines, rows = zip(*parts, strict=True)
    return Result(
        text,
        Segments(list(ends), list(lines), [0] * len(ends)),
        np.rint(np.array(rows) * STEPS).astype(np.uint16),
        np.zeros(len(ends), np.uint8),
        Policy(),
        PRESET,
        disguise.read([text])[0],
    )


HIDDEN = "On\u200be. B\u200bu\u200by\u200b\n\u200bTwo."


def test_what_has_no_width_weighs_nothing_and_counts_as_no_character():
    result = seen(HIDDEN, [(6, 0, (0.9, 0.1, 0, 0)), (14, 0, PROMO), (18, 1, CONTENT)])
    assert result.seen is not None
    assert result.sizes.tolist() == [5, 4, 4]
    assert (result.quality.characters, result.quality.content_characters) == (11, 8)
    assert result.labelled[0] == "One. Buy\nTwo."
    assert result.labelled[1].ends == [5, 9, 13]
    assert make([("One", 0, 0, CONTENT)]).labelled == ("One", Segments([3], [0], [0]))


def test_a_line_break_is_parted_from_boilerplate_in_disguise():
    result = seen(HIDDEN, [(6, 0, CONTENT), (14, 0, PROMO), (18, 1, CONTENT)])
    assert [span.label for span in result.spans] == ["content", "promo", "content", "content"]
    assert result.clean_text.replace("\u200b", "") == "One. \nTwo."


# Lists


def test_a_result_lists_its_spans_and_paragraphs_in_order():
    result = make([("One. ", 0, 0, CONTENT), ("Buy\n", 0, 0, PROMO), ("© Us", 1, 0, LEGAL)])
    said = result.as_dict()
    assert said.keys() == {"spans", "paragraphs", "quality"}
    assert [span["label"] for span in said["spans"]] == ["content", "promo", "content", "legal"]
    assert [(line["start"], line["end"]) for line in said["paragraphs"]] == [(0, 9), (9, 13)]
    assert said["quality"]["characters"] == 10
    assert kept(result)[1] == ("Buy", "promo", False)
