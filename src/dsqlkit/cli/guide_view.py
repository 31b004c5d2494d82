"""A guide in the terminal: Markdown drawn as text that can be read, and copied, without colour."""

import re
from typing import ClassVar, Final

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.markdown import CodeBlock, Heading, Markdown, MarkdownElement
from rich.text import Text

from dsqlkit.cli.wrapped import CodeLines, Indented
from dsqlkit.guide import Guide

_INDENT = 4
_FENCED_OR_CODE: Final = re.compile(r"^```.*?^```|`(?P<code>[^`]+)`", re.DOTALL | re.MULTILINE)


def guide_view(guide: Guide, *, styled: bool) -> RenderableType:
    """The guide, with its headings at the left and code indented, as it is.

    Where it is not `styled`, code within a sentence keeps its backquotes, as nothing else tells
    it from words.
    """
    text = guide.text if styled else _FENCED_OR_CODE.sub(_in_backquotes, guide.text)
    return Indented(_Guide(text, hyperlinks=False))


def _in_backquotes(found: "re.Match[str]") -> str:
    return f"`` `{found['code']}` ``" if found["code"] else found[0]


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
            if not console.is_terminal:
                # A file or a pipe: a line of a script that was broken in two is another script.
                yield Text(" " * indent + line if line else "", no_wrap=True, overflow="ignore")
                continue
            style = "cyan" if line.startswith("$ ") else ""
            yield CodeLines(line, indent, style) if line else Text()


class _Guide(Markdown):
    elements: ClassVar[dict[str, type[MarkdownElement]]] = {
        **Markdown.elements,
        "heading_open": _Heading,
        "fence": _CodeBlock,
        "code_block": _CodeBlock,
    }
