"""Shared by all tests: the shipped model, loaded once, and the sample document."""

from pathlib import Path

import pytest

from classifier import Classifier

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="session")
def clf() -> Classifier:
    return Classifier.load()


@pytest.fixture(scope="session")
def flattened() -> str:
    return (ROOT / "tests" / "examples" / "flattened.txt").read_text("utf-8")
