"""Malicious and damaged model folders, each made by a function.

Every checksum agrees with what it is of, as a forger would see to it: what is tested is what reads the files.
"""

import bz2
import gzip
import hashlib
import io
import json
import lzma
import os
import pickle
import shutil
import socket
import struct
import subprocess
import zlib
from functools import cache, partial
from pathlib import Path

import joblib
import numpy as np
from joblib.numpy_pickle import NumpyPickler

from classifier import manifest, store
from classifier.model import HIDDEN_TOTAL

GOOD = store.default_folder()


@cache
def shipped():
    """The shipped model's arrays, and its manifest."""
    return joblib.load(GOOD / store.ARRAYS), json.loads((GOOD / store.MANIFEST).read_bytes())


def forge(folder, raw):
    """Writes a folder with these bytes for its arrays, and checksums that agree."""
    (folder / store.ARRAYS).unlink(missing_ok=True)
    (folder / store.ARRAYS).write_bytes(raw)
    (folder / store.MANIFEST).write_bytes(said(sha256={store.ARRAYS: hashlib.sha256(raw).hexdigest()}))


def dumped(value, **options):
    file = io.BytesIO()
    joblib.dump(value, file, **options)
    return file.getvalue()


def forge_arrays(folder, **changes):
    """The arrays of the shipped model with some replaced; None takes one away."""
    arrays = {**shipped()[0], **changes}
    forge(folder, dumped({name: array for name, array in arrays.items() if array is not None}))


def said(**changes):
    """The shipped manifest with entries changed, and a checksum of itself that agrees."""
    entries = {**json.loads(json.dumps(shipped()[1])), **changes}
    if isinstance(entries["sha256"], dict):
        entries["sha256"] = {**entries["sha256"], store.MANIFEST: manifest.seal(entries, store.MANIFEST)}
    return json.dumps(entries).encode()


def ran(folder):
    return str(folder / "ran")


class Reduced:
    """What a pickle of this calls when it is read."""

    def __init__(self, function, *arguments, state=None, items=None):
        self.result = (function, arguments, state, iter(items) if items else None)

    def __reduce_ex__(self, _protocol):
        return self.result


def calls(folder):
    """What an attacker would have called, by name."""
    import functools
    import importlib
    import operator

    touch, code = f"touch {ran(folder)}", f"open({ran(folder)!r}, 'w')"
    return {
        "os.system": Reduced(os.system, touch),
        "eval": Reduced(eval, code),
        "exec": Reduced(exec, code),
        "open": Reduced(open, ran(folder), "w"),
        "getattr": Reduced(getattr, "", "__class__"),
        "partial": Reduced(functools.partial, os.system, touch),
        "methodcaller": Reduced(operator.methodcaller, "system", touch),
        "Popen": Reduced(subprocess.Popen, ["touch", ran(folder)]),
        "socket": Reduced(socket.create_connection, ("127.0.0.1", 9)),
        "import": Reduced(importlib.import_module, "antigravity"),
        "numpy.load": Reduced(np.load, ran(folder), "r", True),
        "pickle.loads": Reduced(pickle.loads, pickle.dumps(Reduced(os.system, touch))),
        "state": Reduced(np.dtype, "u8", state={"__setstate__": Reduced(os.system, touch)}),
        "items": Reduced(list, items=[Reduced(os.system, touch)]),
    }


CALLS = list(calls(Path("/nowhere")))
PLACES = {
    "root": lambda call: call,
    "value": lambda call: {"weights": call},
    "nested": lambda call: {"weights": [({1: call},)]},
}


def text(value):
    raw = value.encode()
    return b"\x8c" + bytes([len(raw)]) + raw


def assembled(folder):
    """Streams that no pickler writes."""
    touch = f"touch {ran(folder)}"
    system = b"cos\nsystem\n"
    wrapper = text("joblib.numpy_pickle") + text("NumpyArrayWrapper") + b"\x93"
    dtype = text("numpy") + text("dtype") + b"\x93"
    return {
        "persistent id": f"P{touch}\n.".encode(),
        "binary persistent id": b"\x80\x02" + text(touch) + b"Q.",
        "extension 1": b"\x80\x02\x82\x01" + text(touch) + b"\x85R.",
        "extension 2": b"\x80\x02\x83\x2c\x01" + text(touch) + b"\x85R.",
        "extension 4": b"\x80\x02\x84\x70\x11\x01\x00" + text(touch) + b"\x85R.",
        "inst": f"(S'{touch}'\nios\nsystem\n.".encode(),
        "obj": b"(" + system + text(touch) + b"o.",
        "newobj_ex": b"\x80\x04" + system + b")}\x92.",
        "stack_global": b"\x80\x04" + text("os") + text("system") + b"\x93" + text(touch) + b"\x85R.",
        "dotted name": b"\x80\x04" + text("joblib.numpy_pickle") + text("NumpyArrayWrapper.read.__globals__") + b"\x93.",
        "allowed name called": b"\x80\x04" + wrapper + text("a") + b"\x85R.",
        "allowed name built": b"\x80\x04" + dtype + b"}" + text("newbyteorder") + system + b"sb.",
        "type of an object": b"\x80\x04" + dtype + text("O") + b"\x89\x88\x87R.",
        "type that is text of code": b"\x80\x04" + dtype + text("(__import__('os'),)f8") + b"\x89\x88\x87R.",
        "wrapper with a method": b"\x80\x04" + wrapper + b")\x81}" + text("read") + system + b"sb.",
        "old joblib wrapper": b"\x80\x04" + text("joblib.numpy_pickle") + text("NDArrayWrapper") + b"\x93)\x81}.",
        "old joblib file": b"ZF0x1f                 " + zlib.compress(pickle.dumps(Reduced(os.system, touch))),
        "buffers": b"\x80\x05\x97\x98.",
    }


def bombs():
    """Streams that grow, nest or ask for more than they hold; zeros in place of a gigabyte."""
    double = b"2\x86" * 64  # a tuple of itself and itself: 2**64 leaves
    megabyte = bytes(1_000_000)
    return {
        "tuples of themselves": b"\x80\x04}K\x01" + double + b"K\x01s.",
        "tuples of themselves, remembered": b"\x80\x04}K\x01\x94"
        + b"".join(b"h%ch%c\x86\x94" % (i, i) for i in range(60))
        + b"Ns.",
        "lists of themselves": b"\x80\x04]\x94" + b"h\x00a" * 100_000 + b".",
        "depth": b"\x80\x04}K\x01" + b"\x85" * 1_000_000 + b"K\x01s.",
        "marks": b"(" * 1_000_000 + b".",
        "dicts": b"\x80\x04" + b"}" * 1_000_000 + b".",
        "long text": b"\x80\x04\x8d" + struct.pack("<Q", 2**62) + b"a.",
        "long text, four bytes": b"\x80\x04X\xff\xff\xff\x7fa.",
        "long bytes": b"\x80\x04\x8e" + struct.pack("<Q", 2**40) + b"a.",
        "long bytearray": b"\x80\x05\x96" + struct.pack("<Q", 2**40) + b"a.",
        "frame": b"\x80\x04\x95" + struct.pack("<Q", 2**63 - 1) + b"}.",
        "frames": (b"\x80\x04" + b"\x95" + bytes(8)) * 100_000 + b"}.",
        "integer of bytes": b"\x80\x04\x8b\xff\xff\xff\x7f\x01.",
        "integer of digits": b"L" + b"9" * 1_000_000 + b"L\n.",
        "integer of many bytes": b"\x80\x04\x8b" + struct.pack("<i", 1_000_000) + b"\x7f" * 1_000_000 + b".",
        "memo": b"\x80\x04}r\xff\xff\xff\xff.",
        "memo that is empty": b"\x80\x04h\x05.",
        "line without an end": b"c" + b"o" * 1_000_000,
        "two gigabytes in gzip": gzip.compress(megabyte) * 2000,
        "two gigabytes in bz2": bz2.compress(megabyte) * 2000,
        "two gigabytes in xz": lzma.compress(megabyte) * 2000,
        "two gigabytes in lzma": lzma.compress(megabyte, lzma.FORMAT_ALONE) * 2000,
        "zlib": zlib.compress(megabyte),
        "lz4": b"\x04\x22\x4d\x18\x64\x40\xa7" + megabyte,
        "zstd": b"\x28\xb5\x2f\xfd" + megabyte,
        "nothing": b"",
        "an end": b".",
    }


class Lying(NumpyPickler):
    """joblib's writer, which says of arrays what it is told to."""

    def __init__(self, file, changes):
        super().__init__(file, protocol=4)
        self.changes = changes

    def save(self, value):
        super().save({**value, **self.changes} if type(value) is dict and "allow_mmap" in value else value)


LIES = {
    "a shape of terabytes": {"shape": (3, 2**40)},
    "a shape beyond 64 bits": {"shape": (2**62, 2**62)},
    "a shape that wraps to 0": {"shape": (2**32, 2**32)},
    "a shape of exabytes": {"shape": (2**31 - 1, 2**31 - 1)},
    "a shape that wraps to 0 by small sides": {"shape": (2**16,) * 4},
    "a negative shape": {"shape": (-3, -131072)},
    "a side of -1": {"shape": (-1,)},
    "a shape of fractions": {"shape": (3.0, 131072)},
    "a shape of truths": {"shape": (True, 131072)},
    "a shape of text": {"shape": "3"},
    "a shape in a list": {"shape": [3, 131072]},
    "a shape of shapes": {"shape": ((3,), 131072)},
    "a shape of 70 sides": {"shape": (1,) * 70},
    "columns first": {"order": "F"},
    "an unknown order": {"order": "X"},
    "no map": {"allow_mmap": False},
    "no alignment": {"numpy_array_alignment_bytes": None},
    "an absurd alignment": {"numpy_array_alignment_bytes": 2**31},
    "a subclass": {"subclass": np.matrix},
    "objects": {"dtype": np.dtype(object)},
    "nested objects": {"dtype": np.dtype([("a", object)])},
    "nested numbers": {"dtype": np.dtype([("a", "u8")])},
    "sub-arrays": {"dtype": np.dtype(("u8", (2,)))},
    "numbers with notes": {"dtype": np.dtype("u8", metadata={"a": 1})},
    "big-endian numbers": {"dtype": np.dtype(">u8")},
    "a type that is text": {"dtype": "u8"},
    "more than it is": {"more": 1},
}

NAN, INF = float("nan"), float("inf")


def good(name):
    return np.array(shipped()[0][name])


def with_one(name, value, kind=None):
    """An array of the shipped model with one value changed."""
    array = good(name).astype(kind or good(name).dtype)
    array.flat[array.size // 2] = value
    return {name: array}


VALUES = {
    "no arrays": lambda: dict.fromkeys(shipped()[0]),
    "one array too few": lambda: {"out_bias": None},
    "one array too many": lambda: {"more": np.zeros(3)},
    "half the buckets": lambda: {"weights": good("weights")[:, : 1 << 16]},
    "turned buckets": lambda: {"weights": np.ascontiguousarray(good("weights").T)},
    "no languages": lambda: {"weights": good("weights")[:0]},
    "a number for an array": lambda: {"weights": np.uint64(3)},
    "an array without sides": lambda: {"hidden_bias": np.zeros(())},
    "fewer units": lambda: {"hidden": good("hidden")[:, :, :-1]},
    "signed weights": lambda: {"weights": good("weights").astype(np.int64)},
    "fractional weights": lambda: {"weights": good("weights").astype(np.float64)},
    "unsigned elsewhere": lambda: {"out": good("out").astype(np.uint64)},
    "half precision": lambda: {"scale": good("scale").astype(np.float16)},
    "complex numbers": lambda: {"scale": good("scale").astype(np.complex128)},
    "truths": lambda: {"scale": good("scale") > 0},
    "dates": lambda: {"scale": np.zeros(3, "M8[s]")},
    "texts": lambda: {"scale": np.array(["a", "b", "港"])},
    "objects in an array": lambda: {"scale": np.array([None, None, None])},
    "a weight of 9 bits": lambda: with_one("weights", 256),
    "a bucket 0 that counts": lambda: {"weights": np.full_like(good("weights"), 1)},
    **{
        f"{name} of {value}": partial(with_one, name, value, np.float64)
        for name in ("scale", "hidden_scale", "out_scale")
        for value in (0.0, -1.0, NAN, INF, 1e300, -INF)
    },
    **{
        f"{name} of {value}": partial(with_one, name, value, np.float64)
        for name in ("bias", "hidden_bias", "out_bias")
        for value in (NAN, INF, 1e300, -1e7)
    },
    **{
        f"{name} of {value}": partial(with_one, name, value, np.float64)
        for name in ("hidden", "out")
        for value in (NAN, -INF, 0.5, 1e300)
    },
    "a unit beyond exact sums": lambda: with_one("hidden", HIDDEN_TOTAL + 1, np.int32),
    "a label beyond exact sums": lambda: with_one("out", 2.0**42, np.float64),
}


def without(*path):
    entries = inner = json.loads(said())
    for key in path[:-1]:
        inner = inner[key]
    del inner[path[-1]]
    return said(**{"sha256": {}, **entries, path[0]: entries.get(path[0])})


def threshold(value, layout="page"):
    entries = json.loads(said())["thresholds"]
    entries["balanced"].setdefault(layout, entries["balanced"]["page"])["zh"]["legal"] = value
    return said(thresholds=entries)


DEEP = 100_000
MANIFESTS = {
    "nothing": b"",
    "no JSON": b"{",
    "an array": b"[]",
    "a text": b'"a"',
    "a zero byte": b"\x00",
    "a picture": b"\x89PNG\r\n",
    "no UTF-8": said().replace(b"content", b"c\xffntent"),
    "UTF-16": said().decode().encode("utf-16"),
    "an order mark": b"\xef\xbb\xbf" + said(),
    "arrays in arrays": b"[" * DEEP + b"]" * DEEP,
    "objects in objects": b'{"a":' * DEEP + b"1" + b"}" * DEEP,
    "some depth": said(more=json.loads("[" * 50 + "]" * 50)),
    "an open text": b'{"a":"' + b"a" * 900_000,
    "more than allowed": said() + b" " * manifest.MOST_BYTES,
    "a name twice": said()[:-1] + b', "format": 3}',
    "a name twice, within": said().replace(b'"training": {', b'"training": {"sites": 1, ', 1),
    "NaN": said()[:-1] + b', "more": NaN}',
    "infinity": said()[:-1] + b', "more": -Infinity}',
    "1e999": said()[:-1] + b', "more": 1e999}',
    "a million digits": said()[:-1] + b', "more": ' + b"9" * 900_000 + b"}",
    "thirty digits": said()[:-1] + b', "more": ' + b"9" * 30 + b"}",
    "another end": said() + b"{}",
    **{f"a threshold of {value!r}": threshold(value) for value in ("0.5", None, True, -0.1, [0.5], {}, -1)},
    "no threshold": threshold({}),
    "no threshold of a passage": threshold({}, "passage"),
    "no threshold of a brief": threshold({}, "brief"),
    **{
        f"no {path[-1]}": without(*path)
        for path in (["thresholds", "careful"], ["training", "sites"], ["sha256", store.ARRAYS])
    },
    **{
        f"{key} of {value!r}": said(**{key: value})
        for key, values in {
            "thresholds": ({}, [], None, "0.5"),
            "training": (
                None,
                {},
                [1],
                {"documents": "1", "sites": 1},
                {"documents": -1, "sites": 1},
                {"documents": 1.0, "sites": 1},
            ),
            "sha256": (None, {}, "0" * 64, {store.ARRAYS: 5}, {store.ARRAYS: "0" * 63}, {store.ARRAYS: "A" * 64}),
            "bucket_bits": (3, "many", None, 17.0, True, 10**17, -17),
            "figures": (None, [], {"suites": []}, {"suites": {"a": 1}}, {"suites": {"a": {"macro_f1": "0.9"}}}),
        }.items()
        for value in values
    },
    "a checksum of other arrays": said(sha256={store.ARRAYS: "0" * 64}),
    "a checksum too many": said(sha256={**json.loads(said())["sha256"], "../../x": "0" * 64}),
    "an entry that was edited": json.dumps({**json.loads(said()), "training": {"documents": 1, "sites": 1}}).encode(),
}
OTHER_CODE = {
    f"{key} of {value!r}"[:60]: said(**{key: value})
    for key, values in {
        "format": (1, 2, 4, "3", 3.0, True, None, [3], 10**17),
        "labels": (["spam"], [], None, "content", {"content": 1}, ["legal", "content", "promo", "navigation"], ["a" * 100_000]),
        "languages": ([], ["en"], None),
        "fingerprint": ("0", None, 0, "a" * 100_000),
    }.items()
    for value in values
} | {"no format": without("format")}


def put(name, make, folder):
    """Puts something else in the place of a file."""
    (folder / name).unlink(missing_ok=True)
    make(folder / name)


def listening(path):
    socket.socket(socket.AF_UNIX).bind(os.path.relpath(path))


KINDS = {
    "a folder": Path.mkdir,
    "a pipe": os.mkfifo,
    "a socket": listening,
    "a link to zeros": lambda path: path.symlink_to("/dev/zero"),
    "a link to a terminal": lambda path: path.symlink_to("/dev/tty"),
    "a link to nothing": lambda path: path.symlink_to("nothing"),
    "a link to itself": lambda path: path.symlink_to(path),
    "a link to endless text": lambda path: path.symlink_to("/proc/self/maps"),
    "a hole of a terabyte": lambda path: (path.touch(), os.truncate(path, 10**12)),
}


def lying(folder, lie):
    file = io.BytesIO()
    Lying(file, lie).dump({"weights": np.zeros((3, 1 << 10), np.uint64)})
    forge(folder, file.getvalue())


def pickled(folder, call, protocol, place=PLACES["value"]):
    forge(folder, pickle.dumps(place(calls(folder)[call]), protocol))


def beside(folder, before, behind):
    call = pickle.dumps(calls(folder)["os.system"])
    forge(folder, call * before + (GOOD / store.ARRAYS).read_bytes() + call * behind)


def swapped(folder):
    forge(folder, (GOOD / store.MANIFEST).read_bytes())
    shutil.copy(GOOD / store.ARRAYS, folder / store.MANIFEST)


def replaced(folder, make):
    shutil.rmtree(folder)
    make(folder)


def zoo():
    """How each folder is made, by name. It holds a good manifest, and a link to good arrays, before."""
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        for call in CALLS:
            yield f"call {call} by protocol {protocol}", partial(pickled, call=call, protocol=protocol)
        for name, place in PLACES.items():
            yield f"call in {name} by protocol {protocol}", partial(pickled, call="os.system", protocol=protocol, place=place)
    yield "call in an object array", lambda f: forge(f, dumped({"weights": np.array([calls(f)["os.system"]], object)}))
    yield "call before the arrays", partial(beside, before=1, behind=0)
    yield "call behind the arrays", partial(beside, before=0, behind=1)
    for name in assembled(Path("/nowhere")):
        yield f"stream: {name}", lambda f, n=name: forge(f, assembled(f)[n])
    for name in ("zlib", "gzip", "bz2", "lzma", "xz"):
        yield f"compressed: {name}", partial(forge, raw=dumped({"scale": np.zeros(3)}, compress=(name, 3)))
    for name, raw in bombs().items():
        yield f"bomb: {name}", partial(forge, raw=raw)
    for name, lie in LIES.items():
        yield f"array: {name}", partial(lying, lie=lie)
    for name, changes in VALUES.items():
        yield f"values: {name}", lambda f, c=changes: forge_arrays(f, **c())
    for name, raw in {**MANIFESTS, **OTHER_CODE}.items():
        yield f"manifest: {name}", lambda f, r=raw: (f / store.MANIFEST).write_bytes(r)
    for file in (store.MANIFEST, store.ARRAYS):
        for name, make in KINDS.items():
            yield f"{file}: {name}", partial(put, file, make)
    yield "swapped files", swapped
    yield "a file for a folder", partial(replaced, make=Path.touch)
    yield "a pipe for a folder", partial(replaced, make=os.mkfifo)


ZOO = dict(zoo())
