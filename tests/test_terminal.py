import re
import unicodedata
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from classifier import Classifier, terminal
from classifier.decide import Mark
from classifier.schema import Label

ENGLISH = (
    "Three ports have cut their crane shifts because the sea ice has stayed for two weeks longer than anyone forecast. "
    "Subscribe to our newsletter today and never miss a story!\n\n"
    "© 2026 Harbour Ledger. All rights reserved."
)
CHINESE = (
    "冰封的港口本周仍未开放，三艘货船在外海等待，港务局说最快要到周五才能恢复作业。渔民们（大多来自附近的村子）只能等。\n"
    "扫码关注我们的公众号，每天早晨送到您的邮箱！\n"
    "未经授权不得转载。"
)
LOADED = Classifier.load()


def columns(line):
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 0 if unicodedata.combining(char) else 1 for char in line)


def view(text, **options):
    return list(terminal.view("a name", LOADED.label(text), options.pop("width", 80), options.pop("colour", False), **options))


def texts(lines):
    """What stands behind the gutter."""
    return [line[14:] for line in lines[3:]]


@pytest.mark.parametrize("text", [ENGLISH, CHINESE])
def test_the_text_is_shown_in_full(text):
    assert "".join("".join(texts(view(text))).split()) == "".join(text.split())


@pytest.mark.parametrize("text", [ENGLISH, CHINESE])
@pytest.mark.parametrize("width", [40, 80])
def test_no_line_is_wider_than_the_terminal(text, width):
    assert max(columns(line) for line in view(text, width=width, why=True)) <= width
    assert max(columns(line) for line in terminal.legend(80, colour=False)) <= 80


@settings(max_examples=40)
@given(st.text(alphabet="a bc,-中文。（）\u0301😀\t\x1b\u202e\n", max_size=120))
def test_any_text_fits_and_is_complete(text):
    lines = view(text, width=40)
    assert all(columns(line) <= 40 for line in lines)
    shown = "".join("".join(texts(lines)).split())
    assert shown.replace("\\x1b", "\x1b").replace("\\u202e", "\u202e") == "".join(text.split())


def test_a_break_between_the_lines_of_a_span_is_a_space():
    assert texts(view("a\n\u202e"))[0] == "a \\u202e"


def test_words_are_not_broken_where_they_fit():
    shown = {word for line in texts(view(ENGLISH)) for word in line.split()}
    assert shown == set(ENGLISH.split())


def test_no_line_of_chinese_begins_with_a_mark_that_closes_or_ends_with_one_that_opens():
    for width in range(38, 60):
        lines = [line for line in texts(view(CHINESE, width=width)) if line]
        assert not [line for line in lines if line[0] in "，。！）" or line[-1] == "（"]


def test_the_gutter_says_label_decision_and_confidence_without_colour():
    result = LOADED.label(ENGLISH)
    marks = {
        line[2:9].strip(): (line[:2], line[10:12])
        for line in view(ENGLISH)
        if line[2:9].strip() in ("content", "promo", "legal")
    }
    assert marks["promo"] == ("-+", f"{min(result.spans[1].confidence * 100, 99):.0f}")
    assert marks["content"][0] == "  "
    assert marks["legal"][0] == "- "


def test_what_is_kept_because_unsure_is_marked():
    result = LOADED.label(ENGLISH)
    unsure = result.with_policy(replace(result.policy, thresholds={Label.PROMO: 1.1}))
    assert [line[:7] for line in terminal.view("x", unsure, 80, False) if "promo" in line] == ["?+promo"]


def test_who_decided_is_said_where_it_is_not_the_model():
    result = LOADED.label(ENGLISH)
    ruled = replace(result, marks=np.full(len(result.segments), Mark.RULED, np.uint8))
    assert all(
        line[12] == "r" for line in terminal.view("x", ruled, 80, False) if line[2:9].strip() in ("content", "promo", "legal")
    )


def test_without_colour_there_is_no_escape_and_with_colour_only_colours():
    attack = "\x1b[2J\x1b]0;owned\x07\x9b31m\u202e " + ENGLISH
    assert not [
        char for char in "\n".join(view(attack, why=True)) if unicodedata.category(char) in ("Cc", "Cf") and char != "\n"
    ]
    coloured = "\n".join([*view(attack, colour=True, why=True), *terminal.legend(80, colour=True)])
    rest = re.sub(r"\x1b\[[0-9;]+m", "", coloured)
    assert "\x1b" in coloured
    assert not [char for char in rest if unicodedata.category(char) in ("Cc", "Cf") and char != "\n"]


def test_a_name_cannot_send_escapes():
    assert "\x1b" not in "".join(terminal.view("\x1b[2J", LOADED.label("x"), 80, False))


def test_colour_tells_labels_apart_and_strikes_what_is_removed():
    line = next(line for line in view(ENGLISH, colour=True) if "Subscribe" in line)
    assert f"\x1b[{terminal.COLOURS[Label.PROMO]};1;9m" in line


def test_colours_can_be_read_on_black_and_on_white():
    for label in Label:
        if code := terminal.COLOURS[label]:
            lightness = luminance(int(code.rpartition(";")[2]))
            assert min(1.05 / (lightness + 0.05), (lightness + 0.05) / 0.05) > 4


def luminance(number):
    """Of one of the 216 colours of xterm's cube, as WCAG 2 defines it."""
    levels = [0, 95, 135, 175, 215, 255]
    red, green, blue = ((levels[(number - 16) // step % 6] / 255) for step in (36, 6, 1))
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in (red, green, blue)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_why_stands_behind_every_span():
    lines = view(ENGLISH, why=True)
    assert sum(" rather than " in line for line in lines) == 3
    assert "“© 2026”" in " ".join(" ".join(lines).split())


def test_a_document_without_text_is_shown_as_one():
    for text in ("", " \n "):
        assert view(text)[0] == "a name"
        assert not "".join(texts(view(text))).strip()
