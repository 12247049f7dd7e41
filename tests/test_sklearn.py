"""A loaded model among scikit-learn's tools, on lists of strings."""

import warnings

import matplotlib
import numpy as np
import pytest
from sklearn.base import clone, is_classifier
from sklearn.calibration import CalibrationDisplay
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.validation import check_is_fitted

TEXTS = [
    "Ships wait for a berth, the port authority said on Monday.",
    "Subscribe to our newsletter today!",
    "版权所有，未经授权不得转载。",
    "首页 | 新闻 | 港口 | 联系我们",
] * 3
LABELS = ["content", "promo", "legal", "navigation"] * 3


@pytest.fixture(autouse=True)
def _strict():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def test_it_is_a_fitted_classifier(clf):
    assert is_classifier(clf)
    check_is_fitted(clf)


def test_a_clone_gives_the_same_probabilities(clf):
    assert np.array_equal(clone(clf).predict_proba(TEXTS), clf.predict_proba(TEXTS))
    assert clone(clf).get_params() == clf.get_params()


def test_it_ends_a_pipeline(clf):
    pipeline = make_pipeline(FunctionTransformer(lambda texts: [text.strip() for text in texts]), clf)
    assert list(pipeline.fit(TEXTS, LABELS).predict(TEXTS)) == list(clf.predict(TEXTS))
    assert list(pipeline.classes_) == list(clf.classes_)
    assert "classifier" in repr(pipeline)


@pytest.mark.parametrize("method", ["predict", "predict_proba"])
def test_validation_predicts_what_it_predicts_alone(clf, method):
    assert np.array_equal(cross_val_predict(clf, TEXTS, LABELS, cv=3, method=method), getattr(clf, method)(TEXTS))


def test_its_probabilities_can_be_drawn_against_what_happened(clf):
    matplotlib.use("Agg")
    column = list(clf.classes_).index("content")
    happened = np.array(LABELS) == "content"
    shown = CalibrationDisplay.from_predictions(happened, clf.predict_proba(TEXTS)[:, column], n_bins=2)
    assert len(shown.prob_true) == 2
