"""langdetect's n-gram profiles, scored as an exact naive-Bayes posterior; and its own detector.

Its detector samples n-grams at random and is wrong on short text; its profiles are good. They
are read as data files, sorted, once, under a lock: no result depends on who asked first. This
is the only module that touches langdetect.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import math
import re
import threading
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from classifier.schema import InputError

LATIN_LANGUAGES = "ca cs da de en es fi fr hr hu id it nl no pl pt ro sv tl tr vi".split()
# The frequency of an n-gram that a profile does not list, about that of its rarest ones. 1e-6
# to 2e-5 give the same.
UNSEEN = 5e-6
# Overlapping n-grams repeat each other's evidence; half of it is nearer the truth.
# With `python -m training.languages`, exact of 173 and of 520 texts: 0.3 (172, 510), 0.5 (173,
# 515), 0.7 (172, 514), 1.0 (172, 513).
WEIGHT = 0.5
# Capitals up to this length are tickers and acronyms, the same in every language.
# 0 and 3 (172, 514), 7 the same.
ACRONYM = 5
# langdetect draws n-grams at random; with a seed of our own each call draws the same.
SEED = 0
# As much of a text as langdetect itself reads.
LONGEST = 10_000

_WORD = re.compile(r"[^\W\d_]+")
_ADDRESS = re.compile(r"(?:https?://|www\.)\S+")
_lock = threading.Lock()


class Profiles(NamedTuple):
    """The row of each n-gram, and the logarithm of its frequency: n-grams x LATIN_LANGUAGES."""

    rows: dict[str, int]
    log_frequency: NDArray[np.float64]


_profiles: Profiles | None = None
_factory: Any = None


def _folder() -> Path:
    spec = importlib.util.find_spec("langdetect")
    if spec is None or not spec.submodule_search_locations:
        raise InputError("langdetect is not installed: its language profiles are needed; pip install langdetect")
    return Path(next(iter(spec.submodule_search_locations))) / "profiles"


def _load_profiles() -> Profiles:
    global _profiles
    with _lock:
        if _profiles is None:
            folder = _folder()
            index: dict[str, int] = {}
            cells: list[tuple[int, int, float]] = []
            for column, name in enumerate(LATIN_LANGUAGES):
                profile = json.loads((folder / name).read_text("utf-8"))
                for gram, frequency in sorted(profile["freq"].items()):
                    row = index.setdefault(gram, len(index))
                    cells.append((row, column, frequency / profile["n_words"][len(gram) - 1]))
            matrix = np.zeros((len(index), len(LATIN_LANGUAGES)))
            rows, columns, values = zip(*cells, strict=True)
            matrix[rows, columns] = values
            _profiles = Profiles(index, np.log(matrix + UNSEEN))
    return _profiles


@lru_cache(maxsize=65_536)
def english_probability(text: str, prior: float) -> float:
    """The posterior probability that Latin text is English.

    text: Latin text; prior: that probability before it is read, from its page. Text without
    words gives the prior back. Raises InputError when langdetect's profiles are not there.
    """
    profiles = _profiles or _load_profiles()
    words = _WORD.findall(_ADDRESS.sub(" ", text))
    plain = [word for word in words if word.islower()]
    rows = []
    # Names say nothing of the language around them.
    for word in plain if len(plain) >= 2 else words:
        if len(word) <= ACRONYM and word.isupper():
            continue
        padded = f" {word.lower() if word.isupper() else word} "
        for size in (1, 2, 3):
            for at in range(len(padded) - size + 1):
                gram = padded[at : at + size]
                if gram != " " and (row := profiles.rows.get(gram)) is not None:
                    rows.append(row)
    english = LATIN_LANGUAGES.index("en")
    log_prior = np.full(len(LATIN_LANGUAGES), math.log((1 - prior) / (len(LATIN_LANGUAGES) - 1)))
    log_prior[english] = math.log(prior)
    score = log_prior + WEIGHT * profiles.log_frequency[rows].sum(0)
    score = np.exp(score - score.max())
    return float(score[english] / score.sum())


def lookups() -> int:
    """How many texts were scored against the profiles in this process; repeats come from a cache."""
    return english_probability.cache_info().misses


def detect(text: str) -> str | None:
    """What langdetect's own detector says of a text, such as "en" or "zh-cn"; None where it finds no features.

    It draws at random from a private factory with a seed of its own, set anew for each call:
    the answer depends on the text alone, not on threads, order or what other code does to
    langdetect. Raises InputError when langdetect is not installed.
    """
    factory = _factory or _load_factory()
    detector = factory.create()
    try:
        detector.append(text[:LONGEST])
        answer = detector.detect()
    except factory.no_features:
        return None
    return None if answer == detector.UNKNOWN_LANG else str(answer)


def _load_factory() -> Any:
    """A detector factory of our own; langdetect is imported here and nowhere else."""
    global _factory
    with _lock:
        if _factory is None:
            folder = _folder()
            module = importlib.import_module("langdetect.detector_factory")
            factory = module.DetectorFactory()
            factory.load_json_profile(
                [path.read_text("utf-8") for path in sorted(folder.iterdir()) if not path.name.startswith((".", "_"))]
            )
            factory.seed = SEED
            factory.no_features = module.LangDetectException
            _factory = factory
    return _factory
