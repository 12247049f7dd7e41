"""The marks of Markdown in a text, which no reader of the page sees.

Many scrapers write the page as Markdown. What is labelled is what the page shows: the words of a link without
its address, a heading without "#", a list item without its bullet. Known are the marks that converters write, of
CommonMark 0.31 and GitHub's tables and tasks; code stays as it is. A text without an inline link and without a
heading is taken for plain text, in which nothing is a mark: one "#" at a line's start may be a comment in code, so a
heading is one at the top of the text, or of a lower level.
"""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

# The end of a link or an image. No bracket stands in an address, so that a text full of them is read in linear time,
# and no line break, which segments never cross.
_TARGET = r"""\]\((?:<[^<>\[\]\n]*+>|[^()\[\]\s]*+(?:\([^()\[\]\s]*+\)[^()\[\]\s]*+)*+)(?:[ \t]++"[^"\[\]\n]*+")?+[ \t]*+\)"""
_LINK = re.compile(rf"(?P<end>{_TARGET})|(?<!\\)(?P<start>!?\[)|\]")
_HEADING = re.compile(r"\A#{1,6} |\n#{2,6} ")
_LINE_MARKS = re.compile(
    r"^(?:[ \t]*+(?:>|#{1,6}+(?=[ \t])|[-*+](?=[ \t])))++[ \t]*+(?:\[[ xX]\][ \t]++)?+",
    re.MULTILINE,
)
# Rulers, what underlines a heading, and the row below the head of a table.
_RULER = re.compile(r"^[ \t]*+(?=[|: \t]*+[-=*_][|: \t]*+[-=*_][|: \t]*+[-=*_])[|:\-=*_ \t]++(?=\r?$)", re.MULTILINE)
_EMPHASIS = re.compile(
    r"(?<![*\\])(?P<star>\*\*\*?+|(?<!\w)\*)(?=[^\s*])[^*\n]++(?<=\S)(?P=star)(?!\*)"
    r"|(?<![\w_\\])(?P<line>__?+)(?=[^\s_])[^_\n]++(?<=\S)(?P=line)(?![\w_])"
)
_ESCAPE = re.compile(r"\\(?=[!-/:-@\[-`{-~])")


# A character of a mark that belongs to what stands behind it, and of one that belongs to what stands before it.
OPENS, CLOSES = 1, 2


def find(text: str) -> NDArray[np.int8] | None:
    """Of each character OPENS or CLOSES, or 0 where it is of no mark; None for a text that is plain."""
    links, linked = _links(text) if "](" in text else ([], [])
    if not linked and not _HEADING.search(text):
        return None
    opens = [*links]
    closes = [*linked]
    opens += [match.span() for match in _LINE_MARKS.finditer(text)]
    opens += [match.span() for match in _ESCAPE.finditer(text)]
    closes += [match.span() for match in _RULER.finditer(text)]
    for match in _EMPHASIS.finditer(text):
        size = len(match["star"] or match["line"])
        opens.append((match.start(), match.start() + size))
        closes.append((match.end() - size, match.end()))
    marks = np.zeros(len(text), np.int8)
    for spans, value in ((opens, OPENS), (closes, CLOSES)):
        for start, end in spans:
            marks[start:end] = value
    return marks


def _links(text: str) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """Where links and images begin and where their words end, as spans."""
    waiting: list[tuple[int, int]] = []
    starts, ends = [], []
    for match in _LINK.finditer(text):
        if match["start"]:
            waiting.append(match.span())
        elif waiting:
            start = waiting.pop()
            if match["end"]:
                starts.append(start)
                ends.append(match.span())
    return starts, ends
