"""Lines, runs of one language and whole batches: what is cut where, in which paragraph, and on which path."""

import pytest

from classifier import Limits, language, segment
from classifier.schema import BREAKS

ZH, EN, OTHER = 1, 0, 2
SWITCH = "We came in late 我们到了 "  # the language changes behind the first 16 characters


def pieces(text, **limits):
    ends = segment.cut(text, Limits(**limits)).ends
    return [text[a:b] for a, b in zip([0, *ends], ends, strict=False)]


# Lines


@pytest.mark.parametrize("char", BREAKS)
def test_whatever_breaks_a_line_ends_a_paragraph(char):
    cut = segment.cut(f"One{char}Two")
    assert (cut.ends, cut.paragraphs) == ([4, 7], [0, 1])


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("One\r\nTwo", ["One\r\n", "Two"]),
        ("One\r\n\r\nTwo", ["One\r\n\r\n", "Two"]),
        ("One\n\rTwo", ["One\n\r", "Two"]),
        ("One\r\rTwo\r", ["One\r\r", "Two\r"]),
        ("One\r\n", ["One\r\n"]),
        ("\r\nOne\r\n", ["\r\nOne\r\n"]),
        ("\n\nOne", ["\n\nOne"]),
        (" \n \nOne\nTwo", [" \n \nOne\n", "Two"]),
        ("a\nb\nc", ["a\n", "b\n", "c"]),
        ("a\n \n\t\nb\n\n", ["a\n \n\t\n", "b\n\n"]),
        ("\n", ["\n"]),
        ("\r\n", ["\r\n"]),
        (" ", [" "]),
        ("a", ["a"]),
        ("", []),
    ],
)
def test_blank_lines_belong_to_the_line_above_and_those_at_the_top_to_the_first(text, lines):
    assert pieces(text) == lines


def test_the_paragraph_of_a_segment_is_its_line():
    cut = segment.cut("\nOne went. Two came.\n\nThree stayed.\nFour")
    assert (cut.ends, cut.paragraphs) == ([11, 22, 36, 40], [0, 0, 1, 2])


@pytest.mark.parametrize(
    ("text", "ends", "lines", "kept"),
    [
        ("ab  cd", [2, 4, 6], [6], [2, 6]),
        ("ab  \ncd", [2, 5, 7], [5, 7], [5, 7]),
        ("ab cd \nef", [3, 5, 7, 9], [7, 9], [3, 7, 9]),
        ("  \nab", [1, 3, 5], [3, 5], [3, 5]),
        ("ab\n \ncd", [3, 5, 7], [3, 5, 7], [3, 5, 7]),
        ("a\n b \n", [2, 3, 4, 6], [2, 6], [2, 6]),
        ("ab", [0, 2], [2], [2]),
        ("ab", [2, 2], [2], [2, 2]),
        ("   ", [1, 2, 3], [3], [3]),
    ],
)
def test_an_end_that_leaves_nothing_to_see_is_dropped_but_a_line_ends_where_it_ends(text, ends, lines, kept):
    assert segment._tile(text, ends, lines) == kept


# Runs of one language


def test_a_sentence_is_cut_where_its_language_changes():
    cut = segment.cut(SWITCH)
    assert (cut.ends, cut.languages, cut.paragraphs) == ([16, 21], [EN, ZH], [0, 0])


def test_only_the_lines_in_which_a_language_changes_are_cut_there():
    text = f"Three cranes stood still. Two moved.\n{SWITCH}\nNobody knew why.\n{SWITCH}Then it rained. {SWITCH}\nWe left."
    assert pieces(text) == [
        "Three cranes stood still. ",
        "Two moved.\n",
        "We came in late ",
        "我们到了 \n",
        "Nobody knew why.\n",
        "We came in late ",
        "我们到了 ",
        "Then it rained. ",
        "We came in late ",
        "我们到了 \n",
        "We left.",
    ]


@pytest.mark.parametrize("mixed", [[], [0], [1], [2], [0, 2], [1, 2], [0, 1, 2]])
def test_of_the_lines_only_those_that_are_named_are_looked_at(mixed):
    text, ends, lines = f"{SWITCH}\n" * 3, [22, 44, 66], [22, 44, 66]
    inner = [22 * number + 16 for number in mixed]
    assert segment._switched(text, ends, lines, mixed) == sorted(ends + inner)


def test_the_ends_of_sentences_around_a_change_of_language_stay():
    text = f"It rained. It stopped. {SWITCH}It rained. It stopped.\nWe left. We came."
    assert segment._switched(text, [11, 23, 44, 55, 66, 75, 83], [66, 83], [0]) == [11, 23, 39, 44, 55, 66, 75, 83]


def test_every_document_of_a_batch_has_its_own_lines_and_changes_of_language():
    texts = ["", f"One\n{SWITCH}", "Two\nThree", "", f"{SWITCH}\n\nFour\n{SWITCH}", "\n\n", "x", SWITCH]
    cuts = segment.cut_many(texts)
    assert [found.ends for found in cuts] == [[], [4, 20, 25], [4, 9], [], [16, 23, 28, 44, 49], [2], [1], [16, 21]]
    assert [found.paragraphs for found in cuts] == [[], [0, 1, 1], [0, 1], [], [0, 0, 1, 2, 2], [0], [0], [0, 0]]
    assert [found.languages[-1:] for found in cuts][1:3] == [[ZH], [EN]]


def test_a_batch_of_nothing_is_cut_into_nothing():
    assert segment.cut_many([]) == []
    assert [found.ends for found in segment.cut_many(["", ""])] == [[], []]


# Pieces that only blanks part


def test_a_piece_begins_behind_the_blanks_that_part_it_from_what_it_is_glued_to():
    assert (
        pieces("The lane is open across the strait.BRIGHT Desk helps brands grow.")[0] == "The lane is open across the strait."
    )
    texts = ["The figures show a decline \t  Sign up here for our letter.", "x"]
    assert [found.ends for found in segment.cut_many(texts)] == [[30, len(texts[0])], [1]]


def test_white_space_in_the_middle_of_a_batch_is_one_segment():
    texts = ["One. Two went. Three.", " . \n ★ \n \n", " \t ", "\n \n", "Four went. Five."]
    cuts = [found.ends for found in segment.cut_many(texts)]
    assert cuts == [segment.cut(text).ends for text in texts]
    assert cuts[2:4] == [[3], [3]]


# Who decides the path


def test_the_path_of_a_segment_is_langdetects_where_it_is_asked(monkeypatch):
    asked = []
    monkeypatch.setattr(language, "detected", lambda *columns: asked.append(columns) or [OTHER] * len(columns[1]))
    texts = ["One went. Two came.\nThree", "", "好。好"]
    cuts = segment.cut_many(texts, language_id="langdetect")
    assert asked == [(texts[0], [10, 20, 25], [0, 0, 1]), ("", [], []), ("好。好", [2, 3], [0, 0])]
    assert [found.languages for found in cuts] == [[OTHER] * 3, [], [OTHER] * 2]
    assert segment.cut(texts[2], language_id="langdetect").languages == [OTHER] * 2
    assert segment.cut(texts[2]).languages == [ZH] * 2


def test_langdetect_is_not_asked_where_it_is_not_asked_for(monkeypatch):
    monkeypatch.setattr(language, "detected", None)
    assert segment.cut("One went.", Limits(), "exact").languages == segment.cut("One went.").languages == [EN]


@pytest.mark.parametrize(("text", "script"), [("这个国家", "Hans"), ("這個國家", "Hant"), ("One went.", None), ("", None)])
def test_a_document_says_in_which_script_its_chinese_is(text, script):
    assert segment.cut(text).chinese_script == script
    assert [found.chinese_script for found in segment.cut_many(["One went.", text, "这个国家"])] == [None, script, "Hans"]


def test_the_limit_of_a_segment_is_the_callers():
    assert [found.ends for found in segment.cut_many(["x" * 25, "y" * 9], Limits(segment_characters=10))] == [[10, 20, 25], [9]]
    assert segment.cut("x" * 25, Limits(segment_characters=10)).ends == [10, 20, 25]
    assert segment.cut("x" * 25, Limits(segment_characters=24)).ends == [24, 25]
