"""Shared by all tests: the shipped model, loaded once, and the sample document."""

import os
import shutil
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


@pytest.fixture(scope="session")
def browser():
    """The machine's own Chromium: on PATH, or named in CHROMIUM."""
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    names = ("chromium", "chromium-browser", "google-chrome")
    found = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, names)), None)
    if not found:
        pytest.skip("no Chromium: put it on PATH, or name it in CHROMIUM")
    with api.sync_playwright() as started:
        running = started.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield running
        running.close()
