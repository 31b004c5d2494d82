"""A client of the wire protocol that keeps what the server answers, field by field."""

import socket
import ssl
from dataclasses import dataclass, field
from typing import Any

from dsqlkit.endpoint import Endpoint
from dsqlkit.local.wire.messages import (
    INT32,
    PROTOCOL_3,
    SSL_REQUEST,
    TERMINATE,
    Frontend,
    decode_fields,
    message,
)
from dsqlkit.token import TokenSigner

_SYNC = message(Frontend.SYNC, b"")
_EXTENDED = (
    message(Frontend.BIND, bytes(8))
    + message(Frontend.DESCRIBE, b"P\0")
    + message(Frontend.EXECUTE, bytes(5))
    + _SYNC
)


def pipelined(*texts: str) -> bytes:
    """Frames that run these texts one after the other, with one Sync at their end."""
    run = _EXTENDED.removesuffix(_SYNC)
    parsed = (message(Frontend.PARSE, b"\0" + text.encode() + bytes(3)) for text in texts)
    return b"".join(each + run for each in parsed) + _SYNC


@dataclass(slots=True)
class Result:
    """What one statement answered."""

    tag: str = ""
    columns: list[str] | None = None
    rows: list[list[str | None]] = field(default_factory=list)


@dataclass(slots=True)
class Reply:
    """What one message answered: results up to the end or to an error."""

    results: list[Result] = field(default_factory=list)
    sqlstate: str | None = None
    message: str | None = None
    status: str = ""

    @property
    def tags(self) -> list[str]:
        """The command tags of its results."""
        return [result.tag for result in self.results]


class RawClient:
    """A session that sends exactly what it is told to."""

    def __init__(self, endpoint: Endpoint) -> None:
        context = ssl.create_default_context(cafile=endpoint.root_certificate)
        plain = socket.create_connection(("127.0.0.1", endpoint.port))
        plain.settimeout(30)
        plain.sendall(INT32.pack(8) + INT32.pack(SSL_REQUEST))
        assert plain.recv(1) == b"S"
        self._socket = context.wrap_socket(plain, server_hostname=endpoint.host)
        self._buffer = b""
        body = INT32.pack(PROTOCOL_3) + b"user\0admin\0database\0postgres\0\0"
        self._socket.sendall(INT32.pack(len(body) + 4) + body)
        assert self._frame()[0] == b"R"
        token = TokenSigner(endpoint).token().value
        self._socket.sendall(message(Frontend.PASSWORD, token.encode() + b"\0"))
        assert self.reply().sqlstate is None

    def send(self, sql: str, protocol: str) -> None:
        text = sql.encode() + b"\0"
        if protocol == "simple":
            self._socket.sendall(message(Frontend.QUERY, text))
        else:
            self._socket.sendall(message(Frontend.PARSE, b"\0" + text + b"\0\0") + _EXTENDED)

    def ask(self, sql: str, protocol: str = "simple") -> Reply:
        self.send(sql, protocol)
        return self.reply()

    def send_frames(self, frames: bytes) -> Reply:
        """Send frames that end with a Sync."""
        self._socket.sendall(frames)
        return self.reply()

    def send_part(self, frames: bytes) -> None:
        """Send frames that end with no Sync."""
        self._socket.sendall(frames)

    def wait_for(self, *kinds: bytes) -> str:
        """The text of the next message of these kinds, past all that comes before it."""
        while (received := self._frame())[0] not in kinds:
            assert received[0] not in (b"E", b"Z")
        return received[1][5:-1].decode(errors="replace")

    def frames(self) -> list[bytes]:
        """An answer as it comes, message by message, up to its end."""
        frames = []
        while (received := self._frame())[0] != b"Z":
            frames.append(received[1])
        return frames

    def copied(self, sql: str) -> bytes:
        """What a COPY to the client sends."""
        self.send(sql, "simple")
        data = []
        while (received := self._frame())[0] != b"Z":
            if received[0] == b"d":
                data.append(received[1][5:])
        return b"".join(data)

    def close(self) -> None:
        self._socket.sendall(TERMINATE)
        self._socket.close()

    def _frame(self) -> tuple[bytes, bytes]:
        while len(self._buffer) < 5 or len(self._buffer) < self._length():
            data = self._socket.recv(65536)
            if not data:
                raise ConnectionError("the server closed the connection")
            self._buffer += data
        frame, self._buffer = self._buffer[: self._length()], self._buffer[self._length() :]
        return frame[:1], frame

    def _length(self) -> int:
        return int(INT32.unpack_from(self._buffer, 1)[0]) + 1

    def reply(self) -> Reply:
        reply, current = Reply(), Result()
        while True:
            kind, frame = self._frame()
            if kind == b"T":
                current.columns = _columns(frame)
            elif kind == b"D":
                current.rows.append(_values(frame))
            elif kind == b"C":
                current.tag = frame[5:-1].decode()
                reply.results.append(current)
                current = Result()
            elif kind == b"E":
                fields = decode_fields(frame)
                reply.sqlstate, reply.message = fields[ord("C")].decode(), fields[ord("M")].decode()
                if fields[ord("S")] == b"FATAL":
                    return reply
            elif kind == b"Z":
                reply.status = frame[5:].decode()
                return reply


def _columns(frame: bytes) -> list[str]:
    names, position = [], 7
    for _ in range(int.from_bytes(frame[5:7], "big")):
        end = frame.index(b"\0", position)
        names.append(frame[position:end].decode())
        position = end + 19
    return names


def _values(frame: bytes) -> list[str | None]:
    values: list[str | None] = []
    position = 7
    for _ in range(int.from_bytes(frame[5:7], "big")):
        length: Any = int.from_bytes(frame[position : position + 4], "big", signed=True)
        position += 4
        values.append(None if length < 0 else frame[position : position + length].decode())
        position += max(length, 0)
    return values
