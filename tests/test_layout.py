from itertools import pairwise

import numpy as np
import pytest

from classifier.layout import BRIEF, MENU, layout, pages
from classifier.schema import LANGUAGES, PROSE, Layout

SHORT, LONG = 9, 200


def of_lines(lines, language=0):
    """The layout of a document with one segment a line."""
    return layout(np.array(lines), np.full(len(lines), language), np.arange(len(lines)))


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        ([LONG, *[SHORT] * MENU, *[LONG] * BRIEF], Layout.PAGE),
        ([*[SHORT] * (BRIEF + 1)], Layout.PAGE),
        ([LONG, *[SHORT] * (MENU - 1), *[LONG] * BRIEF], Layout.ARTICLE),
        ([LONG] * (BRIEF + 1), Layout.ARTICLE),
        ([LONG] * BRIEF, Layout.BRIEF),
        ([SHORT] * 2, Layout.BRIEF),
        ([*[SHORT] * (MENU - 1), LONG] * 3, Layout.ARTICLE),
        ([LONG] * 2 * MENU, Layout.ARTICLE),
    ],
)
def test_a_document_is_a_page_where_so_many_lines_in_a_row_are_short(lines, found):
    assert of_lines(lines) is found


@pytest.mark.parametrize("language", range(len(LANGUAGES)))
def test_a_line_half_as_long_as_prose_of_its_language_ends_a_menu(language):
    limit = PROSE[LANGUAGES[language]] // 2
    short, long = [limit - 1] * (MENU - 1), [limit]
    assert of_lines(long * BRIEF + short + [limit - 1], language) is Layout.PAGE
    assert of_lines(long * BRIEF + short + long + short, language) is Layout.ARTICLE


def test_short_sentences_of_one_line_are_an_article():
    assert layout(np.full(50, SHORT), np.zeros(50, int), np.zeros(50, int)) is Layout.ARTICLE


@pytest.mark.parametrize("size", [20, 300])
@pytest.mark.parametrize("language", range(len(LANGUAGES)))
def test_one_segment_alone_is_a_passage_of_any_length(size, language):
    assert of_lines([size], language) is Layout.PASSAGE


def test_a_document_is_set_in_a_batch_as_it_is_alone():
    random = np.random.default_rng(0)
    counts = random.integers(0, 30, 300)
    documents = np.cumsum([0, *counts])
    total = documents[-1]
    sizes, languages = random.choice([SHORT, LONG], total, p=[0.9, 0.1]), random.integers(0, 3, total)
    paragraphs = np.cumsum(random.integers(0, 2, total))  # which may go on from a document's last to the next one's first
    parts = [slice(*pair) for pair in pairwise(documents)]
    alone = [layout(sizes[part], languages[part], paragraphs[part]) is Layout.PAGE for part in parts]
    assert (pages(sizes, languages, paragraphs, documents) & (counts > BRIEF)).tolist() == alone
    assert 20 < sum(alone) < 280
