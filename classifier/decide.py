"""Probabilities and a policy to labels, spans, paragraphs, clean text and quality.

Where spans begin and end, and what they are labelled, is the model's; what is kept is the
policy's. Another policy decides again on the same probabilities and scores nothing.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import IntFlag
from functools import cached_property
from itertools import groupby, pairwise
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from classifier.disguise import Seen
from classifier.layout import layout
from classifier.schema import (
    LABELS,
    LANGUAGES,
    Decider,
    Explanation,
    InputError,
    Kind,
    Label,
    Language,
    Layout,
    Policy,
    Quality,
    Segments,
    Span,
)

# Probabilities travel as whole steps of 1/STEPS: sums over a span are then exact.
STEPS = 10_000
CONTENT = LABELS.index(Label.CONTENT)

Key = TypeVar("Key", Label, Language, Decider, str | None)

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


@dataclass(frozen=True, eq=False)
class Result:
    """A labelled document.

    text: the caller's own string; every offset counts its code points. segments: how it was
    cut. probabilities: of each label for each segment, in steps of 1/10,000, segments x
    labels. marks: of each segment, as in `Mark`. policy: what decides `kept`. presets: the model's
    thresholds. seen: what a reader sees of a text in disguise, which is what was labelled, and what
    counts where characters are counted; None where that is the text. explainer: reads a result again;
    asked when `explain` is called, and not before. rules: the number of the rule that decided each
    segment, 0 for none; None where nobody said. kinds: the model's; kind_scores: how probable each is,
    given its label, in the same steps, segments x kinds, 0 where a segment has another label.
    """

    text: str
    segments: Segments
    probabilities: NDArray[np.uint16]
    marks: NDArray[np.uint8]
    policy: Policy
    presets: Thresholds
    seen: Seen | None = None
    explainer: Callable[[Result], Callable[[Span, Label], Explanation]] | None = None
    rules: NDArray[np.int32] | None = None
    kinds: tuple[Kind, ...] = ()
    kind_scores: NDArray[np.uint16] | None = None

    def __getstate__(self) -> dict[str, object]:
        return {name: value for name, value in self.__dict__.items() if name != "_why"}

    def with_policy(self, policy: Policy) -> Result:
        """The same labels under another policy; nothing is scored again.

        Raises PolicyError when it names a kind that the model does not have.
        """
        policy.check(self.kinds)
        return replace(self, policy=policy)

    @cached_property
    def spans(self) -> tuple[Span, ...]:
        """Runs of one label and language inside a paragraph; together they are the text.

        A line break behind a paragraph that ends with boilerplate is a span of its own, kept
        when any of the paragraph is: an advertisement taken from the end of a line must not
        join that line to the next.
        """
        names = [None, *(kind.name for kind in self.kinds)]
        return tuple(
            Span(start, end, LABELS[label], LANGUAGES[language], sure, kept, _DECIDERS[marks], names[kind])
            for start, end, label, language, sure, kept, marks, kind, _ in zip(*(c.tolist() for c in self.columns), strict=True)
        )

    @cached_property
    def paragraphs(self) -> tuple[Span, ...]:
        """One span a paragraph: label and language of most of its characters, kept if most is."""
        edges = [*_changes(self.columns.paragraph).tolist(), len(self.spans)]
        lines = (self.spans[a:b] for a, b in pairwise(edges))
        return tuple(line[0] if len(line) == 1 else _merge(self._sized(line)) for line in lines)

    @cached_property
    def clean_text(self) -> str:
        """What the policy keeps: the kept spans, joined."""
        first = _changes(self.columns.kept)
        edges = [*self.columns.start[first].tolist(), len(self.text)]
        runs = zip(pairwise(edges), self.columns.kept[first].tolist(), strict=True)
        return "".join(self.text[start:end] for (start, end), keep in runs if keep)

    @cached_property
    def quality(self) -> Quality:
        """How much of the document is content, for a decision to keep or drop it whole."""
        sizes = self._sized(self.spans)
        total = sum(size for _, size in sizes)
        content = sum(size for span, size in sizes if span.label is Label.CONTENT)
        kept = sum(size for span, size in sizes if span.kept)
        undecided = sum(size for span, size in sizes if span.kept and not self.policy.keeps(span.label, span.kind))
        languages = _votes((span.language, size) for span, size in sizes)
        junk = [span for span, size in sizes if size and span.label is not Label.CONTENT]
        runs = groupby(sizes, key=lambda pair: pair[0].label is Label.CONTENT)
        return Quality(
            characters=total,
            content_characters=content,
            content_share=round(content / max(total, 1), 4),
            kept_share=round(kept / max(total, 1), 4),
            undecided_share=round(undecided / max(total, 1), 4),
            longest_boilerplate=max((sum(size for _, size in run) for content, run in runs if not content), default=0),
            unread=sum(size for span, size in sizes if span.decided_by is Decider.LIMIT),
            languages={language: round(size / max(total, 1), 4) for language, size in languages if size},
            chinese_script=self.segments.chinese_script,
            worst=max(junk, key=lambda span: span.confidence, default=None),
        )

    def explain(self, span: Span, against: Label | None = None) -> Explanation:
        """Why a span, or a paragraph, has its label: its words, and what stands around them, in order of weight.

        against: the label that it is held against, the next in probability without one. The document is read
        again when first asked for. Raises InputError for what is no stretch of this text, for a label against
        itself, and where the result came without a model.
        """
        if self.explainer is None:
            raise InputError("this result was made without a model that could explain it: label the text again")
        if not 0 <= span.start < span.end <= len(self.text):
            raise InputError(f"the span {span.start} to {span.end} is no stretch of a text of {len(self.text):,} characters")
        if against is None:
            ends = self.segments.ends
            rows = slice(bisect_right(ends, span.start), bisect_left(ends, span.end) + 1)
            sizes = np.diff([span.start, *ends[rows][:-1], span.end])
            pooled = dict(zip(LABELS, (sizes @ self.probabilities[rows].astype(np.int64)).tolist(), strict=True))
            against = max((label for label in LABELS if label != span.label), key=pooled.__getitem__)
        if against == span.label:
            raise InputError(f"{against} cannot be held against itself: name another label")
        return self._why(span, against)

    @cached_property
    def _why(self) -> Callable[[Span, Label], Explanation]:
        assert self.explainer
        return self.explainer(self)

    def as_dict(self) -> dict[str, object]:
        """Spans, paragraphs and quality as a JSON object; it does not repeat the text."""
        return {
            "spans": [span.as_dict() for span in self.spans],
            "paragraphs": [span.as_dict() for span in self.paragraphs],
            "quality": self.quality.as_dict(),
        }

    @cached_property
    def ruled(self) -> tuple[tuple[int, int, int], ...]:
        """Start, end and rule of each stretch of a line that one rule decided; the rule by its number, from 1."""
        if self.rules is None or not self.rules.any():
            return ()
        first = _changes(np.array(self.segments.paragraphs, np.int64) * (int(self.rules.max()) + 1) + self.rules)
        edges = [0, *self.segments.ends]
        stops = [*first[1:].tolist(), len(self.rules)]
        stretches = zip(first.tolist(), stops, self.rules[first].tolist(), strict=True)
        return tuple((edges[a], edges[b], number) for a, b, number in stretches if number)

    def near_threshold(self, distance: float) -> list[tuple[int, int, Label, float, float]]:
        """The decisions that a small move of a threshold would change.

        Returns start, end, label, the probability of removal, and how far it lies above its
        threshold (below where it is negative), for every run where that is less than `distance`.
        """
        runs = self._runs
        if runs is None:
            return []
        margin = runs.removal - runs.limit
        near = np.abs(margin) < distance
        columns = (column[near].tolist() for column in (runs.start, runs.end, runs.label, runs.removal, margin))
        return [(start, end, LABELS[label], removal, above) for start, end, label, removal, above in zip(*columns, strict=True)]

    @property
    def labelled(self) -> tuple[str, Segments]:
        """The text that was labelled, which is what a reader sees, and its segments there."""
        if not self.seen:
            return self.text, self.segments
        return self.seen.text, replace(self.segments, ends=self.seen.offsets(self.segments.ends))

    @cached_property
    def sizes(self) -> NDArray[np.int64]:
        """How many characters of each segment a reader sees."""
        result: NDArray[np.int64] = np.diff([0, *self.labelled[1].ends])
        return result

    def _sized(self, spans: Iterable[Span]) -> list[tuple[Span, int]]:
        """Spans, each with how many of its characters are seen and no white space."""
        return [(span, sum(map(len, self._shown(span.start, span.end).split()))) for span in spans]

    def _shown(self, start: int, end: int) -> str:
        return self.seen.between(start, end) if self.seen else self.text[start:end]

    @cached_property
    def _runs(self) -> _Runs | None:
        """Runs of segments of one label and language inside a paragraph; None for a text without characters."""
        if not len(self.segments):
            return None
        ends = np.array(self.segments.ends)
        starts = np.concatenate(([0], ends[:-1]))
        languages = np.array(self.segments.languages)
        paragraphs = np.array(self.segments.paragraphs)
        probabilities = self.probabilities.astype(np.int64)
        labels = probabilities.argmax(1)
        # That a segment repeats moves no span.
        marks = self.marks & ~np.uint8(Mark.REPEATED)
        key = ((paragraphs * len(LANGUAGES) + languages) * len(LABELS) + labels) << 8 | marks
        kind, scores = self._kinds(labels)
        first = _changes(key * (len(self.kinds) + 1) + kind)
        last = np.concatenate((first[1:], [key.size])) - 1
        asked = self._asked(kind)
        whole = _changes(key * (len(self.kinds) + 1) + asked) if self.kinds else first
        pooled = pool(np.concatenate((probabilities, scores), axis=1), self.sizes, whole)
        column = np.where(asked[whole], len(LABELS) - 1 + asked[whole], labels[whole])
        removal = self._removal(pooled, column) / STEPS
        limits, alone = self._limits(whole, column, languages[whole], marks[whole], layout(self.sizes, languages, paragraphs))
        own = np.searchsorted(whole, first, side="right") - 1
        pooled = pool(probabilities, self.sizes, first) if self.kinds else pooled
        return _Runs(
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

    def _kinds(self, labels: NDArray[np.intp]) -> tuple[NDArray[np.intp], NDArray[np.int64]]:
        """The kind of each segment, counted from 1, 0 for none of its label's; and how probable each kind is, in steps."""
        if self.kind_scores is None or not self.kinds:
            return np.zeros(len(labels), np.intp), np.zeros((len(labels), 0), np.int64)
        given = self.kind_scores.astype(np.int64)
        best = np.concatenate((STEPS - given.sum(1, keepdims=True), given), axis=1).argmax(1)
        # In place of the probability given the label, that of both.
        label = self.probabilities.astype(np.int64)[:, [LABELS.index(kind.label) for kind in self.kinds]]
        return best, (given * label + STEPS // 2) // STEPS

    def _asked(self, kind: NDArray[np.intp]) -> NDArray[np.intp]:
        """The kinds, without those of a label of which the policy names none: they change no decision."""
        named = {kind.label for kind in self.kinds if kind.name in self.policy.keep or kind.name in self.policy.thresholds}
        telling = np.array([0, *(number * (kind.label in named) for number, kind in enumerate(self.kinds, 1))])
        return telling[kind]

    def _limits(
        self,
        first: NDArray[np.intp],
        column: NDArray[np.intp],
        languages: NDArray[np.intp],
        marks: NDArray[np.uint8],
        place: Layout,
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """From which probability runs are removed, and from which they would be if no other document of their site held them.

        first: the segment that opens each; column: its label, or a kind behind the labels.
        """
        limits = thresholds(self.policy, self.presets, place, self.kinds)[languages, column]
        alone = limits = np.where(marks & (Mark.HELD | Mark.UNREAD), np.inf, limits)
        repeats = np.bitwise_and.reduceat(self.marks, first) & Mark.REPEATED != 0
        if repeats.any():
            thorough = thresholds(Policy.thorough(self.policy.keep), self.presets, place, self.kinds)[languages, column]
            lowered = np.minimum(limits, np.maximum(thorough, REPEATED_FROM[languages]))
            limits = np.where(repeats & (limits <= 1), lowered, limits)
        return limits, alone

    def _removal(self, pooled: NDArray[np.int64], column: NDArray[np.intp]) -> NDArray[np.int64]:
        """How probable it is, in steps, that a run is of no kept label or kind; of a kind of a kept label, that it is this."""
        labels, keep = len(LABELS), self.policy.keep
        of_label = [i for i, label in enumerate(LABELS) if label in keep]
        of_kind = [labels + i for i, kind in enumerate(self.kinds) if kind.name in keep and kind.label not in keep]
        out: NDArray[np.int64] = STEPS - pooled[:, of_label + of_kind].sum(1)
        for i, kind in enumerate(self.kinds, labels):
            if kind.label in keep:
                out = np.where(column == i, pooled[:, i], out)
        return out

    @cached_property
    def columns(self) -> Columns:
        """The spans as arrays: what they hold without an object a span."""
        runs = self._runs
        if runs is None:
            return _NO_SPANS
        keep = runs.removal < runs.limit
        marks = np.where(~keep & (runs.removal < runs.alone), runs.marks | Mark.REPEATED, runs.marks)
        found = Columns(*runs[:5], keep, marks, runs.kind, runs.paragraph)
        first = _changes(runs.paragraph)
        last = np.append(first[1:], runs.paragraph.size) - 1
        mixed = (last > first) & (runs.label[last] != CONTENT)
        return self._closed(found, first[mixed].tolist(), last[mixed].tolist())

    def _closed(self, found: Columns, first: list[int], last: list[int]) -> Columns:
        """Gives the line break of a mixed paragraph a span of its own where its end is boilerplate.

        first, last: spans of each paragraph that has several, the last of them boilerplate.
        """
        closing = []
        for opens, closes in zip(first, last, strict=True):
            end = self._break(int(found.start[closes]), int(found.end[closes]))
            if end is not None:
                line = range(opens, closes + 1)
                like = min(line, key=lambda span: (found.label[span], -found.confidence[span]))
                closing.append((closes, like, end, found.kept[line].any()))
        if not closing:
            return found
        spans, best, ends, kept = map(list, zip(*closing, strict=True))
        places = np.array(spans) + 1
        order = np.insert(np.arange(found.start.size), places, best)
        own = places + np.arange(len(closing))
        out = Columns._make(column[order] for column in found)
        out.end[own] = found.end[spans]
        out.end[own - 1] = out.start[own] = ends
        out.kept[own] = kept
        return out

    def _break(self, start: int, end: int) -> int | None:
        """Where the line break begins that closes a stretch of the text; None where there is none, or nothing else."""
        shown = self._shown(start, end)
        size = len(shown.rstrip())
        if size in (0, len(shown)) or not shown[size:].strip(" \t\u3000\xa0"):
            return None
        return self.seen.behind(start, size) if self.seen else start + size


class Columns(NamedTuple):
    """The spans of a result as arrays, a row a span, in the order in which they tile the text.

    start, end: code points. label, language: indexes into the labels and languages. confidence, kept: as in `Span`.
    marks: as in `Mark`, REPEATED where that decided. kind: which of the result's kinds, counted from 1, 0 for none.
    paragraph: its number.
    """

    start: NDArray[np.intp]
    end: NDArray[np.intp]
    label: NDArray[np.intp]
    language: NDArray[np.intp]
    confidence: NDArray[np.float64]
    kept: NDArray[np.bool_]
    marks: NDArray[np.uint8]
    kind: NDArray[np.intp]
    paragraph: NDArray[np.intp]


_NO = np.zeros(0, np.intp)
_NO_SPANS = Columns(_NO, _NO, _NO, _NO, np.zeros(0), np.zeros(0, np.bool_), np.zeros(0, np.uint8), _NO, _NO)


class _Runs(NamedTuple):
    """Columns, a row a run.

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


# By the marks of a run, REPEATED where that decided.
_DECIDERS = tuple(
    Decider.LIMIT
    if marks & Mark.UNREAD
    else Decider.RULE
    if marks & (Mark.RULED | Mark.HELD)
    else Decider.SITE
    if marks & Mark.REPEATED
    else Decider.MODEL
    for marks in range(16)
)


def _changes(key: NDArray[Any]) -> NDArray[np.intp]:
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


def _merge(sizes: list[tuple[Span, int]]) -> Span:
    if len(sizes) == 1:
        return sizes[0][0]
    label = _votes((span.label, size) for span, size in sizes)[0][0]
    language = _votes((span.language, size) for span, size in sizes)[0][0]
    of_label = [(span.confidence, size or 1) for span, size in sizes if span.label is label]
    confidence = sum(c * size for c, size in of_label) / sum(size for _, size in of_label)
    kept = sum(size if span.kept else -size for span, size in sizes)
    keep = kept > 0 or (kept == 0 and sizes[0][0].kept)
    decider = _votes((span.decided_by, size) for span, size in sizes)[0][0]
    kind = _votes((span.kind, size) for span, size in sizes if span.label is label)[0][0]
    return Span(sizes[0][0].start, sizes[-1][0].end, label, language, round(confidence, 4), keep, decider, kind)


def _votes(pairs: Iterable[tuple[Key, int]]) -> list[tuple[Key, int]]:
    count: Counter[Key] = Counter()
    for key, size in pairs:
        count[key] += size
    return count.most_common()
