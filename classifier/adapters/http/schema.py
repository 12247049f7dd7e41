"""What OpenAPI says of the HTTP service: bodies, answers and refusals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from classifier.schema import Quality, Span


@dataclass(frozen=True)
class Labelled:
    """The record of `classifier label`."""

    id: str | int | float | None
    spans: list[Span]
    paragraphs: list[Span]
    quality: Quality


@dataclass(frozen=True)
class Cleaned:
    """A document without what the policy removes."""

    id: str | int | float | None
    text: str


_DOCUMENT = {
    "type": "object",
    "properties": {
        "text": {"type": "string"},
        "id": {"type": ["string", "number", "null"]},
        "site": {"type": ["string", "null"]},
    },
    "required": ["text"],
}
_LINES = {"schema": {"type": "string", "description": "a JSON object a line"}}
_REFUSED = {
    400: "Not UTF-8, or not JSON",
    408: "The body did not arrive in time",
    413: "The body is too large",
    415: "Another media type, charset or encoding than those that are read",
    422: "A parameter that is none, or JSON without a text",
    500: "Labelling failed",
    503: "Too many requests at once: again after Retry-After seconds",
    504: "Labelling took too long",
}


def described(record: type) -> dict[str, Any]:
    """What OpenAPI says of a path that takes documents and answers with such records."""
    answers: dict[int | str, dict[str, Any]] = {status: {"description": said} for status, said in _REFUSED.items()}
    answers[200] = {"model": record, "content": {"application/x-ndjson": _LINES}, "description": "A record a document"}
    bodies = {"text/plain": {"schema": {"type": "string"}}, "application/x-ndjson": _LINES}
    content = {"application/json": {"schema": _DOCUMENT}, **bodies}
    return {"responses": answers, "openapi_extra": {"requestBody": {"required": True, "content": content}}}
