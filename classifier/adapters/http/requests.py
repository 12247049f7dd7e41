"""What comes in over HTTP, within its limits: what a body is, its bytes, and the wait for its answer."""

from __future__ import annotations

import asyncio
import re
from typing import Any

from fastapi import HTTPException, Request
from starlette.requests import ClientDisconnect

from classifier.adapters.http.answers import Answer, Work
from classifier.adapters.http.pool import Pool, ask

_KINDS = {"text/plain": "text", "application/json": "json", "application/x-ndjson": "jsonl"}
_CHARSET = re.compile(r';\s*charset\s*=\s*"?([^";\s]+)', re.I)


def kind_of(request: Request) -> str:
    """What the body is said to be; refused where it is nothing that is read."""
    said = request.headers.get("content-type", "")
    kind = _KINDS.get(said.partition(";")[0].strip().lower())
    if kind is None:
        raise HTTPException(415, f"content type {said!r}: send one of {', '.join(_KINDS)}")
    charset = _CHARSET.search(said)
    if charset and charset[1].lower() not in ("utf-8", "utf8", "us-ascii"):
        raise HTTPException(415, f"charset {charset[1]!r}: send UTF-8")
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise HTTPException(415, "a compressed body: send it unpacked")
    return kind


async def body_of(request: Request, most: int, seconds: float) -> bytes:
    """The body, of which no more than `most` bytes are ever held."""
    large = HTTPException(413, f"the body is larger than {most:,} bytes")
    if int(request.headers.get("content-length", 0)) > most:
        raise large
    body = bytearray()  # a list of chunks would be many times the size when each is a byte
    try:
        async with asyncio.timeout(seconds):
            async for chunk in request.stream():
                if len(body) + len(chunk) > most:
                    raise large
                body += chunk
    except TimeoutError:
        raise HTTPException(408, f"the body did not arrive within {seconds:g} seconds", {"Connection": "close"}) from None
    except ClientDisconnect:
        raise _left() from None
    return bytes(body)


async def answer_of(request: Request, pool: Pool, work: Work, seconds: float) -> Answer:
    """What a process makes of the work; dropped when the time is over or the client goes before one has begun."""
    done = asyncio.get_running_loop().run_in_executor(pool.threads, ask, pool, work)
    gone = asyncio.ensure_future(_gone(request))
    both: set[asyncio.Future[Any]] = {done, gone}
    try:
        await asyncio.wait(both, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if done.done():
            return done.result()
        raise _left() if gone.done() else HTTPException(504, f"no answer within {seconds:g} seconds")
    finally:
        gone.cancel()
        done.cancel()


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _left() -> HTTPException:
    return HTTPException(499, "the client went")
