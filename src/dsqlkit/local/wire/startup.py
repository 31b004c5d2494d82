"""The startup packet: who connects, to which database, with which settings. Pure parsing."""

from dataclasses import dataclass

from dsqlkit.endpoint import DATABASE
from dsqlkit.local.wire.messages import INT32, PROTOCOL_3, Backend, message

MAX_PACKET = 10_000
"""PostgreSQL's own limit on a startup packet."""


class StartupRefused(Exception):
    """The packet cannot begin a session."""

    def __init__(self, sqlstate: str, message: str) -> None:
        super().__init__(message)
        self.sqlstate = sqlstate


@dataclass(frozen=True, slots=True)
class Startup:
    """A client's wish to begin a session. `unknown` are protocol options we do not speak."""

    user: str
    minor: int
    parameters: dict[bytes, bytes]
    unknown: tuple[bytes, ...]

    @property
    def needs_negotiation(self) -> bool:
        return self.minor > 0 or bool(self.unknown)

    def negotiation(self) -> bytes:
        """The NegotiateProtocolVersion message: we speak 3.0 and none of the options."""
        body = INT32.pack(0) + INT32.pack(len(self.unknown))
        body += b"".join(name + b"\0" for name in self.unknown)
        return message(Backend.NEGOTIATE_PROTOCOL_VERSION, body)

    def packet(self) -> bytes:
        """The packet to send to the server: version 3.0 and the parameters as given."""
        body = INT32.pack(PROTOCOL_3)
        for name, value in self.parameters.items():
            body += name + b"\0" + value + b"\0"
        return INT32.pack(len(body) + 5) + body + b"\0"


def parse_startup(packet: bytes) -> Startup:
    """Read a whole startup packet, its length included.

    Raises StartupRefused when it is malformed, of another protocol, or for another database.
    """
    (version,) = INT32.unpack_from(packet, 4)
    if version >> 16 != PROTOCOL_3 >> 16:
        raise StartupRefused(
            "0A000", f"unsupported frontend protocol {version >> 16}.{version & 65535}"
        )
    parts = packet[8:].split(b"\0")
    # Name, value, name, value, ..., the empty name, and what split() gives after the last NUL.
    if len(parts) < 2 or len(parts) % 2 or parts[-2:] != [b"", b""] or not all(parts[:-2:2]):
        raise StartupRefused("08P01", "invalid startup packet layout")
    names, values = parts[:-2:2], parts[1:-2:2]
    if len(set(names)) != len(names):
        raise StartupRefused("08P01", "a startup parameter is given twice")
    given = dict(zip(names, values, strict=True))
    parameters = {name: value for name, value in given.items() if not name.startswith(b"_pq_.")}
    try:
        user = parameters[b"user"].decode()
    except KeyError:
        raise StartupRefused(
            "28000", "no PostgreSQL user name specified in startup packet"
        ) from None
    except UnicodeDecodeError:
        raise StartupRefused("28000", "the user name is not UTF-8") from None
    if not user:
        raise StartupRefused("28000", "no PostgreSQL user name specified in startup packet")
    if b"replication" in parameters:
        raise StartupRefused("0A000", "replication connections are not supported")
    database = (parameters.get(b"database") or user.encode()).decode(errors="replace")
    if database != DATABASE:
        raise StartupRefused("3D000", f'database "{database}" does not exist')
    unknown = tuple(name for name in names if name.startswith(b"_pq_."))
    return Startup(user, version & 0xFFFF, parameters, unknown)
