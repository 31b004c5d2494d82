"""Real clients' streams with damage, for `make soak`: to the readers by themselves, and live."""

import contextlib
import socket
import ssl
import struct
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from dsqlkit import accounts, local
from dsqlkit.connection import KeptConnection, connect
from dsqlkit.endpoint import Endpoint, LocalAddress
from dsqlkit.local.dialect.reading import read
from dsqlkit.local.statements.cutting import WANTED, StepCutter
from dsqlkit.local.wire import messages
from dsqlkit.local.wire.startup import StartupRefused, parse_startup
from dsqlkit.token import TokenSigner
from tests.support.processes import backends, daemon, open_files, resident_bytes
from tests.support.raw import STARTUP, password, rest, signed_in, vanish
from tests.support.soaking import SEED, chance_of, share
from tests.support.streams import damaged, in_pieces, recorded
from tests.support.waiting import eventually

pytestmark = [pytest.mark.soak, pytest.mark.timeout(1800)]

LIMIT = 100_000
PURE_RUNS = 600_000
STARTUP_RUNS = 2_000_000
LIVE_RUNS = 12_000
BOUND_BYTES = 60_000_000


@pytest.fixture(scope="module")
def streams(endpoint: Endpoint, local_cluster: LocalAddress) -> list[bytes]:
    found = recorded(endpoint, local_cluster)
    assert len(found) == 3
    assert min(len(stream) for stream in found) > 100
    return found


def understood(pieces: list[bytes]) -> tuple[list[object], str | None]:
    """What the readers make of a stream: wanted frames and steps, and why they stopped."""
    frames, steps = messages.FrameCutter(set(WANTED), limit=LIMIT), StepCutter(read)
    found: list[object] = []
    fed = given = 0
    try:
        for piece in pieces:
            fed += len(piece)
            for kind, frame in frames.feed(piece):
                given += len(frame)
                if kind != messages.RUN:
                    found += [frame, *steps.feed(kind, frame)]
            # All but one frame that is not whole has been handed on.
            assert fed - given <= LIMIT + 1
    except messages.ProtocolViolation as violation:
        return found, str(violation)
    return found, None


def test_damaged_streams_are_read_the_same_however_they_arrive(streams: list[bytes]) -> None:
    chance = chance_of("pure")
    refused = 0
    for run in range(share(PURE_RUNS)):
        stream = damaged(chance.choice(streams), streams, chance)
        whole = understood([stream])
        assert understood(in_pieces(stream, chance)) == whole, f"seed {SEED}, run {run}"
        refused += whole[1] is not None
    assert 0 < refused < share(PURE_RUNS)


def test_damaged_startup_packets_are_parsed_or_refused() -> None:
    chance = chance_of("startup")
    whole = [
        STARTUP,
        struct.pack("!I", 3 << 16 | 2)
        + b"user\0app\0database\0postgres\0_pq_.x\0on\0options\0-c\0\0",
    ]
    parsed = 0
    for _ in range(share(STARTUP_RUNS)):
        packet = damaged(chance.choice(whole), whole, chance)
        if len(packet) < 8:
            continue
        with contextlib.suppress(StartupRefused):
            parse_startup(parse_startup(packet).packet())
            parsed += 1
    assert parsed > 0


@pytest.mark.parametrize("signs_in", [True, False])
def test_damaged_streams_harm_nobody_else(
    endpoint: Endpoint,
    signer: TokenSigner,
    encrypted: Callable[[], ssl.SSLSocket],
    streams: list[bytes],
    signs_in: bool,
) -> None:
    token = signer.token().value
    opening = STARTUP + password(token)

    def attack(run: int) -> bool:
        """Send a damaged stream; whether it was read at all."""
        sent = False
        chance = chance_of(f"live {signs_in} {run}")
        with contextlib.suppress(OSError), encrypted() as tls:
            if signs_in:
                signed_in(tls, token)
                stream = damaged(chance.choice(streams), streams, chance)
            else:
                stream = damaged(opening, streams, chance)
            for piece in in_pieces(stream, chance):
                tls.sendall(piece)
            sent = True
            if chance.random() < 0.5:
                vanish(tls)
            else:
                tls.settimeout(5)
                tls.shutdown(socket.SHUT_WR)
                rest(tls)
        return sent

    pid = daemon()
    with KeptConnection(endpoint) as kept, connect(endpoint) as witness:
        accounts.initialise(kept, 10)
        witness.execute("SELECT pg_sleep(0.2)")
        assert eventually(lambda: len(backends()) == 2)
        files, memory = open_files(pid), resident_bytes(pid)
        sent = 0
        with ThreadPoolExecutor(8) as executor:
            for each in executor.map(attack, range(share(LIVE_RUNS))):
                sent += each
                assert accounts.balance(kept, 3).balance == 100
        # Some are refused before all of it is sent.
        assert sent > share(LIVE_RUNS) // 2
        assert witness.execute("SELECT 1").fetchone() == (1,)
        assert local.status().pid == pid
        assert eventually(lambda: len(backends()) == local.status().connections == 2)
        assert eventually(lambda: open_files(pid) <= files)
        grown = resident_bytes(pid) - memory
        print(f"{sent} of {share(LIVE_RUNS)} streams sent whole; grown {grown / 1e6:.1f} MB")
        assert grown < BOUND_BYTES
    assert "Traceback" not in local.log_file().read_text()
