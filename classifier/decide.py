"""Probabilities and a policy to runs of segments: which label each has, and from which probability it is removed.

Where runs begin and end, and what they are labelled, is the model's; what is kept is the policy's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import IntFlag
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from classifier.layout import layout
from classifier.schema import LABELS, LANGUAGES, Kind, Label, Language, Layout, Policy, Segments

# Probabilities travel as whole steps of 1/STEPS: sums over a run are then exact.
STEPS = 10_000
CONTENT = LABELS.index(Label.CONTENT)

# preset -> layout -> language -> label -> probability
Thresholds = Mapping[str, Mapping[str, Mapping[str, Mapping[str, float]]]]

# From where a run goes that other documents of its site hold too, where its threshold is higher, and that of `thorough`
# not: of boilerplate that is kept on sites with 20 documents or more it takes 3.7 % (`balanced`) and 3.9 % (`careful`),
# at a cost of 0.001 % and 0.005 % of content (`python -m training.memory DATA`).
REPEATED_FROM = np.array([{Language.EN: 0.7, Language.ZH: 0.8, Language.OTHER: 1.0}[language] for language in LANGUAGES])


class Mark(IntFlag):
    """What is known of a segment beside its probabilities.

    RULED: a rule gave its label. HELD: a rule keeps it, whatever its label. UNREAD: nothing looked at it; it is kept.
    REPEATED: other documents of its site hold it too.
    """

    RULED = 1
    HELD = 2
    UNREAD = 4
    REPEATED = 8


class Scored(NamedTuple):
    """What is decided on.

    segments: of a document; sizes: how many characters of each a reader sees. probabilities: of each label, in steps,
    segments x labels. marks: of each segment. kinds: the model's; kind_scores: how probable each is, given its label, in
    steps, segments x kinds, or None.
    """

    segments: Segments
    sizes: NDArray[np.int64]
    probabilities: NDArray[np.uint16]
    marks: NDArray[np.uint8]
    kinds: tuple[Kind, ...]
    kind_scores: NDArray[np.uint16] | None


class Runs(NamedTuple):
    """Runs of segments of one label, language and kind inside a paragraph: columns, a row a run.

    start, end: code points. label, language: indexes into LABELS and LANGUAGES. confidence: the probability of its label.
    removal: the probability that it is nothing that is kept; limit: from which it goes; alone: from which it would go
    if no other document of its site held it. marks: without REPEATED. kind: counted from 1, 0 for none of its label's.
    """

    start: NDArray[np.intp]
    end: NDArray[np.intp]
    label: NDArray[np.intp]
    language: NDArray[np.intp]
    confidence: NDArray[np.float64]
    removal: NDArray[np.float64]
    limit: NDArray[np.float64]
    alone: NDArray[np.float64]
    paragraph: NDArray[np.intp]
    marks: NDArray[np.uint8]
    kind: NDArray[np.intp]


def decide(scored: Scored, policy: Policy, presets: Thresholds) -> Runs:
    """What a policy decides of a document, run by run. presets: the model's thresholds."""
    segments, sizes, _, every_mark, kinds, _ = scored
    probabilities = scored.probabilities.astype(np.int64)
    ends = np.array(segments.ends, np.int64)
    starts = np.append(0, ends)[:-1]
    languages = np.array(segments.languages, np.int64)
    paragraphs = np.array(segments.paragraphs, np.int64)
    labels = probabilities.argmax(1)
    # That a segment repeats moves no run.
    marks = every_mark & ~np.uint8(Mark.REPEATED)
    key = ((paragraphs * len(LANGUAGES) + languages) * len(LABELS) + labels) << 8 | marks
    kind, scores = _kinds(scored)
    first = changes(key * (len(kinds) + 1) + kind)
    last = np.append(first, key.size)[1:] - 1
    asked = _asked(kinds, kind, policy)
    whole = changes(key * (len(kinds) + 1) + asked) if kinds else first
    pooled = pool(np.concatenate((probabilities, scores), axis=1), sizes, whole)
    column = np.where(asked[whole], len(LABELS) - 1 + asked[whole], labels[whole])
    removal = _removal(pooled, column, kinds, policy) / STEPS
    place = layout(sizes, languages, paragraphs)
    limits = thresholds(policy, presets, place, kinds)[languages[whole], column]
    alone = limits = np.where(marks[whole] & (Mark.HELD | Mark.UNREAD), np.inf, limits)
    repeats = np.bitwise_and.reduceat(every_mark, whole) & Mark.REPEATED != 0
    if repeats.any():
        thorough = thresholds(Policy.thorough(policy.keep), presets, place, kinds)[languages[whole], column]
        lowered = np.minimum(limits, np.maximum(thorough, REPEATED_FROM[languages[whole]]))
        limits = np.where(repeats & (limits <= 1), lowered, limits)
    own = np.searchsorted(whole, first, side="right") - 1
    pooled = pool(probabilities, sizes, first) if kinds else pooled
    return Runs(
        start=starts[first],
        end=ends[last],
        label=labels[first],
        language=languages[first],
        confidence=pooled[np.arange(first.size), labels[first]] / STEPS,
        removal=removal[own],
        limit=limits[own],
        alone=alone[own],
        paragraph=paragraphs[first],
        marks=marks[first],
        kind=kind[first],
    )


def _kinds(scored: Scored) -> tuple[NDArray[np.intp], NDArray[np.int64]]:
    """The kind of each segment, counted from 1, 0 for none of its label's; and how probable each kind is, in steps."""
    if scored.kind_scores is None or not scored.kinds:
        return np.zeros(len(scored.sizes), np.intp), np.zeros((len(scored.sizes), 0), np.int64)
    given = scored.kind_scores.astype(np.int64)
    best = np.concatenate((STEPS - given.sum(1, keepdims=True), given), axis=1).argmax(1)
    # In place of the probability given the label, that of both.
    label = scored.probabilities.astype(np.int64)[:, [LABELS.index(kind.label) for kind in scored.kinds]]
    return best, (given * label + STEPS // 2) // STEPS


def _asked(kinds: Sequence[Kind], kind: NDArray[np.intp], policy: Policy) -> NDArray[np.intp]:
    """The kind of each segment, but for those of a label of which the policy names none: they change no decision."""
    named = {kind.label for kind in kinds if kind.name in policy.keep or kind.name in policy.thresholds}
    telling = np.array([0, *(number * (kind.label in named) for number, kind in enumerate(kinds, 1))])
    return telling[kind]


def _removal(pooled: NDArray[np.int64], column: NDArray[np.intp], kinds: Sequence[Kind], policy: Policy) -> NDArray[np.int64]:
    """How probable it is, in steps, that a run is of no kept label or kind; of a kind of a kept label, that it is this.

    pooled: the probabilities of labels and kinds, a row a run; column: its label, or a kind behind the labels.
    """
    labels, keep = len(LABELS), policy.keep
    of_label = [i for i, label in enumerate(LABELS) if label in keep]
    of_kind = [labels + i for i, kind in enumerate(kinds) if kind.name in keep and kind.label not in keep]
    out: NDArray[np.int64] = STEPS - pooled[:, of_label + of_kind].sum(1)
    for i, kind in enumerate(kinds, labels):
        if kind.label in keep:
            out = np.where(column == i, pooled[:, i], out)
    return out


def changes(key: NDArray[Any]) -> NDArray[np.intp]:
    """Where runs of one key begin."""
    return np.flatnonzero(np.concatenate((key[:1] == key[:1], key[1:] != key[:-1])))


def pool(probabilities: NDArray[np.int64], sizes: NDArray[np.int64], first: NDArray[np.intp]) -> NDArray[np.int64]:
    """Probabilities of runs of segments: the mean over their characters.

    probabilities: segments x labels; sizes: characters of each segment; first: the segment
    that opens each run. Returns runs x labels, in the steps that came in.
    """
    sums = np.add.reduceat(probabilities * sizes[:, None], first, axis=0)
    total = np.add.reduceat(sizes, first)[:, None]
    result: NDArray[np.int64] = (2 * sums + total) // (2 * np.maximum(total, 1))
    return result


def thresholds(policy: Policy, presets: Thresholds, layout: Layout, kinds: Sequence[Kind] = ()) -> NDArray[np.float64]:
    """The probability from which a label, or a kind, is removed, languages x (labels, kinds); inf where never.

    The model's preset for a layout, with the policy's own values over it; a kind has its label's where it has none. A
    model from before there were passages or briefs decides them as pages.
    """
    of_layout = presets[policy.preset]
    of_language = of_layout.get(layout, of_layout[Layout.PAGE])
    out = np.full((len(LANGUAGES), len(LABELS) + len(kinds)), np.inf)
    for row, language in enumerate(LANGUAGES):
        for column, label in enumerate(LABELS):
            if label not in policy.keep:
                out[row, column] = policy.thresholds.get(label, of_language[language][label])
    for column, kind in enumerate(kinds, len(LABELS)):
        if kind.name not in policy.keep:
            out[:, column] = policy.thresholds.get(kind.name, out[:, LABELS.index(kind.label)])
    return out
