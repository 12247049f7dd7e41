"""Documents and feature rows to a model: both stages with their folds, calibration and thresholds."""

from __future__ import annotations

import os
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import joblib
import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from classifier import store
from classifier.layout import BRIEF
from classifier.model import TABLES, Model, tables
from classifier.schema import LABELS, LAYOUTS, InputError, Language, Layout
from training import augment, choose, data, fit, rows

FOLDS = 5
ALL = FOLDS  # the number of the model that is fitted with all folds, behind those without each in turn
# The folds that the second stage is fitted without together.
GROUPS = ((0, 1), (2, 3), (4,))
_READS_PAGES = np.array([of_pages for _, of_pages in TABLES])


class Known(NamedTuple):
    """Feature rows to fit on.

    grams, contexts, about: as `rows.load` returns them. own: our own texts as the first stage without their folds
    reads them, or None where that is to be fitted. start: the model that these rows gave before, whose first stage the
    search begins at, or None.
    """

    grams: rows.Grams
    contexts: rows.Contexts
    about: dict[str, Any]
    own: rows.Contexts | None = None
    start: Model | None = None


@dataclass(frozen=True, slots=True)
class Fitted:
    """A model and what came with it.

    without: the model fitted without each fold that documents lie in, by its number, with a lighter second stage.
    training: what the manifest says of the fit.
    """

    model: Model
    without: dict[int, Model]
    thresholds: choose.Thresholds
    training: dict[str, Any]


def known_rows(path: Path, beside: bool) -> Known:
    """The feature rows of a file, and of our own texts if they were read with it and are the same.

    beside: whether documents are to be fitted on beside them; with the shipped rows, the shipped model is then `start`.
    """
    grams, contexts, about = rows.load(path)
    own = None
    if (file := rows.own_beside(path)).exists():
        _, own, of = rows.load(file)
        own = own if of["corpus"] == data.own_digest() else None
    return Known(grams, contexts, about, own, store.load().model if beside and path == rows.FILE else None)


def read_known(documents: Sequence[data.Document], settings: fit.Settings, say: Clock) -> Known:
    """Feature rows of annotated documents, of what is rearranged of them and of our own texts, and of these themselves."""
    folds = folds_by_site(documents)
    own, own_folds, own_grams = read_own(settings)
    grams = rows.read_grams(documents, folds)
    heads = fit_heads(rows.join(grams, own_grams), settings, say)
    contexts, rearranged = read_pages(heads, documents, folds, own, own_folds, settings)
    say(f"{len(grams.label)} labelled segments, {len(contexts.label)} in all, of {contexts.documents.size - 1} documents")
    about = {
        "documents": len(documents),
        "sites": len({document.site for document in documents}),
        "rearranged": rearranged,
        "data": {},
    }
    read = rows.read_contexts(heads, own, own_folds, np.full(len(own), rows.OWN))
    return Known(grams, contexts, about, read, heads[ALL])


def fit_stages(
    documents: Sequence[data.Document], folds: NDArray[np.int64], settings: fit.Settings, known: Known | None, say: Clock
) -> Fitted:
    """Both stages on annotated documents, our own texts, and feature rows.

    documents: beside feature rows they have the weight `settings.added`. folds: of each document.
    """
    heads, stage, training = _first_stage(documents, folds, settings, known, say)
    contexts = stage.contexts
    students = _fit_students(stage, settings, say)
    table, fold = stage.table[stage.rows], contexts.fold[stage.rows]
    logits = np.zeros((len(stage.rows), len(LABELS)))
    for number, of_table in product(range(FOLDS), range(len(TABLES))):
        chosen = (fold == number) & (table == of_table)
        logits[chosen] = students[number][of_table].logits(stage.inputs[stage.rows[chosen]])
    seen = contexts.measured[stage.rows]
    factors = fit.temperatures(logits[seen], contexts.label[stage.rows][seen], table[seen])
    thresholds = _thresholds(stage, logits, factors)
    models = {
        number: Model(head.weights, head.scale, head.bias, tuple(map(fit.quantise, students[number], factors)))
        for number, head in heads.items()
    }
    return Fitted(models.pop(ALL), models, thresholds, training)


def _first_stage(
    documents: Sequence[data.Document], folds: NDArray[np.int64], settings: fit.Settings, known: Known | None, say: Clock
) -> tuple[dict[int, Model], _Stage, dict[str, Any]]:
    """The first stage, what the second is fitted on, and what the manifest says of both."""
    own, own_folds, grams = read_own(settings)
    factor = settings.added if known else 1.0
    grams = rows.join(grams, rows.read_grams(documents, folds, np.full(len(documents), factor)))
    if known:
        grams = rows.join(known.grams, grams)
    # Where our own texts were read before, only documents ask for a first stage that does not know their fold.
    needed = np.unique(folds).tolist() if known and known.own else list(range(FOLDS))
    # Where they were not, no search may begin at a model that knows them.
    start = known.start if known and known.own else None
    # With nothing beside the rows, what they gave before is what they give.
    heads = {ALL: start} if start and not needed else fit_heads(grams, settings, say, needed, start)

    parts = [known.contexts] if known else []
    read_before = known.own if known else None
    parts.append(read_before or rows.read_contexts(heads, own, own_folds, np.full(len(own), rows.OWN)))
    before, rearranged = sum(len(part.label) for part in parts), 0
    if documents:
        # What is rearranged of our own texts is among the shipped rows already.
        beside, beside_folds = ([], own_folds[:0]) if known else (own, own_folds)
        pages, rearranged = read_pages(heads, documents, folds, beside, beside_folds, settings)
        parts.append(pages)
    contexts: rows.Contexts = rows.join(*parts)
    say(f"{contexts.documents.size - 1} documents, {len(contexts.label)} segments, {(contexts.label >= 0).sum()} with a label")
    weight = weights(contexts, settings)
    added = np.arange(len(weight)) >= (before if known else len(weight))
    weight[added] *= factor

    annotated = (contexts.origin == rows.ANNOTATED) & (contexts.label >= 0)
    about: dict[str, Any] = known.about if known else {"documents": 0, "sites": 0, "rearranged": 0, "data": {}}
    training = {
        "documents": about["documents"] + len(documents),
        "sites": about["sites"] + len({document.site for document in documents}),
        "segments": dict(Counter(LABELS[label].value for label in contexts.label[annotated])),
        "picked": int((annotated & ~contexts.measured).sum()),
        "own": len(own),
        "rearranged": about["rearranged"] + rearranged,
        "data": {**about["data"]},
        "settings": {name: getattr(settings, name) for name in settings.__dataclass_fields__},
        "versions": {name: version(name) for name in ("numpy", "scikit-learn", "langdetect")},
    }
    table = tables(heads[ALL], contexts.shape[:, 0], contexts.language, contexts.paragraph, contexts.documents)
    return heads, _Stage(contexts, contexts.inputs(), weight, added, table), training


def weights(contexts: rows.Contexts, settings: fit.Settings) -> NDArray[np.float64]:
    """What each segment weighs in the second stage, by where its document comes from and how short it is."""
    weight = np.choose(contexts.origin, (1.0, settings.own, settings.rearranged))
    sizes = np.diff(contexts.documents)
    short = np.repeat(sizes <= BRIEF, sizes) & (contexts.origin == rows.REARRANGED)
    return np.where(short, weight * settings.short, weight)


def read_own(settings: fit.Settings) -> tuple[list[data.Document], NDArray[np.int64], rows.Grams]:
    """Our own texts, their folds, and their n-grams with the weights they have in the first stage."""
    own = data.own()
    folds = np.arange(len(own)) % FOLDS
    weights = [settings.own_phrases if document.suite == data.PHRASES else settings.own_documents for document in own]
    return own, folds, rows.read_grams(own, folds, np.array(weights), own=True)


def read_pages(
    heads: Mapping[int, Model],
    annotated: Sequence[data.Document],
    folds: NDArray[np.int64],
    beside: Sequence[data.Document],
    beside_folds: NDArray[np.int64],
    settings: fit.Settings,
) -> tuple[rows.Contexts, int]:
    """Annotated documents and what is rearranged of them and of those beside, and how many were rearranged."""
    extra, extra_folds = augment.rearrange([*annotated, *beside], np.concatenate((folds, beside_folds)), settings.seed)
    origins = np.repeat([rows.ANNOTATED, rows.REARRANGED], [len(annotated), len(extra)])
    found = rows.read_contexts(heads, [*annotated, *extra], np.concatenate((folds, extra_folds)), origins)
    return found, len(extra)


def folds_by_site(documents: Sequence[data.Document]) -> NDArray[np.int64]:
    """The fold of each document: sites go round in an order that their names alone decide."""
    sites = sorted({document.site for document in documents}, key=data.rank)
    fold = {site: number % FOLDS for number, site in enumerate(sites)}
    return np.array([fold[document.site] for document in documents], np.int64)


def fit_heads(
    grams: rows.Grams,
    settings: fit.Settings,
    say: Clock,
    folds: Sequence[int] = range(FOLDS),
    start: Model | None = None,
) -> dict[int, Model]:
    """The first stage without each of some folds, and with ALL. start: as for `fit.fit_heads`."""
    if np.unique(grams.label).size < 2:
        raise InputError("the units hold one label only; a classifier needs at least two")
    say(f"first stage: {len(grams.label)} labelled segments")
    wanted = [*folds, ALL]
    seen = fit.weighed(grams.counts, grams.total)
    # The table of all languages takes longest, so it goes first: no process is left with it alone at the end.
    order = sorted(range(len(TABLES)), key=lambda table: TABLES[table][0] is not Language.OTHER)
    fits = {
        (number, table): joblib.delayed(fit.fit_table)(grams, *seen, grams.fold != number, table, settings, start)
        for number in wanted
        for table in order
    }
    made: dict[tuple[int, int], fit.Table] = _side_by_side(fits, "first stage", say)
    return {number: fit.of_tables([made[number, table] for table in range(len(TABLES))]) for number in wanted}


def _side_by_side(fits: Mapping[Any, Any], name: str, say: Clock) -> dict[Any, Any]:
    """What each of `fits` gives, in processes of one thread each, as many as there are cores. fits: `joblib.delayed` calls.

    Of two boostings of 20 rounds on two cores, this takes 33 seconds, and one after the other on both 38.
    """
    made = {}
    with joblib.parallel_config("loky", inner_max_num_threads=1):
        workers = joblib.Parallel(n_jobs=min(len(fits), os.cpu_count() or 1), return_as="generator")
        for done, (job, found) in enumerate(zip(fits, workers(fits.values()), strict=True), 1):
            made[job] = found
            say(f"{name}, {done} of {len(fits)}")
    return made


@dataclass(frozen=True, slots=True)
class _Stage:
    """What the second stage is fitted on: `inputs` and `weight` of every segment of `contexts`.

    added: whether it is of a document beside feature rows. table: of TABLES, the one that reads it.
    """

    contexts: rows.Contexts
    inputs: NDArray[np.int16]
    weight: NDArray[np.float64]
    added: NDArray[np.bool_]
    table: NDArray[np.int64]

    @property
    def rows(self) -> NDArray[np.intp]:
        """The rows that have a label."""
        return np.flatnonzero(self.contexts.label >= 0)


def _fit_students(stage: _Stage, settings: fit.Settings, say: Clock) -> dict[int, list[fit.Student]]:
    """The second stage without each fold, and those of its group, and with ALL: one a table.

    Those of articles share one that was fitted on everything, for they are read worse by one that has seen no pages;
    those of pages one that was fitted on pages alone, if there are enough.
    """
    contexts, on_page = stage.contexts, _READS_PAGES[stage.table]
    chosen = {(without, False): ~np.isin(contexts.fold, without) for without in ((ALL,), *GROUPS)}
    chosen |= {(without, True): known & on_page for (without, _), known in chosen.items()}
    labelled = {job: contexts.label[known & (contexts.label >= 0)] for job, known in chosen.items()}
    jobs = [job for job, label in labelled.items() if not job[1] or (label.size >= fit.ENOUGH and np.unique(label).size > 1)]
    say(f"second stage: {labelled[(ALL,), False].size} labelled segments, {labelled[(ALL,), True].size} of pages")
    fits = {job: joblib.delayed(_fit_student)(stage, chosen[job], settings) for job in jobs}
    made: dict[tuple[tuple[int, ...], bool], fit.Student] = _side_by_side(fits, "second stage", say)
    return {
        number: [made.get((without, bool(of_pages)), made[without, False]) for of_pages in _READS_PAGES]
        for without in ((ALL,), *GROUPS)
        for number in without
    }


def _fit_student(stage: _Stage, chosen: NDArray[np.bool_], settings: fit.Settings) -> fit.Student:
    """The second stage on the chosen rows. It learns from annotated documents and ours twice, and from the rest of them."""
    label, annotated = stage.contexts.label, stage.contexts.origin == rows.ANNOTATED
    fitted = stage.rows[chosen[stage.rows]]
    spare = chosen & annotated & (label < 0)
    # What is drawn of the shipped rows does not hang on what was added, and what was added is not left to chance.
    drawn = np.random.default_rng(settings.seed).permutation(np.flatnonzero(spare & ~stage.added))[: settings.unlabelled]
    beside = np.flatnonzero(spare & stage.added)[: settings.unlabelled]
    twice = stage.contexts.origin[fitted] != rows.REARRANGED
    more = stage.inputs[np.concatenate((drawn, beside))]
    return fit.fit_student(stage.inputs[fitted], label[fitted], stage.weight[fitted], twice, more, settings)


def _thresholds(stage: _Stage, logits: NDArray[np.float64], factors: Sequence[float]) -> choose.Thresholds:
    """Thresholds on the calibrated out-of-fold probabilities of the segments to measure on.

    Few annotated documents are passages or briefs: these are measured on what was rearranged from others, too.
    """
    contexts = stage.contexts
    probabilities = softmax(logits * np.array(factors)[stage.table[stage.rows], None], axis=1)
    short = np.isin(contexts.layout, [LAYOUTS.index(name) for name in (Layout.PASSAGE, Layout.BRIEF)])
    seen = (contexts.measured | short & (contexts.origin == rows.REARRANGED))[stage.rows]
    kept = stage.rows[seen]
    return choose.choose(
        probabilities[seen],
        contexts.label[kept],
        contexts.language[kept],
        contexts.layout[kept],
        contexts.size[kept],
        contexts.fold[kept],
    )


class Clock:
    """Progress on standard error, with the seconds since the start."""

    def __init__(self) -> None:
        self.start = time.monotonic()

    def __call__(self, message: str) -> None:
        print(f"[{time.monotonic() - self.start:5.0f} s] {message}", file=sys.stderr, flush=True)
