"""The compiled kernels: the same as NumPy's, put in place when they pay, never at any other price."""

import logging
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from documents import checksum, documents
from hypothesis import example, given, settings
from hypothesis import strategies as st

from classifier import accelerate, kernels

compiled = pytest.importorskip("classifier.compiled")


@pytest.fixture(autouse=True)
def numpy_again():
    yield
    kernels.use(kernels.plain())


@pytest.fixture
def unread(monkeypatch):
    monkeypatch.setattr(accelerate, "_read", 0)
    monkeypatch.setattr(accelerate, "PAYS", 100)


def in_use():
    return all(kernels._in_use[name] is own for name, own in compiled.KERNELS.items())


@given(st.lists(st.text(max_size=60), min_size=1, max_size=12))
@example(["you may, your", "「『你", "「", ""])
@example(["", ""])
@example(["a" * 5000, "a" * 5000])
@settings(max_examples=40)
def test_every_kernel_says_what_numpy_says_of_any_text(parts):
    compiled.verify(parts)


def test_documents_are_labelled_alike(clf):
    plain = checksum(clf.label_many(documents()))
    kernels.use(compiled.KERNELS)
    assert checksum(clf.label_many(documents())) == plain


def test_threads_that_share_them_label_alike(clf):
    texts = documents()[:40]
    plain = checksum(clf.label_many(texts))
    kernels.use(compiled.KERNELS)
    with ThreadPoolExecutor(8) as threads:
        assert checksum(threads.map(clf.label, texts)) == plain


@pytest.mark.usefixtures("unread")
def test_they_are_put_in_place_by_the_text_that_repays_them(clf):
    clf.label("x" * 99)
    assert not in_use()
    clf.label("x")
    assert in_use()


@pytest.mark.usefixtures("unread")
def test_where_numba_is_not_installed_numpy_goes_on(clf, monkeypatch, caplog):
    monkeypatch.setattr(accelerate, "find_spec", lambda _: None)
    clf.label("x" * 200)
    assert not in_use()
    assert not caplog.records


@pytest.mark.usefixtures("unread")
def test_where_they_cannot_start_a_warning_says_why_and_numpy_goes_on(clf, monkeypatch, caplog):
    def refuse():
        raise RuntimeError("no locator available")

    monkeypatch.setattr(compiled, "verify", refuse)
    with caplog.at_level(logging.WARNING):
        assert clf.label("Sign up. " * 20).spans
        clf.label("x" * 200)
    assert not in_use()
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "no locator available" in caplog.text
    assert "NUMBA_CACHE_DIR" in caplog.text


def test_one_that_differs_from_numpy_is_refused(monkeypatch, caplog):
    wrong = {**compiled.KERNELS, "digests": lambda _, bounds: np.zeros(bounds.size - 1, np.int64)}
    monkeypatch.setattr(compiled, "KERNELS", wrong)
    assert not accelerate.start()
    assert not in_use()
    assert "digests" in caplog.text


def test_numba_that_is_told_not_to_compile_is_not_used(monkeypatch):
    monkeypatch.setattr(compiled, "DISABLED", True)
    assert not accelerate.start()
    assert not in_use()


def test_a_name_that_is_no_kernel_is_refused():
    with pytest.raises(KeyError, match="sing"):
        kernels.use({"sing": lambda: None})
