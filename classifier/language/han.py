"""Simplified against Traditional Chinese, from a table of characters.

The table is `han_variants.txt`, built by `training/han_variants.py` and read once, when this
module is first used. It holds maps of one code point to one other, so that folding a text
with it never moves an offset.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

FILE = Path(__file__).with_name("han_variants.txt")
HANS, HANT = "Hans", "Hant"


@lru_cache(maxsize=1)
def _lines() -> tuple[str, str, str]:
    _, traditional, simplified, only = FILE.read_text("utf-8").split("\n")[:4]
    return traditional, simplified, only


@lru_cache(maxsize=1)
def traditional_to_simplified() -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
    """The code points of Traditional characters, ascending, and the one that each is in Simplified.

    Fold with `table[traditional] = simplified` over a table of code points, or with
    `str.translate(dict(zip(…)))`. No result is itself Traditional: folding twice changes
    nothing.
    """
    traditional, simplified, _ = (np.frombuffer(line.encode("utf-32-le"), np.uint32) for line in _lines())
    return traditional, simplified


@lru_cache(maxsize=1)
def _marks() -> NDArray[np.uint8]:
    """1 for a character that only Simplified text writes, 2 for one of Traditional text only."""
    table = np.zeros(0x10000, np.uint8)
    traditional, _ = traditional_to_simplified()
    table[traditional[traditional < table.size]] = 2
    only = np.frombuffer(_lines()[2].encode("utf-32-le"), np.uint32)
    table[only[only < table.size]] = 1
    return table


def script(text: str) -> str | None:
    """The script of Chinese text: "Hans", "Hant", or None where no character decides or they balance."""
    points = np.frombuffer(text.encode("utf-16-le", "surrogatepass"), np.uint16)
    marks = _marks()[points]
    simplified, traditional = int(np.count_nonzero(marks == 1)), int(np.count_nonzero(marks == 2))
    if simplified == traditional:
        return None
    return HANS if simplified > traditional else HANT
