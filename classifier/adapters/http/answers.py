"""What the body of a request becomes: documents to the records of `classifier label`, or to clean text."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator
from dataclasses import dataclass

from classifier.corpus import formats
from classifier.corpus.formats import NO_TEXT, Fields, Raw, Record, Reject
from classifier.corpus.sources import Source
from classifier.pipeline import Classifier
from classifier.schema import Policy, PolicyError

_BODY = Source("body", "body")


@dataclass(frozen=True, slots=True)
class Work:
    """A body and what to do with it.

    command: label or clean. kind: text, json (one object) or jsonl. site: of documents that name none.
    """

    command: str
    kind: str
    policy: Policy
    body: bytes
    site: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What a body became: an HTTP status, lines of JSON, and counts of what was labelled."""

    status: int
    body: bytes
    documents: int = 0
    characters: int = 0


def answer(classifier: Classifier, work: Work) -> Answer:
    """Labels the documents of a body.

    A broken line of JSONL becomes a record with `line` and `error` in its place; a body that is
    one document and broken becomes the status 400, or 422 where it is JSON without a text. A policy that names
    a kind that the model lacks becomes 422 as well.
    """
    try:
        work.policy.check(classifier.kinds)
    except PolicyError as error:
        return failed(422, str(error))
    items = [_checked(item) for item in _items(work)]
    broken = next((item for item in items if isinstance(item, Reject)), None)
    if broken and work.kind != "jsonl":
        return failed(422 if broken.reason == NO_TEXT else 400, _said(broken))
    records = [item for item in items if isinstance(item, Record)]
    texts = [record.text for record in records]
    results = iter(classifier.label_many(texts, [_site(record) or work.site for record in records]))
    lines = []
    for item in items:
        if isinstance(item, Reject):
            lines.append({"line": item.line, "error": _said(item)})
            continue
        result = next(results).with_policy(work.policy)
        lines.append({"id": item.id, **(result.as_dict() if work.command == "label" else {"text": result.clean_text})})
    return Answer(200, b"".join(map(formats.dump, lines)), len(texts), sum(map(len, texts)))


def _items(work: Work) -> Iterator[Record | Reject]:
    raws: Iterator[Raw | Reject] = iter([Raw(_BODY.label, _BODY.relative, "jsonl", 1, 0, work.body)])
    if work.kind != "json":
        stream = io.BufferedReader(io.BytesIO(work.body))
        raws = formats.read(stream, _BODY, work.kind, len(work.body))
    return (raw if isinstance(raw, Reject) else formats.parse(raw, Fields()) for raw in raws)


def _checked(item: Record | Reject) -> Record | Reject:
    """An id is given back as it came: what JSON cannot hold, or no sane program expects, must not come back."""
    if isinstance(item, Reject):
        return item
    number = isinstance(item.id, int | float) and not isinstance(item.id, bool) and abs(item.id) < math.inf
    if not (number or isinstance(item.id, str | None)):
        return Reject(item.source, item.line, item.offset, NO_TEXT, "field 'id' must be a string, a number or null")
    if not isinstance((item.fields or {}).get("site"), str | None):
        return Reject(item.source, item.line, item.offset, NO_TEXT, "field 'site' must be a string or null")
    return item


def _site(record: Record) -> str | None:
    """What a document says of its site: `site`, or the field that the command reads, `url`."""
    return (record.fields or {}).get("site") or record.site


def _said(reject: Reject) -> str:
    detail = reject.detail.removesuffix(": see --text-field")
    return detail if reject.reason == NO_TEXT else f"{reject.reason}: {detail}"


def failed(status: int, why: str) -> Answer:
    """An answer that says why there is none, as FastAPI says it."""
    return Answer(status, formats.dump({"detail": why}))
