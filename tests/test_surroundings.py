import math

import numpy as np
import pytest

from classifier import context, features, segment
from classifier import surroundings as around
from classifier.evidence import evidence
from classifier.sums import FAR, FLAG, log, places, rounded_logs
from classifier.surroundings import SCORE_LIMIT, Group

LIST = (
    "About us\nTugs\nBerths\nLocks\n"
    "The port authority said on Monday that ships wait for a berth, and that the two lanes stay open.\nNote: see below.\nEnd"
)


def read(text, scores=None):
    cut = segment.cut(text)
    rows = features.rows([text], [cut])
    scores = np.zeros((len(cut), 4), np.int64) if scores is None else np.array(scores)
    return rows, scores, places(rows)


def of(columns, group):
    """The columns of a group, side by side."""
    return np.concatenate([column for own, column in columns if own is group], axis=1)


def test_the_surest_scores_near_are_those_of_either_side_without_its_own():
    scores = [[10, 0, 0, -10], [90, -30, -30, -30], [0, 50, -20, -30]]
    _rows, scores, at = read("One.\nTwo.\nThree.", scores)
    found = list(around.surest(scores, at))
    none = [-SCORE_LIMIT] * 4
    assert of(found, Group.BEFORE)[:, :4].tolist() == [none, [10, 0, 0, -10], [90, 0, 0, -10]]
    assert of(found, Group.BEHIND)[:, :4].tolist() == [[90, 50, -20, -30], [0, 50, -20, -30], none]


def test_the_surest_scores_reach_as_far_as_they_say_and_no_further():
    text = "\n".join(f"Line {number}." for number in range(30))
    _rows, scores, at = read(text)
    scores[10, 1] = 99
    before = of(list(around.surest(scores, at)), Group.BEFORE)
    for column, reach in ((1, around.SUREST[0]), (5, around.SUREST[1])):
        assert np.flatnonzero(before[:, column] == 99).tolist() == list(range(11, 11 + reach))


def test_the_scores_of_the_heading_above_are_seen_and_how_far_it_is():
    rows, scores, at = read("Related\nA tug came on Monday.\nA tug left on Friday.")
    scores[0] = [-20, 5, -5, 20]
    found = list(around.headings(rows, scores, ends_of(rows), at))
    heading, far = found[0][1], found[1][1]
    assert heading.tolist() == [[0] * 4, [-20, 5, -5, 20], [-20, 5, -5, 20]]
    assert far[:, 0].tolist() == [FAR, *log(np.array([1, 2])).tolist()]


def test_the_scores_of_a_colon_above_are_seen():
    rows, scores, at = read("Read also:\nA tug came on Monday.")
    scores[0] = [-9, 3, 3, 3]
    assert list(around.headings(rows, scores, ends_of(rows), at))[2][1].tolist() == [[0] * 4, [-9, 3, 3, 3]]


def test_lines_about_as_long_as_a_line_are_counted_on_either_side():
    rows, scores, at = read(LIST)
    near = [column[:, -1] // FLAG for _, column in list(around.alike(rows, scores, at))[2:]]
    assert [side[2] for side in near] == [2, 1]  # of "Berths": "About us" and "Tugs", and "Locks", but not "End"


def test_the_run_of_short_lines_that_a_line_stands_in_is_measured():
    rows, scores, at = read(LIST)
    before = of(list(around.alike(rows, scores, at)), Group.BEFORE)[:, 0]
    assert before[:5].tolist() == [*log(np.arange(4)).tolist(), 0]


def test_the_lines_before_and_behind_are_seen_as_wholes():
    rows, scores, at = read("Tugs wait. Tugs go.\nHome\nBuy it now! Buy two!")
    scores[:] = np.arange(len(scores))[:, None] * 10
    found = list(around.lines_beside(rows, scores, at))
    assert 0 < found[0][1][2, 0] < 10
    assert 30 < found[2][1][2, 0] < 40
    assert not found[0][1][0].any()
    assert not found[2][1][-1].any()


def test_all_before_and_all_behind_are_means_over_the_document():
    rows, scores, at = read("Aaaa.\nBbbb.\nCccc.")
    scores[:] = np.array([[0], [30], [60]])
    found = around.paragraph_and_document(rows, scores, at)
    assert found[-2][1][:, 0].tolist() == [0, 0, 15]
    assert found[-1][1][:, 0].tolist() == [45, 60, 0]


def test_a_passage_is_told_by_the_marks_and_letters_around():
    questions, plain = ("Tugs wait in line\n" * 9 + end for end in ("Why?", "Why"))
    around_it = np.array(context.groups()) == Group.AROUND
    asked, said = (context.context_inputs(*inputs(text))[:, around_it] for text in (questions, plain))
    assert [np.array_equal(*rows) for rows in zip(asked, said, strict=True)] == [False] * 10


def inputs(text):
    rows, scores, _ = read(text)
    return rows, scores, evidence(rows, features.buckets(rows.grams, rows.bounds))


def ends_of(rows):
    return context._ends(rows)


@pytest.mark.parametrize(("steps", "unit", "size"), [(8, 1, 8192), (8, 16, 4096)])
def test_rounded_logarithms_are_those_of_every_number(steps, unit, size):
    expected = [round(steps * math.log2(1 + number / unit)) for number in range(size)]
    assert rounded_logs(steps, unit, size).tolist() == expected
