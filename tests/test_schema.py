import pickle

import pytest

from classifier import Label, Policy
from classifier.schema import ClassifierError, PolicyError


def test_policy_always_keeps_content():
    assert Label.CONTENT in Policy(keep={"legal"}).keep


@pytest.mark.parametrize(
    "wrong",
    [
        {"preset": "reckless"},
        {"keep": {"Ad verts"}},
        {"keep": "legal"},
        {"thresholds": {"promo": -0.1}},
        {"thresholds": {"promo": float("nan")}},
        {"thresholds": {"promo": "high"}},
        {"thresholds": {"2nd": 0.5}},
    ],
)
def test_wrong_policies_are_refused_with_what_to_use(wrong):
    with pytest.raises(PolicyError, match=r"use|pass"):
        Policy(**wrong)


def test_policy_errors_are_errors_of_this_package_and_value_errors():
    assert issubclass(PolicyError, ClassifierError)
    assert issubclass(PolicyError, ValueError)


def test_policies_travel_between_processes():
    policy = Policy("careful", frozenset({"legal"}), {"promo": 0.9})
    assert pickle.loads(pickle.dumps(policy)) == policy
