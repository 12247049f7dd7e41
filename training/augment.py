"""Documents as scrapers leave them, made from annotated ones: for the second stage alone.

Annotated documents are mostly whole pages and long articles. What is cleaned with the model is
also a flattened article with an advertisement glued to its end, under it a call to action in
another language; an article that goes on behind an advertisement in its middle; and often one
paragraph without any surroundings. The second stage learns these from rearranged annotated text.
The first stage, which reads words only, gains nothing from it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.data import Document, Unit, is_chinese

# Shares of the number of annotated documents, measured as rows of "What was tried" in README.md.
TAILED = 0.6
EXCERPTS = 0.8
GLUED = 0.8  # share of tailed documents whose body does not end with the article
SHORT = 0.2  # share of tailed documents whose body is one or two sentences
INTERRUPTED = 0.7  # share of tailed documents with boilerplate in their body, behind which the article goes on
_HAN = re.compile("[\u4e00-\u9fff]")
_BREAKS = re.compile(r"\s*\n\s*")
_STOP = re.compile(r"[.。]\s*\Z")
# What follows the last sentence of a body: as it should be, without a space, without a full stop.
_GLUES = ((" ", False), ("", False), (" ", True))
_SHORTEST, _LONGEST = 8, 400
_BODY = 6000


@dataclass(frozen=True, slots=True)
class _Piece:
    """An annotated unit that stands in one line."""

    text: str
    label: str
    chinese: bool


class _Page:
    """Text under construction, with the units found in it so far."""

    def __init__(self) -> None:
        self.text = ""
        self.units: list[Unit] = []

    def add(self, text: str, label: str | None = None) -> None:
        if label and text.strip():
            self.units.append((len(self.text), len(self.text) + len(text), label))
        self.text += text


def rearrange(documents: Sequence[Document], folds: NDArray[np.int64], seed: int) -> tuple[list[Document], NDArray[np.int64]]:
    """New documents, and the fold of each: a document is made of text of one fold only.

    documents: annotated; folds: of each. Returns pages with a glued tail and lines under it,
    and excerpts that stand alone, in numbers that `TAILED` and `EXCERPTS` give.
    """
    random = np.random.default_rng(seed)
    made: list[Document] = []
    owner: list[int] = []
    for fold in np.unique(folds):
        mine = [document for document, f in zip(documents, folds, strict=True) if f == fold]
        pieces = [piece for document in mine for piece in _pieces(document)]
        tails = [piece for piece in pieces if piece.label != "content"]
        bodies = [document for document in mine if sum(label == "content" for *_, label in document.all_units) >= 3]
        for _ in range(round(EXCERPTS * len(mine)) if pieces else 0):
            made.append(_excerpt(mine[random.integers(len(mine))], random, len(made)))
        for _ in range(round(TAILED * len(mine)) if tails and bodies else 0):
            made.append(_tailed(bodies[random.integers(len(bodies))], tails, random, len(made)))
        owner += [int(fold)] * (len(made) - len(owner))
    kept = [i for i, document in enumerate(made) if document.units]
    return [made[i] for i in kept], np.array([owner[i] for i in kept], np.int64)


def _pieces(document: Document) -> list[_Piece]:
    found = []
    for start, end, label in document.all_units:
        text = document.text[start:end].strip()
        if _SHORTEST <= len(text) <= _LONGEST and "\n" not in text:
            found.append(_Piece(text, label, is_chinese(text)))
    return found


def _excerpt(document: Document, random: np.random.Generator, number: int) -> Document:
    """A run of units of one label that touch each other, up to three, as a document of its own."""
    units = document.all_units
    if not units:
        return Document(f"excerpt {number}", "", (), document.site, "excerpt", True)
    first = last = int(random.integers(len(units)))
    while (
        last + 1 < len(units)
        and last < first + 2
        and units[last + 1][2] == units[first][2]
        and not document.text[units[last][1] : units[last + 1][0]].strip()
    ):
        last += 1
    start, end, label = units[first][0], units[last][1], units[first][2]
    text = document.text[start:end].strip()
    # Alone, a short line tells nobody what it was for.
    shortest = 12 if _HAN.search(text) else 40
    return Document(
        f"excerpt {number}", text, ((0, len(text), label),) if len(text) >= shortest else (), document.site, "excerpt", True
    )


def _tailed(document: Document, tails: Sequence[_Piece], random: np.random.Generator, number: int) -> Document:
    """A body, flattened or not, often interrupted, with a piece glued to its end and up to three lines under it."""
    page = _Page()
    content = sorted((start, end) for start, end, label in document.all_units if label == "content")
    number_of_last = random.integers(2, len(content))
    last = content[number_of_last]
    first = next((start for start, _ in content if start >= last[1] - _BODY), last[0])
    if random.random() < SHORT:
        first = content[number_of_last - random.integers(2)][0]
    if random.random() < 0.5:
        _head(page, document, random)
    chinese = is_chinese(document.text[first : last[1]])
    flat = random.random() < 0.5
    if random.random() < INTERRUPTED:
        run = [unit for unit in content[: number_of_last + 1] if unit[0] >= first]
        first = _interrupt(page, document, run, tails, chinese, flat, random)
    body, end = document.text[first : last[0]], document.text[last[0] : last[1]].rstrip()
    if flat:
        body, end = _BREAKS.sub(" ", body), _BREAKS.sub(" ", end)
    glue, drop = _GLUES[random.integers(len(_GLUES))]
    page.add(body)
    page.add(_STOP.sub("", end) if drop else end, "content")
    if random.random() < GLUED:
        page.add("" if chinese else glue)
        glued = _choose(tails, chinese, random)
        page.add(glued.text, glued.label)
    for _ in range(random.integers(4)):
        page.add("\n" if random.random() < 0.6 else "\n\n")
        piece = _choose(tails, chinese if random.random() < 0.6 else not chinese, random)
        page.add(piece.text, piece.label)
    return Document(f"tailed {number}", page.text, tuple(page.units), document.site, "tailed", True)


def _interrupt(
    page: _Page,
    document: Document,
    run: Sequence[tuple[int, int]],
    tails: Sequence[_Piece],
    chinese: bool,
    flat: bool,
    random: np.random.Generator,
) -> int:
    """The beginning of a body up to one of its units of content, a piece of boilerplate, and the next of these units.

    run: the units of content of the body, which keeps its last one; flat: whether its line breaks are taken out. Returns
    where the body goes on.
    """
    if len(run) < 2:
        return run[0][0]
    text = document.text
    at = int(random.integers(1, len(run)))
    begin, stop = run[at - 1]
    touch = not text[stop : run[at][0]].strip()
    before, end = (text[run[0][0] : begin], text[begin:stop]) if touch else ("", text[run[0][0] : run[at][0]])
    before, end = (_BREAKS.sub(" ", part) if flat else part for part in (before, end.rstrip()))
    glue, drop = _GLUES[random.integers(len(_GLUES))]
    if random.random() < (0.2 if flat else 0.7):
        glue, drop = "\n", False
    elif chinese:
        glue = ""
    page.add(before)
    page.add(_STOP.sub("", end) if drop else end, "content" if touch else None)
    page.add(glue)
    for _ in range(2 if random.random() < 0.25 else 1):
        piece = _choose(tails, chinese if random.random() < 0.7 else not chinese, random)
        page.add(piece.text, piece.label)
        page.add(glue if glue or chinese else " ")
    # What follows is labelled up to the third unit: that the article goes on is what is to be learnt.
    begin = run[at][0]
    for start, stop in run[at : at + 3]:
        if start == run[-1][0] or text[begin:start].strip():
            break
        between, found = (_BREAKS.sub(" ", part) if flat else part for part in (text[begin:start], text[start:stop]))
        page.add(between)
        page.add(found, "content")
        begin = stop
    return begin


def _head(page: _Page, document: Document, random: np.random.Generator) -> None:
    """The lines a feed puts over an article: the site's name, a time, and a heading of it as title."""
    name = re.split(r"[/_]", document.site)[-1].removeprefix("www.").split(".")[0].replace("-", " ")
    page.add(name.title() if random.random() < 0.7 else name, "navigation")
    page.add("\n")
    year, month, day, hour, minute = (int(random.integers(a, b)) for a, b in ((2015, 2027), (1, 13), (1, 29), (0, 24), (0, 60)))
    page.add(
        f"{year}-{month:02}-{day:02} {hour:02}:{minute:02}" + (f":{minute:02}" if random.random() < 0.5 else ""), "navigation"
    )
    page.add("\n\n" if random.random() < 0.7 else "\n")
    titles = [piece.text for piece in _pieces(document) if _is_title(piece)]
    if titles:
        page.add(titles[random.integers(len(titles))], "content")
        page.add("\n\n" if random.random() < 0.7 else "\n")


def _is_title(piece: _Piece) -> bool:
    return piece.label == "content" and len(piece.text) <= 100 and piece.text[-1].isalnum()


def _choose(tails: Sequence[_Piece], chinese: bool, random: np.random.Generator) -> _Piece:
    """A piece of the wanted language; promo and legal as often as navigation, which is far commoner."""
    wanted = ("promo", "promo", "legal", "navigation")[random.integers(4)]
    fit = [piece for piece in tails if piece.label == wanted and piece.chinese == chinese]
    fit = fit or [piece for piece in tails if piece.label == wanted] or list(tails)
    return fit[random.integers(len(fit))]
