from itertools import pairwise

import numpy as np
import pytest

from training import augment, data

BODY = "The port authority said that ships wait for a berth{}. Two lanes stay open{}. Tugs are short{}. Ice is thin{}."
ZH_BODY = "港口方面周一表示船只正在等待泊位{}。两条航道保持开放{}。拖船不够用{}。冰层变薄{}。"


def document(number, body):
    text = body.format(*[f" {number}"] * 4)
    marks = [i + 1 for i, char in enumerate(text) if char in ".。"]
    units = [(start, end, "content") for start, end in zip([0, *marks], marks, strict=False)]
    text += "\nSubscribe to our daily letter today!\n版权所有，未经授权不得转载。"
    lines = text.split("\n")
    at = len(lines[0]) + 1
    units += [(at, at + len(lines[1]), "promo"), (at + len(lines[1]) + 1, len(text), "legal")]
    return data.Document(str(number), text, tuple(units), f"site{number}.example", "s", True)


DOCUMENTS = [document(n, (BODY, ZH_BODY)[n % 2]) for n in range(40)]
FOLDS = np.arange(40) % 4


@pytest.fixture(scope="module")
def made():
    return augment.rearrange(DOCUMENTS, FOLDS, 0)


def test_units_lie_inside_their_documents_in_order(made):
    for found in made[0]:
        flat = [place for start, end, _ in found.units for place in (start, end)]
        assert flat == sorted(flat)
        assert 0 <= flat[0] < flat[-1] <= len(found.text)


def test_a_document_holds_text_of_its_own_fold_only(made):
    for found, fold in zip(*made, strict=True):
        theirs = [DOCUMENTS[n].text for n in range(40) if FOLDS[n] == fold]
        for start, end, label in found.units:
            piece = found.text[start:end].rstrip(".。")
            assert label == "navigation" or any(piece in text for text in theirs)


def test_a_tail_is_glued_to_content_and_labelled(made):
    tailed = [found for found in made[0] if found.suite == "tailed"]
    assert tailed
    glued = [found for found in tailed if found.text[found.units[-1][0] - 1] != "\n" and found.units[-1][2] != "content"]
    assert len(glued) > len(tailed) / 10


def test_an_article_goes_on_behind_boilerplate_in_its_middle(made):
    bodies = [[label for *_, label in found.units if label != "navigation"] for found in made[0] if found.suite == "tailed"]
    interrupted = [labels for labels in bodies if any(a != "content" and b == "content" for a, b in pairwise(labels))]
    assert len(interrupted) > len(bodies) / 5


def test_what_is_taken_from_a_body_is_neither_lost_nor_said_twice(made):
    for found in made[0]:
        if found.suite == "tailed":
            for sentence in ("said that ships wait", "Two lanes stay open", "船只正在等待", "两条航道保持开放"):
                assert found.text.count(sentence) <= 1


def test_the_same_seed_makes_the_same_documents(made):
    again, _ = augment.rearrange(DOCUMENTS, FOLDS, 0)
    assert again == made[0]
    assert augment.rearrange(DOCUMENTS, FOLDS, 1)[0] != made[0]


def test_documents_without_units_make_none():
    assert augment.rearrange([data.Document("1", "Text", (), "s", "s", True)], np.zeros(1, int), 0)[0] == []
