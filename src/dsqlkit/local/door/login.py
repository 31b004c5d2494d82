"""Signing in: startup packet, token, backend. What a client may send before it is let in."""

import asyncio
import contextlib
import logging
import socket
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from dsqlkit.endpoint import ADMIN
from dsqlkit.local.apart import Apart
from dsqlkit.local.backend.refusals import access_denied
from dsqlkit.local.door.startup_options import accepted
from dsqlkit.local.door.token_check import AccessDenied, TokenChecker
from dsqlkit.local.faults import ActiveFaults
from dsqlkit.local.occ.adjudicator import Adjudicator
from dsqlkit.local.session.session import Session
from dsqlkit.local.wire.link import Link
from dsqlkit.local.wire.messages import (
    CANCEL_REQUEST,
    INT32,
    Frontend,
    ProtocolViolation,
    authentication_cleartext_password,
    error_response,
)
from dsqlkit.local.wire.negotiation import SHORTEST_CANCEL
from dsqlkit.local.wire.startup import MAX_PACKET, Startup, StartupRefused, parse_startup
from dsqlkit.local.wire.tls_stream import TlsStream

LIMIT_S: Final = 30.0
"""How long a client may take from its first byte until it is signed in."""

_MAX_PASSWORD: Final = 16 * 1024

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Reception:
    """What signing in needs: the token check, the role check, the server, and whom to tell."""

    checker: TokenChecker
    may_sign_in: Callable[[str], Awaitable[bool]]
    socket: Path
    adjudicator: Adjudicator
    faults: ActiveFaults
    apart: Apart
    on_job: Callable[[], None]
    sessions: Collection[Session]
    on_begin: Callable[[Session], None]
    on_end: Callable[[Session], None]

    async def cancel(self, packet: bytes) -> None:
        """Cancel a client's statement. PostgreSQL, which has the key, decides whether to."""
        if len(packet) < SHORTEST_CANCEL:
            return
        (pid,) = INT32.unpack_from(packet, 8)
        async with contextlib.AsyncExitStack() as stack:
            for session in [each for each in self.sessions if each.pid == pid]:
                await stack.enter_async_context(session.being_cancelled(packet[12:]))
            await _forward_cancel(packet, self.socket)


class Login:
    """A TLS connection until its client is signed in or refused."""

    def __init__(self, reception: Reception) -> None:
        self._reception = reception
        self._buffer = b""
        self._startup: Startup | None = None
        self._opening: asyncio.Task[None] | None = None
        self._link = Link(self._received, self._over)
        self._limit: asyncio.TimerHandle | None = None

    def begin(self, connection: socket.socket, tls: TlsStream) -> None:
        """Take over a connection on which TLS has been agreed."""
        self._limit = asyncio.get_running_loop().call_later(LIMIT_S, self._link.abort)
        self._link.take(connection, tls)

    def _over(self) -> None:
        self._done()
        # A cancel request is carried out although its client has hung up after it.
        if self._opening is not None and self._startup is not None:
            self._opening.cancel()

    def _received(self, data: bytes) -> None:
        self._buffer += data
        try:
            if self._startup is None and self._opening is None:
                self._read_startup()
            # The password may come ahead of the request for it, and the first statement with it.
            if self._startup is not None and self._opening is None and self._buffer:
                self._read_password(self._startup)
        except StartupRefused as refused:
            self._refuse(error_response(refused.sqlstate, str(refused), severity="FATAL"))
        except AccessDenied as denied:
            _log.info("access denied: %s", denied)
            self._refuse(access_denied(denied.hint))
        except ProtocolViolation as violation:
            _log.info("a client broke the protocol while signing in: %s", violation)
            self._refuse(b"")

    def _read_startup(self) -> None:
        packet = self._take(0, MAX_PACKET)
        if packet is None:
            return
        if len(packet) < 8:
            raise ProtocolViolation("a startup packet without a version")
        (code,) = INT32.unpack_from(packet, 4)
        if code == CANCEL_REQUEST:
            # Inside TLS this comes instead of a startup packet. It has no answer.
            self._opening = asyncio.ensure_future(self._reception.cancel(packet))
            self._opening.add_done_callback(lambda _: self._refuse(b""))
            return
        startup = parse_startup(packet)
        startup = replace(startup, parameters=accepted(startup.parameters))
        self._startup = startup
        answer = startup.negotiation() if startup.needs_negotiation else b""
        self._link.write(answer + authentication_cleartext_password())

    def _read_password(self, startup: Startup) -> None:
        # PostgreSQL's words for what is no password; a real cluster's were not recorded.
        kind = self._buffer[0]
        if kind != Frontend.PASSWORD:
            told = f"expected password response, got message type {kind}"
            raise StartupRefused("08P01", told)
        frame = self._take(1, _MAX_PASSWORD)
        if frame is None:
            return
        if frame[-1] or frame.find(b"\0", 5) != len(frame) - 1:
            raise StartupRefused("08P01", "invalid password packet size")
        token = frame[5:-1].decode("ascii", errors="replace")
        self._reception.checker.check(
            token, startup.user, datetime.now(UTC), longest=self._reception.faults.token_age
        )
        self._opening = asyncio.ensure_future(self._open(startup))
        self._link.hold(True)

    async def _open(self, startup: Startup) -> None:
        reception = self._reception
        try:
            if startup.user != ADMIN and not await reception.may_sign_in(startup.user):
                raise AccessDenied(f"the role {startup.user!r} is mapped to no IAM identity")
            session = Session(
                role=startup.user,
                adjudicator=reception.adjudicator,
                faults=reception.faults,
                apart=reception.apart,
                on_job=reception.on_job,
                on_end=reception.on_end,
            )
            backend = await _connected(reception.socket)
        except AccessDenied as denied:
            _log.info("access denied: %s", denied)
            self._refuse(access_denied())
            return
        except OSError as error:
            _log.error("no backend for a client: %s", error)
            self._refuse(error_response("57P03", "the server is not there", severity="FATAL"))
            return
        self._done()
        released = self._link.release()
        if released is None:
            backend.close()
            return
        session.client.take(*released, early=self._buffer)
        session.backend.take(backend)
        reception.on_begin(session)
        session.backend.write(startup.packet())

    def _take(self, length_at: int, limit: int) -> bytes | None:
        """The next packet once it is whole, taken off the buffer."""
        if len(self._buffer) < length_at + 4:
            return None
        (length,) = INT32.unpack_from(self._buffer, length_at)
        if not 4 <= length <= limit:
            raise ProtocolViolation(f"a packet of length {length}")
        end = length_at + length
        if len(self._buffer) < end:
            return None
        packet, self._buffer = self._buffer[:end], self._buffer[end:]
        return packet

    def _refuse(self, answer: bytes) -> None:
        self._link.write(answer)
        self._link.close()

    def _done(self) -> None:
        if self._limit is not None:
            self._limit.cancel()


async def _connected(path: Path) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.setblocking(False)
        await asyncio.get_running_loop().sock_connect(connection, str(path))
    except BaseException:
        connection.close()
        raise
    return connection


async def _forward_cancel(packet: bytes, path: Path) -> None:
    """Hand a CancelRequest to PostgreSQL, whose keys the clients have. It has no answer."""
    try:
        reader, writer = await asyncio.open_unix_connection(str(path))
    except OSError as error:
        _log.warning("a cancel request was not forwarded: %s", error)
        return
    try:
        writer.write(packet)
        await asyncio.wait_for(reader.read(), LIMIT_S)
    except (OSError, TimeoutError) as error:
        _log.warning("a cancel request was not answered: %s", error)
    finally:
        writer.close()
