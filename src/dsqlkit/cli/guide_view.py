"""A guide in the terminal: Markdown drawn as text that can be read, and copied, without colour."""

from typing import ClassVar

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.markdown import CodeBlock, Heading, Markdown, MarkdownElement
from rich.text import Text

from dsqlkit.cli.wrapped import CodeLines, Indented
from dsqlkit.guide import Guide

_INDENT = 4


def guide_view(guide: Guide) -> RenderableType:
    """The guide, with its headings at the left and code indented, as it is."""
    return Indented(_Guide(guide.text, hyperlinks=False))


class _Heading(Heading):
    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        text = Text(self.text.plain, "bold")
        underline = "=" if self.tag == "h1" else "-"
        yield Group(text, Text(underline * text.cell_len, "dim"))


class _CodeBlock(CodeBlock):
    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        lines = str(self.text).rstrip().splitlines()
        # A screen's full width is shown at the margin rather than broken.
        room = options.max_width - max(map(len, lines), default=0)
        indent = min(max(room, 0), _INDENT)
        for line in lines:
            style = "cyan" if line.startswith("$ ") else ""
            yield CodeLines(line, indent, style) if line else Text()


class _Guide(Markdown):
    elements: ClassVar[dict[str, type[MarkdownElement]]] = {
        **Markdown.elements,
        "heading_open": _Heading,
        "fence": _CodeBlock,
        "code_block": _CodeBlock,
    }
