"""A result read again, to explain it: what a model saw is not kept with its labels, for few ask."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from classifier import segment, split, store
from classifier.decide import Mark
from classifier.disguise import Seen
from classifier.model import Model
from classifier.reading import parts
from classifier.result import Result
from classifier.schema import Decider, Explanation, Label, Limits, ModelUnsupported, Segments, Span


@dataclass(frozen=True, slots=True)
class Explainer:
    """Explains the spans of results by the model that made them. Pickled without it: it is loaded when it is asked for.

    folder, checksums: of the model. limits, language_id: the results were made with.
    """

    folder: str
    checksums: Mapping[str, str]
    limits: Limits
    language_id: str
    model: Model | None = field(default=None, repr=False)

    def __reduce__(self) -> tuple[Any, ...]:
        return Explainer, (self.folder, self.checksums, self.limits, self.language_id)

    def __call__(self, result: Result) -> Callable[[Span, Label], Explanation]:
        """What explains the spans of one result: a span against a label.

        Raises ModelError when the model is loaded and is no longer the one that labelled the text.
        """
        model = self.model or self._loaded()
        from classifier import explain  # its expressions take longer to make than a short text to label

        # What was labelled is what a reader sees; words are told in the caller's own text.
        seen = result.seen
        text, cut = result.labelled
        pieces = list(parts(text, self.limits.document_characters))
        stops = [0]
        for piece in pieces:
            stops.append(stops[-1] + len(piece))

        @lru_cache(maxsize=1)  # spans are asked for in their order, and a reading is large
        def reading(part: int) -> explain.Reading:
            return explain.read(model, pieces[part], *self._cut(model, cut, result, pieces[part], stops[part]))

        def why(span: Span, against: Label) -> Explanation:
            if span.decided_by is Decider.LIMIT:
                return Explanation(span.label, against, (), (), 0.0, Decider.LIMIT)
            start, end = seen.offsets([span.start, span.end]) if seen else (span.start, span.end)
            touched = range(bisect_right(stops, start) - 1, bisect_left(stops, end))
            there = replace(span, start=start, end=end)
            told = explain.explain(model, text, ((stops[part], reading(part)) for part in touched), there, against)
            return replace(told, words=tuple(_own(result.text, seen, word) for word in told.words)) if seen else told

        return why

    def _loaded(self) -> Model:
        stored = store.load(self.folder, self.limits)
        if stored.manifest["sha256"] != self.checksums:
            raise ModelUnsupported(
                f"{self.folder} holds another model by now than the one that labelled this text: label it again"
            )
        return stored.model

    def _cut(
        self, model: Model, cut: Segments, result: Result, piece: str, start: int
    ) -> tuple[Segments, NDArray[np.int64] | None]:
        """The segments of a part of the text as those of a document, and the labels that rules gave: -1 where none did."""
        first, last = bisect_right(cut.ends, start), bisect_right(cut.ends, start + len(piece))
        if not last or cut.ends[last - 1] < start + len(piece) or (result.marks[first:last] & Mark.UNREAD).any():
            # A limit has put segments together that were apart when the others were read beside them.
            (again,) = split.split(model, [piece], segment.cut_many([piece], self.limits, self.language_id), self.language_id)
            return again, None
        numbers = cut.paragraphs[first:last]
        ends = [end - start for end in cut.ends[first:last]]
        ruled = (result.marks[first:last] & Mark.RULED) != 0
        known = np.where(ruled, result.probabilities[first:last].argmax(1), -1) if ruled.any() else None
        return Segments(ends, [number - numbers[0] for number in numbers], cut.languages[first:last]), known


def _own(text: str, seen: Seen, word: tuple[int, int, str, float]) -> tuple[int, int, str, float]:
    """A word of what is seen as one of the text, without what nobody sees behind it."""
    start, last = seen.places([word[0], word[1] - 1])
    return start, last + 1, text[start : last + 1], word[3]
