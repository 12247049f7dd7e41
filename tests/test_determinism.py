"""The same text gives the same bits, whatever runs beside it, in what order, and on what."""

import json
import os
import random
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from documents import ROOT, checksum, documents

from classifier import Classifier, cli
from classifier.schema import Limits

# Another model, other features or other examples give another: `python tests/documents.py` prints it.
PINNED = "ae5785b8e76bdfce87dbb0b34d3a1f44998dd404cac37d33850aa3ec87055e14"
# A numpy line is named by its lowest release that has wheels for that Python, and by its newest.
LINES = {"3.11": ("numpy==1.26.0", "numpy>=2"), "3.12": ("numpy==1.26.0", "numpy>=2"), "3.13": ("numpy==2.1.0", "numpy>=2")}


@pytest.fixture(scope="module")
def texts():
    return documents()


def printed(python=sys.executable, **settings):
    """The checksum that a process of its own prints."""
    ran = subprocess.run(
        [python, ROOT / "tests" / "documents.py"], capture_output=True, text=True, env={**os.environ, **settings}, check=False
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.strip()


def test_all_documents_in_one_call_give_the_pinned_checksum(clf, texts):
    assert checksum(clf.label_many(texts)) == PINNED


@pytest.mark.parametrize(
    "size",
    [
        pytest.param(1, marks=pytest.mark.slow),
        10_000,
        pytest.param(700, marks=pytest.mark.slow),
        pytest.param(10_000_000, marks=pytest.mark.slow),
    ],
)
def test_batches_of_any_size_give_the_pinned_checksum(texts, size):
    assert checksum(Classifier.load(limits=Limits(batch_characters=size)).label_many(texts)) == PINNED


def test_documents_in_any_order_give_the_pinned_checksum(clf, texts):
    order = list(range(len(texts)))
    random.Random(1).shuffle(order)
    found = dict(zip(order, clf.label_many([texts[number] for number in order]), strict=True))
    assert checksum(found[number] for number in range(len(texts))) == PINNED


def test_one_model_between_sixteen_threads_gives_the_pinned_checksum(clf, texts):
    with ThreadPoolExecutor(16) as threads:
        assert checksum(threads.map(clf.label, texts)) == PINNED


@pytest.mark.parametrize("settings", [{"PYTHONHASHSEED": "7", "OPENBLAS_NUM_THREADS": "4", "OMP_NUM_THREADS": "4"}])
def test_another_process_gives_the_pinned_checksum(settings):
    assert printed(**settings) == PINNED


def written(texts, folder, command, workers):
    """What a command writes of the documents, each with so much beside it that they are shared out between workers."""
    source, target = folder / "documents.jsonl", folder / f"{command}-{workers}.jsonl"
    rows = ({"id": number, "text": text, "more": "x" * 6_000} for number, text in enumerate(texts))
    source.write_text("".join(json.dumps(row) + "\n" for row in rows), "ascii")
    assert source.stat().st_size > 700_000  # half a megabyte is not shared out
    assert cli.main([command, str(source), "--output", str(target), "--workers", str(workers)]) == 0
    return target.read_bytes()


@pytest.mark.parametrize("command", ["label", pytest.param("clean", marks=pytest.mark.slow)])
def test_any_number_of_workers_writes_the_same_bytes(texts, tmp_path, command):
    one, two, three = (written(texts, tmp_path, command, workers) for workers in (1, 2, 3))
    assert one == two == three


def test_what_the_command_writes_is_what_a_call_says(clf, texts, tmp_path):
    labels = [json.loads(line) for line in written(texts, tmp_path, "label", 1).splitlines()]
    results = clf.label_many(texts)
    assert labels == [{"id": number, **json.loads(json.dumps(result.as_dict()))} for number, result in enumerate(results)]


@pytest.mark.slow
@pytest.mark.parametrize("threads", ["1", "2", "16"])
@pytest.mark.parametrize("seed", ["0", "1", "random"])
def test_any_hash_seed_and_number_of_threads_gives_the_pinned_checksum(threads, seed):
    assert printed(PYTHONHASHSEED=seed, OPENBLAS_NUM_THREADS=threads, OMP_NUM_THREADS=threads) == PINNED


KERNELS = {
    "Prescott": "pni",
    "Nehalem": "sse4_2",
    "Sandybridge": "avx",
    "Haswell": "avx2",
    "Zen": "avx2",
    "SkylakeX": "avx512f",
}


@pytest.mark.slow
@pytest.mark.parametrize("kernel", KERNELS)
def test_any_kernel_of_openblas_gives_the_pinned_checksum(kernel):
    cpu = Path("/proc/cpuinfo")
    if not cpu.exists() or KERNELS[kernel] not in cpu.read_text("utf-8").split():
        pytest.skip(f"this processor has no {KERNELS[kernel]}, which the kernel {kernel} needs")
    assert printed(OPENBLAS_CORETYPE=kernel) == PINNED


@pytest.mark.slow
@pytest.mark.parametrize("features", ["AVX512F AVX512CD AVX512_SKX", "AVX512F AVX512CD AVX512_SKX AVX2 FMA3"])
def test_a_processor_with_fewer_instructions_gives_the_pinned_checksum(features):
    assert printed(NPY_DISABLE_CPU_FEATURES=features, PYTHONWARNINGS="ignore") == PINNED


def interpreter(version):
    """A Python of that version: on the path, or of pyenv."""
    found = shutil.which(f"python{version}")
    if found and subprocess.run([found, "--version"], capture_output=True, check=False).returncode == 0:
        return found
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    return next(iter(sorted(pyenv.glob(f"versions/{version}.*/bin/python{version}"), reverse=True)), None)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run([sys.executable, "-m", "build", "--wheel", "--outdir", folder, ROOT], check=True, capture_output=True)
    return next(folder.glob("*.whl"))


@pytest.mark.slow
@pytest.mark.parametrize(("version", "numpy"), [(version, numpy) for version, lines in LINES.items() for numpy in lines])
def test_any_supported_python_and_numpy_gives_the_pinned_checksum(wheel, tmp_path, version, numpy):
    python = interpreter(version)
    if python is None:
        pytest.skip(f"there is no python{version} on the path or under pyenv")
    subprocess.run([python, "-m", "venv", tmp_path / "venv"], check=True)
    inside = tmp_path / "venv" / "bin" / "python"
    subprocess.run([inside, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", wheel, numpy], check=True)
    assert printed(inside, PYTHONPATH="") == PINNED
