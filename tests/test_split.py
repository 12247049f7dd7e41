import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from classifier import Limits, segment, split, store
from classifier.schema import Segments

GLUED = "The crane had not moved for two days when the ice came back Our award-winning app gives you free signals"
GLUED_HAN = "吊车停了三天，船只在港外等待，港口方面没有回应 投资有风险，入市需谨慎，不构成任何投资建议"
TEXTS = [GLUED, GLUED_HAN, "", "x", "\ud800 A\x00 B", "Ships wait. Ships sail.\nHome | News | Sport"]
ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=200) | st.text("aB 中。，(\n１9#", max_size=80)


@pytest.fixture(scope="module")
def model():
    return store.load().model


def split_all(model, texts):
    return split.split(model, texts, [segment.cut(text) for text in texts])


def pieces(model, text):
    ends = split_all(model, [text])[0].ends
    return [text[a:b] for a, b in zip([0, *ends], ends, strict=False)]


def test_a_pitch_without_a_mark_before_it_becomes_a_segment(model):
    assert pieces(model, GLUED)[-1].startswith("Our award-winning")
    assert pieces(model, GLUED_HAN)[-1].startswith("投资有风险")


@pytest.mark.parametrize(
    "text",
    [
        "The minister met Angela Reyes of the Harbour Workers Union in Rotterdam on Monday.",
        "码头工人，尤其是北港的吊车司机，周一在市政厅前集会。",
    ],
)
def test_a_sentence_of_one_kind_stays_whole(model, text):
    assert pieces(model, text) == [text]


def test_a_document_is_cut_alike_alone_and_in_any_batch(model):
    assert split_all(model, TEXTS) == [split_all(model, [text])[0] for text in TEXTS]


def places(model, texts):
    """What is found in each text: offset, kind and marks of every place where a piece may begin."""
    found, _, offsets = split.take_apart(model, texts, [segment.cut(text) for text in texts])
    owner = np.searchsorted(offsets, found.at, side="right") - 1
    return [
        [(found.at[i] - offsets[number], found.kind[i], *found.marks[i]) for i in np.flatnonzero(owner == number)]
        for number in range(len(texts))
    ]


WORDS = "Jim Mara the port Subscribe now lowerUpper 港口 said Today .".split()


@given(texts=st.lists(st.lists(st.sampled_from(WORDS), min_size=4, max_size=14).map(" ".join), min_size=2, max_size=4))
@settings(max_examples=200)
def test_words_at_either_end_of_a_document_say_nothing_of_its_neighbours(model, texts):
    assert places(model, texts) == [places(model, [text])[0] for text in texts]


def test_a_cut_without_a_find_comes_back_as_it_was(model):
    cut = segment.cut("Ships wait.")
    assert split.split(model, ["Ships wait."], [cut])[0] is cut
    assert split.split(model, [], []) == []
    assert split.split(model, [""], [Segments([], [], [])]) == [Segments([], [], [])]


@given(text=ANY_TEXT)
@settings(max_examples=200)
def test_cuts_are_only_added_and_leave_visible_text_on_both_sides(model, text):
    before = segment.cut(text)
    after = split.split(model, [text], [before])[0]
    assert set(before.ends) <= set(after.ends)
    assert after.ends == sorted(set(after.ends))
    assert len(after.ends) == len(after.paragraphs) == len(after.languages)
    parts = [text[a:b] for a, b in zip([0, *after.ends], after.ends, strict=False)]
    assert all(part.strip() for part in parts) or not text.strip()
    assert after.paragraphs == sorted(after.paragraphs)


def test_the_weights_are_as_many_as_the_evidence(model):
    found, taken, _ = split.take_apart(model, [GLUED], [segment.cut(GLUED, Limits())])
    values, possible = split.evidence(model, found, taken, np.flatnonzero(taken.place < 0))
    assert values.shape == (len(possible), split.WEIGHTS.shape[1])
    assert values.dtype == split.WEIGHTS.dtype == np.int64
