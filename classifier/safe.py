"""Text of strangers, shown to people: on a terminal and in the cells of a table.

What is written as data (clean text, JSONL, Parquet) never passes here: it keeps every byte.
"""

from __future__ import annotations

import re

# What a terminal obeys or does not show: controls (Cc), formats (Cf: bidirectional, zero-width, tags), line and
# paragraph separators and lone surrogates. Joiner and non-joiner stay, which emoji, Persian and Indic scripts need.
_UNSEEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u180e\u200b\u200e\u200f\u2028-\u202e"
    "\u2060-\u206f\ud800-\udfff\ufeff\ufff0-\ufffb\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3"
    "\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)

# What spreadsheets take for a formula, by its first character: OWASP's list for CSV injection, which holds the
# full-width forms too. White space before it is passed over by some programs, so here as well.
_FORMULA = re.compile(r"'*(?:[\t\r\n]|[\s\x00-\x1f\u200b\ufeff]*[=+\-@＝＋－＠])")
_GUARDED = re.compile(rf"'(?={_FORMULA.pattern})")


def for_terminal(text: object) -> str:
    """A text as one line that a terminal shows and does not obey.

    Control, bidirectional and invisible characters become escapes that can be seen, such as
    `\\x1b` and `\\u202e`, and so do line breaks and tabs: pass a text of many lines line by line.
    """
    return _UNSEEN.sub(_escape, str(text))


def _escape(found: re.Match[str]) -> str:
    code = ord(found[0])
    known = {9: r"\t", 10: r"\n", 13: r"\r"}
    return known.get(code) or (f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}")


def for_cell(value: object) -> str:
    """A value as the text of a table's cell that no spreadsheet takes for a formula.

    A quote is put before text that begins as a formula does; numbers stay as they are, and None is
    empty. The writer quotes: `csv.writer(file, quoting=csv.QUOTE_ALL)`. `from_cell` takes it back.
    """
    if value is None:
        return ""
    if isinstance(value, int | float):
        return str(value)
    text = str(value)
    return f"'{text}" if _FORMULA.match(text) else text


def from_cell(cell: str) -> str:
    """The text that `for_cell` made a cell of; a cell that somebody typed stays as it is."""
    return cell[1:] if _GUARDED.match(cell) else cell
