"""Work shared out to processes that may die, its results in the order of the work.

Each process has a pipe of its own. concurrent.futures has one for the results of all, so that a
process that is killed while it writes leaves half a message in it, which is waited for for ever.
"""

from __future__ import annotations

import os
import signal
import sys
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from classifier.schema import RunStopped

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from multiprocessing.process import BaseProcess

Work = TypeVar("Work")
Done = TypeVar("Done")

# Pieces of work that are read and whose results are not yet asked for, for each worker.
_IN_FLIGHT = 2
# Processes that may die in a row before they have begun to work.
_FALSE_STARTS = 3


def cores() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass(frozen=True, slots=True)
class Task(Generic[Work, Done]):
    """What is done with a piece of work; pickled to the processes.

    start: called first in each process but this. do: makes a result of a piece. halve: a piece
    in two, or None when it cannot be split. give_up: the result of such a piece that `do`
    fails on, and why.
    """

    start: Callable[[], object]
    do: Callable[[Work], Done]
    halve: Callable[[Work], tuple[Work, Work] | None]
    give_up: Callable[[Work, str], Done]


@dataclass(eq=False, slots=True)
class _Slot(Generic[Work, Done]):
    """A piece, how many processes died of it, and its results, None until they are there."""

    piece: Work
    deaths: int = 0
    results: list[Done] | None = None


@dataclass(eq=False, slots=True)
class _Worker:
    process: BaseProcess
    pipe: Connection
    slot: _Slot[Any, Any] | None = None
    ready: bool = False


def run(work: Iterable[Work], task: Task[Work, Done], workers: int) -> Generator[Done, None, None]:
    """Does each piece of work, in several processes where there are several pieces.

    work: pieces, read as they are needed, no more than two a worker before their results are
    taken. Yields results in the order of the work: one a piece, or one for each part of a piece
    that could not be done whole. A piece whose process dies is done once more; when that one dies
    too, or `do` raises, it is halved until what does it stands alone, and given up.
    Raises RunStopped when processes die before they have begun.
    """
    pieces = iter(work)
    first = list(islice(pieces, 2))
    if workers < 2 or len(first) < 2:
        for piece in chain(first, pieces):
            yield from _attempt(task, piece)
    else:
        yield from _share(chain(first, pieces), task, workers)


def _attempt(task: Task[Work, Done], piece: Work) -> Iterator[Done]:
    try:
        result = task.do(piece)
    except Exception as error:  # whatever it is, it costs one record and not the run
        halves = task.halve(piece)
        if halves:
            for half in halves:
                yield from _attempt(task, half)
        else:
            yield task.give_up(piece, f"labelling it failed: {type(error).__name__}: {error}")
    else:
        yield result


def _share(pieces: Iterator[Work], task: Task[Work, Done], workers: int) -> Iterator[Done]:
    from multiprocessing.connection import wait  # takes longer to load than a short text to clean

    slots: deque[_Slot[Work, Done]] = deque()
    todo: deque[_Slot[Work, Done]] = deque()
    crew: dict[Connection, _Worker] = {}
    false_starts = 0
    try:
        while True:
            for piece in islice(pieces, max(0, _IN_FLIGHT * workers - len(slots))):
                slots.append(_Slot(piece))
                todo.append(slots[-1])
            if not slots:
                return
            _hand(crew, todo)
            while len(crew) < min(workers, len(todo) + sum(worker.slot is not None for worker in crew.values())):
                worker = _hire(task)
                crew[worker.pipe] = worker
            for pipe in cast("list[Connection]", wait(list(crew))):
                worker = crew[pipe]
                message = _message(pipe)
                if message is None:
                    del crew[pipe]
                    code = _bury(worker)
                    false_starts = 0 if worker.ready else false_starts + 1
                    if false_starts >= _FALSE_STARTS:
                        raise RunStopped(f"worker processes die at their start ({code}): use --workers 1 to see why")
                    if worker.slot:
                        _again(worker.slot, code, task, slots, todo)
                elif worker.slot:
                    worker.slot.results, worker.slot = message, None
                else:
                    worker.ready = True
            _hand(crew, todo)  # so that none waits while the results are used
            while slots and slots[0].results is not None:
                yield from slots.popleft().results or ()
    finally:
        for worker in crew.values():
            worker.process.kill()
            _bury(worker)


def _hire(task: Task[Work, Done]) -> _Worker:
    import multiprocessing

    # A forked process shares the loaded model; elsewhere than on Linux forking is not safe.
    context: Any = multiprocessing.get_context("fork" if sys.platform == "linux" else None)
    ours, theirs = context.Pipe()
    process = context.Process(target=_work, args=(theirs, ours, task), daemon=True)
    process.start()
    theirs.close()
    return _Worker(process, ours)


def _hand(crew: Mapping[Connection, _Worker], todo: deque[_Slot[Work, Done]]) -> None:
    """Gives work to those who have none."""
    for worker in crew.values():
        if todo and worker.ready and not worker.slot:
            try:
                worker.pipe.send(todo[0].piece)
            except OSError:  # it died while idle: its end of the pipe says so when it is read
                continue
            worker.slot = todo.popleft()


def _message(pipe: Connection) -> Any:
    """What a process sent; None when it died."""
    try:
        return pipe.recv()
    except (EOFError, OSError):
        return None


def _bury(worker: _Worker) -> str:
    worker.pipe.close()
    worker.process.join()
    code = worker.process.exitcode or 0
    return signal.Signals(-code).name if code < 0 else f"exit status {code}"


def _again(
    slot: _Slot[Work, Done],
    code: str,
    task: Task[Work, Done],
    slots: deque[_Slot[Work, Done]],
    todo: deque[_Slot[Work, Done]],
) -> None:
    """A process died at a slot: tries it once more, then its halves, then gives up."""
    slot.deaths += 1
    if slot.deaths < 2:
        todo.appendleft(slot)
    elif halves := task.halve(slot.piece):
        at = slots.index(slot)
        new = [_Slot[Work, Done](half, deaths=1) for half in halves]
        del slots[at]
        for place, half in enumerate(new):
            slots.insert(at + place, half)
        todo.extendleft(reversed(new))
    else:
        slot.results = [task.give_up(slot.piece, f"a process died of it twice ({code}): out of memory?")]


def _work(pipe: Connection, other_end: Connection, task: Task[Any, Any]) -> None:
    """The life of a process: pieces in, lists of results out, until the pipe closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal sends it to all; the first process decides
    other_end.close()
    task.start()
    try:
        pipe.send("ready")
        while True:
            pipe.send(list(_attempt(task, pipe.recv())))
    except (EOFError, OSError):
        return
