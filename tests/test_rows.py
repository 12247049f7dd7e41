from types import SimpleNamespace

import numpy as np
import pytest

from classifier import InputError, context, features, segment
from classifier.evidence import evidence
from classifier.layout import BRIEF
from classifier.model import local_logits, tables_of_rows
from classifier.schema import LABELS
from training import data, fit, rows, stages

TEXTS = {
    "The port authority said that “ships wait” for a berth. Buy now!\nHome | News": [(0, 54, "content"), (55, 63, "promo")],
    "港口方面周一表示，船只正在等待泊位。\n扫码关注我们": [(0, 18, "content"), (19, 25, "promo")],
    "© 2026 Harbour Ledger": [(0, 21, "legal")],
}


@pytest.fixture(scope="module")
def made():
    documents = [data.Document(text[:9], text, tuple(units), text[:9], "toy", True) for text, units in TEXTS.items()]
    folds = np.arange(3)
    grams = rows.read_grams(documents, folds)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fit, "_MOST_STEPS", 5)
        heads = dict.fromkeys(range(stages.FOLDS), fit.fit_heads(grams, np.ones(len(grams.label), bool), fit.Settings()))
    return (
        documents,
        heads,
        grams,
        rows.read_contexts(heads, documents, folds, np.array([rows.ANNOTATED, rows.ANNOTATED, rows.OWN])),
    )


def equal(one, other):
    for name in one.__dataclass_fields__:
        a, b = getattr(one, name), getattr(other, name)
        assert (a != b).nnz == 0 if name == "counts" else np.array_equal(a, b), name


def test_rows_come_back_from_their_file_as_they_were_but_for_the_order_of_those_with_grams(made, tmp_path):
    _, _, grams, contexts = made
    rows.save(tmp_path / "rows.xz", grams, contexts, {"documents": 3})
    again_grams, again_contexts, about = rows.load(tmp_path / "rows.xz")
    order = np.lexsort((grams.total, grams.label, grams.language))
    equal(again_grams, rows.Grams(*(getattr(grams, name)[order] for name in grams.__dataclass_fields__)))
    equal(again_contexts, contexts)
    assert about == {"documents": 3}
    assert b"Harbour" not in (tmp_path / "rows.xz").read_bytes()


def test_inputs_from_rows_are_those_of_the_text(made):
    documents, _, _, contexts = made
    texts = [document.text for document in documents]
    cuts = [segment.cut(text) for text in texts]
    read = features.rows(texts, cuts)
    found = evidence(read, features.buckets(read.grams, read.bounds))
    assert np.array_equal(contexts.inputs(), context.context_inputs(read, contexts.scores, found))


def test_joined_rows_are_one_after_the_other(made):
    _, _, grams, contexts = made
    twice, more = rows.join(grams, grams), rows.join(contexts, contexts)
    assert twice.label.tolist() == grams.label.tolist() * 2
    assert more.documents.tolist() == [*contexts.documents, *(contexts.documents[1:] + contexts.documents[-1])]
    assert np.array_equal(more.inputs(), np.concatenate([contexts.inputs()] * 2))


def test_only_labelled_segments_have_grams_and_every_segment_has_a_context(made):
    _, _, grams, contexts = made
    assert (grams.label >= 0).all()
    assert len(grams.label) == (contexts.label >= 0).sum() < len(contexts.label)
    assert contexts.measured.tolist() == [True, True, False, True, True, False]
    assert contexts.origin.tolist() == [rows.ANNOTATED] * (len(contexts.label) - 1) + [rows.OWN]


def test_the_rows_of_a_page_and_of_an_article_are_told_apart_and_ours_are_of_both():
    page, article = (
        "Home\nNews\n" * 5,
        "Ships wait for a berth in the outer harbour while the ice drifts, said the pilots. " * 3,
    )
    units = {page: [(0, 4, "navigation"), (5, 9, "navigation")], article: [(0, len(article), "content")]}
    documents = [data.Document(text[:4], text, tuple(known), "site", "toy", True) for text, known in units.items()]
    read = rows.read_grams(documents, np.zeros(2, np.int64))
    assert read.setting.tolist() == [rows.PAGE] * 2 + [rows.ARTICLE] * (len(read.label) - 2)
    assert (rows.read_grams(documents, np.zeros(2, np.int64), own=True).setting == rows.BOTH).all()


def test_a_word_that_pages_and_articles_mean_otherwise_has_a_table_for_each(monkeypatch):
    monkeypatch.setattr(fit, "ENOUGH", 20)
    menu = "Home\nWeather\nSport\nTravel\n" * 3
    article = "Weather\nThe pilots said that ships wait for a berth while the ice drifts by the outer harbour.\n"
    in_menu = [(at, at + 7, "navigation") for at in (5, 31, 57)]
    in_article = [(0, 7, "content"), (8, len(article) - 1, "content")]
    both = "It is cold.\nRead more about it"  # so that every label stands in either
    documents = []
    for text, units in ((menu, in_menu), (article, in_article)):
        added = [(len(text), len(text) + 11, "content"), (len(text) + 12, len(text) + 30, "navigation")]
        documents.append(data.Document("", text + both, (*units, *added), "site", "toy", True))
    documents *= 20
    grams = rows.read_grams(documents, np.zeros(len(documents), np.int64))
    head = fit.fit_heads(grams, np.ones(len(grams.label), bool), fit.Settings())
    read = features.rows([menu, article], [segment.cut(menu), segment.cut(article)])
    said = local_logits(head, read, features.buckets(read.grams, read.bounds), tables_of_rows(head, read)).argmax(1)
    assert [LABELS[label].value for label in said[[1, 12]]] == ["navigation", "content"]


@pytest.mark.parametrize("content", [b"", b"no archive", None])
def test_a_file_that_holds_no_rows_is_refused(tmp_path, content):
    if content is not None:
        (tmp_path / "rows.xz").write_bytes(content)
    with pytest.raises(InputError, match="cannot read feature rows"):
        rows.load(tmp_path / "rows.xz")


def test_segments_of_short_rearranged_documents_weigh_more_than_of_long_ones():
    settings = fit.Settings()
    sizes = [2, BRIEF + 1, 2, 1]
    origin = np.repeat([rows.REARRANGED, rows.REARRANGED, rows.ANNOTATED, rows.OWN], sizes)
    found = stages.weights(SimpleNamespace(documents=np.cumsum([0, *sizes]), origin=origin), settings)
    each = [settings.rearranged * settings.short, settings.rearranged, 1.0, settings.own]
    assert found.tolist() == np.repeat(each, sizes).tolist()
