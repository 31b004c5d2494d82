"""Text that is wrapped to the width there is, without blanks at the ends of lines."""

import textwrap
from dataclasses import dataclass
from typing import Final

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.segment import Segment
from rich.text import Text

WIDEST: Final = 100
"""Lines of a sentence that are longer are hard to read."""
_HANGING: Final = 4


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A paragraph of sentences."""

    text: str

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        # A word that is longer than a line, as a path may be, is not broken: it is to be copied.
        width = min(options.max_width, WIDEST)
        for line in textwrap.wrap(self.text, width, break_long_words=False, break_on_hyphens=False):
            yield Text(line, no_wrap=True, overflow="ignore")


@dataclass(frozen=True, slots=True)
class CodeLines:
    """Lines of code, indented; one that is too long goes on below, further indented."""

    text: str
    indent: int
    style: str = ""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        room = options.max_width - self.indent
        for written in self.text.splitlines():
            depth = len(written) - len(written.lstrip())
            if len(written) <= room:
                lines = [Text(written, self.style)]
            else:
                deeper = depth + _HANGING
                first, *rest = Text(written, self.style).wrap(console, room)
                if rest:
                    more = Text(written[len(first.plain.rstrip()) :].lstrip(), self.style)
                    rest = list(more.wrap(console, max(room - deeper, 20)))
                lines = [first, *rest]
                for line in rest:
                    line.pad_left(deeper)
            for line in lines:
                line.rstrip()
                line.pad_left(self.indent)
                line.no_wrap, line.overflow = True, "ignore"
                yield line


@dataclass(frozen=True, slots=True)
class Indented:
    """Anything drawn, moved to the right, without blanks at the ends of its lines."""

    drawn: RenderableType
    indent: int = 0

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        inner = options.update_width(options.max_width - self.indent)
        for segments in Segment.split_lines(console.render(self.drawn, inner)):
            line = Text(" " * self.indent, no_wrap=True, overflow="ignore", end="")
            for segment in segments:
                line.append(segment.text, segment.style)
            line.rstrip()
            yield line
            yield Segment.line()
