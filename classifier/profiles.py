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

class _Profiles(NamedTuple):
    rows: dict[str, int]
    log_probability: NDArray[np.float64]  # n-gram x language; the last row is for unseen n-grams


_profiles: _Profiles | None = None
_lock = threading.Lock()
_UNSEEN = 5e-6
_WORD = re.compile(r"[^\W\d_]+")
# Capitals up to this length are tickers and acronyms, the same in every language.
ACRONYM = 5


def _load_profiles() -> _Profiles:
    global _profiles
    with _lock:
        if _profiles is None:
            spec = importlib.util.find_spec("langdetect")
            if spec is None or not spec.submodule_search_locations:
                raise InputError("langdetect is not installed: its language profiles are needed; pip install langdetect")
            folder = Path(next(iter(spec.submodule_search_locations))) / "profiles"
            index: dict[str, int] = {}
            cells: list[tuple[int, int, float]] = []
            for column, name in enumerate(LATIN_LANGUAGES):
                profile = json.loads((folder / name).read_text("utf-8"))
                for gram, frequency in profile["freq"].items():
                    row = index.setdefault(gram, len(index))
                    cells.append((row, column, frequency / profile["n_words"][len(gram) - 1]))
            matrix = np.zeros((len(index) + 1, len(LATIN_LANGUAGES)))
            rows, columns, values = zip(*cells, strict=True)
            matrix[rows, columns] = values
            _profiles = _Profiles(index, np.log(matrix + _UNSEEN))
    return _profiles


@lru_cache(maxsize=65_536)
def english_probability(text: str, prior: float) -> float:
    """The posterior probability that Latin text is English, given the prior of its page."""
    profiles = _profiles or _load_profiles()
    rows = []
    for word in _WORD.findall(text):
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
    # Overlapping n-grams repeat each other's evidence; half of it is nearer the truth.
    score = log_prior + 0.5 * profiles.log_probability[rows].sum(0)
    score = np.exp(score - score.max())
    return float(score[english] / score.sum())


