"""What the HTTP service counts, in Prometheus' text format (version 0.0.4).

By hand, because five numbers of one process are shorter so than with prometheus-client, whose
registry is global, and bring no dependency.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Awaitable, Callable, Collection
from typing import Any

ASGI = Callable[[Any, Callable[[], Awaitable[Any]], Callable[[Any], Awaitable[None]]], Awaitable[None]]
# A series, its name and labels, to its value.
Counts = Counter[str]

MEDIA = "text/plain; version=0.0.4; charset=utf-8"
REQUESTS, SECONDS = "classifier_requests_total", "classifier_request_seconds_total"
DOCUMENTS, CHARACTERS, IN_FLIGHT = "classifier_documents_total", "classifier_characters_total", "classifier_in_flight"
_HELP = {
    REQUESTS: "counter Requests answered, by path and status; 499 where the client went first.",
    SECONDS: "counter Seconds from the head of a request to the end of its answer, by path.",
    DOCUMENTS: "counter Documents labelled.",
    CHARACTERS: "counter Characters of the documents labelled.",
    IN_FLIGHT: "gauge Requests whose body is read, that wait for a process, or that are worked on.",
}


def metered(asgi: ASGI, counts: Counts, paths: Collection[str]) -> ASGI:
    """The application with its requests counted; a path that is none of `paths` counts as "other"."""

    async def counting(scope: Any, receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Awaitable[None]]) -> None:
        if scope["type"] != "http":
            return await asgi(scope, receive, send)
        path = scope["path"] if scope["path"] in paths else "other"
        began = time.monotonic()

        async def noting(message: Any) -> None:
            if message["type"] == "http.response.start":
                counts[f'{REQUESTS}{{path="{path}",status="{message["status"]}"}}'] += 1
            await send(message)

        try:
            await asgi(scope, receive, noting)
        finally:
            counts[f'{SECONDS}{{path="{path}"}}'] += time.monotonic() - began  # type: ignore[assignment]
        return None

    return counting


def exposition(counts: Counts) -> str:
    """The counts as Prometheus reads them; one that never moved, and has no labels, as 0."""
    lines: list[str] = []
    for name, text in _HELP.items():
        kind, _, said = text.partition(" ")
        lines += f"# HELP {name} {said}", f"# TYPE {name} {kind}"
        series = sorted(key for key in counts if key.partition("{")[0] == name)
        lines += [f"{key} {counts[key]:.10g}" for key in series]
        if name in (DOCUMENTS, CHARACTERS, IN_FLIGHT) and not series:
            lines.append(f"{name} 0")
    return "\n".join([*lines, ""])
