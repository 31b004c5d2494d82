"""How often the server may be lost before that is a defect."""

from typing import Final

from dsqlkit.errors import LocalClusterFailed


class Losses:
    """When the server was lost. Once in a while it is started anew; again and again is a defect."""

    _MOST: Final = 3
    _WITHIN_S: Final = 60.0

    def __init__(self) -> None:
        self._at: list[float] = []

    def count(self, now_s: float) -> None:
        """The server was lost. Raises LocalClusterFailed where that has been too often."""
        self._at = [each for each in self._at if now_s - each < self._WITHIN_S] + [now_s]
        if len(self._at) > self._MOST:
            raise LocalClusterFailed(
                f"PostgreSQL was lost {len(self._at)} times within {self._WITHIN_S:g} s."
            )
