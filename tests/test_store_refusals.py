"""What is refused of a model folder: each fault by itself, named with its file and with what to do."""

import hashlib
import json
import os
import re
import shutil

import numpy as np
import pytest
from zoo import GOOD, dumped, forge, forge_arrays, said, shipped

from classifier import store
from classifier.model import HIDDEN_LIMIT, HIDDEN_TOTAL, LARGEST, TABLES
from classifier.schema import Limits, ModelDamaged, ModelNotFound, ModelUnsupported

AGAIN = "restore the folder or train again"
ONE_TABLE = 3  # neither the first nor the last: every one is looked at
TOTAL_OF_A_LABEL = 2**53 // HIDDEN_LIMIT


@pytest.fixture
def folder(tmp_path):
    shutil.copytree(GOOD, tmp_path / "model")
    return tmp_path / "model"


def refusal(folder, error=ModelDamaged, limits=None):
    """What is said of a folder that is refused."""
    with pytest.raises(error) as raised:
        store.load(folder, limits)
    assert type(raised.value) is error
    return str(raised.value)


def zeros(name, kind=np.float64):
    return np.zeros(shipped()[0][name].shape, kind)


def with_value(name, place, value):
    """An array of the shipped model, with one value of one table in another's place."""
    array = np.array(shipped()[0][name], np.float64)
    array[(ONE_TABLE, *place)] = value
    return array


# What is not there, or is no file


def test_a_folder_without_a_manifest_holds_no_model_and_what_writes_one_is_named(folder):
    (folder / store.MANIFEST).unlink()
    said_of_it = refusal(folder, ModelNotFound)
    assert said_of_it == f"no model at {folder}: manifest.json is missing; pass a folder that training/train.py wrote"


def test_a_manifest_that_cannot_be_read_is_named_with_the_reason(folder):
    (folder / store.MANIFEST).unlink()
    (folder / store.MANIFEST).mkdir()
    assert refusal(folder, ModelNotFound) == f"cannot read {folder}/manifest.json: Is a directory"


def test_a_path_that_no_file_system_takes_is_named_with_the_reason():
    assert refusal("a\x00b", ModelNotFound) == "cannot read a\x00b/manifest.json: embedded null byte"


def test_arrays_that_cannot_be_read_are_named_with_the_reason_and_what_to_do(folder):
    (folder / store.ARRAYS).unlink()
    assert refusal(folder) == f"cannot read {folder}/model.joblib: No such file or directory; {AGAIN}"


@pytest.mark.parametrize("name", [store.MANIFEST, store.ARRAYS])
def test_a_pipe_is_not_waited_for(folder, name):
    (folder / name).unlink()
    os.mkfifo(folder / name)
    assert refusal(folder) == f"{folder / name} is no regular file: this is no model of this package"


def test_a_manifest_is_as_large_as_allowed_at_most(folder):
    size = (folder / store.MANIFEST).stat().st_size
    assert (
        refusal(folder, limits=Limits(model_bytes=size - 1))
        == f"{folder}/manifest.json is larger than {size - 1:,} bytes: this is no model of this package"
    )
    assert "model.joblib is larger" in refusal(folder, limits=Limits(model_bytes=size))


def test_no_manifest_is_larger_than_a_million_bytes_whatever_is_allowed(folder):
    text = (folder / store.MANIFEST).read_text("utf-8")
    (folder / store.MANIFEST).write_text(text.ljust(1_000_000), "utf-8")
    assert store.load(folder).folder == folder
    (folder / store.MANIFEST).write_text(text.ljust(1_000_001), "utf-8")
    assert "manifest.json is larger than 1,000,000 bytes" in refusal(folder, limits=Limits(model_bytes=10**9))


def test_arrays_larger_than_allowed_are_named_with_the_bound(folder):
    size = (folder / store.ARRAYS).stat().st_size
    assert (
        refusal(folder, limits=Limits(model_bytes=size - 1))
        == f"{folder}/model.joblib is larger than {size - 1:,} bytes: this is no model of this package"
    )


# What is another's, or damaged


def test_a_manifest_for_other_code_is_named_by_its_file(folder):
    (folder / store.MANIFEST).write_bytes(said(format=4))
    assert refusal(folder, ModelUnsupported).startswith(f"{folder}/manifest.json: format is 4, this version needs 3: ")


def test_a_manifest_that_is_damaged_is_named_with_the_fault_and_what_to_do(folder):
    (folder / store.MANIFEST).write_bytes(b"[]")
    assert refusal(folder) == f"{folder}/manifest.json is not what this package writes: it holds a list, not an object; {AGAIN}"


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"sha256": {}}, "sha256 names ['manifest.json'], not model.joblib and manifest.json"),
        ({"bucket_bits": 16}, "bucket_bits is 16, this version reads 17"),
    ],
)
def test_a_manifest_is_held_to_the_files_and_the_buckets_of_this_version(folder, change, fault):
    (folder / store.MANIFEST).write_bytes(said(**change))
    assert f": {fault}; {AGAIN}" in refusal(folder)


def test_arrays_of_another_checksum_are_named_with_both(folder):
    promised = json.loads((folder / store.MANIFEST).read_bytes())["sha256"][store.ARRAYS]
    (folder / store.ARRAYS).write_bytes(b"another model")
    found = hashlib.sha256(b"another model").hexdigest()
    assert (
        refusal(folder) == f"{folder}/model.joblib has checksum {found[:16]}…, the manifest promises {promised[:16]}…: {AGAIN}"
    )


def test_bytes_that_are_no_arrays_are_named_with_the_file_and_what_to_do(folder):
    forge(folder, b"another model")
    assert re.fullmatch(f"{folder}/model.joblib cannot be read: .+; {AGAIN}", refusal(folder))


def test_arrays_that_change_while_they_are_read_are_to_be_loaded_again(folder, monkeypatch):
    places = store.arrays.places

    def change(raw):
        (folder / store.ARRAYS).write_bytes(bytes(raw[:-1]) + b"?")
        return places(raw)

    monkeypatch.setattr(store.arrays, "places", change)
    assert refusal(folder) == f"{folder}/model.joblib was changed while it was read: load it again"


# Shapes and types


@pytest.mark.parametrize("name", [name for name in shipped()[0] if name != "hidden_bias"])
def test_an_array_of_another_shape_is_named(folder, name):
    forge_arrays(folder, **{name: np.zeros((*shipped()[0][name].shape, 1))})
    assert (
        refusal(folder)
        == f"{folder}/model.joblib: ['{name}'] missing, unknown or of another shape than this version reads; {AGAIN}"
    )


def test_an_array_that_is_missing_or_unknown_is_named(folder):
    forge_arrays(folder, scale=None, more=np.zeros(1))
    assert "['more', 'scale'] missing, unknown or of another shape" in refusal(folder)


@pytest.mark.parametrize("bias", [None, np.zeros(())], ids=["missing", "without an axis"])
def test_where_the_number_of_units_is_unknown_all_arrays_of_the_network_are_named(folder, bias):
    forge_arrays(folder, hidden_bias=bias)
    assert "['hidden', 'hidden_bias', 'hidden_scale', 'out'] missing" in refusal(folder)


@pytest.mark.parametrize("changes", [{"weights": zeros("weights")}, {"scale": zeros("scale").astype(np.uint64)}])
def test_weights_are_words_and_all_else_is_none(folder, changes):
    forge_arrays(folder, **changes)
    assert refusal(folder) == f"{folder}/model.joblib: an array is of another type than this version reads; {AGAIN}"


# Values


@pytest.mark.parametrize(
    ("name", "place", "value", "fault"),
    [
        ("hidden", (0, 0), np.nan, "a number is not finite"),
        ("out", (0, 0), np.inf, "a number is not finite"),
        ("scale", (), np.inf, "a number is not finite"),
        ("bias", (0,), np.nan, "a number is not finite"),
        ("hidden_scale", (0,), np.inf, "a number is not finite"),
        ("hidden_bias", (0,), 1e39, "a number is not finite"),
        ("out_scale", (0,), np.inf, "a number is not finite"),
        ("out_bias", (0,), -np.inf, "a number is not finite"),
        ("hidden", (0, 0), 0.5, "a weight of the network is no whole number"),
        ("out", (0, 0), 0.5, "a weight of the network is no whole number"),
        ("scale", (), 0, "a scale is not above 0"),
        ("hidden_scale", (0,), 0, "a scale is not above 0"),
        ("out_scale", (0,), -1, "a scale is not above 0"),
        ("scale", (), LARGEST + 1, "a scale or bias is larger than 1,000,000"),
        ("bias", (0,), -LARGEST - 1, "a scale or bias is larger than 1,000,000"),
        ("hidden_scale", (0,), LARGEST + 1, "a scale or bias is larger than 1,000,000"),
        ("hidden_bias", (0,), -LARGEST - 1, "a scale or bias is larger than 1,000,000"),
        ("out_scale", (0,), LARGEST + 1, "a scale or bias is larger than 1,000,000"),
        ("out_bias", (0,), -LARGEST - 1, "a scale or bias is larger than 1,000,000"),
    ],
)
def test_one_value_that_labelling_cannot_rely_on_is_refused_by_what_it_is(folder, name, place, value, fault):
    forge_arrays(folder, **{name: with_value(name, place, value)})
    assert refusal(folder) == f"{folder}/model.joblib: {fault}; {AGAIN}"


@pytest.mark.parametrize("place", [(0, 0), (2, 5)], ids=["bucket 0", "a ninth bit"])
def test_weights_that_nothing_packs_are_refused(folder, place):
    weights = np.array(shipped()[0]["weights"])
    weights[place] = 1 if place[1] == 0 else 256
    forge_arrays(folder, weights=weights)
    assert refusal(folder) == f"{folder}/model.joblib: a weight has more than 8 bits, or bucket 0 is not neutral; {AGAIN}"


@pytest.mark.parametrize("name", ["scale", "bias", "hidden_scale", "hidden_bias", "out_scale", "out_bias"])
def test_a_scale_or_bias_as_large_as_allowed_is_read(folder, name):
    forge_arrays(folder, **{name: with_value(name, (0,) * (shipped()[0][name].ndim - 1), LARGEST)})
    assert store.load(folder).folder == folder


@pytest.mark.parametrize(
    ("name", "most", "said"),
    [
        ("hidden", HIDDEN_TOTAL, f"hidden unit come to more than {HIDDEN_TOTAL}, beyond which sums are not exact"),
        ("out", TOTAL_OF_A_LABEL, "label are too large for exact sums"),
    ],
)
def test_the_weights_of_a_unit_or_label_come_to_what_is_exact_at_most(folder, name, most, said):
    weights = zeros(name)
    weights[ONE_TABLE, :2, :2] = [[1 - most, most - 1], [1, -1]]
    forge_arrays(folder, **{name: weights})
    assert getattr(store.load(folder).model.networks[ONE_TABLE], name)[0, 0] == 1 - most
    weights[ONE_TABLE, 2, 1] = 1
    forge_arrays(folder, **{name: weights})
    assert refusal(folder) == f"{folder}/model.joblib: the weights of a {said}; {AGAIN}"


def test_values_that_overflow_are_refused_without_a_warning(folder):
    hidden = zeros("hidden")
    hidden[:, :2] = 3e38
    for changes in ({"hidden": hidden}, {"hidden_bias": with_value("hidden_bias", (0,), 1e300)}):
        forge_arrays(folder, **changes)
        with np.errstate(over="raise"):
            refusal(folder)


def test_a_network_without_units_is_read(folder):
    names = ("hidden", "hidden_scale", "hidden_bias")
    none = {name: shipped()[0][name][..., :0] for name in names} | {"out": shipped()[0]["out"][:, :0]}
    forge_arrays(folder, **none)
    assert store.load(folder).model.networks[0].hidden.shape[1] == 0


def test_arrays_have_in_memory_the_types_that_sums_are_exact_in(folder):
    forge(
        folder, dumped({name: array if name == "weights" else array.astype(np.float64) for name, array in shipped()[0].items()})
    )
    model = store.load(folder).model
    assert (model.weights.dtype, model.scale.dtype, model.bias.dtype) == (np.uint64, np.float64, np.float64)
    for network in model.networks:
        assert {array.dtype for array in (network.hidden, network.hidden_scale, network.hidden_bias)} == {np.dtype(np.float32)}
        assert {array.dtype for array in (network.out, network.out_scale, network.out_bias)} == {np.dtype(np.float64)}


def test_each_table_has_its_own_network(folder):
    model, arrays = store.load(folder).model, shipped()[0]
    assert len(model.networks) == len(TABLES)
    for row, network in enumerate(model.networks):
        assert (network.hidden == arrays["hidden"][row]).all()
        assert (network.out_bias == arrays["out_bias"][row]).all()
