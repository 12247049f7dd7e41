"""Labels over HTTP, for jobs that are not in Python. Needs `boilerplate-classifier[serve]`."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any, Literal

try:
    import uvicorn
    from fastapi import FastAPI, HTTPException, Query, Request, Response
    from fastapi.responses import PlainTextResponse
    from pydantic import BaseModel, ConfigDict
except ImportError as error:
    raise ImportError("serving needs FastAPI and uvicorn: pip install 'boilerplate-classifier[serve]'") from error

from classifier import __version__
from classifier.adapters.http import meters
from classifier.adapters.http import pool as processes
from classifier.adapters.http.answers import Work
from classifier.adapters.http.requests import answer_of, body_of, kind_of
from classifier.adapters.http.schema import Cleaned, Labelled, described
from classifier.corpus.workers import cores
from classifier.schema import Policy, PolicyError
from classifier.setup import Setup

MAX_BODY, CONCURRENCY, TIMEOUT = 8_000_000, 256, 60.0
_AGAIN = {"Retry-After": "1"}
_PATHS = ("/label", "/clean", "/health", "/metrics", "/openapi.json")


class _Choice(BaseModel):
    """The query of a request."""

    model_config = ConfigDict(extra="forbid")
    policy: Literal["careful", "balanced", "thorough"] | None = None
    keep: list[str] = []
    site: str | None = None


def _policy(choice: _Choice, usual: Policy) -> Policy:
    """What a request asks for. Whether the model has such a kind, the process knows that labels."""
    try:
        return Policy(choice.policy or usual.preset, frozenset(choice.keep) or usual.keep, usual.thresholds)
    except PolicyError as error:
        raise HTTPException(422, str(error)) from None


def app(
    *,
    policy: Policy | None = None,
    max_body: int = MAX_BODY,
    concurrency: int = CONCURRENCY,
    timeout: float = TIMEOUT,
    workers: int | None = None,
    **setup: Any,
) -> FastAPI:
    """The service, for any ASGI server; `http.md` says what it answers. Its processes live from startup to shutdown.

    policy: of requests that name none. max_body: bytes. concurrency: requests at once, waiting ones included.
    timeout: seconds for a body to arrive, and again for its answer. workers: processes, one a core without it.
    setup: as of `Setup`: model, limits, language_id, rules, profiles.
    """
    counts = meters.Counts()
    usual = policy or Policy()
    made = Setup(**setup)

    @asynccontextmanager
    async def lifespan(api: FastAPI) -> AsyncIterator[None]:
        api.state.pool = processes.start(made, workers or cores(), timeout)
        yield
        processes.close(api.state.pool)

    async def answered(command: str, request: Request, choice: _Choice) -> Response:
        kind = kind_of(request)
        if counts[meters.IN_FLIGHT] >= concurrency:
            raise HTTPException(503, f"{concurrency} requests are waiting or worked on", _AGAIN)
        counts[meters.IN_FLIGHT] += 1
        try:
            body = await body_of(request, max_body, timeout)
            work = Work(command, kind, _policy(choice, usual), body, choice.site)
            answer = await answer_of(request, api.state.pool, work, timeout)
        finally:
            counts[meters.IN_FLIGHT] -= 1
        counts[meters.DOCUMENTS] += answer.documents
        counts[meters.CHARACTERS] += answer.characters
        lines = kind == "jsonl" and answer.status == 200
        return Response(answer.body, answer.status, media_type="application/x-ndjson" if lines else "application/json")

    api = FastAPI(title="boilerplate-classifier", version=__version__, lifespan=lifespan, docs_url=None, redoc_url=None)
    api.state.setup = made
    api.add_middleware(meters.metered, counts=counts, paths=_PATHS)

    @api.post("/label", **described(Labelled))
    async def label(request: Request, choice: Annotated[_Choice, Query()]) -> Response:
        """Label and exact span of every part of a document."""
        return await answered("label", request, choice)

    @api.post("/clean", **described(Cleaned))
    async def clean(request: Request, choice: Annotated[_Choice, Query()]) -> Response:
        """A document without what the policy removes."""
        return await answered("clean", request, choice)

    @api.get("/health", responses={503: {"description": "No process has loaded the model"}})
    async def health() -> dict[str, str | int]:
        """Whether the service can label."""
        if not api.state.pool.live:
            raise HTTPException(503, "no process has loaded the model yet", _AGAIN)
        return {"status": "ready", "processes": len(api.state.pool.live)}

    @api.get("/metrics", response_class=PlainTextResponse)
    async def metrics() -> Response:
        """Counts for Prometheus."""
        return Response(meters.exposition(counts), media_type=meters.MEDIA)

    return api


def serve(host: str = "127.0.0.1", port: int = 8000, **options: Any) -> None:
    """Serves until it is told to stop (SIGINT, SIGTERM); answers what it has begun.

    options: as of `app`. Raises as `Classifier.load` does, before it listens.
    """
    service = app(**options)
    service.state.setup.load(options.get("policy"))
    wait = math.ceil(options.get("timeout", TIMEOUT))
    uvicorn.run(service, host=host, port=port, http="h11", access_log=False, timeout_graceful_shutdown=wait)
