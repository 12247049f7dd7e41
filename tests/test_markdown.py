"""What Markdown marks a reader does not see, and that labels, cuts and clean texts are those of the page."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from classifier import disguise, markdown

PAGE = """[Skip to content](#main)

* [Home](https://example.org/)
* [Prices](https://example.org/prices "All prices")

# The north quay reopens on Monday

![A crane on the quay](https://example.org/crane.jpg)

The port authority said that **the last crane** was mended on Friday, and that _ships_ may berth again. \\
Pilots [asked for more tugs](https://example.org/tugs_(harbour)) in March.

## What changes

1. The first ship leaves at five.
- [ ] Tugs are still short\\.

| Ship | Berth |
|------|:-----:|
| Vega | 4 |

> "We waited for nine weeks," said a pilot.

---

### Get the harbour letter

Subscribe to our newsletter and never miss a story! [Sign up now](https://example.org/letter)
"""
SHOWN = """Skip to content

Home
Prices

The north quay reopens on Monday

A crane on the quay

The port authority said that the last crane was mended on Friday, and that ships may berth again. \\
Pilots asked for more tugs in March.

What changes

1. The first ship leaves at five.
Tugs are still short.

| Ship | Berth |

| Vega | 4 |

"We waited for nine weeks," said a pilot.



Get the harbour letter

Subscribe to our newsletter and never miss a story! Sign up now
"""
PLAIN = [
    "Prices rose by 3 * 4 * 5 percent.\n* a list item\n- another\n> quoted",
    "a_b_c and **bold** in a text that shows no link",
    "An array[1] (two) of C# code",
    "[1] See the appendix (page 4).",
    "#harbour #ships",
    "Run this:\n# open the port\nport --open * now",
    "",
]
MARKS = [*"[]()!*_#>|-+=\\\n \r", "](", "[a](b)", "![](c)", "# ", "\n# ", "**", "__", "[ ] ", "---", '"t"']
ANY_MARKDOWN = st.lists(st.sampled_from([*MARKS, "Ship", "船", "\u200b"]), max_size=40).map("".join)


def shown(text):
    (seen,) = disguise.read([text])
    return seen.text if seen else text


def test_a_page_is_seen_without_its_marks():
    assert shown(PAGE) == SHOWN


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("# 港口重新开放\n**重点**：[查看](https://example.org/看)", "港口重新开放\n重点：查看"),
        ("[![Logo](a.png)](/)", "Logo"),
        ("[a](b)[c](d)", "ac"),
        ("[a]()", "a"),
        ("[see [1]](b) and more]", "see [1] and more]"),
        ('[a](<b c> "d")', "a"),
        ("# a\n***b*** 2*3*4 __c__ snake_case_name", "a\nb 2*3*4 c snake_case_name"),
        ("# a\n\\*b\\* \\[c\\](d)", "a\n*b* [c](d)"),
        ("# a\r\n* b\r\n---\r\nc", "a\r\nb\r\n\r\nc"),
        ("# a\nb\n===\n* * *\nc", "a\nb\n\n\nc"),
        ("# a\n> > - b", "a\nb"),
        ("####### a\n## b", "####### a\nb"),
    ],
)
def test_a_mark_is_not_seen(text, seen):
    assert shown(text) == seen


@pytest.mark.parametrize("text", PLAIN)
def test_plain_text_is_left_as_it_is(text):
    assert markdown.find(text) is None


def test_markdown_is_labelled_as_the_page_that_it_describes(clf):
    marked, plain = clf.label(PAGE), clf.label(SHOWN)
    assert [(s.label, s.kept, s.confidence) for s in marked.spans] == [(s.label, s.kept, s.confidence) for s in plain.spans]


def test_what_is_removed_goes_with_its_marks(clf):
    clean = clf.label(PAGE).clean_text
    for gone in ("Home", "example.org/)", "newsletter", "[Sign", "](https://example.org/letter)"):
        assert gone not in clean
    for kept in ("# The north quay reopens", "**the last crane** was mended", "(https://example.org/tugs_(harbour)) in"):
        assert kept in clean


def test_a_mark_begins_the_span_of_what_it_marks(clf):
    starts = {PAGE[span.start : span.end].strip()[:1] for span in clf.label(PAGE).spans}
    assert not starts & set("]).")
    (item,) = [span for span in clf.label(PAGE).paragraphs if "Tugs are" in PAGE[span.start : span.end]]
    assert PAGE[item.start : item.end].startswith("- [ ] Tugs are still short\\.\n")


@pytest.mark.parametrize("text", ["[Ships](b\n) wait for a berth.", '[Ships](b \n"t"\n) wait for a berth.'])
def test_no_line_goes_on_behind_a_line_break_in_an_address(clf, text):
    assert [text[line.start : line.end] for line in clf.label(text).paragraphs] == text.splitlines(keepends=True)


@settings(max_examples=300)
@given(ANY_MARKDOWN)
def test_spans_tile_any_markdown(clf, text):
    result = clf.label(text)
    assert "".join(text[span.start : span.end] for span in result.spans) == text
    assert result.text == text


@settings(max_examples=300)
@given(ANY_MARKDOWN)
def test_offsets_go_there_and_back(text):
    (seen,) = disguise.read([text])
    if seen:
        ends = list(range(len(seen.text) + 1))
        assert seen.offsets(seen.original(ends)) == ends
        assert seen.original(ends)[-1] == len(text)
        assert "".join(text[at] for at in seen.places(ends[:-1])) == seen.text
