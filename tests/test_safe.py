import csv
import io
import sys
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from classifier.safe import for_cell, for_terminal, from_cell

ANY_TEXT = st.text(st.characters())  # surrogates, too


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[2J\x1b]0;owned\x07", r"\x1b[2J\x1b]0;owned\x07"),
        ("\x9b31m", r"\x9b31m"),
        ("a\rb\nc\td", r"a\rb\nc\td"),
        ("立即\u202e订阅\u2066", "立即\\u202e订阅\\u2066"),
        ("sub\u200bscribe\ufeff", r"sub\u200bscribe\ufeff"),
        ("\ud800\U000e0041", r"\ud800\U000e0041"),
    ],
)
def test_what_a_terminal_would_obey_is_shown_as_an_escape(text, shown):
    assert for_terminal(text) == shown


@pytest.mark.parametrize(
    "text", ["Harbour 1,234 – “ok”", "港口　关闭。免责声明：", "می\u200cخواهم", "👩\u200d🚀", "नमस्ते", r"C:\names"]
)
def test_what_people_read_stays(text):
    assert for_terminal(text) == text


def test_no_control_format_separator_or_surrogate_passes_but_the_joiners():
    passed = {
        code
        for code in range(sys.maxunicode + 1)
        if unicodedata.category(chr(code)) in ("Cc", "Cf", "Cs", "Zl", "Zp") and for_terminal(chr(code)) == chr(code)
    }
    assert passed == {0x200C, 0x200D}


@pytest.mark.parametrize(
    "text", ["=1+1", "+1", "-1", "@sum(a1)", "\tx", "\r=1", "\n=1", " =1", "'=1", "＝1", "－关注我们", "\ufeff=1"]
)
def test_a_cell_never_begins_as_a_formula_does(text):
    assert for_cell(text) == f"'{text}"


@pytest.mark.parametrize(
    ("value", "cell"), [("港口", "港口"), ("'90s", "'90s"), (-0.5, "-0.5"), (3, "3"), (None, ""), ("", "")]
)
def test_other_values_stay_as_they_are(value, cell):
    assert for_cell(value) == cell


@given(ANY_TEXT)
@example("''=1")
@example("'")
def test_a_cell_becomes_the_text_it_was(text):
    assert from_cell(for_cell(text)) == text


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_a_cell_survives_a_file_of_comma_separated_values(text):
    file = io.StringIO(newline="")
    csv.writer(file, quoting=csv.QUOTE_ALL).writerow([for_cell(text), "x"])
    file.seek(0)
    assert from_cell(next(csv.reader(file))[0]) == text
