"""What is known of sites: segments that many of their documents hold, and how much of each label they hold.

A profile holds no text but digests of it. It is gathered from labelled documents in any order and in any
number of groups, with the same result, in bounded memory: of a site with many documents, those with the
lowest digests of their text are compared, which is a sample that depends on nothing but the documents
(bottom-k sampling; Cohen and Kaplan, 2007), and in which a document that is there twice counts once.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import re
import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray

from classifier import features
from classifier.schema import LABELS, InputError

FORMAT = 1
# Shares of a document are whole steps of 1/STEPS, so that their sums are exact in any order.
STEPS = 10_000
# A segment repeats when so many of a site's compared documents hold it: with 5, half of the boilerplate that
# repetition takes stays, and no less content is lost (`python -m training.memory DATA`).
LEAST_DOCUMENTS = 3
# Documents of a site that are compared: with 128 half of what repeats is found, with 512 or all no more (the same
# command). Segments compared of each, those with the lowest digests, and repeated segments that a profile keeps, the most
# frequent: more than any page of our documents has, and 12 kB of a profile at most.
COMPARED, SEGMENTS, REPEATED = 256, 512, 512
# Documents held of all sites together: beyond, fewer of each site are compared. Sites: beyond, the smallest go.
# A held document takes some 500 bytes, so that these are 200 MB.
HELD, FEWEST, SITES = 400_000, 8, 50_000
_LARGEST = 512_000_000  # bytes of a file of profiles, decompressed
_GZIP = b"\x1f\x8b"
_ADDRESS = re.compile(r"[\w.-]+\.[\w-]+(?=[:/]|\Z)")

_ZERO, _SPREAD = np.uint32(ord("0")), np.uint64(0x9E3779B97F4A7C15)
_BASE = 0x5851F42D4C957F2D


def host(site: object) -> str | None:
    """The name under which a site is known: an address's host, or a name, in lower case and without `www.`."""
    if not isinstance(site, str) or not (name := site.strip().lower()):
        return None
    if "://" in name:
        try:
            name = urlsplit(name).hostname or name
        except ValueError:
            return name
    elif found := _ADDRESS.match(name):
        name = found[0]
    return name.removeprefix("www.").rstrip(".") or None


def digests(rows: features.Rows) -> NDArray[np.uint64]:
    """A 64-bit digest of each segment's folded text, runs of digits as one; 0 for one without visible text."""
    points, size = rows.grams[:-1], np.diff(rows.bounds)
    keep = ~((points == _ZERO) & np.concatenate(([False], points[:-1] == _ZERO)))
    owner = np.repeat(np.arange(size.size), size)[keep]
    counts = np.bincount(owner, minlength=size.size)
    starts = np.concatenate(([0], np.cumsum(counts)))
    mixed = _mixed(points[keep].astype(np.uint64) + np.uint64(1))
    mixed *= _powers(int(counts.max(initial=0)))[np.arange(owner.size) - starts[owner]]
    total = np.concatenate((np.zeros(1, np.uint64), np.cumsum(mixed)))  # wraps, as the hash does
    out = _mixed(total[starts[1:]] - total[starts[:-1]])
    out[counts <= 1] = 0
    return out


def _mixed(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """splitmix64's finalizer (Steele, Lea and Flood, 2014)."""
    values = values * _SPREAD
    values ^= values >> np.uint64(30)
    values *= np.uint64(0xBF58476D1CE4E5B9)
    values ^= values >> np.uint64(27)
    values *= np.uint64(0x94D049BB133111EB)
    values ^= values >> np.uint64(31)
    return values


def _powers(count: int) -> NDArray[np.uint64]:
    factors = np.full(max(count, 1), _BASE, np.uint64)
    factors[0] = 1
    return np.cumprod(factors, dtype=np.uint64)


def counts(sizes: NDArray[np.int64], probabilities: NDArray[np.uint16]) -> NDArray[np.int64]:
    """What a document adds to the counts of its site: 1, and a number a label of characters, of shares and their squares.

    sizes: the characters of its segments, whose labels are the most probable ones. Shares are whole steps of 1/STEPS, so
    that sums of them are exact.
    """
    characters = np.bincount(probabilities.argmax(1), sizes, len(LABELS)).astype(np.int64)
    shares = characters * STEPS // max(int(characters.sum()), 1)
    return np.concatenate(([1], characters, shares, shares * shares))


@dataclass(frozen=True, slots=True)
class SiteProfile:
    """What is known of one site.

    documents: how many were seen. characters: of each label, in the order of LABELS. sums, squares: of the
    documents' label shares, in steps of 1/STEPS. repeated: digests of segments that several documents hold,
    with the number of these.
    """

    documents: int
    characters: tuple[int, ...]
    sums: tuple[int, ...]
    squares: tuple[int, ...]
    repeated: Mapping[int, int] = field(default_factory=dict)

    @classmethod
    def of(cls, counts: Sequence[int], repeated: Mapping[int, int]) -> SiteProfile:
        """A profile from `counts` of a site's documents, summed."""
        documents, *numbers = counts
        characters, sums, squares = (
            tuple(numbers[start : start + len(LABELS)]) for start in range(0, len(numbers), len(LABELS))
        )
        return cls(documents, characters, sums, squares, repeated)

    def merged(self, other: SiteProfile) -> SiteProfile:
        """The profile of the documents of both, which share none; of segments, those that either holds as repeated."""
        times = Counter(self.repeated)
        times.update(other.repeated)
        counts = [a + b for a, b in zip(self._counts, other._counts, strict=True)]
        return SiteProfile.of(counts, most_frequent(times))

    @property
    def _counts(self) -> list[int]:
        return [self.documents, *self.characters, *self.sums, *self.squares]


def most_frequent(times: Mapping[int, int]) -> dict[int, int]:
    """As many repeated segments as a profile keeps."""
    return dict(sorted(times.items(), key=lambda pair: (-pair[1], pair[0]))[:REPEATED])


@dataclass(frozen=True)
class Profiles:
    """Profiles of sites by host. digest: of the file they came from, "" where they came from none."""

    sites: Mapping[str, SiteProfile] = field(default_factory=dict)
    digest: str = ""

    def find(self, host: str | None) -> SiteProfile | None:
        """The profile of a site, or None where nothing is known of it."""
        return self.sites.get(host) if host else None

    def repeated(self, host: str | None, digests: NDArray[np.uint64]) -> NDArray[np.bool_]:
        """Which segments, by their digests, repeat across documents of a site."""
        known = self._known.get(host) if host else None
        return np.zeros(digests.size, bool) if known is None else np.isin(digests, known)

    @cached_property
    def _known(self) -> dict[str, NDArray[np.uint64]]:
        return {
            host: np.array([digest for digest, times in profile.repeated.items() if times >= LEAST_DOCUMENTS], np.uint64)
            for host, profile in self.sites.items()
        }

    def merged(self, other: Profiles) -> Profiles:
        """The profiles of both, whose documents are others."""
        sites = dict(self.sites)
        for name, profile in other.sites.items():
            sites[name] = sites[name].merged(profile) if name in sites else profile
        return Profiles(sites)

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> Profiles:
        """Reads a file that `write` made.

        Raises InputError for a file that cannot be read, holds something else, or was made by other code.
        """
        return _read(Path(path))

    def write(self, path: str | os.PathLike[str]) -> None:
        """Writes one file of JSON, compressed when its name ends in `.gz`; the same profiles give the same bytes.

        It appears under its name when it is whole. Raises InputError when it cannot be written.
        """
        sites = {
            name: {
                "documents": profile.documents,
                "characters": profile.characters,
                "sums": profile.sums,
                "squares": profile.squares,
                "repeated": {f"{digest:016x}": times for digest, times in sorted(profile.repeated.items())},
            }
            for name, profile in sorted(self.sites.items())
        }
        data = json.dumps({**_head(), "sites": sites}, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
        target = Path(path)
        unfinished = target.with_name(target.name + ".tmp")
        try:
            unfinished.write_bytes(gzip.compress(data, mtime=0) if target.suffix == ".gz" else data)
            unfinished.replace(target)
        except OSError as error:
            raise InputError(f"cannot write {target}: {error.strerror}") from error


def _head() -> dict[str, Any]:
    """What a file of profiles must say to be read: its format, and what decides what its figures mean."""
    return {"format": FORMAT, "features": features.fingerprint(), "labels": [label.value for label in LABELS]}


def _read(path: Path) -> Profiles:
    again = "make it again with `classifier profile`"
    try:
        raw = path.read_bytes()
        with gzip.open(io.BytesIO(raw)) if raw.startswith(_GZIP) else io.BytesIO(raw) as file:
            data = file.read(_LARGEST + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"cannot read the profiles {path}: {getattr(error, 'strerror', None) or error}") from error
    if len(data) > _LARGEST:
        raise InputError(f"{path} is larger than {_LARGEST:,} bytes: no file of profiles is")
    try:
        found = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is no file of profiles ({error}): {again}") from error
    for key, value in _head().items():
        if not isinstance(found, dict) or found.get(key) != value:
            seen = found.get(key) if isinstance(found, dict) else found
            raise InputError(f"{path}: {key} is {str(seen)[:80]}, this version needs {value}: {again}")
    try:
        sites = {name: _profile(row) for name, row in found["sites"].items()}
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(f"{path} is damaged ({error!r}): {again}") from error
    return Profiles(sites, hashlib.sha256(raw).hexdigest())


def _profile(row: Mapping[str, Any]) -> SiteProfile:
    columns = [row[name] for name in ("characters", "sums", "squares")]
    repeated = {int(digest, 16): times for digest, times in row["repeated"].items()}
    counts = [row["documents"], *(number for column in columns for number in column)]
    if any(type(number) is not int or number < 0 for number in (*counts, *repeated.values())):
        raise ValueError("a count is no whole number from 0 up")
    if any(len(column) != len(LABELS) for column in columns) or not row["documents"]:
        raise ValueError("a profile without documents, or without a count a label")
    if any(not 0 <= digest < 1 << 64 for digest in repeated):
        raise ValueError("a digest of more than 64 bits")
    return SiteProfile.of(counts, repeated)
