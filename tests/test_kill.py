"""Runs that are killed: nothing is lost, nothing is there twice, nothing hangs."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

SENTENCES = [
    "Ships wait for a berth, the port authority said on Monday.",
    "Subscribe to our newsletter today!",
    "港口周一重新开放，船只恢复通行。",
    "版权所有，未经授权不得转载。",
]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    random.seed(5)
    file = tmp_path_factory.mktemp("corpus") / "in.jsonl"
    with file.open("w") as out:
        for n in range(4_000):
            text = "\n".join(f"{n}: {' '.join(random.choices(SENTENCES, k=3))}" for _ in range(8))
            out.write(json.dumps({"id": n, "text": text}, ensure_ascii=False) + ("\n" if n % 97 else "}\n"))
    return file


def start(corpus, output):
    command = [sys.executable, "-m", "classifier", "clean", str(corpus), "--output", str(output), "--audit", "--resume"]
    command += ["--workers", "2", "--shard-size", "0.3"]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True, preexec_fn=heed_interrupts)


def heed_interrupts():
    """A shell has what it starts in the background ignore SIGINT, and so would the run."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def files(output):
    """All that a run wrote, but for the report's page; the report without its times."""
    found = {}
    for file in sorted(output.parent.rglob("*")):
        if file.name.endswith("report.json"):
            found[file.name] = {**json.loads(file.read_bytes()), "speed": None}
        elif file.is_file() and not file.name.endswith("report.html"):
            found[file.name] = file.read_bytes()
    return found


@pytest.fixture(scope="module", params=["out/", "out.jsonl"])
def whole(corpus, tmp_path_factory, request):
    """The name of an output, and the files of a run that nothing interrupts."""
    folder = tmp_path_factory.mktemp("whole")
    assert start(corpus, folder / request.param).wait() == 1
    return request.param, files(folder / request.param)


def children(pid):
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@pytest.mark.slow
def test_killed_at_a_hundred_random_moments_and_resumed_it_writes_the_same_bytes(corpus, whole, tmp_path):
    name, expected = whole
    random.seed(7)
    kills = 0
    for attempt in range(1_000):
        folder = tmp_path / str(attempt)
        folder.mkdir()
        while True:
            run = start(corpus, folder / name)
            try:
                status = run.wait(random.uniform(0.05, 2.0))
                break
            except subprocess.TimeoutExpired:
                run.kill()
                run.wait()
                kills += 1
        assert status in (0, 1), run.stderr.read()
        assert files(folder / name) == expected
        if kills >= 50:
            break
    assert kills >= 50


@pytest.mark.slow
def test_workers_killed_from_outside_cost_nothing(corpus, whole, tmp_path):
    name, expected = whole
    random.seed(11)
    run = start(corpus, tmp_path / name)
    kills = 0
    while run.poll() is None and kills < 8:
        time.sleep(random.uniform(0.2, 0.4))
        for child in children(run.pid)[:1] if run.poll() is None else []:
            os.kill(child, signal.SIGKILL)
            kills += 1
    assert run.wait(60) == 1
    assert kills >= 3
    assert files(tmp_path / name) == expected


def test_an_interrupted_run_says_how_to_go_on_and_leaves_nothing_half_written(corpus, tmp_path):
    longer = tmp_path / "in.jsonl"  # so that it is not done before it is interrupted
    longer.write_bytes(corpus.read_bytes() * 8)
    run = start(longer, tmp_path / "out/")
    while not (tmp_path / "out/.run/000000.json").exists():
        time.sleep(0.01)
    run.send_signal(signal.SIGINT)
    assert run.wait(30) == 130
    assert run.stderr.read() == "classifier: interrupted: --resume goes on with it\n"
    assert not list((tmp_path / "out").rglob("*.tmp"))
