"""Shared by all tests: the shipped model, loaded once, and the sample document."""

from pathlib import Path

import pytest
from hypothesis import settings

from classifier import Classifier

# How long an example takes says how busy the machine is.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="session")
def clf() -> Classifier:
    return Classifier.load()


@pytest.fixture(scope="session")
def flattened() -> str:
    return (ROOT / "tests" / "examples" / "flattened.txt").read_text("utf-8")
