import numpy as np
import pytest

from training import asking
from training.data import Document

TEXT = "The council approved the budget on Tuesday night after talks.\n版权所有，未经授权不得转载。\n"


def document(*units):
    return Document("a", TEXT, units, "a.example", "", True)


def test_only_annotated_segments_count():
    terms, wrong = asking.measured([document((0, 61, "content")), document()])
    assert terms.shape == (1, 3)
    assert wrong.tolist() == [False]


@pytest.mark.parametrize(("label", "wrong"), [("legal", False), ("promo", True)])
def test_what_the_model_has_wrong_is_told_by_the_annotation(label, wrong):
    assert set(asking.measured([document((62, 76, label))])[1].tolist()) == {wrong}


def test_no_document_is_no_segment():
    terms, wrong = asking.measured([])
    assert (terms.shape, wrong.dtype) == ((0, 3), np.dtype(bool))
