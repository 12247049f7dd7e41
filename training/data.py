"""Annotated documents in, and the labels of our own segments from theirs."""

from __future__ import annotations

import bisect
import gzip
import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from classifier.schema import LABELS, InputError, Segments

UNLABELLED = -1
WEAK_SITE = "weak"
# Kinds of weakly labelled paragraphs, their label, how many at most, and their weight. Contract and
# privacy prose is left out, because with it all that is formal becomes legal, and so is catalogue
# copy; measured as rows of "What was tried" in README.md.
WEAK = (
    ("ad-script", "promo", 600, 0.1),
    ("article-tail", "promo", 1000, 0.1),
    ("pr-about", "promo", 1000, 0.1),
    ("in_article", "promo", 1000, 0.1),
    ("wechat_advertorial_passage", "promo", 1000, 0.1),
    ("in_article", "legal", 1000, 0.5),
    ("article-tail", "legal", 1000, 0.5),
)
_INDEX = {label.value: number for number, label in enumerate(LABELS)}


@dataclass(frozen=True, slots=True)
class Document:
    """An annotated document: `units` are [start, end, label] over parts of `text`.

    site keeps what one publisher wrote on one side of every split. suite names a group that
    is reported on its own. fit is False for documents to measure on only. weight: how much
    its segments count in a fit, beside annotated ones at 1.
    """

    id: str
    text: str
    units: tuple[tuple[int, int, str], ...]
    site: str
    suite: str
    fit: bool
    weight: float = 1.0


def files(source: Path, stem: str) -> list[Path]:
    """The annotated files of a folder whose name begins with `stem`, or `source` itself if it is a file."""
    if source.is_file():
        return [source]
    return sorted(p for p in source.glob(f"{stem}*") if p.name.endswith((".jsonl", ".jsonl.gz")))


def read(paths: Sequence[Path]) -> list[Document]:
    """Annotated documents of JSONL files, gzip or not.

    A record needs `text` and `units`; `id`, `site`, `suite` and `evaluation_only` are
    optional: a document without a site is a site of its own. Raises InputError, with file
    and line, for a record that is not of this shape.
    """
    return [document for path in paths for document in _records(path)]


def _records(path: Path) -> Iterator[Document]:
    for number, record in lines(path):
        yield _document(record, f"{path}:{number}")


def lines(path: Path) -> Iterator[tuple[int, Any]]:
    """The number and the value of every line of a JSONL file, gzip or not, that is not blank.

    Raises InputError, with file and line, for what is no JSON or cannot be read.
    """
    opener = gzip.open if path.suffix == ".gz" else open
    number = 0
    try:
        with opener(path, "rt", encoding="utf-8") as stream:
            for number, line in enumerate(stream, 1):
                if line.strip():
                    yield number, json.loads(line)
    except ValueError as error:
        raise InputError(f"{path}:{number}: no JSON ({error})") from None
    except OSError as error:
        raise InputError(f"cannot read {path}: {error}") from None


def _document(record: Any, where: str) -> Document:
    text = record.get("text") if isinstance(record, dict) else None
    if not isinstance(text, str) or not isinstance(record.get("units"), list):
        raise InputError(f"{where}: a record needs a string `text` and a list `units` of [start, end, label]")
    units = []
    for unit in record["units"]:
        try:
            start, end, label = unit[0], unit[1], unit[2]
            good = 0 <= start < end <= len(text) and label in _INDEX
        except (TypeError, IndexError, KeyError):
            good = False
        if not good:
            raise InputError(f"{where}: unit {unit!r} is not [start, end, label] inside a text of {len(text)} characters")
        units.append((start, end, label))
    name = str(record.get("id", where))
    return Document(
        id=name,
        text=text,
        units=tuple(units),
        site=str(record.get("site") or name),
        suite=str(record.get("suite") or "all documents"),
        fit=not record.get("evaluation_only", False),
    )


def own() -> list[Document]:
    """The texts of `corpus/`, which were written for this project, each a site of its own.

    `phrases*.jsonl`: short texts with one label, pitches, disclaimers and page furniture of
    many trades, and content that sounds like them. `documents*.jsonl`: annotated documents.
    """
    folder = Path(__file__).with_name("corpus")
    found = read(sorted(folder.glob("documents*.jsonl")))
    for path in sorted(folder.glob("phrases*.jsonl")):
        for number, record in lines(path):
            name, text = f"{path.stem} {number}", record["text"]
            found.append(Document(name, text, ((0, len(text), record["label"]),), name, "phrases", True))
    return found


def weak_files(source: Path) -> list[Path]:
    """The files that `weak()` reads."""
    return sorted(source.rglob("*_weak.jsonl*")) if source.is_dir() else []


def weak(source: Path) -> list[Document]:
    """Paragraphs whose one label follows from where they were found, from `LABEL_weak.jsonl[.gz]`.

    source: the folder, searched with its sub-folders. A record is `{"text", "kind"}`; kinds
    that `WEAK` does not name are left out, and so are texts that begin alike. Their order and
    number depend on nothing but the text.
    """
    found: list[Document] = []
    for path in weak_files(source):
        label = path.name.partition("_weak")[0]
        groups: dict[str, dict[str, str]] = {kind: {} for kind, of, *_ in WEAK if of == label}
        for _, record in lines(path):
            kind, text = record.get("kind"), record.get("text")
            if kind in groups and isinstance(text, str):
                groups[kind].setdefault(text[:60], text)
        for kind, of, most, weight in WEAK:
            texts = sorted(groups[kind].values(), key=rank)[:most] if of == label else []
            for text in texts:
                found.append(Document(f"{kind} {len(found)}", text, ((0, len(text), label),), WEAK_SITE, kind, True, weight))
    return found


def segment_labels(document: Document, cut: Segments) -> NDArray[np.int64]:
    """The label of each segment: that of the units over most of its characters.

    UNLABELLED where the units of no label cover half of its non-space characters.
    """
    ends, text = cut.ends, document.text
    votes = np.zeros((len(ends), len(LABELS)))
    for start, end, label in document.units:
        at = bisect.bisect_right(ends, start)
        while at < len(ends) and (begin := ends[at - 1] if at else 0) < end:
            votes[at, _INDEX[label]] += _visible(text[max(start, begin) : min(end, ends[at])])
            at += 1
    sizes = np.array([_visible(text[a:b]) for a, b in zip([0, *ends], ends, strict=False)])
    return np.where(votes.max(1, initial=0) * 2 >= np.maximum(sizes, 1), votes.argmax(1), UNLABELLED)


def _visible(text: str) -> int:
    return sum(map(len, text.split()))


def rank(site: str) -> bytes:
    """A key that puts sites in the same arbitrary order in every run and on every machine."""
    return hashlib.blake2b(site.encode("utf-8", "surrogatepass"), digest_size=8).digest()


def digest(paths: Sequence[Path]) -> dict[str, str]:
    """SHA-256 of each file, by name."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}
