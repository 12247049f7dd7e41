"""What `Result.explain` asks of the model that made it, and what it refuses to ask."""

import pickle
from dataclasses import replace

import pytest

from classifier import InputError, Label
from tests.test_decide import PROMO, make


class Asked:
    """An explainer that says what it was asked, and counts how often a result was read."""

    read = 0

    def __call__(self, _result):
        Asked.read += 1
        return lambda span, against: (span, against)


THREE = [
    ("abcd", 0, 0, (0, 0.9, 0.1, 0)),
    ("efgh", 0, 0, (0, 0.5, 0.2, 0.3)),
    ("ijkl", 0, 0, (0.4, 0.6, 0, 0)),
]


def explained(start, end, against=None, parts=THREE):
    asked = replace(make(parts), explainer=Asked())
    return asked.explain(replace(asked.spans[0], start=start, end=end), against)


@pytest.mark.parametrize(
    ("start", "end", "against"),
    [
        (0, 4, "legal"),
        (0, 1, "legal"),
        (3, 4, "legal"),
        (4, 8, "navigation"),
        (5, 7, "navigation"),
        (8, 12, "content"),
        (0, 8, "legal"),  # 4 x 0.1 + 4 x 0.2 of legal, 4 x 0.3 of navigation: even, and legal stands first
        (1, 8, "navigation"),
        (0, 7, "legal"),
        (4, 12, "content"),
        (4, 11, "content"),
        (4, 10, "navigation"),
        (5, 10, "navigation"),
        (7, 9, "content"),
        (3, 9, "navigation"),
    ],
)
def test_a_span_is_held_against_the_next_in_probability_over_its_own_characters(start, end, against):
    assert explained(start, end)[1] == against


def test_a_span_is_held_against_what_is_asked_for():
    span, against = explained(0, 12, Label.LEGAL)
    assert (span.start, span.end, against) == (0, 12, "legal")


def test_a_result_is_read_again_once_for_all_its_explanations():
    asked, before = replace(make(THREE), explainer=Asked()), Asked.read
    assert [asked.explain(span, Label.CONTENT)[0] for span in asked.spans * 2] == [*asked.spans * 2]
    assert Asked.read == before + 1


def test_a_result_is_pickled_without_what_was_read_to_explain_it():
    asked = replace(make(THREE), explainer=Asked())
    asked.explain(asked.spans[0])
    again = pickle.loads(pickle.dumps(asked))
    assert "_why" in asked.__dict__
    assert "_why" not in again.__dict__
    assert (again.text, again.spans, again.policy) == (asked.text, asked.spans, asked.policy)


@pytest.mark.parametrize(("start", "end"), [(-1, 3), (3, 3), (4, 3), (0, 1235), (1235, 1236)])
def test_what_is_no_stretch_of_the_text_is_refused_with_its_length(start, end):
    with pytest.raises(InputError) as raised:
        explained(start, end, parts=[("x" * 1234, 0, 0, PROMO)])
    assert str(raised.value) == f"the span {start} to {end} is no stretch of a text of 1,234 characters"


def test_the_whole_text_and_its_first_and_last_character_can_be_explained():
    for start, end in ((0, 1234), (0, 1), (1233, 1234)):
        assert explained(start, end, parts=[("x" * 1234, 0, 0, PROMO)])[1] == "content"


def test_a_label_is_not_held_against_itself():
    with pytest.raises(InputError) as raised:
        explained(0, 4, Label.PROMO)
    assert str(raised.value) == "promo cannot be held against itself: name another label"


def test_a_result_that_came_without_a_model_says_so_when_asked():
    result = make(THREE)
    with pytest.raises(InputError) as raised:
        result.explain(result.spans[0])
    assert str(raised.value) == "this result was made without a model that could explain it: label the text again"
