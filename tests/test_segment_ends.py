"""Where a sentence ends, stop by stop: each case that the rules tell apart, and each bound on both sides."""

import numpy as np
import pytest

from classifier import Limits, points, segment
from classifier.language import LONGEST

MARK = "^"  # stands before the stop that is asked about


def looked_at(marked, known=()):
    """The ends among the stops and bullets that are marked, by a close look."""
    first, *rest = marked.split(MARK)
    places, text = [], first
    for part in rest:
        places.append(len(text))
        text += part
    return segment._doubtful_ends(text, list(known), places)


def ended(marked, known=()):
    """Whether the marked stop ends a sentence."""
    found = looked_at(marked, known)
    assert len(found) <= 1
    return bool(found)


def cut(marked):
    """The pieces that a text is cut into."""
    ends = segment.cut(marked).ends
    return [marked[a:b] for a, b in zip([0, *ends], ends, strict=False)]


# A full stop and white space


@pytest.mark.parametrize(
    "text",
    [
        "It cost 1250^. The rest",
        "Vitamin c^. The rest",
        "He left (at six^.) The rest",
        "She said “Mr^.” The rest",
        "Wait ^… The rest",
        "It was 3^. The rest",
        "We saw it^.  The rest",
        "Four^.\u3000The rest",
        "It is a Mac^. X is a letter",
        "Acme Inc^. The firm",
        "Acme Inc^. THE FIRM",
        "Acme inc^. “The firm",
        "in the U.S^. The rest",
        "in the U.S.S.R^. It was",
        "It is 4 p.m^. We wait",
        "He moved to 中^. Then",
    ],
)
def test_a_full_stop_before_a_blank_ends_a_sentence(text):
    assert ended(text)


@pytest.mark.parametrize(
    "text",
    [
        "We met Dr^. Ash",
        "We met DR^. Ash",
        "They say 'Dr^. Ash",
        "It is J^. Ash",
        "3^. Pour it",
        "999^. Pour it",
        "Acme Inc^. Shares fell",
        "in the U.S^. Army",
        "at X.Y.Z^. Station",
        "It is 4 p.m^. Sharp",
        "We saw it^. and left",
        "We saw it^. ",
        "We saw it^. \nThe rest",
        "We saw it^.",
    ],
)
def test_a_full_stop_before_a_blank_that_ends_no_sentence(text):
    assert not ended(text)


def test_a_number_with_a_full_stop_is_an_item_only_where_a_line_or_a_sentence_begins():
    assert not ended("Add milk\n3^. Pour it")
    assert not ended("Add milk\u2028\t \u3000\xa03^. Pour it")
    assert not ended("Add milk! 3^. Pour it", known=[10])
    assert ended("Add milk! 3^. Pour it")
    assert ended("Add\nX 3^. Pour it")
    assert ended("1999^. Pour it")


def test_what_begins_a_line_is_looked_for_24_characters_back():
    assert ended("Add" + " " * 23 + "3^. Pour it")
    assert not ended("Add" + " " * 24 + "3^. Pour it")


@pytest.mark.parametrize("bracket", '([“"‘/—–')
def test_a_title_behind_what_opens_a_bracket_or_a_quotation_is_one(bracket):
    assert not ended(f"We met {bracket}Dr^. Ash")


# A full stop and no white space


@pytest.mark.parametrize(
    "text",
    [
        "the lines^.KEY",
        "the lines^.It was",
        "the lines^.A ship",
        "the lin^.KEY",
        "of McLean^.The rest",
        "the deSea^.The rest",
        "in B2B26^.The rest",
        "in 2026^.The rest",
        "“THE SEAS^.”The rest",
        "We saw it^.中文",
    ],
)
def test_a_full_stop_without_a_blank_ends_a_sentence(text):
    assert ended(text)


@pytest.mark.parametrize(
    "text",
    [
        "the lines^.Ke",
        "the li^.KEY",
        "the LINES^.KEY",
        "of NASa^.The rest",
        "in Node1a^.Js",
        "the lines^.Key.Then",
        "the lines^.3rd",
        "me@lines^.Key",
        "the lines^.“The rest",
        "the lines^.—no",
        "I^.中文",
        "the lines^.key",
        "the lines^.5",
    ],
)
def test_a_full_stop_without_a_blank_that_ends_no_sentence(text):
    assert not ended(text)


def test_an_address_is_looked_for_24_characters_back_and_not_beyond_the_sentence():
    assert not ended("@" + "b" * 23 + "^.Key")
    assert ended("@" + "b" * 24 + "^.Key")
    assert ended("me@sea.lines^.Key", known=[7])


def test_of_the_next_word_64_letters_are_looked_at():
    assert not ended("lines^.K" + "e" * 63 + ".")
    assert ended("lines^.K" + "e" * 64 + ".")


# Question and exclamation marks


@pytest.mark.parametrize("text", ["Was it^? B=C", "Was it^?中文", "Open^?Then", "Open^!To", "Was it^?“No", "Open^?) Then"])
def test_a_mark_ends_a_sentence(text):
    assert ended(text)


@pytest.mark.parametrize(
    "text", ["a^?B=C", "a^?Be=C", "a^?Be&C", "a^?T", "a^?then", "a^?3D", "Open^? then", "Open^!, he", "Open^?", "Open^? \nIt"]
)
def test_a_mark_that_ends_no_sentence(text):
    assert not ended(text)


def test_of_the_word_behind_a_mark_64_letters_are_looked_at():
    assert not ended("a^?B" + "e" * 63 + "=")
    assert ended("a^?B" + "e" * 64 + "=")


# Chinese stops


@pytest.mark.parametrize(
    "text", ["好^。The", "好^！中", "好^？3", "好^｡中", "好^。iPhone", "好^。”中", "好^?！The", "好^!。The"]
)
def test_a_chinese_stop_ends_a_sentence(text):
    assert ended(text)


@pytest.mark.parametrize("char", ",;:，、；：")
def test_no_sentence_begins_with_what_goes_on(char):
    assert not ended(f"好^。{char}中")
    assert not ended(f"We saw it^. {char} The")


@pytest.mark.parametrize("text", ["好^！iPhone", "好^。", "好^。\n中", "好^？ \u2029中"])
def test_a_chinese_stop_that_ends_no_sentence(text):
    assert not ended(text)


def test_a_sentence_may_begin_with_an_x():
    assert ended("好^。X光")
    assert ended("It was 12^. X rays")


# Bullets


@pytest.mark.parametrize("text", ["One ^★ Two", "One\u3000^★Two", "好。^★好"])
def test_a_piece_begins_with_a_bullet_behind_a_blank_or_a_full_stop(text):
    assert looked_at(text) == [text.index(MARK)]


@pytest.mark.parametrize(
    "text", ["^★ One", "One^★ Two", "One^★★ Two", "好！^★好", "One ^★", "One ^★ \nTwo", "One^★。Two", "One^★ 。Two"]
)
def test_a_bullet_that_begins_no_piece(text):
    assert looked_at(text) == []


def test_a_bullet_begins_no_piece_where_one_begins_already():
    assert looked_at("One. ^★ Two", known=[5]) == []
    assert looked_at("One. ^★ Two", known=[4]) == [5]


def test_a_stop_behind_a_bullet_belongs_to_it_and_a_bullet_behind_a_bullet_does_not():
    assert looked_at("好 ★^。好") == []
    assert looked_at("^。好★") == [1]
    assert looked_at("One ^★ ^★ Two") == [4, 6]


# One after another


def test_a_stop_that_ends_nothing_hides_none_behind_it():
    assert looked_at("a^.b 好^。好") == [6]
    assert looked_at("★^。好^。好") == [4]
    assert looked_at("a^. \n好^。好") == [6]
    assert looked_at("One^★ 好^。好") == [7]
    assert looked_at("a^.b^. ^★好") == [5]


def test_an_end_that_was_found_begins_the_next_sentence():
    assert looked_at("It was 12^. 3^. Pour it") == [11]
    assert looked_at("me@sea。^★lines^.Key") == [7, 14]
    assert looked_at("me@sea^。lines^.Key") == [7, 13]


@pytest.mark.parametrize(
    ("known", "item"), [([], False), ([0], False), ([11], True), ([4, 11], True), ([11, 30], True), ([30], False), ([4], False)]
)
def test_the_last_end_that_is_known_before_a_stop_begins_its_sentence(known, item):
    assert ended("Add a milk! 3^. Pour it in and wait", known) is not item


# What needs no closer look


def plain(text):
    """Of the stops of a text: whether each needs no closer look, and the ends found."""
    batch = points.read([text])
    at = np.flatnonzero(batch.flags & (points.IS_STOP | points.IS_BULLET))
    needs_none, ends = segment._plain_ends(batch, at)
    return needs_none.tolist(), (ends - batch.offsets[0]).tolist()


@pytest.mark.parametrize(
    "text",
    [
        "the lines. Key",
        "ab. Key",
        "the harbor. Key",
        "the approxi. Key",
        "the 1harbors. Key",
        "the ON. Key",
        "\nxy. Z",
        "\u3000xy. Z",
        "a" * 600 + ". Key",
    ],
)
def test_a_word_a_full_stop_a_space_and_a_capital_need_no_closer_look(text):
    assert plain(text) == ([True], [text.index(".") + 2])


@pytest.mark.parametrize(
    "text",
    [
        "the lines.  Key",
        "the lines.\tKey",
        "the lines. key",
        "the lines. 3",
        "the lines.Key",
        "the lines? Key",
        "the lines.",
        "a. Key",
        "J. Key",
        "the no. Key",
        "the Dr. Key",
        "the DR. Key",
        "the approx. Key",
        "the Blvd. Key",
        "(ab. Key",
        "3ab. Key",
        "(harbor. Key",
        "the ab3. Key",
        "the é. Key",
        "好. Key",
    ],
)
def test_anything_else_of_a_full_stop_needs_one(text):
    assert plain(text) == ([False], [])


@pytest.mark.parametrize("stop", "。！？｡!?")
def test_a_stop_before_a_han_character_needs_no_closer_look(stop):
    assert plain(f"好{stop}好") == ([True], [2])
    assert plain(f"{stop}好") == ([True], [1])


@pytest.mark.parametrize("text", ["好。The", "好… 好", "好…好", "好.好", "好。 好", "好。"])
def test_a_stop_before_anything_else_needs_one(text):
    assert plain(text) == ([False], [])


def test_a_stop_behind_a_bullet_and_a_bullet_need_one():
    assert plain("★。好") == ([False, False], [])
    assert plain("★好") == ([False], [])


def test_ends_are_in_the_order_of_the_text():
    assert plain("好。好 lines. Key 好！好") == ([True, True, True], [2, 11, 17])


# Lengths


@pytest.mark.parametrize(
    ("text", "longest", "ends"),
    [
        ("abcdefgh", 8, [8]),
        ("abcdefgh", 7, [7, 8]),
        ("abcdefgh", 4, [4, 8]),
        ("abcdefghi", 4, [4, 8, 9]),
        ("aaaaa bbbbbbb", 10, [6, 13]),
        ("aaaa bbbbbbbb", 10, [10, 13]),
        ("aaaaaaaaa bbb", 10, [10, 13]),
        ("aaaaaaaaaa bbb", 10, [10, 14]),
        ("aaaaa b ccccc", 10, [8, 13]),
        ("a bcd", 3, [2, 5]),
        ("abcd        ", 4, [12]),
        ("abcde       ", 4, [4, 12]),
        ("abc", 1, [1, 2, 3]),
        ("", 5, []),
    ],
)
def test_what_is_longer_than_the_limit_is_cut_behind_the_last_blank_of_its_second_half(text, longest, ends):
    assert segment._cap(text, [len(text)] if text else [], longest) == ends


@pytest.mark.parametrize("char", " \t\u3000，,、；;")
def test_a_long_segment_is_cut_behind_a_blank_or_a_comma(char):
    assert segment._cap(f"abcdef{char}ghijkl", [13], 10) == [7, 13]


def test_a_long_segment_is_not_cut_behind_a_letter_while_it_may_go_on():
    assert segment._cap("abcdefXghijkl", [13], 10) == [10, 13]


def test_only_the_segments_that_are_too_long_are_cut_each_from_its_own_start():
    assert segment._cap("abc defghijk lm no", [4, 13, 18], 6) == [4, 10, 13, 18]
    assert segment._cap("abcdefgh ijkl mn", [2, 16], 6) == [2, 8, 14, 16]


def test_no_segment_is_longer_than_what_its_language_is_counted_in():
    assert segment.cut("x" * 5_000, Limits(segment_characters=10**6)).ends == [LONGEST, 5_000]
    assert segment.cut("x" * 50, Limits(segment_characters=30)).ends == [30, 50]
    assert segment.cut("x" * 1_300).ends == [600, 1_200, 1_300]


# In a batch


def test_stops_side_by_side_are_one_and_bullets_are_each_their_own():
    assert cut("Was it open?! The pilots say so.") == ["Was it open?! ", "The pilots say so."]
    assert cut("Well... The pilots say so.") == ["Well... ", "The pilots say so."]
    assert cut("the lines...KEY grows") == ["the lines...", "KEY grows"]
    assert cut("好。!then") == ["好。!", "then"]
    assert cut("x.好。好") == ["x.好。", "好"]
    assert cut("One ★ Two ★ Three") == ["One ", "★ Two ", "★ Three"]
    assert cut("x ★。★x") == ["x ", "★。", "★x"]
    assert cut("好！！好") == ["好！！", "好"]


def test_every_document_of_a_batch_is_cut_by_its_own_stops():
    texts = ["One line. Two. J. Ash", "", "好。好", "3. Pour it. Then", "x", "★ One ★ Two"]
    assert [found.ends for found in segment.cut_many(texts)] == [[10, 15, 21], [], [2, 3], [12, 16], [1], [6, 11]]
