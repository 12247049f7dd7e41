import os
from functools import partial

import pytest

from classifier.corpus import workers
from classifier.schema import WorkerLost


def nothing():
    pass


def double(number):
    return 2 * number


def process(_):
    return os.getpid()


def die(_):
    os._exit(1)


@pytest.mark.parametrize("number", [1, 3])
def test_results_come_in_the_order_of_the_work(number):
    assert list(workers.run(range(50), double, number, nothing)) == [2 * n for n in range(50)]


@pytest.mark.parametrize("work", [[], [5]])
def test_a_single_piece_of_work_starts_no_process(work):
    assert list(workers.run(work, process, 4, nothing)) == [os.getpid()] * len(work)


def test_several_pieces_are_done_elsewhere():
    assert os.getpid() not in set(workers.run(range(4), process, 2, nothing))


def test_work_is_read_two_pieces_a_worker_ahead():
    read = []
    results = workers.run((read.append(n) or n for n in range(100)), double, 2, nothing)
    next(results)
    assert len(read) <= 5
    results.close()


def test_a_worker_that_dies_ends_the_run_with_an_error_that_says_so():
    with pytest.raises(WorkerLost, match="--workers"):
        list(workers.run(range(4), die, 2, nothing))


def test_every_process_is_started_first():
    with pytest.raises(WorkerLost):
        list(workers.run(range(4), double, 2, partial(die, None)))
