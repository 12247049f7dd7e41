"""What is written of a model, where it appears, and what an interrupted or repeated save leaves behind."""

import hashlib
import json
import pickle
import shutil
from dataclasses import replace
from pathlib import Path

import joblib
import numpy as np
import pytest

from classifier import context, features, store
from classifier.kinds import Kinds
from classifier.schema import LANGUAGES, Kind, Label, ModelDamaged

KNOWN = (Kind("食谱", Label.CONTENT), Kind("affiliate", Label.PROMO))


@pytest.fixture(scope="module")
def shipped():
    return store.load()


@pytest.fixture(scope="module")
def kept(shipped):
    """What a caller says of a model, beside what `save` says of it by itself."""
    return {key: shipped.manifest[key] for key in ("thresholds", "training", "figures")}


@pytest.fixture
def saved(shipped, kept, tmp_path):
    return store.save(tmp_path / "deep" / "down" / "model", shipped.model, kept, "The card: 港口\n")


def kinds():
    count = len(KNOWN)
    weights = np.zeros((1, 1 << features.BUCKET_BITS), np.uint64)
    weights[0, 7] = 9
    mix = np.arange(count * count * 4, dtype=np.float64).reshape(count, -1)
    return Kinds(KNOWN, weights, np.ones(count), np.full(count, 0.5), mix, np.full(count, 2.0), np.full(count, -1.0))


def names(folder):
    return sorted(path.name for path in folder.iterdir())


# Where it lies


def test_the_shipped_model_lies_inside_an_installed_package(tmp_path, monkeypatch):
    (tmp_path / "package" / "models" / "default").mkdir(parents=True)
    monkeypatch.setattr(store, "__file__", str(tmp_path / "package" / "store.py"))
    assert store.default_folder() == tmp_path.resolve() / "package" / "models" / "default"


def test_the_shipped_model_lies_at_the_top_of_a_checkout(tmp_path, monkeypatch):
    (tmp_path / "package").mkdir()
    monkeypatch.setattr(store, "__file__", str(tmp_path / "package" / "store.py"))
    assert store.default_folder() == tmp_path.resolve() / "models" / "default"


def test_what_was_read_names_its_folder_and_no_kinds_where_it_has_none(shipped):
    assert (shipped.folder, shipped.kinds, shipped.known) == (store.default_folder(), None, ())


# What is written


def test_a_saved_folder_is_named_and_holds_three_files(saved, tmp_path):
    assert saved == tmp_path / "deep" / "down" / "model"
    assert names(saved) == ["MODEL_CARD.md", "manifest.json", "model.joblib"]
    assert (saved / "MODEL_CARD.md").read_bytes() == "The card: 港口\n".encode()


def test_a_saved_folder_may_be_read_by_others_and_stands_alone(saved):
    assert saved.stat().st_mode & 0o777 == 0o755
    assert names(saved.parent) == ["model"]


def test_the_manifest_says_what_the_model_was_made_for(saved, kept):
    said = json.loads((saved / "manifest.json").read_text("utf-8"))
    sums = said.pop("sha256")
    assert said == {
        "format": 3,
        "labels": ["content", "promo", "legal", "navigation"],
        "languages": ["en", "zh", "other"],
        "fingerprint": context.fingerprint(),
        "bucket_bits": 17,
        **kept,
    }
    assert sums["model.joblib"] == hashlib.sha256((saved / "model.joblib").read_bytes()).hexdigest()
    assert sums.keys() == {"model.joblib", "manifest.json"}


def test_the_manifest_is_for_people_too_an_entry_a_line_and_chinese_as_it_is(shipped, kept, tmp_path):
    text = (store.save(tmp_path / "model", shipped.model, kept, "", kinds()) / "manifest.json").read_text("utf-8")
    assert text.startswith('{\n "format": 3,\n "labels": [\n  "content",\n')
    assert '   "name": "食谱",\n   "label": "content"\n' in text
    assert text.endswith("\n }\n}\n")


def test_a_saved_model_is_read_without_a_warning_and_says_the_same(saved, shipped):
    again = store.load(saved).model
    for name in ("weights", "scale", "bias"):
        assert (getattr(again, name) == getattr(shipped.model, name)).all()
    for one, other in zip(again.networks, shipped.model.networks, strict=True):
        assert (one.hidden == other.hidden).all()
        assert (one.hidden_bias == other.hidden_bias).all()
        assert (one.out_scale == other.out_scale).all()


def test_a_model_of_one_table_and_network_a_language_is_read_as_it_is(shipped, kept, tmp_path):
    count = len(LANGUAGES)
    columns = {name: getattr(shipped.model, name)[:count] for name in ("weights", "scale", "bias", "networks")}
    before = replace(shipped.model, **columns)
    again = store.load(store.save(tmp_path / "model", before, kept, "")).model
    assert (len(again.weights), len(again.networks)) == (count, count)


def test_a_model_that_came_from_another_process_is_written_with_the_same_bytes(shipped, kept, tmp_path):
    sent = pickle.loads(pickle.dumps(shipped.model))
    here, there = (store.save(tmp_path / name, model, kept, "") for name, model in (("a", shipped.model), ("b", sent)))
    assert (here / store.ARRAYS).read_bytes() == (there / store.ARRAYS).read_bytes()


def test_kinds_are_saved_with_their_names_and_read_again(shipped, kept, tmp_path):
    stored = store.load(store.save(tmp_path / "model", shipped.model, kept, "", kinds()))
    assert stored.known == stored.kinds.known == KNOWN
    for name in ("weights", "scale", "bias", "mix", "mix_scale", "mix_bias"):
        assert (getattr(stored.kinds, name) == getattr(kinds(), name)).all()


def test_arrays_of_kinds_that_break_their_bounds_are_named_with_their_file(shipped, kept, tmp_path):
    wrong = kinds()
    wrong.mix[0, 0] = 0.5
    folder = store.save(tmp_path / "model", shipped.model, kept, "", wrong)
    with pytest.raises(ModelDamaged) as raised:
        store.load(folder)
    assert str(raised.value) == (
        f"{folder}/model.joblib: a number of kinds is too large, not finite, or no whole number where it must be one; "
        "restore the folder or train again"
    )


def test_arrays_of_kinds_that_are_missing_are_named(shipped, kept, tmp_path):
    folder = store.save(tmp_path / "model", shipped.model, {**kept, "kinds": [{"name": "recipe", "label": "content"}]}, "")
    with pytest.raises(ModelDamaged, match=r"kinds_weights, kinds_scale, .*kinds_mix_bias missing, or not of the shape that 1"):
        store.load(folder)


def test_arrays_of_kinds_that_the_manifest_does_not_name_are_refused(shipped, kept, tmp_path, monkeypatch):
    monkeypatch.setattr(store.manifests, "kinds", lambda _: ())
    folder = store.save(tmp_path / "model", shipped.model, kept, "", kinds())
    with pytest.raises(ModelDamaged, match=r"kinds_bias.*missing, unknown"):
        store.load(folder)


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([127, -127], np.int8),
        ([128], np.int16),
        ([-128], np.int16),
        ([32_767], np.int16),
        ([32_768], np.int32),
        ([2**31 - 1], np.int32),
        ([2**31], np.float64),
        ([1, 0.5], np.float64),
        ([], np.int8),
    ],
)
def test_whole_numbers_are_stored_in_the_smallest_type_that_holds_them(values, kind):
    stored = store._compact(np.array(values, np.float64))
    assert stored.dtype == kind
    assert stored.tolist() == values


def test_words_and_halves_are_stored_as_they_are():
    assert store._compact(np.array([1, 2], np.uint64)).dtype == np.uint64
    assert store._compact(np.array([0.5], np.float32)).dtype == np.float32


@pytest.mark.parametrize("value", [1.0, 0.5])
def test_arrays_are_stored_row_by_row_whatever_they_were_made_from(value):
    assert store._compact(np.full((2, 3), value).T).flags.c_contiguous
    assert store._compact(np.asfortranarray(np.full((2, 3), value))).flags.c_contiguous


# Beside what is there


def test_a_model_takes_the_place_of_another_and_leaves_nothing_of_it(saved, shipped, kept):
    (saved / "note.txt").touch()
    assert store.save(saved, shipped.model, kept, "another") == saved
    assert (saved / "MODEL_CARD.md").read_text("utf-8") == "another"
    assert (names(saved.parent), names(saved)) == (["model"], ["MODEL_CARD.md", "manifest.json", "model.joblib"])


def test_a_model_is_written_beside_its_place_under_a_hidden_name(saved, shipped, kept, monkeypatch):
    seen = []
    monkeypatch.setattr(joblib, "dump", lambda *_, **__: seen.extend(names(saved.parent)) or Path("/dev/null/x").touch())
    with pytest.raises(NotADirectoryError):
        store.save(saved, shipped.model, kept, "")
    staging, target = seen
    assert staging.startswith(".model.")
    assert target == "model"
    assert names(saved.parent) == ["model"]


def test_the_old_model_waits_under_a_hidden_name_until_the_new_one_stands(saved, shipped, kept, monkeypatch):
    remove, seen = shutil.rmtree, []
    monkeypatch.setattr(shutil, "rmtree", lambda path: seen.append((path, names(path), names(saved.parent))) or remove(path))
    store.save(saved, shipped.model, kept, "")
    [(old, held, beside)] = seen
    assert old.name.startswith(".model.old.")
    assert held == ["model"]
    assert beside == [old.name, "model"]


def test_figures_that_json_has_no_word_for_are_refused_before_a_name_exists(shipped, tmp_path):
    with pytest.raises(ValueError, match="not JSON compliant"):
        store.save(tmp_path / "model", shipped.model, {"figures": float("inf")}, "")
    assert names(tmp_path) == []
