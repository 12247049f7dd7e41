"""Annotated documents of a user's own: read, set apart in folds, and read again by models that were fitted without them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from classifier.model import Model
from classifier.pipeline import Classifier
from classifier.result import Result
from classifier.schema import Limits, Policy
from classifier.store import Stored
from training import choose, data, stages

SITE, DOCUMENT = "site", "document"


def read(sources: Sequence[Path]) -> list[data.Document]:
    """The annotated documents of files, and of folders with `train*.jsonl[.gz]`, each text once.

    Of a text that stands twice, all units count; where two overlap, the one that was read later.
    Raises InputError for a folder without such a file, or a record that cannot be read.
    """
    found: dict[str, data.Document] = {}
    for source in sources:
        for document in data.annotated(source):
            digest = data.text_digest(document.text)
            found[digest] = _merged(found[digest], document) if digest in found else document
    return list(found.values())


def _merged(known: data.Document, later: data.Document) -> data.Document:
    kept = [u for u in known.units if all(u[1] <= start or u[0] >= end for start, end, _ in later.units)]
    return replace(later, units=tuple(sorted((*kept, *later.units))))


def folds(documents: Sequence[data.Document], count: int) -> tuple[str, NDArray[np.int64]]:
    """What is set apart as a whole, SITE or DOCUMENT, and the fold of each document.

    Documents of one site are told apart one by one: there is no other site to fit on.
    """
    if len({document.site for document in documents}) != 1:
        return SITE, stages.folds_by_site(documents)
    order = sorted(range(len(documents)), key=lambda i: data.rank(documents[i].text))
    fold = np.zeros(len(documents), np.int64)
    fold[order] = np.arange(len(documents)) % count
    return DOCUMENT, fold


def summary(documents: Sequence[data.Document], by: str) -> str:
    """What was added, and how it is set apart, in one line."""
    sites = len({document.site for document in documents})
    units = sum(len(document.all_units) for document in documents)
    many = f"{units} labels in {len(documents)} documents of {sites} site{'s' if sites != 1 else ''}"
    if by == DOCUMENT:
        return f"{many}, set apart by document: figures are for other documents of this site, not for other sites"
    return f"{many}, set apart by site: figures are for sites that nothing was fitted on"


def classifier(model: Model, thresholds: choose.Thresholds) -> Classifier:
    """A model that lies in no folder yet, ready to label."""
    manifest: dict[str, Any] = {"thresholds": thresholds, "sha256": {}}
    return Classifier(Stored(model, manifest, Path("not saved")), Policy(), Limits())


def held_out(readers: Mapping[int, Classifier], documents: Sequence[data.Document], folds: NDArray[np.int64]) -> list[Result]:
    """Each document as read by the model that was fitted without its fold. readers: by fold; folds: of each document."""
    results: dict[int, Result] = {}
    for fold, reader in readers.items():
        mine = np.flatnonzero(folds == fold).tolist()
        results.update(zip(mine, reader.label_many([documents[i].text for i in mine]), strict=True))
    return [results[i] for i in range(len(documents))]
