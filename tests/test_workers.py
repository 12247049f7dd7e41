import multiprocessing
import os
import signal
from functools import partial

import pytest

from classifier.corpus import workers
from classifier.corpus.workers import Task
from classifier.schema import RunStopped

# A piece is a list of numbers here; its result is (numbers, or why it was given up).


def halve(piece):
    middle = len(piece) // 2
    return (piece[:middle], piece[middle:]) if middle else None


def give_up(piece, why):
    return piece, why


def nothing():
    pass


def double(piece):
    return [2 * number for number in piece], None


def process(_):
    return os.getpid()


def kill_seven(piece):
    if 7 in piece:
        os.kill(os.getpid(), signal.SIGKILL)
    return piece, None


def raise_at_seven(piece):
    if 7 in piece:
        raise MemoryError("seven")
    return piece, None


def die_once(mark, piece):
    if 7 in piece and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return piece, None


def large(piece):
    return piece, "x" * 3_000_000


def task(do, start=nothing):
    return Task(start, do, halve, give_up)


def numbers(results):
    return [number for piece, _ in results for number in piece]


PIECES = [list(range(start, start + 5)) for start in range(0, 50, 5)]


@pytest.mark.parametrize("number", [1, 3])
def test_results_come_in_the_order_of_the_work(number):
    assert numbers(workers.run(PIECES, task(double), number)) == [2 * n for n in range(50)]


@pytest.mark.parametrize("work", [[], [[5]]])
def test_a_single_piece_of_work_starts_no_process(work):
    assert list(workers.run(work, task(process), 4)) == [os.getpid()] * len(work)


def test_several_pieces_are_done_elsewhere():
    assert os.getpid() not in set(workers.run(PIECES, task(process), 2))


def test_work_is_read_two_pieces_a_worker_ahead():
    read = []
    results = workers.run(([read.append(n) or n] for n in range(100)), task(double), 2)
    next(results)
    assert len(read) <= 4
    results.close()


@pytest.mark.parametrize(("do", "why"), [(kill_seven, "SIGKILL"), (raise_at_seven, "MemoryError: seven")])
def test_a_record_that_kills_its_worker_is_found_and_given_up_alone(do, why):
    results = list(workers.run(PIECES, task(do), 2))
    assert numbers(results) == list(range(50))
    given_up = [(piece, reason) for piece, reason in results if reason]
    assert [piece for piece, _ in given_up] == [[7]]
    assert why in given_up[0][1]


def test_a_record_that_fails_is_given_up_without_processes_too():
    results = list(workers.run(PIECES, task(raise_at_seven), 1))
    assert numbers(results) == list(range(50))
    assert [piece for piece, reason in results if reason] == [[7]]


def test_a_piece_whose_worker_was_killed_once_is_done_whole(tmp_path):
    results = list(workers.run(PIECES, task(partial(die_once, tmp_path / "mark")), 2))
    assert results == [(piece, None) for piece in PIECES]


def test_workers_killed_from_outside_again_and_again_lose_nothing():
    others = set(multiprocessing.active_children())
    results = workers.run([[n] for n in range(30)], task(large), 2)
    out = [next(results)]
    for _ in range(4):
        (set(multiprocessing.active_children()) - others).pop().kill()
        out += [next(results), next(results)]
    out += results
    assert sorted(numbers(out)) == list(range(30))


def test_processes_that_die_at_their_start_stop_the_run():
    with pytest.raises(RunStopped, match="--workers 1"):
        list(workers.run(PIECES, task(double, partial(os._exit, 3)), 2))


def test_no_process_outlives_a_run_that_is_left():
    results = workers.run(PIECES, task(process), 2)
    child = next(results)
    results.close()
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)
