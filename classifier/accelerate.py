"""Puts the compiled kernels in place once a process has read enough text to repay their start.

That is where numba is installed (`pip install boilerplate-classifier[fast]`); results are the same with it and without.
`NUMBA_DISABLE_JIT=1` in the environment keeps NumPy.
"""

from __future__ import annotations

import logging
from importlib.util import find_spec

from classifier import kernels

_LOG = logging.getLogger(__name__)
# Characters. Starting takes 0.7 to 0.9 s, from numba's cache, and saves 0.06 s a million characters from there on
# (`python -m training.benchmark DATA`): what is read before has cost as much as the start.
PAYS = 16_000_000

_read = 0


def read(characters: int) -> None:
    """Counts text that is about to be labelled; with the first beyond PAYS, the compiled kernels are put in place."""
    global _read
    before, _read = _read, _read + characters
    if before < PAYS <= _read and find_spec("numba"):
        start()


def start() -> bool:
    """Compiles the kernels, or reads them from numba's cache, and puts them in place; False, with a warning, where that fails.

    They are tried on some text first, and refused unless they say the same as NumPy.
    """
    try:
        from classifier import compiled

        if compiled.DISABLED:
            return False
        compiled.verify()
    except Exception as error:  # whatever a strange installation raises: NumPy does the same work
        _LOG.warning(
            "numba is installed but not used (%s: %s): NumPy labels alike, only slower. If its cache cannot be "
            "written, name a folder in NUMBA_CACHE_DIR",
            type(error).__name__,
            error,
        )
        return False
    kernels.use(compiled.KERNELS)
    return True
