"""An HTTP server in front of the simulated AWS: passes requests on, or does what AWS may do.

It answers errors as the real API does (REST-JSON: the code in a header, the words in the body),
changes answers, and breaks connections before or after the request has been carried out.
"""

import http.client
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    body: bytes
    authorization: str


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


Forward = Callable[[Request], Answer]
Mishap = Callable[[Request, Forward], Answer | None]
"""What to answer, given the request and the way on; None breaks the connection."""


def refusal(status: int, code: str, message: str, **more: Any) -> Mishap:
    """An error of the API; the request is not carried out."""
    body = json.dumps({"message": message, **more}).encode()
    return lambda request, forward: Answer(status, body, {"x-amzn-ErrorType": code})


def lost_answer(request: Request, forward: Forward) -> Answer | None:
    """The request is carried out, and the connection breaks before the answer."""
    forward(request)
    return None


def changed(change: Callable[[dict[str, Any]], None]) -> Mishap:
    """The answer, with something of its JSON changed."""

    def answer(request: Request, forward: Forward) -> Answer:
        told = forward(request)
        document = json.loads(told.body)
        change(document)
        return Answer(told.status, json.dumps(document).encode(), told.headers)

    return answer


class Gateway:
    """Mishaps are set by method and the path's beginning, and met in the order they were set."""

    def __init__(self, upstream_port: int) -> None:
        self._upstream_port = upstream_port
        self._mishaps: list[tuple[str, str, Mishap, int]] = []
        self._lock = threading.Lock()
        self.requests: list[Request] = []
        gateway = self

        class Handler(BaseHTTPRequestHandler):
            timeout = 20
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                gateway._serve(self)

            def do_POST(self) -> None:
                gateway._serve(self)

            def do_DELETE(self) -> None:
                gateway._serve(self)

            def log_message(self, *_: Any) -> None:
                """Standard error is looked at by tests."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    @contextmanager
    def running(self) -> Iterator["Gateway"]:
        thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            thread.join()
            self._server.server_close()

    def forget(self) -> None:
        """Behave again, and forget what was asked."""
        self._mishaps.clear()
        self.requests.clear()

    def on(self, method: str, path: str, mishap: Mishap, times: int = 1_000_000) -> None:
        self._mishaps.append((method, path, mishap, times))

    def requested(self, method: str) -> list[Request]:
        return [request for request in self.requests if request.method == method]

    def control(self, path: str, document: dict[str, Any] | None = None) -> None:
        """Ask something of the simulation itself."""
        body = json.dumps(document or {}).encode()
        told = self._forward(Request("POST", f"/moto-api/{path}", body, ""))
        assert told.status < 300

    def _serve(self, handler: BaseHTTPRequestHandler) -> None:
        length = int(handler.headers.get("Content-Length") or 0)
        request = Request(
            handler.command,
            handler.path,
            handler.rfile.read(length),
            handler.headers.get("Authorization", ""),
        )
        with self._lock:
            self.requests.append(request)
            mishap = self._next_mishap(request)
        answer = mishap(request, self._forward) if mishap else self._forward(request)
        handler.close_connection = answer is None
        if answer is None:
            return
        handler.send_response(answer.status)
        for name, value in answer.headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", str(len(answer.body)))
        handler.end_headers()
        handler.wfile.write(answer.body)

    def _next_mishap(self, request: Request) -> Mishap | None:
        for index, (method, path, mishap, times) in enumerate(self._mishaps):
            if times and method == request.method and request.path.startswith(path):
                self._mishaps[index] = (method, path, mishap, times - 1)
                return mishap
        return None

    def _forward(self, request: Request) -> Answer:
        upstream = http.client.HTTPConnection("127.0.0.1", self._upstream_port, timeout=20)
        try:
            upstream.request(
                request.method,
                request.path,
                request.body,
                {"Authorization": request.authorization, "Content-Type": "application/json"},
            )
            told = upstream.getresponse()
            code = told.headers.get("x-amzn-ErrorType")
            return Answer(told.status, told.read(), {"x-amzn-ErrorType": code} if code else {})
        finally:
            upstream.close()
