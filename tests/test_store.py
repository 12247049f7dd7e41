import json
import mmap
import shutil

import joblib
import numpy as np
import pytest

from classifier import Classifier, store
from classifier.schema import ModelDamaged, ModelNotFound, ModelUnsupported


@pytest.fixture
def folder(tmp_path):
    copy = tmp_path / "model"
    shutil.copytree(store.default_folder(), copy)
    return copy


def rewrite(folder, **changes):
    file = folder / store.MANIFEST
    file.write_text(json.dumps({**json.loads(file.read_text("utf-8")), **changes}), "utf-8")


def forge(folder, value):
    """Replaces the arrays and makes the checksum agree, as a forger would."""
    joblib.dump(value, folder / store.ARRAYS)
    rewrite(folder, sha256={store.ARRAYS: store.checksum(folder / store.ARRAYS)})


def test_a_copied_model_labels_as_the_shipped_one(folder, clf, flattened):
    assert Classifier.load(folder).label(flattened).spans == clf.label(flattened).spans


def test_the_shipped_model_is_below_8_mb():
    assert sum(file.stat().st_size for file in store.default_folder().iterdir()) < 8_000_000


def test_weights_stay_memory_mapped():
    owner = store.load().model.weights
    while isinstance(owner, np.ndarray):
        owner = owner.base
    assert isinstance(owner, mmap.mmap)


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(ModelNotFound, match="nowhere"):
        Classifier.load(tmp_path / "nowhere")


@pytest.mark.parametrize("position", [0, 200, 100_000, -1])
def test_one_flipped_bit_is_found(folder, position):
    raw = bytearray((folder / store.ARRAYS).read_bytes())
    raw[position] ^= 1
    (folder / store.ARRAYS).write_bytes(raw)
    with pytest.raises(ModelDamaged, match="checksum"):
        store.load(folder)


@pytest.mark.parametrize("text", ["", "{", "[]", '"a"', "\x00"])
def test_a_manifest_that_is_no_object_is_refused(folder, text):
    (folder / store.MANIFEST).write_text(text, "utf-8")
    with pytest.raises(ModelDamaged):
        store.load(folder)


@pytest.mark.parametrize("change", [{"format": 1}, {"labels": ["spam"]}, {"fingerprint": "0"}, {"languages": []}])
def test_a_model_for_other_code_is_refused(folder, change):
    rewrite(folder, **change)
    with pytest.raises(ModelUnsupported, match=next(iter(change))):
        store.load(folder)


@pytest.mark.parametrize("change", [{"thresholds": {}}, {"sha256": None}, {"bucket_bits": 3}, {"bucket_bits": "many"}])
def test_a_manifest_with_a_wrong_entry_is_refused(folder, change):
    rewrite(folder, **change)
    with pytest.raises(ModelDamaged):
        store.load(folder)


class Payload:
    def __reduce__(self):
        return print, ("this must never run",)


@pytest.mark.parametrize("value", [Payload(), {"weights": Payload()}, {"weights": np.array([Payload()], object)}])
def test_a_file_that_would_run_code_is_refused_before_it_runs(folder, value, capsys):
    forge(folder, value)
    with pytest.raises(ModelDamaged):
        store.load(folder)
    assert "never" not in capsys.readouterr().out


@pytest.mark.parametrize("value", [[1, 2], {"weights": np.array(["a"])}, {"weights": np.zeros(3)}, {}])
def test_arrays_of_another_shape_are_refused(folder, value):
    forge(folder, value)
    with pytest.raises(ModelDamaged):
        store.load(folder)


def test_a_save_that_fails_leaves_the_old_model(folder, monkeypatch):
    stored = store.load(folder)

    def fail(*_, **__):
        raise OSError("disk full")

    monkeypatch.setattr(joblib, "dump", fail)
    with pytest.raises(OSError, match="disk full"):
        store.save(folder, stored.model, {}, "")
    monkeypatch.undo()
    assert store.load(folder).manifest == stored.manifest
    assert [file.name for file in folder.parent.iterdir()] == ["model"]


def test_a_saved_model_reads_back_the_same(folder, tmp_path):
    stored = store.load(folder)
    kept = {key: stored.manifest[key] for key in ("thresholds", "training", "figures")}
    store.save(tmp_path / "once", stored.model, kept, "card")
    once = store.load(tmp_path / "once")
    store.save(tmp_path / "twice", once.model, kept, "card")
    assert (tmp_path / "once" / store.ARRAYS).read_bytes() == (tmp_path / "twice" / store.ARRAYS).read_bytes()
    assert np.array_equal(once.model.weights, stored.model.weights)
