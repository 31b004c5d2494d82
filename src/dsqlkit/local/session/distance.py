"""The way from a client to its session, which takes a while when a delay is switched on."""

import asyncio
from collections.abc import Callable

from dsqlkit.local.faults import ActiveFaults
from dsqlkit.local.wire.link import Link


class Distance:
    """Hands on what a client sends, in order, `round_trip_s` late: to `deliver`.

    What comes while something is under way goes with it, and the client is not read any further:
    so a stream is slowed down as by a distance, and little of it is held here.
    """

    deliver: Callable[[bytes], None]

    def __init__(self, faults: ActiveFaults) -> None:
        self.link: Link | None = None
        self._faults = faults
        self._under_way: list[bytes] = []

    def receive(self, data: bytes) -> None:
        """Take what the client sent."""
        if not self._faults.round_trip_s and not self._under_way:
            self.deliver(data)
            return
        self._under_way.append(data)
        if len(self._under_way) == 1 and self.link is not None:
            self.link.read(False)
            asyncio.get_running_loop().call_later(self._faults.round_trip_s, self._arrived)

    def _arrived(self) -> None:
        data = b"".join(self._under_way)
        self._under_way.clear()
        assert self.link is not None
        if self.link.is_open:
            self.deliver(data)
            self.link.read(True)
