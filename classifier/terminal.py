"""A labelled document as lines of a terminal: its own text, in full, with label and decision in front of it.

Nothing depends on colour: what colour says, the gutter says too.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import groupby
from operator import itemgetter

from classifier.report import apart, body, lines, mark, shares
from classifier.result import Result
from classifier.safe import for_terminal
from classifier.schema import BREAKS, Explanation, Label, Span

# Of the 256 colours, those that can be read on black and on white alike: at least 4.1 to 1 on both.
COLOURS = {Label.CONTENT: "", Label.PROMO: "38;5;162", Label.LEGAL: "38;5;130", Label.NAVIGATION: "38;5;31"}
_SHORT = {Label.CONTENT: "content", Label.PROMO: "promo", Label.LEGAL: "legal", Label.NAVIGATION: "nav"}
_BOLD, _FAINT, _ITALIC, _UNDERLINED, _STRUCK = "1", "2", "3", "4", "9"
SURE, DOUBTFUL = 0.9, 0.7
_SPACES = "\t" + BREAKS
_GUTTER = 14
_NARROWEST, _WIDEST = 24, 110  # of the text, in columns; longer lines are hard to read
# What Chinese never begins a line with, nor ends one with.
_NOT_FIRST = frozenset("，。、；：？！）」』》】〉〕”’…—·,.;:?!)]}%")
_NOT_LAST = frozenset("（「『《【〈〔“‘([{")


def view(name: str, result: Result, width: int, colour: bool, why: bool = False) -> Iterator[str]:
    """The lines of a document. name: its identifier; width: of the terminal; why: reasons behind every span."""
    room = min(max(width - _GUTTER, _NARROWEST), _WIDEST)
    for line in _wrapped(for_terminal(name), room + _GUTTER):
        yield _styled(line, [_BOLD], colour)
    for line in _wrapped(shares(result), room + _GUTTER):
        yield _styled(line, [_FAINT], colour)
    yield ""
    for spans in lines(result):
        for number, span in enumerate(spans):
            if result.text[span.start : span.end].strip():
                explanation = result.explain(span) if why else None
                yield from _span(result, span, number > 0, explanation, room, colour)
        if apart(result.text, spans[-1]):
            yield ""


def legend(width: int, colour: bool) -> Iterator[str]:
    """What the marks mean."""
    names = ", ".join(_styled(_named(label), [COLOURS[label]], colour) for label in Label)
    yield f"{names}; the number: confidence in percent"
    marks = f"- {_styled('removed', [_STRUCK], colour)}   ? kept because unsure   + in the same line as what is above"
    yield marks + (f"   {_styled('surer', [_BOLD], colour)} {_styled('less sure', [_FAINT], colour)}" if colour else "")
    yield "\u2500" * min(width, _WIDEST + _GUTTER)


def _named(label: Label) -> str:
    return label if _SHORT[label] == label else f"{_SHORT[label]} = {label}"


def _span(result: Result, span: Span, goes_on: bool, explanation: Explanation | None, room: int, colour: bool) -> Iterator[str]:
    """The lines of a span, the first with its gutter, and the reasons behind it."""
    who = " " if span.decided_by == "model" else str(span.decided_by)[0]
    sure = f"{min(round(span.confidence * 100), 99):2d}"
    name = span.kind[:7] if span.kind and span.kind.isascii() else _SHORT[span.label]
    gutter = f"{mark(result, span)}{'+' if goes_on else ' '}{name:7} {sure}{who} "
    style = [COLOURS[span.label]]
    style += [_BOLD] if span.confidence >= SURE and span.label is not Label.CONTENT else []
    style += [_FAINT] if span.confidence < DOUBTFUL else []
    text = style + ([] if span.kept else [_STRUCK])
    words = explanation.heaviest if explanation else ()
    heavy = {at for first, last, *_ in words for at in range(first, last)}
    for row in _rows(_cells(result.text, span, heavy), room):
        shown = ""
        for underlined, run in groupby(_trimmed(row), key=itemgetter(2)):
            piece = "".join(cell[0] for cell in run)
            shown += _styled(piece, [*text, _UNDERLINED] if underlined else text, colour)
        yield _styled(gutter, style, colour and bool(gutter.strip())) + shown
        gutter = " " * _GUTTER
    if explanation:
        for line in _wrapped(for_terminal(str(explanation)), room - 2):
            yield " " * (_GUTTER + 2) + _styled(line, [_ITALIC], colour)


# A character as a terminal shows it: what is printed, how many columns it takes, and whether its word weighs.
Cell = tuple[str, int, bool]


def _cells(text: str, span: Span, heavy: Collection[int] = ()) -> Iterator[Cell]:
    """The characters of a span; controls as escapes, a tab and a break between its lines as a space."""
    first, last = body(text, span)
    for at, char in enumerate(text[first:last].rstrip(), first):
        shown = " " if char in _SPACES else for_terminal(char)
        yield shown, sum(map(_width, shown)), at in heavy


def _width(char: str) -> int:
    """The columns of a character: 2 where it is wide (Unicode Standard Annex 11), 0 where it is drawn over the last."""
    if char < "\u0300":
        return 1
    if unicodedata.east_asian_width(char) in "WF":
        return 2
    return 0 if unicodedata.category(char) in ("Mn", "Me", "Cf") else 1


def _rows(cells: Iterable[Cell], room: int) -> Iterator[list[Cell]]:
    """Cells in rows of so many columns at most: broken at spaces, between Han characters, and else where it must be."""
    row: list[Cell] = []
    size = fits = 0  # columns taken; how many cells may stay when the row is broken
    for cell in cells:
        if row and _may_break(row[-1][0], cell[0]):
            fits = len(row)
        row.append(cell)
        size += cell[1]
        if size > room and cell[0] != " ":
            at = fits or len(row) - 1 or 1
            yield row[:at]
            row = row[at:]
            size, fits = sum(columns for _, columns, _ in row), 0
    if row:
        yield row


def _trimmed(row: list[Cell]) -> list[Cell]:
    """A row without the spaces that it is broken at."""
    end = len(row)
    while end and row[end - 1][0] == " ":
        end -= 1
    return row[:end]


def _may_break(before: str, behind: str) -> bool:
    if before == " ":
        return behind != " "
    if behind == " " or behind in _NOT_FIRST or before in _NOT_LAST or not _width(behind[0]):
        return False
    return before[-1] in "-/" or _width(before[-1]) == 2 or _width(behind[0]) == 2


def _wrapped(text: str, room: int) -> Iterator[str]:
    """Text without controls in lines of so many columns at most."""
    for row in _rows(((char, _width(char), False) for char in text), room):
        yield "".join(shown for shown, *_ in row).rstrip(" ")


def _styled(text: str, codes: Sequence[str], colour: bool) -> str:
    chosen = ";".join(filter(None, codes))
    return f"\x1b[{chosen}m{text}\x1b[0m" if colour and chosen and text else text
