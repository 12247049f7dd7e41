"""Feature rows: what the two stages are fitted on, without the text that it came from.

`read_grams` and `read_contexts` make them of annotated documents; `save` and `load` keep them in a
file, compact enough to be shipped: hashed n-grams with their counts, shapes, scores, labels and
folds. From that file a model is fitted again without the documents, alone or with others beside.
"""

from __future__ import annotations

import io
import json
import lzma
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from classifier import features, segment, split
from classifier.context import context_inputs, steps
from classifier.evidence import evidence
from classifier.layout import layout, pages
from classifier.model import Model, local_logits, tables_of_rows
from classifier.schema import LAYOUTS, InputError
from training import data

BATCH = 32  # documents read at once
ANNOTATED, OWN, REARRANGED = range(3)
ARTICLE, PAGE, BOTH = range(3)
BUCKETS = 1 << features.BUCKET_BITS
FILE = Path(__file__).with_name("rows.xz")


@dataclass(frozen=True, slots=True)
class Grams:
    """What the first stage is fitted on, a row a segment that has a label.

    counts: how often each hashed n-gram stands in it, segments x buckets. total: n-grams in all.
    language, label, fold, weight: of each segment. setting: ARTICLE or PAGE, as its document is set; of our own, BOTH.
    """

    counts: sp.csr_matrix
    total: NDArray[np.int64]
    language: NDArray[np.int64]
    label: NDArray[np.int64]
    fold: NDArray[np.int64]
    setting: NDArray[np.int64]
    weight: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Contexts:
    """What the second stage is fitted on: whole documents, a row a segment, labelled or not.

    shape, first, last, paragraph, language: as in `features.Rows`. scores: `context.steps` of the
    first stage fitted without the segment's fold. found: `evidence.evidence`. label: UNLABELLED
    where there is none. size: characters. layout: of the document, as an index into LAYOUTS.
    measured: whether the label is one to calibrate on. fold, origin: of the document; an origin is
    ANNOTATED, OWN or REARRANGED.
    documents: where each document's rows start; one more than documents.
    """

    shape: NDArray[np.int64]
    first: NDArray[np.uint32]
    last: NDArray[np.uint32]
    paragraph: NDArray[np.int64]
    language: NDArray[np.int64]
    scores: NDArray[np.int64]
    found: NDArray[np.int64]
    label: NDArray[np.int64]
    measured: NDArray[np.bool_]
    size: NDArray[np.int64]
    layout: NDArray[np.int64]
    fold: NDArray[np.int64]
    origin: NDArray[np.int64]
    documents: NDArray[np.int64]

    def inputs(self) -> NDArray[np.int16]:
        """The second stage's inputs, rows x INPUTS."""
        parts = []
        for at in range(0, self.documents.size - 1, BATCH):
            starts = self.documents[at : at + BATCH + 1]
            own = slice(starts[0], starts[-1])
            # Paragraphs were numbered through the batch that was read: a document begins one.
            opens = np.diff(self.paragraph[own], prepend=-1) != 0
            opens[starts[:-1][np.diff(starts) > 0] - starts[0]] = True
            rows = features.Rows(
                np.zeros(0, np.uint32),
                np.zeros(0, np.int64),
                self.shape[own],
                self.first[own],
                self.last[own],
                np.cumsum(opens),
                self.language[own],
                starts - starts[0],
            )
            parts.append(context_inputs(rows, self.scores[own], self.found[own]).astype(np.int16))
        return np.concatenate(parts)


def read_grams(
    documents: Sequence[data.Document], folds: NDArray[np.int64], weights: NDArray[np.float64] | None = None, own: bool = False
) -> Grams:
    """The n-grams of every segment with a label. folds, weights (1 without them): of each document. own: they are ours."""
    counts = [sp.csr_matrix((0, BUCKETS), dtype=np.float32)]
    languages: list[NDArray[np.int64]] = []
    labels: list[NDArray[np.int64]] = []
    settings: list[NDArray[np.int64]] = []
    for batch in (documents[at : at + BATCH] for at in range(0, len(documents), BATCH)):
        texts = [document.text for document in batch]
        cuts = segment.cut_many(texts)
        known = [data.segment_labels(document, cut) for document, cut in zip(batch, cuts, strict=True)]
        labels += [label[label >= 0] for label in known]
        rows = features.rows(texts, cuts)
        chosen = np.flatnonzero(np.concatenate(known) >= 0)
        counts.append(counted(features.buckets(rows.grams, rows.bounds), rows.bounds, chosen))
        languages.append(rows.language[chosen])
        on_page = pages(rows.shape[:, 0], rows.language, rows.paragraph, rows.documents).astype(np.int64)  # ARTICLE or PAGE
        settings.append(np.full(chosen.size, BOTH) if own else np.repeat(on_page, np.diff(rows.documents))[chosen])
    matrix = sp.vstack(counts, format="csr")
    fold = np.repeat(folds, [len(label) for label in labels])
    of_document = np.ones(len(documents)) if weights is None else weights
    weight = np.repeat(of_document, [len(label) for label in labels])
    return Grams(matrix, totals(matrix), _joined(languages), _joined(labels), fold, _joined(settings), weight)


def counted(grams: NDArray[np.uint32], bounds: NDArray[np.int64], chosen: NDArray[np.intp]) -> sp.csr_matrix:
    """How often each bucket stands in each of the chosen segments: segments x BUCKETS.

    grams: of a batch, orders x positions; bounds: of its segments, as in `features.Rows`.
    """
    found = [grams[:, bounds[row] : bounds[row + 1]].ravel() for row in chosen.tolist()]
    unique = [np.unique(own[own > 0], return_counts=True) for own in found]
    columns, counts = _joined([pair[0] for pair in unique]), _joined([pair[1] for pair in unique])
    ends = np.cumsum([0, *(len(pair[0]) for pair in unique)])
    values = counts.astype(np.float32), columns.astype(np.int32), ends
    return sp.csr_matrix(values, shape=(len(found), BUCKETS))


def read_contexts(
    heads: Mapping[int, Model], documents: Sequence[data.Document], folds: NDArray[np.int64], origins: NDArray[np.int64]
) -> Contexts:
    """Every document through the first stage that was fitted without its fold.

    heads: by the number of the fold they do not know. folds, origins: of each document.
    """
    found: list[list[NDArray[Any]]] = []
    lengths: list[int] = []
    for fold in np.unique(folds).tolist():  # documents of a fold share a head
        mine = np.flatnonzero(folds == fold).tolist()
        for batch in (mine[at : at + BATCH] for at in range(0, len(mine), BATCH)):
            texts = [documents[i].text for i in batch]
            cuts = split.split(heads[fold], texts, segment.cut_many(texts))
            rows = features.rows(texts, cuts)
            grams = features.buckets(rows.grams, rows.bounds, heads[fold].bits)
            sizes = [np.diff([0, *cut.ends]) for cut in cuts]
            layouts = [
                LAYOUTS.index(layout(size, np.array(cut.languages), np.array(cut.paragraphs)))
                for size, cut in zip(sizes, cuts, strict=True)
            ]
            count = [len(cut) for cut in cuts]
            known = [replace(documents[i], picked=()) if origins[i] == ANNOTATED else None for i in batch]
            measured = [
                data.segment_labels(document, cut) >= 0 if document else np.zeros(len(cut), np.bool_)
                for document, cut in zip(known, cuts, strict=True)
            ]
            lengths += count
            found.append(
                [
                    rows.shape,
                    rows.first,
                    rows.last,
                    rows.paragraph,
                    rows.language,
                    steps(local_logits(heads[fold], rows, grams, tables_of_rows(heads[fold], rows))),
                    evidence(rows, grams),
                    np.concatenate([data.segment_labels(documents[i], cut) for i, cut in zip(batch, cuts, strict=True)]),
                    np.concatenate(measured),
                    np.concatenate(sizes),
                    np.repeat(layouts, count),
                    np.full(sum(count), fold),
                    np.repeat(origins[batch], count),
                ]
            )
    columns = [np.concatenate(column) for column in zip(*found, strict=True)]
    columns.append(np.cumsum([0, *lengths]))
    return Contexts(*columns)


def join(*parts: Any) -> Any:
    """Several Grams, or several Contexts, as one."""
    columns = []
    for name in (field.name for field in fields(parts[0])):
        values = [getattr(part, name) for part in parts]
        if name == "counts":
            columns.append(sp.vstack(values, format="csr"))
        elif name == "documents":
            before = np.cumsum([0, *(value[-1] for value in values)])
            columns.append(np.concatenate([[0], *(value[1:] + b for value, b in zip(values, before, strict=False))]))
        else:
            columns.append(np.concatenate(values))
    return type(parts[0])(*columns)


def own_beside(path: Path) -> Path:
    """The file beside a file of rows that holds our own texts as the first stages of its folds read them."""
    return path.with_name(f"own_{path.name}")


def save(path: Path, grams: Grams, contexts: Contexts, about: dict[str, Any]) -> None:
    """Writes rows, of weight 1, and what they were made of (`about`, JSON) as one compressed file.

    The rows of `grams` in an order of their own: those that share n-grams stand together, which takes 4 % of the file.
    """
    order = np.lexsort((grams.total, grams.label, grams.language))
    arrays: dict[str, NDArray[Any]] = {"about": np.frombuffer(json.dumps(about, sort_keys=True).encode(), np.uint8)}
    by_bucket = grams.counts[order].tocsc()
    by_bucket.sort_indices()
    arrays["per_bucket"] = np.diff(by_bucket.indptr).astype(np.uint32)
    gaps = _gaps(by_bucket.indices.astype(np.int64), by_bucket.indptr)
    # The bytes of the gaps apart, because the high ones are nearly always 0.
    for place in range(3):
        arrays[f"gap_{place}"] = (gaps >> 8 * place & 255).astype(np.uint8)
    arrays["times"] = by_bucket.data.clip(0, 255).astype(np.uint8)
    for name in ("language", "label", "fold", "setting"):
        arrays[f"gram_{name}"] = getattr(grams, name)[order].astype(np.int8)
    arrays |= {name: _narrow(values) for name, values in _slim(contexts).items()}
    stream = io.BytesIO()
    np.savez(stream, allow_pickle=False, **arrays)
    path.write_bytes(lzma.compress(stream.getvalue(), preset=9))


def load(path: Path) -> tuple[Grams, Contexts, dict[str, Any]]:
    """Rows from a file, and what they were made of. Raises InputError for a file that `save` did not write."""
    try:
        with np.load(io.BytesIO(lzma.decompress(path.read_bytes())), allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        about = json.loads(arrays["about"].tobytes())
        ends = np.concatenate(([0], np.cumsum(arrays["per_bucket"], dtype=np.int64)))
        gaps = sum(arrays[f"gap_{place}"].astype(np.int64) << 8 * place for place in range(3))
        total = np.cumsum(gaps)
        before = np.concatenate(([0], total))[ends[:-1]]
        rows = total - np.repeat(before, np.diff(ends))
        label = arrays["gram_label"].astype(np.int64)
        matrix = sp.csc_matrix(
            (arrays["times"].astype(np.float32), rows.astype(np.int32), ends), shape=(label.size, BUCKETS)
        ).tocsr()
        language, fold, setting = (arrays[f"gram_{name}"].astype(np.int64) for name in ("language", "fold", "setting"))
        contexts = _full(arrays)
    except (OSError, lzma.LZMAError, zipfile.BadZipFile, ValueError, KeyError) as error:
        raise InputError(f"cannot read feature rows from {path} ({error!r}): make them again with training.extract") from None
    return Grams(matrix, totals(matrix), language, label, fold, setting, np.ones(label.size)), contexts, about


def _gaps(values: NDArray[np.int64], starts: NDArray[Any]) -> NDArray[np.int64]:
    """Differences of ascending runs, the first of each run as it is. starts: of the runs, and the end."""
    gaps = np.diff(values, prepend=0)
    first = np.asarray(starts[:-1])[np.diff(starts) > 0]
    gaps[first] = values[first]
    return gaps


def _slim(contexts: Contexts) -> dict[str, NDArray[np.int64]]:
    """The columns with what follows nearly from another one taken out: small numbers compress."""
    slim = {field.name: getattr(contexts, field.name).astype(np.int64) for field in fields(contexts)}
    for name in ("paragraph", "documents"):
        slim[name] = np.diff(slim[name], prepend=0)
    slim["size"] -= slim["shape"][:, 0]
    slim["scores"][:, -1] = slim["scores"].sum(1)
    slim["found"][:, -2:] = np.diff(slim["found"][:, -2:], axis=0, prepend=0)
    return {name: values.T for name, values in slim.items()}


def _full(arrays: Mapping[str, NDArray[Any]]) -> Contexts:
    """What `_slim` was made of."""
    full = {field.name: arrays[field.name].T.astype(np.int64) for field in fields(Contexts)}
    for name in ("paragraph", "documents"):
        full[name] = np.cumsum(full[name])
    full["size"] += full["shape"][:, 0]
    full["scores"][:, -1] -= full["scores"][:, :-1].sum(1)
    full["found"][:, -2:] = np.cumsum(full["found"][:, -2:], axis=0)
    kinds = {"measured": np.bool_, "first": np.uint32, "last": np.uint32}
    return Contexts(**{name: np.ascontiguousarray(values).astype(kinds.get(name, np.int64)) for name, values in full.items()})


def _narrow(values: NDArray[np.int64]) -> NDArray[Any]:
    """The same whole numbers in the smallest type that holds them."""
    for kind in (np.int8, np.int16, np.int32):
        if values.size == 0 or (values.min() >= np.iinfo(kind).min and values.max() <= np.iinfo(kind).max):
            return values.astype(kind)
    return values


def totals(counts: sp.csr_matrix) -> NDArray[np.int64]:
    """How many n-grams each row has."""
    result: NDArray[np.int64] = np.asarray(counts.sum(1)).ravel().astype(np.int64)
    return result


def _joined(parts: Sequence[NDArray[Any]]) -> NDArray[np.int64]:
    return np.concatenate([np.zeros(0, np.int64), *parts])
