import pytest
from hypothesis import given
from hypothesis import strategies as st

from classifier import Limits, segment

ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=300) | st.text(
    'aB.。!？ \n\r\u2028中文,"”\x00\ud800', max_size=120
)
BREAKS = "\n\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"


def pieces(text, **limits):
    ends = segment.cut(text, Limits(**limits)).ends
    return [text[a:b] for a, b in zip([0, *ends], ends, strict=False)]


@given(ANY_TEXT)
def test_segments_tile_any_text_and_never_cross_a_line_break(text):
    cut = segment.cut(text)
    parts = pieces(text)
    assert "".join(parts) == text
    assert len(cut.ends) == len(cut.paragraphs) == len(cut.languages)
    assert all(parts)
    visible = [part.strip() for part in parts]
    assert all(visible) or not text.strip()
    assert not any(char in part for part in visible for char in BREAKS)
    assert cut.paragraphs == sorted(cut.paragraphs)


@given(st.lists(ANY_TEXT, max_size=5))
def test_a_document_is_cut_alike_alone_and_in_a_batch(texts):
    assert segment.cut_many(texts) == [segment.cut(text) for text in texts]


@given(ANY_TEXT)
def test_no_segment_is_longer_than_the_limit(text):
    assert all(len(part.strip()) <= 40 for part in pieces(text, segment_characters=40))


@pytest.mark.parametrize(
    ("text", "second"),
    [
        ("The lane is open across the strait.BRIGHT Desk helps brands grow.", "BRIGHT Desk helps brands grow."),
        ("Pour it back into the pot.My blender is old.", "My blender is old."),
        ("The figures show a decline Sign up here for our letter.", "Sign up here for our letter."),
        ("The figures show a decline of 4% © 2026 Harbour Ledger", "© 2026 Harbour Ledger"),
        ("“The lane is open.” Ships wait.", "Ships wait."),
        ("船只正在等待。点击关注我们", "点击关注我们"),
        ("“航道已经开放。”船只正在等待。", "船只正在等待。"),
        ("航道已经开放！Subscribe for more news.", "Subscribe for more news."),
        ("航道已经开放 免责声明：仅供参考", "免责声明：仅供参考"),
        ("Was it open? The pilots say so.", "The pilots say so."),
    ],
)
def test_a_sentence_begins_where_a_reader_sees_it(text, second):
    assert pieces(text)[1] == second


@pytest.mark.parametrize(
    "text",
    [
        "The U.S. government paid Mr. Acme Inc. shares of 3.5 million.",
        "Install Node.JS or ASP.NET from example.com/a?B=C&D=E today",
        "3. Pour the milk",
        "It cost 1.250,00 in Jan. 2026, i.e. too much",
        "He said “no!” and left",
        "使用 TensorFlow 和 PyTorch 训练模型，速度提高了3.5倍",
        "Well… maybe not",
    ],
)
def test_what_only_looks_like_an_end_does_not_cut(text):
    assert pieces(text) == [text]


def test_blank_lines_belong_to_the_paragraph_above_and_a_first_one_to_the_first():
    assert pieces("\n\n Title \n\n \nBody\n") == ["\n\n Title \n\n \n", "Body\n"]


def test_white_space_alone_is_one_segment_and_nothing_is_none():
    assert pieces(" \n\t\n ") == [" \n\t\n "]
    assert pieces("") == []


MILLION = 1_000_000


@pytest.mark.parametrize(
    "unit",
    [
        "x",
        "中",
        ".",
        "。",
        "! ",
        "(",
        "（如涉及",
        "://",
        "www.",
        "@a",
        "#a",
        "-",
        "Source: Ab ",
        "x The y ",
        "About Ab ",
        "a\u0301",
    ],
)
def test_a_million_characters_without_an_end_are_cut_in_linear_time(unit):
    text = (unit * (MILLION // len(unit) + 1))[:MILLION]  # time that grows with the square would take hours
    assert segment.cut(text).ends[-1] == MILLION


def test_many_lines_in_two_languages_are_read_in_one_go():
    line = "We came in late 我们到了\n"
    cut = segment.cut(line * 20_000)
    assert cut.paragraphs[-1] == 19_999
    assert cut.ends[:4] == segment.cut(2 * line).ends


def test_a_million_lines_of_one_character_are_a_million_segments():
    assert len(segment.cut("x\n" * MILLION).ends) == MILLION


def test_a_hundred_thousand_combining_marks_are_capped_like_any_text():
    ends = segment.cut("e" + "\u0301" * 100_000).ends
    assert len(ends) == 100_001 // Limits().segment_characters + 1
