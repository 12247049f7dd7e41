import numpy as np

from classifier import points

TEXTS = ["Ships wait.", "", "船只\ud800", "\U0001f680 ok"]


def test_documents_follow_each_other_with_a_line_break_before_and_behind_each():
    batch = points.read(TEXTS)
    for text, start in zip(TEXTS, batch.starts, strict=True):
        assert list(map(chr, batch.points[start : start + len(text)])) == list(text)
        assert batch.flags[start - 1] & batch.flags[start + len(text)] & points.IS_BREAK


def test_places_in_the_batch_become_places_in_each_document():
    batch = points.read(TEXTS)
    at = np.concatenate([start + np.arange(len(text)) for text, start in zip(TEXTS, batch.starts, strict=True)])
    assert batch.by_document(at) == [list(range(len(text))) for text in TEXTS]


def test_the_end_of_a_document_belongs_to_it():
    batch = points.read(TEXTS)
    ends = np.array([start + len(text) for text, start in zip(TEXTS, batch.starts, strict=True) if text])
    assert batch.owner(ends).tolist() == [0, 2, 3]


def test_flags_say_what_a_character_is():
    batch = points.read(["aZ9 。港"])
    found = batch.flags[batch.starts[0] :][:6]
    kinds = (points.IS_LOWER, points.IS_UPPER, points.IS_DIGIT, points.IS_BLANK, points.IS_STOP, points.IS_HAN)
    assert all(flags & kind for flags, kind in zip(found, kinds, strict=True))
