"""A zoo of malicious and damaged model folders, each loaded under the eyes of an audit hook in a process of its own."""

import json
import os
import pickle
import random
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from zoo import GOOD, OTHER_CODE, ZOO, calls, forge, ran

from classifier import Classifier, store
from classifier.schema import ModelDamaged, ModelError, ModelNotFound

SEED = 8
# Loads a folder a line of standard input, and says of each how it ended, what was seen, and memory in kB.
CHILD = """
import copyreg, json, os, resource, sys
for code in (1, 300, 70_000):
    copyreg.add_extension("os", ("system", "popen", "_exit")[len(str(code)) // 2], code)
from classifier import store
store.load()
seen, folder = [], ""

def watch(event, arguments):
    if event == "mmap.__new__" or not folder:
        return
    writing = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
    if event == "open" and str(arguments[0]).startswith(folder + "/") and not arguments[2] & writing:
        return
    seen.append(f"{event} {arguments!r:.80}")

sys.addaudithook(watch)
# Enough for any model of 64 MB, and for nothing that explodes.
address_space = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (address_space + 512_000_000,) * 2)
for line in sys.stdin:
    folder = line.rstrip("\\n")
    try:
        store.load(folder)
        ended, message = "read", ""
    except BaseException as error:
        ended, message = type(error).__name__, str(error)
    done, folder = folder, ""
    print(json.dumps([done, ended, message[:500], seen, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss]), flush=True)
    seen.clear()
"""


@pytest.fixture(scope="module")
def ended(tmp_path_factory):
    """How the load of each folder of the zoo ended, by name."""
    home = tmp_path_factory.mktemp("zoo")
    folders = {}
    for number, (name, make) in enumerate(ZOO.items()):
        folder = home / str(number)
        folder.mkdir()
        shutil.copy(GOOD / store.MANIFEST, folder)
        (folder / store.ARRAYS).symlink_to(GOOD / store.ARRAYS)
        make(folder)
        folders[str(folder)] = name
    child = subprocess.run(
        [sys.executable, "-c", CHILD], input="\n".join([str(GOOD), *folders]), capture_output=True, text=True, timeout=120
    )
    reports = [json.loads(line) for line in child.stdout.splitlines()]
    assert len(reports) == len(folders) + 1, child.stderr
    good, *rest = reports
    assert good[1:4] == ["read", "", []]
    return {folders[folder]: (ended, message, seen, peak - good[4], folder) for folder, ended, message, seen, peak in rest}


@pytest.mark.parametrize("name", ZOO)
def test_the_zoo_is_refused_before_anything_of_it_runs(ended, name):
    how, message, seen, memory, folder = ended[name]
    assert how in ("ModelDamaged", "ModelUnsupported", "ModelNotFound"), message
    assert seen == []
    assert not Path(ran(Path(folder))).exists() if Path(folder).is_dir() else True
    assert memory < 200_000, "kilobytes"
    assert len(message) < 500


REASONS = {
    r"call .* by protocol [45]": "no model needs",
    r"call (before|behind)": "do not trust this file|stand behind its end",
    r"stream: (persistent|binary|extension|inst|obj|newobj_ex|buffers|old joblib file)": "a step that no model needs",
    r"stream: (stack_global|dotted|old joblib wrapper)": "asks for",
    r"stream: (allowed name called|type)": "makes something other than an array",
    r"stream: (wrapper with a method|allowed name built)": "asks for os.system|a step that no model needs",
    r"compressed": "a step that no model needs",
    r"array: a .*shape (of (?!terabytes|fractions|70|text|truths)|that wraps|beyond)": "does not fit|no model",
    r"values: \w+ of -?(nan|inf)": "not finite",
    r"values: \w*scale of (0|-1)": "not above 0",
    r"values: \w*(scale|bias) of (1e|-10)": "larger than 1,000,000|not finite",
    r"values: (hidden|out) of 0.5": "no whole number",
    r"values: a unit beyond": "a hidden unit come to more than",
    r"values: a label beyond": "too large for exact sums",
    r"values: a (weight of|bucket)": "more than 8 bits, or bucket 0",
    r"manifest: (arrays|objects|some)": "too deep",
    r".*: (a pipe|a link to zeros)": "no regular file",
}


@pytest.mark.parametrize("pattern", REASONS)
def test_the_zoo_is_refused_for_what_is_wrong_with_it(ended, pattern):
    messages = [message for name, (_, message, *_) in ended.items() if re.match(pattern, name)]
    assert messages
    assert [message for message in messages if not re.search(REASONS[pattern], message)] == []


@pytest.mark.parametrize("name", OTHER_CODE)
def test_a_model_of_another_format_or_code_is_told_apart_and_says_what_to_do(ended, name):
    how, message, *_ = ended[f"manifest: {name}"]
    assert how == "ModelUnsupported"
    assert "train the model again, or install the version that made it" in message


def test_the_zoo_bites_who_unpickles_it(tmp_path):
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        folder = tmp_path / str(protocol)
        folder.mkdir()
        (tmp_path / f"{protocol}.pickle").write_bytes(pickle.dumps({"a": calls(folder)["os.system"]}, protocol))
    code = "import pathlib, pickle, sys; [pickle.loads(pathlib.Path(name).read_bytes()) for name in sys.argv[1:]]"
    subprocess.run([sys.executable, "-c", code, *tmp_path.glob("*.pickle")], check=True)
    assert all(Path(ran(folder)).exists() for folder in tmp_path.iterdir() if folder.is_dir())


@pytest.fixture
def folder(tmp_path):
    return Path(shutil.copytree(GOOD, tmp_path / "model"))


def flipped(file, place, bit):
    with file.open("r+b") as stream:
        stream.seek(place)
        byte = stream.read(1)[0]
        stream.seek(place)
        stream.write(bytes([byte ^ 1 << bit]))


def misread(folder, number, of_manifest):
    """Seeded flips of single bits, a share of them in the manifest: those after which a folder was read as something else."""
    before, choose, missed = store.load(folder).manifest, random.Random(SEED), []
    for _ in range(number):
        name = store.MANIFEST if choose.random() < of_manifest else store.ARRAYS
        place, bit = choose.randrange((folder / name).stat().st_size), choose.randrange(8)
        flipped(folder / name, place, bit)
        try:
            # White space, and a digit that rounds to the same number, say nothing.
            if name == store.ARRAYS or store.load(folder).manifest != before:
                store.load(folder)
                missed.append((name, place, bit))
        except ModelError:
            pass
        flipped(folder / name, place, bit)
    assert store.load(folder).manifest == before
    return missed


def test_no_flipped_bit_is_read_as_another_model(folder):
    assert misread(folder, 400, 0.9) == []


@pytest.mark.slow
def test_no_flipped_bit_at_a_thousand_places_is_read_as_another_model(folder):
    assert misread(folder, 1_000, 0.5) == []


@pytest.mark.parametrize("name", [store.MANIFEST, store.ARRAYS])
def test_a_file_cut_at_any_percent_is_refused(folder, name):
    size = (folder / name).stat().st_size
    for percent in range(99, -1, -1):
        os.truncate(folder / name, size * percent // 100)
        with pytest.raises(ModelDamaged):
            store.load(folder)


def test_arrays_cut_at_any_percent_are_refused_though_the_checksum_agrees(folder):
    raw = (folder / store.ARRAYS).read_bytes()
    for percent in range(0, 100, 4):
        forge(folder, raw[: len(raw) * percent // 100])
        with pytest.raises(ModelDamaged, match="cannot be read"):
            store.load(folder)


def test_links_to_good_files_are_read(folder, tmp_path):
    for name in (store.MANIFEST, store.ARRAYS):
        (folder / name).rename(tmp_path / name)
        (folder / name).symlink_to(tmp_path / name)
    assert store.load(folder).manifest == store.load().manifest


@pytest.mark.parametrize("path", ["\x00", "\ud800", "a" * 5000, "/dev/null", ""])
def test_a_path_that_no_file_system_takes_holds_no_model(path):
    with pytest.raises(ModelNotFound):
        store.load(path)


@pytest.mark.parametrize("name", [store.MANIFEST, store.ARRAYS])
def test_files_that_may_not_be_read_are_refused(folder, name, monkeypatch):
    (folder / name).chmod(0)
    if not os.geteuid():  # root may read everything, nobody may not
        for parent in folder.parents[:4]:
            parent.chmod(parent.stat().st_mode | 0o055)
        really = os.open

        def as_nobody(*arguments):
            os.seteuid(65534)
            try:
                return really(*arguments)
            finally:
                os.seteuid(0)

        monkeypatch.setattr(os, "open", as_nobody)
    with pytest.raises(ModelError, match=f"{name}: Permission denied"):
        store.load(folder)


def test_arrays_that_change_after_their_checksum_was_taken_are_refused(folder, monkeypatch):
    places = store.arrays.places

    def change(raw):
        flipped(folder / store.ARRAYS, len(raw) // 2, 0)
        return places(raw)

    monkeypatch.setattr(store.arrays, "places", change)
    with pytest.raises(ModelDamaged, match="changed while it was read"):
        store.load(folder)


def test_a_model_that_is_replaced_while_it_is_read_is_the_one_that_was_begun(folder, monkeypatch):
    places = store.arrays.places

    def replace(raw):
        (folder / store.ARRAYS).unlink()
        (folder / store.ARRAYS).write_bytes(b"another")
        return places(raw)

    monkeypatch.setattr(store.arrays, "places", replace)
    assert (store.load(folder).model.weights == store.load().model.weights).all()


def test_weights_that_change_in_use_change_labels_and_break_nothing(folder, flattened):
    classifier = Classifier.load(folder)
    noise = np.random.default_rng(SEED).bytes(3_000_000)
    with (folder / store.ARRAYS).open("r+b") as file:
        file.seek(1_000)
        file.write(noise)
    result = classifier.label(flattened)
    assert (classifier.classes_.size, result.spans[0].start, result.spans[-1].end) == (4, 0, len(flattened))
    assert not classifier._stored.model.weights.flags.writeable
