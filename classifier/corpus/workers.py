"""Work shared out to processes, its results in the order of the work."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice
from typing import TYPE_CHECKING, TypeVar

from classifier.schema import WorkerLost

if TYPE_CHECKING:
    from concurrent.futures import Future

Work = TypeVar("Work")
Done = TypeVar("Done")

# Pieces of work that a worker has in hand: the one it does, and the next.
_IN_HAND = 2


def cores() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def run(work: Iterable[Work], do: Callable[[Work], Done], workers: int, start: Callable[[], None]) -> Iterator[Done]:
    """Does each piece of work, in several processes where there are several pieces.

    work: pieces, read as they are needed, at most two a worker ahead; do: makes a result of one;
    start: called first in each process but this. Both, the pieces and the results are pickled.
    Yields results in the order of the work. Raises WorkerLost when a process dies.
    """
    pieces = iter(work)
    first = list(islice(pieces, 2))
    if workers < 2 or len(first) < 2:
        yield from map(do, chain(first, pieces))
        return
    # A small input does without them, and they take a tenth of the start.
    from concurrent.futures import ProcessPoolExecutor
    from concurrent.futures.process import BrokenProcessPool

    waiting: deque[Future[Done]] = deque()
    pool = ProcessPoolExecutor(workers, initializer=start)
    try:
        for piece in chain(first, pieces):
            waiting.append(pool.submit(do, piece))
            if len(waiting) >= _IN_HAND * workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    except BrokenProcessPool:
        raise WorkerLost(
            "a worker process died, killed or out of memory; what was written before is whole. "
            "Use fewer --workers, or one to see which document does it"
        ) from None
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
