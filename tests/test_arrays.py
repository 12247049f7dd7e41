import io
import pickle
import random

import joblib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from classifier import arrays

NAMES = {
    "whole": np.arange(6, dtype=np.int8).reshape(2, 3),
    "数": np.linspace(0, 1, 5),
    "wide": np.arange(4, dtype=np.uint64),
    "again": np.arange(7, dtype=np.uint64),
    "single": np.float32([1.5]),
    "empty": np.zeros((3, 0), np.int16),
    "point": np.array(2, np.int32),
}


def dumped(value):
    file = io.BytesIO()
    joblib.dump(value, file)
    return file.getvalue()


def rebuilt(raw):
    return {name: np.ndarray(place.shape, place.kind, raw, place.offset) for name, place in arrays.places(raw).items()}


def test_arrays_lie_where_joblib_wrote_them():
    found = rebuilt(dumped(NAMES))
    assert found.keys() == NAMES.keys()
    for name, array in NAMES.items():
        assert found[name].dtype == array.dtype
        assert np.array_equal(found[name], array)


def test_as_many_arrays_as_a_model_has_need_few_of_the_steps():
    nine = {f"name{number}": np.zeros((number, 2), "<f8") for number in range(9)}
    assert len(arrays.places(dumped(nine))) == 9
    with pytest.raises(ValueError, match="steps"):
        arrays.places(dumped({f"name{number}": np.zeros(2) for number in range(200)}))


@pytest.mark.parametrize(
    "value",
    [
        np.zeros(3),
        [np.zeros(3)],
        {"a": 1},
        {"a": {"b": np.zeros(3)}},
        {1: np.zeros(3)},
        {"a": np.zeros(3, "f2")},
        {"a": np.zeros(3, ">f8")},
        {"a": np.array(["港"])},
        {"a": np.array([None])},
        {"a": np.asfortranarray(np.zeros((2, 3)))},
    ],
)
def test_anything_but_plain_arrays_by_name_is_refused(value):
    with pytest.raises(ValueError, match=r"."):
        arrays.places(dumped(value))


def test_what_stands_behind_the_end_is_refused():
    with pytest.raises(ValueError, match="1 bytes stand behind"):
        arrays.places(dumped(NAMES) + b".")


def test_a_name_that_stands_twice_is_refused():
    raw = dumped({"a": np.zeros(3), "b": np.zeros(3)})
    with pytest.raises(ValueError, match="twice"):
        arrays.places(raw.replace(b"\x8c\x01b", b"\x8c\x01a"))


@given(st.binary())
def test_any_bytes_are_arrays_within_them_or_refused(raw):
    for start in (b"", b"\x80\x04", b"\x80\x05"):
        check(start + raw)


def test_a_damaged_file_is_arrays_within_it_or_refused():
    raw, choose, read = dumped(NAMES), random.Random(8), 0
    for _ in range(1_000):
        damaged = bytearray(raw)
        for _ in range(choose.choice((1, 1, 2, 8))):
            place = choose.randrange(len(damaged))
            cut = choose.choice((b"", choose.randbytes(1), choose.randbytes(9), damaged[: choose.randrange(40)]))
            damaged[place : place + choose.choice((0, 1, 9))] = cut
        read += check(bytes(damaged))
    assert 0 < read < 700


def check(raw):
    """Whether bytes were read; what was read lies within them."""
    try:
        found = arrays.places(raw)
    except ValueError:
        return False
    for place in found.values():
        assert place.offset + np.dtype(place.kind).itemsize * int(np.prod(place.shape, dtype=object)) <= len(raw)
    return True


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_plain_pickle_of_arrays_is_refused(protocol):
    with pytest.raises(ValueError, match=r"."):
        arrays.places(pickle.dumps(NAMES, protocol))
