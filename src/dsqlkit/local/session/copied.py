"""The data that a client sends of one COPY FROM STDIN, gathered until it ends it."""

from typing import Final

from dsqlkit.local.dialect.carried import refused
from dsqlkit.local.dialect.refusal import Refusal
from dsqlkit.local.statements.steps import End, Step
from dsqlkit.local.wire.messages import Frontend, message

TOO_LARGE: Final = Refusal("54000", "transaction size limit 10mb exceeded")
"""What a transaction of such a size gets on a real cluster, if not before its COMMIT."""

MAX_BYTES: Final = 64 * 1024 * 1024
"""Taken of one COPY: text takes more room than the rows that come of it, so more than 10 MiB."""

ENDS: Final = frozenset((Frontend.COPY_DONE, Frontend.COPY_FAIL))
"""The kinds of frames that end the client's data."""


class Copied:
    """What a client sends of one COPY, until it ends it."""

    def __init__(self, step: Step) -> None:
        text = step.again if step.is_query else _text(step.parse)
        # In the extended protocol the client ends with a Sync of its own.
        self._step = step._replace(
            data=text, again=text, parse=b"", end=step.end if step.is_query else End.PART
        )
        self.is_part = step.end is End.PART
        """Whether more of its text comes after it."""
        self._pieces: list[bytes] = []
        self._size = 0

    def refused(self, refusal: Refusal) -> Step:
        """The step that fails in place of the COPY."""
        return self._step._replace(data=refused(self._step, refusal), statement=None)

    def take(self, kind: int, frame: bytes) -> Step | None:
        """Take more of the data. At its end give the step that runs the COPY, and as soon as it is
        too much one that fails."""
        self._size += len(frame)
        if self._size > MAX_BYTES:
            return self.refused(TOO_LARGE)
        if kind == Frontend.COPY_FAIL:
            self._pieces = [frame]
        else:
            self._pieces.append(frame)
        if kind not in ENDS:
            return None
        copied = b"".join(self._pieces)
        self._pieces.clear()
        return self._step._replace(data=self._step.data + copied, copied=copied)


def _text(parse: bytes) -> bytes:
    """A Query with the text of a Parse frame."""
    start = parse.find(b"\0", 5) + 1
    return message(Frontend.QUERY, parse[start : parse.find(b"\0", start) + 1])
