"""Lambda's Runtime API, as far as a function's process uses it, and that process.

The API is AWS's (Lambda Developer Guide, "Using the Lambda runtime API"): the runtime asks
`invocation/next` for a request, and posts what became of it to `response` or `error`.
"""

import contextlib
import json
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from uuid import uuid4

_PREFIX = "/2018-06-01/runtime/"
_LIMIT_S = 30


@dataclass(frozen=True)
class Answer:
    """What became of an invocation; `error_type` is None for a response."""

    request_id: str
    document: Any
    error_type: str | None

    @property
    def error(self) -> tuple[str, str]:
        """The error's type and message, as Lambda reports them to who invoked the function."""
        assert self.error_type is not None, self.document
        assert self.document["errorType"] == self.error_type
        assert self.document["requestId"] == self.request_id
        return self.document["errorType"], self.document["errorMessage"]


class RuntimeApi:
    """A server of the API for one process."""

    def __init__(self) -> None:
        self._requests: queue.Queue[tuple[str, bytes]] = queue.Queue()
        self._answers: queue.Queue[Answer] = queue.Queue()
        self._ending = threading.Event()
        api = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                assert self.path == f"{_PREFIX}invocation/next"
                waiting = api._next()
                if waiting is None:
                    self.close_connection = True
                    return
                request_id, body = waiting
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.send_header("Lambda-Runtime-Aws-Request-Id", request_id)
                self.send_header("Lambda-Runtime-Trace-Id", "Root=1-1-1;Sampled=0")
                self.send_header(
                    "Lambda-Runtime-Invoked-Function-Arn",
                    "arn:aws:lambda:us-east-1:123456789012:function:chapter",
                )
                deadline_ms = round((time.time() + _LIMIT_S) * 1000)
                self.send_header("Lambda-Runtime-Deadline-Ms", str(deadline_ms))
                self.end_headers()
                self.wfile.write(body)

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                *_, request_id, _ = self.path.split("/")
                error_type = self.headers.get("Lambda-Runtime-Function-Error-Type")
                failed = self.path.endswith("/error")
                document = json.loads(body)
                api._answers.put(
                    Answer(request_id, document, document["errorType"] if failed else None)
                )
                # The header says a kind such as Runtime.X or the error's type.
                assert failed or error_type is None
                self.send_response(202)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    def invoke(self, event: object) -> Answer:
        """Hand one request to the function and wait for what becomes of it."""
        request_id = str(uuid4())
        self._requests.put((request_id, json.dumps(event).encode()))
        answer = self._answers.get(timeout=_LIMIT_S)
        assert answer.request_id == request_id, f"the function did not start: {answer.document}"
        return answer

    def _next(self) -> tuple[str, bytes] | None:
        while not self._ending.is_set():
            with contextlib.suppress(queue.Empty):
                return self._requests.get(timeout=0.05)
        return None

    def __enter__(self) -> "RuntimeApi":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)


@dataclass(frozen=True)
class FunctionProcess:
    """A function in a process of its own, as Lambda keeps one."""

    api: RuntimeApi
    log_file: Path

    def invoke(self, event: object) -> Answer:
        return self.api.invoke(event)

    @property
    def log(self) -> str:
        """All that it has written so far."""
        return self.log_file.read_text(encoding="utf-8")

    @property
    def records(self) -> list[dict[str, Any]]:
        """The JSON lines of its log."""
        return [json.loads(line) for line in self.log.splitlines() if line.startswith("{")]


@contextmanager
def running(
    handler: str, task_root: Path, environment: Mapping[str, str], log_file: Path
) -> Iterator[FunctionProcess]:
    """Run a handler under AWS's runtime interface client until the end of the block."""
    with RuntimeApi() as api, log_file.open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "awslambdaric", handler],
            cwd=task_root,
            env={
                "PATH": os.environ["PATH"],
                "AWS_LAMBDA_RUNTIME_API": api.address,
                "AWS_LAMBDA_FUNCTION_NAME": "chapter",
                "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
                "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
                "_HANDLER": handler,
                "LAMBDA_TASK_ROOT": str(task_root),
                **environment,
            },
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            yield FunctionProcess(api, log_file)
        finally:
            process.kill()
            process.wait(10)
