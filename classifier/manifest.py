"""The manifest of a model folder: bytes to a checked object.

Every entry that the package reads later is checked here, so that no edited or damaged manifest fails far
from its cause. Entries that nothing reads may be there, and are covered by the checksum.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping
from typing import Any

from classifier.schema import LABELS, LANGUAGES, LAYOUTS, MOST_KINDS, PRESETS, InputError, Kind, Label, Layout, ModelUnsupported

FORMAT = 3
MOST_BYTES = 1_000_000  # the shipped one has 5,273
MOST_DEPTH = 16  # the shipped one has 5
_DIGITS = 18  # of a whole number: all that fit 64 bits
_SHA256 = re.compile(r"[0-9a-f]{64}")


def parse(raw: bytes) -> dict[str, Any]:
    """The object that a manifest holds.

    Raises ValueError for what is no JSON object in UTF-8, and for what JSON readers disagree on or choke
    at: a name twice in an object, NaN and infinities, numbers too large, nesting too deep.
    """
    try:
        manifest = json.loads(
            raw.decode("utf-8"), object_pairs_hook=_once, parse_constant=_refuse, parse_int=_whole, parse_float=_finite
        )
    except RecursionError:
        raise ValueError("it is nested too deep") from None
    if not isinstance(manifest, dict):
        raise ValueError(f"it holds a {type(manifest).__name__}, not an object")
    level: list[Any] = [manifest]
    for _ in range(MOST_DEPTH):
        level = [inner for value in level for inner in (value.values() if isinstance(value, dict) else value)]
        level = [value for value in level if isinstance(value, dict | list)]
    if level:
        raise ValueError("it is nested too deep")
    return manifest


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name stands twice in one object")
    return found


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no number")


def _whole(digits: str) -> int:
    if len(digits) > _DIGITS:
        raise ValueError(f"a number has {len(digits):,} digits")
    return int(digits)


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError(f"{digits[:40]} is too large a number")
    return number


def seal(manifest: Mapping[str, Any], name: str) -> str:
    """SHA-256 of what a manifest says, but for its own checksum, which stands under `name` in `sha256`.

    Over the values, not the bytes: white space and the order of names say nothing.
    """
    sums = {key: value for key, value in manifest.get("sha256", {}).items() if key != name}
    said = json.dumps({**manifest, "sha256": sums}, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(said.encode("ascii")).hexdigest()


def supported(manifest: Mapping[str, Any], fingerprint: str) -> None:
    """Raises ModelUnsupported for a model of another format, other labels or languages, or other features."""
    wanted: dict[str, Any] = {
        "format": FORMAT,
        "labels": [str(label) for label in LABELS],
        "languages": [str(language) for language in LANGUAGES],
        "fingerprint": fingerprint,
    }
    for key, value in wanted.items():
        found = manifest.get(key)
        if type(found) is not type(value) or found != value:
            raise ModelUnsupported(
                f"{key} is {shown(found)}, this version needs {value!r}: "
                "train the model again, or install the version that made it"
            )


def check(manifest: Mapping[str, Any], arrays: str, name: str, bits: int) -> None:
    """Raises ValueError for a manifest that lacks what the package reads, or holds it as something else.

    arrays, name: the names of the file of arrays and of the manifest itself; bits: `bucket_bits` of this version.
    """
    sums = _object(manifest, "sha256")
    if arrays not in sums or not sums.keys() <= {arrays, name}:
        raise ValueError(f"sha256 names {shown(sorted(sums))}, not {arrays} and {name}")
    for value in sums.values():
        if not isinstance(value, str) or not _SHA256.fullmatch(value):
            raise ValueError(f"sha256 holds {shown(value)}, which is no checksum")
    if name in sums and sums[name] != seal(manifest, name):
        raise ValueError("it says something other than when it was written")
    if type(manifest.get("bucket_bits")) is not int or manifest["bucket_bits"] != bits:
        raise ValueError(f"bucket_bits is {shown(manifest.get('bucket_bits'))}, this version reads {bits}")
    thresholds = _object(manifest, "thresholds")
    for preset in PRESETS:
        of_layout = _object(thresholds, preset)
        for layout in LAYOUTS:
            if layout in (Layout.PASSAGE, Layout.BRIEF) and layout not in of_layout:
                continue  # it was written before there were any
            for language in LANGUAGES:
                of_language = _object(_object(of_layout, layout), language)
                for label in LABELS[1:]:
                    _number(of_language, label)
    kinds(manifest)
    training = _object(manifest, "training")
    for key in ("documents", "sites"):
        _number(training, key, int)
    if "figures" in manifest:
        figures = _object(manifest, "figures")
        suites = _object(figures, "suites") if figures else {}
        for suite in suites:
            row = _object(suites, suite)
            for key in ("macro_f1", "content_lost", "junk_kept"):
                _number(row, key)
            _number(row, "units", int)


def kinds(manifest: Mapping[str, Any]) -> tuple[Kind, ...]:
    """The kinds of labels: `"kinds": [{"name": "recipe", "label": "content"}, …]`; none without. Raises ValueError."""
    entries = manifest.get("kinds", [])
    known = []
    for entry in entries if isinstance(entries, list) else [entries]:
        if not isinstance(entry, dict) or entry.keys() != {"name", "label"} or entry["label"] not in [*LABELS]:
            raise ValueError(f"{shown(entry)} is no kind of a label")
        try:
            known.append(Kind(entry["name"], Label(entry["label"])))
        except InputError as error:
            raise ValueError(str(error)) from None
    if len({kind.name for kind in known}) < len(known) or len(known) > MOST_KINDS:
        raise ValueError(f"it holds {len(known)} kinds: {MOST_KINDS} at most may stand there, each once")
    return tuple(known)


def _object(outer: Mapping[str, Any], key: str) -> dict[str, Any]:
    value = outer.get(key)
    if not isinstance(value, dict):
        raise ValueError(f"{shown(str(key))} is {shown(value)}, not an object")
    return value


def _number(outer: Mapping[str, Any], key: str, *kinds: type) -> None:
    value = outer.get(key)
    if type(value) not in (kinds or (int, float)) or value < 0:  # type: ignore[operator]
        raise ValueError(f"{key} is {shown(value)}, not a number from 0 up")


def shown(value: object) -> str:
    """A value for a message, cut where it is long."""
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:79]}…"
