"""What labels, as a value that travels."""

import pickle
from pathlib import Path

import pytest

from classifier import InputError, Limits, Policy
from classifier.schema import PolicyError
from classifier.setup import Setup, loaded


def test_a_setup_loads_what_it_says(tide):
    made = Setup(limits=Limits(document_segments=9), language_id="langdetect", **tide.files).load(Policy.careful())
    options = made.get_params()
    assert (options["limits"], options["language_id"]) == (Limits(document_segments=9), "langdetect")
    assert options["policy"] == Policy.careful()
    assert made.rules.source == tide.files["rules"]
    assert set(made.profiles.sites) == {"tide.example"}


def test_a_setup_is_loaded_once_a_process_however_its_files_are_named(tide):
    by_path = Setup(**{name: Path(file) for name, file in tide.files.items()})
    assert loaded(by_path) is loaded(pickle.loads(pickle.dumps(Setup(**tide.files))))
    assert loaded(by_path) is not loaded(Setup())


def test_what_cannot_be_loaded_is_refused_as_by_the_library(tmp_path):
    with pytest.raises(InputError, match="cannot read the rules"):
        Setup(rules=tmp_path / "no.toml").load()
    with pytest.raises(InputError, match="use one of exact, langdetect"):
        Setup(language_id="guess").load()
    with pytest.raises(PolicyError, match="'recipe'"):
        Setup().load(Policy(keep={"recipe"}))
    with pytest.raises(TypeError, match="modle"):
        Setup(modle="models/mine")
