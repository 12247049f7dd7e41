"""Shared by all tests: the shipped model, loaded once, and the sample document."""

import os
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import settings

from classifier import Classifier, gather

# How long an example takes says how busy the machine is.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

ROOT = Path(__file__).parent.parent

# Runs and journals wait for the disk at every file. Where memory can stand in for it, the tests take half the time.
MEMORY = Path("/dev/shm")
if MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > 4 << 30 and not os.statvfs(MEMORY).f_flag & os.ST_NOEXEC:
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))


@pytest.fixture(scope="session")
def clf() -> Classifier:
    return Classifier.load()


@pytest.fixture(scope="session")
def flattened() -> str:
    return (ROOT / "tests" / "examples" / "flattened.txt").read_text("utf-8")


@pytest.fixture(scope="session")
def tide(clf, tmp_path_factory):
    """What is known of the site tide.example, for whatever labels by it.

    files: of rules and of profiles; documents: (text, site), each the same article with another last line; decided: by
    what that line is decided: a rule, the site, and, for the same text from elsewhere, the model.
    """
    article = (
        "The harbour reopened on Monday after four days of repairs, the bridge office said in a statement, and ships came in.\n"
        "Residents near the quay had waited since spring, and the market will follow in autumn, officials said on Tuesday.\n"
    )
    lines = ["Tide tables", "More about the quay", "Walks from the pier start at nine", "Pier cafe, open until nine"]
    # One that the model holds for boilerplate, but not surely enough to remove it.
    unsure = next(line for line in lines if 0.7 < 1 - clf.label(article + line).probabilities[-1][0] / 10_000 < 0.8)
    folder = tmp_path_factory.mktemp("tide")
    (folder / "rules.toml").write_text('[[rule]]\nphrase = "Gulls circle"\nlabel = "promo"\nsite = "tide.example"\n')
    alike = clf.label_many([f"{number} ships. {article}{unsure}" for number in range(4)])
    gather.observe(alike, ["tide.example"] * len(alike)).profiles().write(folder / "sites.json")
    texts = f"{article}Gulls circle over the quay.", article + unsure, article + unsure
    return SimpleNamespace(
        files={"rules": str(folder / "rules.toml"), "profiles": str(folder / "sites.json")},
        documents=list(zip(texts, ["https://www.tide.example/1", "tide.example", None], strict=True)),
        decided=["rule", "site", "model"],
    )


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
