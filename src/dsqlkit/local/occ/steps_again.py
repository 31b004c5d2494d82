"""Running a client's steps again, or other texts in their place with the same values.

The client's unnamed statement is left alone: what is prepared has a name of ours.
"""

from collections.abc import Sequence
from typing import Final

from dsqlkit.local.backend.conversation import Conversation
from dsqlkit.local.backend.question import Rows, question
from dsqlkit.local.statements.statement import Statement
from dsqlkit.local.statements.steps import Step
from dsqlkit.local.wire.messages import (
    MAX_BACKEND_FRAME,
    MAX_CLIENT_FRAME,
    PORTAL,
    STATEMENT,
    SYNC,
    Backend,
    FrameCutter,
    Frontend,
    message,
)

_PRIVATE_NAME: Final = b"dsqlkit_overlay"


class StepsAgain:
    """The steps of one session."""

    def __init__(self, conversation: Conversation) -> None:
        self._conversation = conversation

    async def run(
        self,
        step: Step,
        statement: Statement,
        text: bytes,
        parameters: Sequence[bytes] | None = None,
    ) -> Rows:
        """Run a text in place of that of a step, with the step's values. Gives rows in text.

        Leaves the client's unnamed statement alone. Raises exchange.Refused.
        """
        if step.parse:
            again = bound_to_ours(step.again.removeprefix(step.parse), in_text=True)
            frames = _preparing(step.parse, text, parameters) + again
        elif len(statement.parts) == 1 and not step.copied:
            frames = question(text.decode())
        else:
            frames = message(Frontend.QUERY, text + b"\0") + step.copied
        return (await self._conversation.run(frames)).rows()

    async def frames(self, step: Step, text: bytes) -> bytes:
        """The frames that run a text in place of that of a step, for its client."""
        if not step.parse:
            return message(Frontend.QUERY, text + b"\0") + step.copied
        await self.prepare(step.parse, text)
        await self.bind_again(bound_to_ours(step.bind))
        return bound_to_ours(step.data)

    async def bind_again(self, bind: bytes) -> None:
        """Make a portal again that was bound in an earlier step: it went with what was let go."""
        if bind:
            close = message(Frontend.CLOSE, PORTAL + bind[5 : bind.find(b"\0", 5) + 1])
            await self._conversation.run(close + bind + SYNC)

    async def forget_prepared(self, step: Step) -> None:
        """Let the step prepare its statement once more under the same name."""
        name = step.parse[5 : step.parse.find(b"\0", 5)]
        if name and step.parse in step.data:
            await self._conversation.run(message(Frontend.CLOSE, STATEMENT + name + b"\0") + SYNC)

    async def prepare(self, parse: bytes, text: bytes) -> list[bytes]:
        """Prepare a text in place of that of a Parse frame, under a name of ours. Gives the types
        of its parameters. Raises exchange.Refused."""
        describe = message(Frontend.DESCRIBE, STATEMENT + _PRIVATE_NAME + b"\0")
        done = await self._conversation.run(_preparing(parse, text) + describe + SYNC)
        done.rows()
        cutter = FrameCutter({Backend.PARAMETER_DESCRIPTION}, limit=MAX_BACKEND_FRAME)
        for kind, frame in cutter.feed(done.held()):
            if kind == Backend.PARAMETER_DESCRIPTION:
                return [frame[at : at + 4] for at in range(7, len(frame), 4)]
        return []


def _preparing(parse: bytes, text: bytes, parameters: Sequence[bytes] | None = None) -> bytes:
    """The frames that prepare a text in place of that of a Parse frame, under a name of ours. Its
    parameters are of these types, or of those of the frame."""
    types = parse[parse.find(b"\0", parse.find(b"\0", 5) + 1) + 1 :]
    if parameters is not None:
        types = len(parameters).to_bytes(2, "big") + b"".join(parameters)
    # Frees the name first: it may be left from an earlier statement.
    close = message(Frontend.CLOSE, STATEMENT + _PRIVATE_NAME + b"\0")
    return close + message(Frontend.PARSE, _PRIVATE_NAME + b"\0" + text + b"\0" + types)


def text_of(step: Step) -> bytes:
    """The SQL of a step."""
    if not step.parse:
        frame = step.again
        return frame[5 : frame.find(b"\0", 5)]
    start = step.parse.find(b"\0", 5) + 1
    return step.parse[start : step.parse.find(b"\0", start)]


def bound_to_ours(frames: bytes, *, in_text: bool = False) -> bytes:
    """The same frames with every Bind naming the statement that was prepared in its place, and
    asking for rows in text if `in_text`."""
    pieces = []
    cutter = FrameCutter({Frontend.BIND}, limit=MAX_CLIENT_FRAME)
    for kind, piece in cutter.feed(frames):
        if kind == Frontend.BIND:
            start = piece.find(b"\0", 5) + 1
            end = piece.find(b"\0", start)
            rest = _asking_for_text(piece[end + 1 :]) if in_text else piece[end + 1 :]
            bound = piece[5:start] + _PRIVATE_NAME + b"\0" + rest
            pieces.append(message(Frontend.BIND, bound))
        else:
            pieces.append(piece)
    return b"".join(pieces)


def _asking_for_text(values: bytes) -> bytes:
    """What follows the names in a Bind, with no formats of columns: all in text."""
    position = 2 + 2 * int.from_bytes(values[:2], "big")
    count = int.from_bytes(values[position : position + 2], "big")
    position += 2
    for _ in range(count):
        length = int.from_bytes(values[position : position + 4], "big", signed=True)
        position += 4 + max(length, 0)
    return values[:position] + b"\0\0"
