"""How documents are set: pages, with a menu among their lines, articles, briefs of a few segments, or passages of one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from classifier.schema import LANGUAGES, PROSE, Layout

# So many lines in a row, each shorter than half of what prose has at least, are a menu, or another list of links. Of
# annotated documents, it calls 97 % of English pages a page and 0.2 % of articles, in Chinese 93 and 23 %; the share of the
# text in short lines tells Chinese ones apart less well (area under the curve 0.73 in place of 0.92; "What was tried" in
# training/README.md), and lines of nearly 80 characters are text that was broken at 80 columns.
MENU = 5
# Segments of a brief, at most. Of short rearranged documents `balanced` took 2.5 to 4.3 % of the content in English and 5.6
# to 8.3 % in Chinese, out of fold, when they were decided as articles ("What was tried").
BRIEF = 8
_SHORT = np.array([PROSE[language] // 2 for language in LANGUAGES])


def pages(
    sizes: NDArray[np.int64], languages: NDArray[np.int64], paragraphs: NDArray[np.int64], documents: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Whether each document is a page: MENU lines in a row are short.

    sizes: characters of the segments of a batch; languages: of each, as an index into LANGUAGES; paragraphs: the number of
    its line; documents: where each document's segments start, one more than documents.
    """
    found = np.zeros(documents.size - 1, np.bool_)
    if not sizes.size:
        return found
    opens = np.diff(paragraphs, prepend=paragraphs[0] - 1) != 0
    opens[documents[:-1][np.diff(documents) > 0]] = True
    starts = np.flatnonzero(opens)
    owner = np.searchsorted(documents, starts, side="right") - 1
    long = np.add.reduceat(sizes, starts) >= _SHORT[languages[starts]]
    line = np.arange(starts.size)
    # A run begins behind the last long line, or with its document.
    begins = np.maximum.accumulate(np.where(long, line + 1, np.searchsorted(starts, documents[:-1])[owner]))
    found[owner[line + 1 - begins >= MENU]] = True
    return found


def layout(sizes: NDArray[np.int64], languages: NDArray[np.int64], paragraphs: NDArray[np.int64]) -> Layout:
    """How one document is set; see `pages`."""
    if len(sizes) == 1:
        return Layout.PASSAGE
    if 1 < len(sizes) <= BRIEF:
        return Layout.BRIEF
    (page,) = pages(sizes, languages, paragraphs, np.array([0, len(sizes)]))
    return Layout.PAGE if page else Layout.ARTICLE
