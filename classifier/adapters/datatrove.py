"""datatrove: a filter that drops documents below a quality, and cleans the text of the others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

try:
    from datatrove.data import Document
    from datatrove.pipeline.filters.base_filter import BaseFilter
    from datatrove.pipeline.writers.disk_base import DiskWriter
except ImportError as error:
    raise ImportError("this adapter needs datatrove: pip install 'boilerplate-classifier[datatrove]'") from error

from classifier.job import Verdict
from classifier.result import Result
from classifier.schema import Policy
from classifier.setup import Setup, loaded


class BoilerplateFilter(BaseFilter):  # type: ignore[misc] # datatrove ships no type information
    """Drops documents below a quality, and cleans the text of the others.

    policy: decides what is kept of a text, `Policy.balanced()` without one. clean: False leaves texts as they are.
    labels: the name in a document's metadata under which its spans, paragraphs and quality are written, offsets
    into the text as it came; None for nowhere. min_share, min_characters: a document with a smaller share of
    content, 0 to 1, or fewer characters of it is dropped, and so is one with more than max_run characters of
    boilerplate on end; None asks for nothing. site_field: the name in a document's metadata of its site or address, for
    rules and profiles. exclusion_writer: gets the dropped documents, their text as it came. batch_size: documents
    labelled at once. setup: as of `Setup`: model, limits, language_id, rules, profiles.

    A dropped document is counted under the first reason that holds: `dropped_content_share`,
    `dropped_content_characters`, `dropped_boilerplate_run`, `dropped_nothing_left` when it would be cleaned to nothing,
    or `dropped_no_text` when its text is no string.
    `characters_removed` counts what is taken from the texts of the others.

    Raises PolicyError for a number out of range; when the first batch is labelled, as `Classifier.load` does.
    """

    name = "🧹 Boilerplate"

    def __init__(
        self,
        policy: Policy | None = None,
        *,
        clean: bool = True,
        labels: str | None = None,
        min_share: float | None = None,
        min_characters: int | None = None,
        max_run: int | None = None,
        site_field: str = "url",
        exclusion_writer: DiskWriter | None = None,
        batch_size: int = 100,
        **setup: Any,
    ) -> None:
        super().__init__(exclusion_writer, batch_size)
        self.policy = policy or Policy()
        self.clean = clean
        self.labels = labels
        self.verdict = Verdict(min_share, min_characters, max_run)
        self.site_field = site_field
        self.setup = Setup(**setup)

    def filter(self, doc: Document) -> bool | tuple[bool, str]:
        """Whether a document is kept, or False and the reason; see `filter_batch`."""
        return self.filter_batch([doc])[0]

    def filter_batch(self, batch: Sequence[Document]) -> list[bool | tuple[bool, str]]:
        """For each document True, or False and the reason; what is kept is cleaned in place."""
        texts = [doc.text if isinstance(doc.text, str) else "" for doc in batch]
        results = loaded(self.setup).label_many(texts, [doc.metadata.get(self.site_field) for doc in batch])
        return [self._judged(doc, result.with_policy(self.policy)) for doc, result in zip(batch, results, strict=True)]

    def _judged(self, doc: Document, result: Result) -> bool | tuple[bool, str]:
        if not isinstance(doc.text, str):
            return False, "no_text"
        if self.labels is not None:
            doc.metadata[self.labels] = result.as_dict()
        reasons = self.verdict.against(result.quality)
        if self.clean and not result.clean_text.strip():  # datatrove's writers would leave the text of such a document out
            reasons.append("nothing left")
        if reasons:
            return False, reasons[0].replace(" ", "_")
        if self.clean:
            self.stat_update("characters_removed", value=len(doc.text) - len(result.clean_text))
            doc.text = result.clean_text
        return True
