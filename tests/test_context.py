import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from classifier import context, features, segment
from classifier.evidence import evidence
from classifier.schema import LABELS
from classifier.sums import FLAG, places
from classifier.surroundings import SCORE_LIMIT, Group

TEXTS = [
    "The port authority said on Monday that ships wait for a berth, and that two lanes stay open all week long.",
    "Home\nNews\n\n船只正在等待泊位，港口方面周一表示，两条航道整周保持开放，但是拖船仍然不够用。\n扫码关注",
    "",
    "x",
]
ANY_TEXT = st.text("aB. 。\n中，1©|", max_size=60) | st.sampled_from(TEXTS)


def inputs(texts):
    cuts = [segment.cut(text) for text in texts]
    rows = features.rows(texts, cuts)
    scores = np.concatenate([np.zeros((0, len(LABELS)), np.int64), *(scores_of(cut) for cut in cuts)])
    found = evidence(rows, features.buckets(rows.grams, rows.bounds))
    return context.context_inputs(rows, scores, found)


def scores_of(cut):
    """Scores that depend on the document alone."""
    return np.random.default_rng(len(cut)).integers(-SCORE_LIMIT, SCORE_LIMIT, (len(cut), len(LABELS)))


def test_inputs_are_whole_numbers_as_many_as_the_network_reads():
    made = inputs(TEXTS)
    assert np.array_equal(made, np.rint(made))
    assert made.shape[1] == context.INPUTS
    assert inputs([""]).shape == (0, context.INPUTS)


@given(st.text(st.characters(exclude_categories=()), max_size=80) | st.text("々⺀〇“\u200b©9A", max_size=40))
def test_no_input_is_larger_than_its_limit(text):
    assert np.abs(inputs([text])).max(initial=0) <= context.INPUT_LIMIT


@given(st.lists(ANY_TEXT, max_size=5))
def test_a_document_has_the_same_inputs_alone_and_in_a_batch(texts):
    assert np.array_equal(inputs(texts), np.concatenate([inputs([""]), *(inputs([text]) for text in texts)]))


def test_logits_become_steps_around_their_mean_within_the_limit():
    assert context.steps(np.array([[1.0, 0.0, 0.0, -1.0], [900.0, 0.0, 0.0, 0.0]])).tolist() == [
        [context.SCORE_STEPS, 0, 0, -context.SCORE_STEPS],
        [SCORE_LIMIT, -SCORE_LIMIT, -SCORE_LIMIT, -SCORE_LIMIT],
    ]


@pytest.mark.parametrize(
    ("text", "inside"),
    [
        ("He said: “You must buy now! It is yours.” Then he left.", [0, 1, 0]),
        ("他说：「快去買吧！別等了。」然後走了。", [0, 1, 0]),
        ('One mark " of inches.\nBuy now!', [0, 0]),
    ],
)
def test_a_sentence_inside_a_quotation_is_marked_until_its_paragraph_ends(text, inside):
    cut = segment.cut(text)
    rows = features.rows([text], [cut])
    marks = evidence(rows, features.buckets(rows.grams, rows.bounds))[:, 4:]
    voice = np.concatenate(context._voice(rows, places(rows), marks), axis=1)
    assert (voice[:, 5] / FLAG).tolist() == inside


@pytest.mark.parametrize(
    ("text", "number"), [("Are you there? Your bag is. Youth!", 2), ("你好，您早。", 2), ("They left.", 0)]
)
def test_the_reader_who_is_spoken_to_is_counted(text, number):
    cut = segment.cut(text)
    rows = features.rows([text], [cut])
    assert evidence(rows, features.buckets(rows.grams, rows.bounds))[:, 5].sum() == number


def test_a_segment_said_twice_in_its_document_is_marked():
    again = inputs(["Share this page\nThe harbour is open.\nShare this page"])
    once = inputs(["Share this page\nThe harbour is open.\nRead the rules"])
    assert (again[0] != once[0]).any()


def test_every_input_has_one_group_and_no_group_is_empty():
    assert len(context.groups()) == context.INPUTS
    assert set(context.groups()) == set(Group)


def test_inputs_of_what_stands_before_do_not_see_what_stands_behind():
    grouped = np.array(context.groups())
    made = [inputs([text]) for text in ("One. Two.\nThree.", "One. Two.\nBuy it now!")]
    for group, same in ((Group.BEFORE, True), (Group.WORDS, True), (Group.BEHIND, False)):
        columns = [rows[0][grouped == group] for rows in made]
        assert np.array_equal(*columns) is same
