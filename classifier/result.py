"""What is made of the decisions: spans, paragraphs, clean text and quality of a document.

Another policy decides again on the same probabilities and scores nothing.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import groupby, pairwise
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from classifier.decide import CONTENT, Mark, Runs, Scored, Thresholds, changes, decide
from classifier.disguise import Seen
from classifier.schema import (
    LABELS,
    LANGUAGES,
    Decider,
    Explanation,
    InputError,
    Kind,
    Label,
    Language,
    Policy,
    Quality,
    Segments,
    Span,
)

Key = TypeVar("Key", Label, Language, Decider, str | None)


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
        edges = [*changes(self.columns.paragraph).tolist(), len(self.spans)]
        lines = (self.spans[a:b] for a, b in pairwise(edges))
        return tuple(line[0] if len(line) == 1 else _merge(self._sized(line)) for line in lines)

    @cached_property
    def clean_text(self) -> str:
        """What the policy keeps: the kept spans, joined."""
        first = changes(self.columns.kept)
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
        first = changes(np.array(self.segments.paragraphs, np.int64) * (int(self.rules.max()) + 1) + self.rules)
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
    def _runs(self) -> Runs:
        scored = Scored(self.segments, self.sizes, self.probabilities, self.marks, self.kinds, self.kind_scores)
        return decide(scored, self.policy, self.presets)

    @cached_property
    def columns(self) -> Columns:
        """The spans as arrays: what they hold without an object a span."""
        runs = self._runs
        keep = runs.removal < runs.limit
        marks = np.where(~keep & (runs.removal < runs.alone), runs.marks | Mark.REPEATED, runs.marks)
        found = Columns(*runs[:5], keep, marks, runs.kind, runs.paragraph)
        first = changes(runs.paragraph)
        last = np.append(first, runs.paragraph.size)[1:] - 1
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
