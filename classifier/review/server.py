"""The page and its few calls over HTTP, for one person at this machine.

It listens at 127.0.0.1 alone, and answers only who knows the token in the path: other users of the machine and the
pages of other sites do not. Against those that a browser has open (forged requests, DNS rebinding): the Host and the
Origin must be ours, and what changes something must be JSON, which another site cannot send unasked. The page loads
nothing, and runs and styles itself by what the policy names by hash.
"""

from __future__ import annotations

import hmac
import json
import secrets
import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from classifier.review import page
from classifier.review.desk import Desk
from classifier.schema import ClassifierError, InputError

HOST = "127.0.0.1"
# An answer has a hundred bytes.
MOST_BODY = 10_000
_TIMEOUT = 20
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": page.POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class Refused(Exception):
    """A request that is not answered. status: of HTTP."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


def made(desk: Desk, port: int = 0) -> tuple[ThreadingHTTPServer, str]:
    """A server that is not yet serving, and the address of the page. port: 0 for any that is free.

    Raises InputError when it cannot listen there.
    """
    token = secrets.token_urlsafe(24)
    try:
        server = ThreadingHTTPServer((HOST, port), _handler(desk, token))
    except (OSError, OverflowError) as error:
        raise InputError(f"cannot listen at {HOST}:{port} ({error}): use another --port, or none") from error
    server.daemon_threads = True
    return server, f"http://{HOST}:{server.server_port}/{token}/"


def _handler(desk: Desk, token: str) -> type[BaseHTTPRequestHandler]:
    calls: Mapping[str, Callable[[Mapping[str, Any]], Mapping[str, Any]]] = {
        "answer": lambda body: desk.answer(body.get("key"), body.get("label")),
        "undo": lambda _: desk.undo(),
        "done": lambda _: desk.finish(),
    }

    class Handler(BaseHTTPRequestHandler):
        """One connection; the names are the library's."""

        protocol_version = "HTTP/1.1"
        server_version = "review"
        sys_version = ""
        timeout = _TIMEOUT
        _over = False

        def do_GET(self) -> None:
            """The page, the state, or an item."""
            self._answered(self._got)

        def do_POST(self) -> None:
            """An answer, an undo, or the end."""
            self._answered(self._posted)

        def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002
            """Says nothing: the address holds the token."""

        def _answered(self, respond: Callable[[str], tuple[str, bytes]]) -> None:
            status, kind = 200, "text/plain; charset=utf-8"
            try:
                kind, body = respond(self._name())
            except Refused as error:
                status, body = error.status, str(error).encode("utf-8", "backslashreplace")
            except InputError as error:
                status, body = 400, str(error).encode("utf-8", "backslashreplace")
            except ClassifierError as error:  # the disk is full: the page says so, and nothing is thought to be kept
                status, body = 507, str(error).encode("utf-8", "backslashreplace")
            if status != 200:
                self.close_connection = True  # its body may be unread
            self.send_response(status)
            for name, value in {**_HEADERS, "Content-Type": kind, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            if self.close_connection:
                self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(body)
            if self._over:
                threading.Thread(target=self.server.shutdown).start()  # it waits for the loop that this is called from

        def _name(self) -> str:
            """What is asked for, behind the token. Raises Refused for whom we do not know."""
            host, _, port = (self.headers.get("Host") or "").partition(":")
            if host not in (HOST, "localhost") or port != str(self.server.server_port):  # type: ignore[attr-defined]
                raise Refused(403, "not this host")
            origin = self.headers.get("Origin")
            if origin is not None and origin != f"http://{host}:{port}":
                raise Refused(403, "not from another page")
            if self.headers.get("Sec-Fetch-Site", "none") not in ("none", "same-origin"):
                raise Refused(403, "not from another page")
            parts = self.path.split("/")
            if len(parts) < 3 or not hmac.compare_digest(parts[1].encode(), token.encode()):
                raise Refused(404, "nothing here")
            return "/".join(parts[2:])

        def _got(self, name: str) -> tuple[str, bytes]:
            if name == "":
                return "text/html; charset=utf-8", page.HTML
            if name == "state":
                return _json(desk.state())
            if name.startswith("item/") and name[5:].isascii() and name[5:].isdigit() and len(name) < 15:
                return _json(desk.item(int(name[5:])))
            raise Refused(404, "nothing here")

        def _posted(self, name: str) -> tuple[str, bytes]:
            if name not in calls:
                raise Refused(404, "nothing here")
            if (self.headers.get("Content-Type") or "").partition(";")[0].strip().lower() != "application/json":
                raise Refused(415, "send application/json")
            length = self.headers.get("Content-Length") or ""
            if not (length.isascii() and length.isdigit()):
                raise Refused(411, "say how long the body is")
            if len(length) > 9 or int(length) > MOST_BODY:
                raise Refused(413, f"over {MOST_BODY} bytes")
            try:
                body = json.loads(self.rfile.read(int(length)))
            except (ValueError, RecursionError):
                raise Refused(400, "no JSON") from None
            if not isinstance(body, dict):
                raise Refused(400, "not an object")
            answer = _json(calls[name](body))
            self._over = self.close_connection = name == "done"
            return answer

    return Handler


def _json(value: Mapping[str, Any]) -> tuple[str, bytes]:
    return "application/json", json.dumps(value).encode("ascii")
