import contextlib
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from classifier import manifest

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(1 - 10**17, 10**17) | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=40)
@given(st.dictionaries(st.text(max_size=5), JSON, max_size=4))
def test_an_object_reads_back_as_it_was_written(value):
    assert manifest.parse(json.dumps(value).encode()) == value


@given(st.binary())
def test_any_bytes_are_an_object_or_refused(raw):
    for start in (b"", b'{"a":'):
        with contextlib.suppress(ValueError):
            assert type(manifest.parse(start + raw)) is dict


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"a": 1, "a": 1}', "twice"),
        ('{"港": {"a": 1, "a": 2}}', "twice"),
        ('{"a": NaN}', "NaN is no number"),
        ('{"a": -Infinity}', "-Infinity is no number"),
        ('{"a": 1e400}', "too large"),
        ('{"a": 1234567890123456789}', "19 digits"),
        ("[1]", "list"),
        ("{" + '"a":{' * 16 + "}" * 17, "too deep"),
        ("[" * 200_000, "too deep"),
    ],
)
def test_what_readers_of_json_disagree_on_is_refused(text, reason):
    with pytest.raises(ValueError, match=reason):
        manifest.parse(text.encode())


def test_as_deep_as_is_allowed_is_read():
    assert manifest.parse(("{" + '"a":{' * 15 + "}" * 16).encode())


def test_the_seal_is_over_what_is_said_and_not_over_how():
    said = {"b": 1.0, "a": {"港": [1, None]}, "sha256": {"x": "1", "manifest.json": "old"}}
    again = {"sha256": {"manifest.json": "new", "x": "1"}, "a": {"港": [1, None]}, "b": 1.0}
    assert manifest.seal(said, "manifest.json") == manifest.seal(again, "manifest.json")


@pytest.mark.parametrize("change", [{"b": 2.0}, {"sha256": {"x": "2"}}, {"a": {}}, {"c": None}])
def test_the_seal_is_over_all_that_is_said(change):
    said = {"b": 1.0, "a": {"港": [1, None]}, "sha256": {"x": "1"}}
    assert manifest.seal(said, "manifest.json") != manifest.seal({**said, **change}, "manifest.json")


def test_a_value_in_a_message_is_cut():
    assert len(manifest.shown("港" * 1_000)) == 80
    assert manifest.shown("港口") == "'港口'"
