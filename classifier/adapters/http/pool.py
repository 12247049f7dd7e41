"""The processes behind the HTTP service, and how they are asked.

Each has a thread that waits for it and a pipe of its own, so that one that dies, or takes too long
and is killed, costs one request and nothing else. They are spawned: to fork beside threads is not safe.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from queue import SimpleQueue

from classifier.adapters.http.answers import Answer, Work, answer, failed
from classifier.schema import Policy
from classifier.setup import Setup


@dataclass(frozen=True, eq=False, slots=True)
class _Worker:
    process: BaseProcess
    pipe: Connection


@dataclass(frozen=True, eq=False, slots=True)
class Pool:
    """Processes that label, all by one setup. seconds: how long one may take over a body before it is killed."""

    setup: Setup
    seconds: float
    threads: ThreadPoolExecutor
    idle: SimpleQueue[_Worker | None] = field(default_factory=SimpleQueue)
    live: set[_Worker] = field(default_factory=set)
    closed: threading.Event = field(default_factory=threading.Event)


def start(setup: Setup, workers: int, seconds: float) -> Pool:
    """Begins to start processes, which takes them a second; `Pool.live` holds those that have loaded the model."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # a worker is a core's worth of work
    pool = Pool(setup, seconds, ThreadPoolExecutor(workers))
    for _ in range(workers):
        pool.idle.put(None)
        pool.threads.submit(ask, pool, Work("clean", "text", Policy(), b""))
    return pool


def close(pool: Pool) -> None:
    """Ends the processes, whatever they are at."""
    pool.closed.set()
    pool.threads.shutdown(wait=False, cancel_futures=True)
    for worker in tuple(pool.live):
        worker.process.kill()


def ask(pool: Pool, work: Work) -> Answer:
    """Has a process do a piece of work; called in a thread of the pool.

    A process that dies is replaced, and the work done once more. Status 504: it was killed because
    it took too long; 500: two died of it, or none could start; the pool itself goes on.
    """
    worker = pool.idle.get()
    try:
        for _ in range(2):
            with suppress(EOFError, OSError):  # it died
                worker = worker or _hire(pool)
                worker.pipe.send(work)
                if not worker.pipe.poll(pool.seconds):
                    _dismiss(pool, worker)
                    worker = None
                    return failed(504, f"labelling took more than {pool.seconds:g} seconds")
                done: Answer = worker.pipe.recv()
                return done
            _dismiss(pool, worker)
            worker = None
        return failed(500, "a process died of it twice: out of memory?")
    finally:
        pool.idle.put(worker)


def _hire(pool: Pool) -> _Worker:
    """A process that has loaded the model. Raises EOFError when it dies of that, or the pool is closed."""
    if pool.closed.is_set():
        raise EOFError
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_work, args=(theirs, pool.setup), daemon=True)
    process.start()
    theirs.close()
    worker = _Worker(process, ours)
    ours.recv()
    pool.live.add(worker)
    return worker


def _dismiss(pool: Pool, worker: _Worker | None) -> None:
    if worker:
        pool.live.discard(worker)
        worker.process.kill()
        worker.process.join()
        worker.pipe.close()


def _work(pipe: Connection, setup: Setup) -> None:
    """The life of a process: work in, answers out, until the pipe closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal sends it to all; the service decides
    classifier = setup.load()
    with suppress(EOFError, OSError):
        pipe.send("ready")
        while True:
            work = pipe.recv()
            try:
                done = answer(classifier, work)
            except Exception as error:  # whatever it is, it costs one request and not the process
                done = failed(500, f"labelling failed: {type(error).__name__}: {error}")
            pipe.send(done)
