"""Annotated documents in, and the labels of our own segments from theirs."""

from __future__ import annotations

import bisect
import gzip
import hashlib
import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from classifier.schema import LABELS, InputError, Kind, Segments

UNLABELLED = -1
PHRASES = "phrases"  # the suite of our own short texts
_INDEX = {label.value: number for number, label in enumerate(LABELS)}

_HAN = re.compile("[\u4e00-\u9fff]")
_KINDS_SAID = '"kinds": {"%s": "content"}'

Unit = tuple[int, int, str]


@dataclass(frozen=True, slots=True)
class Document:
    """An annotated document: `units` are [start, end, label] over parts of `text`.

    site keeps what one publisher wrote on one side of every split. suite names a group that
    is reported on its own. fit is False for documents to measure on only. picked: units that were
    annotated because a model was unsure of them: fitted on too, but probabilities are not
    calibrated on them. kinds: those of `units` that have one of the kinds that were asked for, under its name;
    `units` has them under the label that it is a kind of.
    """

    id: str
    text: str
    units: tuple[Unit, ...]
    site: str
    suite: str
    fit: bool
    picked: tuple[Unit, ...] = ()
    kinds: tuple[Unit, ...] = ()

    @property
    def all_units(self) -> list[Unit]:
        """The units, picked or not, in the order in which they stand."""
        return sorted((*self.units, *self.picked))


def files(source: Path, stem: str) -> list[Path]:
    """The annotated files of a folder whose name begins with `stem`, or `source` itself if it is a file."""
    if source.is_file():
        return [source]
    return sorted(p for p in source.glob(f"{stem}*") if p.name.endswith((".jsonl", ".jsonl.gz")))


def read(paths: Sequence[Path], kinds: Sequence[Kind] = ()) -> list[Document]:
    """Annotated documents of JSONL files, gzip or not.

    A record needs `text` and `units`; `id`, `site`, `suite`, `evaluation_only` and `kinds` are optional: a document
    without a site is a site of its own, and `kinds` says of labels beside the four which of these they are kinds of.
    kinds: more of those, which `Document.kinds` then names. Raises InputError, with file and line, for a record that is
    not of this shape.
    """
    return [document for path in paths for document in _records(path, kinds)]


def _records(path: Path, kinds: Sequence[Kind]) -> Iterator[Document]:
    for number, record in lines(path):
        yield _document(record, f"{path}:{number}", kinds)


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


def _document(record: Any, where: str, kinds: Sequence[Kind] = ()) -> Document:
    text = record.get("text") if isinstance(record, dict) else None
    if not isinstance(text, str) or not isinstance(record.get("units"), list):
        raise InputError(f"{where}: a record needs a string `text` and a list `units` of [start, end, label]")
    units, named = [], []
    asked = {kind.name: kind.label.value for kind in kinds}
    labels = {**{name: name for name in _INDEX}, **_declared(record, asked, where), **asked}
    for unit in record["units"]:
        try:
            start, end, label = unit[0], unit[1], unit[2]
            good = 0 <= start < end <= len(text) and isinstance(label, str)
        except (TypeError, IndexError, KeyError):
            good = False
        if not good:
            raise InputError(f"{where}: unit {unit!r} is not [start, end, label] inside a text of {len(text)} characters")
        if label not in labels:
            raise InputError(
                f"{where}: unit {unit!r} has a label that is none of {', '.join(labels)}; a label of your own is a kind of one "
                f"of the four: declare it in the record, such as {_KINDS_SAID % label}, or with --kind {label}=content"
            )
        units.append((start, end, labels[label]))
        if label in asked:
            named.append((start, end, label))
    name = str(record.get("id", where))
    return Document(
        id=name,
        text=text,
        units=tuple(units),
        site=str(record.get("site") or name),
        suite=str(record.get("suite") or "all documents"),
        fit=not record.get("evaluation_only", False),
        kinds=tuple(named),
    )


def _declared(record: Mapping[str, Any], asked: Mapping[str, str], where: str) -> dict[str, str]:
    """The kinds that a record declares, with their labels. asked: those that were declared for all records."""
    own = record.get("kinds", {})
    if not isinstance(own, dict) or not all(name not in _INDEX and label in LABELS for name, label in own.items()):
        raise InputError(f"{where}: kinds is {own!r}: write names and labels, such as {_KINDS_SAID % 'recipe'}")
    for name in own.keys() & asked.keys():
        if own[name] != asked[name]:
            raise InputError(f"{where}: {name!r} is a kind of {own[name]} here, and --kind {name}={asked[name]} says another")
    return own


def annotated(source: Path) -> list[Document]:
    """The annotated documents to fit on: `train*`, and those of `pool/` that `annotations/` has labels for.

    source: a folder, or one file. A record of `annotations/*.jsonl` is `{"text": digest,
    "units": […]}`, with `text_digest` of a text that is not ours to ship: of `train*`, or of
    `source/pool/*.jsonl[.gz]`, where a record has `text`, or `blocks` of a page, a line each. Its
    units become `picked` ones. Records whose text is not there are left out. Raises InputError where
    there is no file to read.
    """
    if not files(source, "train"):
        raise InputError(f"no train*.jsonl or train*.jsonl.gz in {source}: pass a folder that has one, or a file")
    documents = {text_digest(document.text): document for document in read(files(source, "train"))}
    sites = {document.text[:60]: document.site for document in documents.values()}
    labels: dict[str, list[Any]] = defaultdict(list)
    for record in _annotations():
        labels[record["text"]] += record["units"]
    for document in pool(source):
        if document.id in labels and document.id not in documents:
            # The same page under another name of its site stays on its side of every split.
            documents[document.id] = replace(document, site=sites.get(document.text[:60], document.site))
    for digest in labels.keys() & documents.keys():
        known = documents[digest]
        more = [(a, b, name) for a, b, name in labels[digest] if all(b <= start or a >= end for start, end, _ in known.units)]
        documents[digest] = replace(known, picked=tuple(more))
    return [document for document in documents.values() if document.fit and document.text]


def pool(source: Path) -> Iterator[Document]:
    """The texts of `pool_files`, as documents without units, each named by its digest."""
    for path in pool_files(source):
        for number, record in lines(path):
            text = record["text"] if "text" in record else "\n".join(block["text"] for block in record.get("blocks", []))
            named = {"id": text_digest(text), "suite": path.name.partition(".")[0]}
            yield _document({**record, "text": text, "units": [], **named}, f"{path}:{number}")


def pool_files(source: Path) -> list[Path]:
    """The files of texts without labels, for some of which `annotations/` holds labels."""
    return sorted(source.glob("pool/*.jsonl*")) if source.is_dir() else []


def training_files(source: Path) -> list[Path]:
    """The files that `annotated` reads."""
    return [*files(source, "train"), *pool_files(source)]


def _annotations() -> list[Any]:
    return [record for path in sorted(Path(__file__).with_name("annotations").glob("*.jsonl")) for _, record in lines(path)]


def text_digest(text: str) -> str:
    """The name of a text in `annotations/`."""
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


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
            found.append(Document(name, text, ((0, len(text), record["label"]),), name, PHRASES, True))
    return found


def own_digest() -> str:
    """A digest of the files that `own` reads."""
    files = sorted(Path(__file__).with_name("corpus").glob("*.jsonl"))
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()


def segment_labels(document: Document, cut: Segments) -> NDArray[np.int64]:
    """The label of each segment: that of the units, picked or not, over most of its characters.

    UNLABELLED where the units of no label cover half of its non-space characters.
    """
    return _majority(document.text, document.all_units, cut, _INDEX)


def segment_names(document: Document, cut: Segments, kinds: Sequence[Kind]) -> NDArray[np.int64]:
    """As `segment_labels`, with numbers behind the four labels' for each of `kinds`."""
    index = {**_INDEX, **{kind.name: len(_INDEX) + number for number, kind in enumerate(kinds)}}
    special = {(start, end) for start, end, _ in document.kinds}
    plain = [unit for unit in document.all_units if unit[:2] not in special]
    return _majority(document.text, [*plain, *document.kinds], cut, index)


def _majority(text: str, units: Sequence[Unit], cut: Segments, index: Mapping[str, int]) -> NDArray[np.int64]:
    """The number of the name that units over most of each segment have; UNLABELLED where no name covers half."""
    ends = cut.ends
    votes = np.zeros((len(ends), len(index)))
    for start, end, label in units:
        at = bisect.bisect_right(ends, start)
        while at < len(ends) and (begin := ends[at - 1] if at else 0) < end:
            votes[at, index[label]] += _visible(text[max(start, begin) : min(end, ends[at])])
            at += 1
    sizes = np.array([_visible(text[a:b]) for a, b in zip([0, *ends], ends, strict=False)])
    return np.where(votes.max(1, initial=0) * 2 >= np.maximum(sizes, 1), votes.argmax(1), UNLABELLED)


def _visible(text: str) -> int:
    return sum(map(len, text.split()))


def is_chinese(text: str) -> bool:
    """Are more than a third of the characters Han?"""
    return 3 * len(_HAN.findall(text)) > len(text)


def rank(site: str) -> bytes:
    """A key that puts sites in the same arbitrary order in every run and on every machine."""
    return hashlib.blake2b(site.encode("utf-8", "surrogatepass"), digest_size=8).digest()


def digest(paths: Sequence[Path]) -> dict[str, str]:
    """SHA-256 of each file, by name."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}
