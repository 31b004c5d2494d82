"""What is drawn where stdout is no terminal: as wide as its names need, so that none is cut."""

from typing import Final, Literal

from rich.box import SIMPLE_HEAD
from rich.console import Console, ConsoleOptions, RenderResult
from rich.measure import Measurement
from rich.table import Table

_ENDLESS: Final = 10_000


class UncutConsole(Console):
    """A pipe or a file. Sentences are wrapped (at COLUMNS or 80); tables and trees may be wider."""


class ResultTable(Table):
    """Values under headings with a rule. On a terminal, what is too long is broken, not cut."""

    def __init__(self) -> None:
        super().__init__(box=SIMPLE_HEAD, show_edge=False, pad_edge=False)

    def column(
        self,
        heading: str = "",
        *,
        justify: Literal["left", "right"] = "left",
        no_wrap: bool = False,
        min_width: int | None = None,
    ) -> None:
        """Add a column."""
        self.add_column(
            heading, justify=justify, no_wrap=no_wrap, min_width=min_width, overflow="fold"
        )

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        if isinstance(console, UncutConsole):
            endless = options.update(width=_ENDLESS)
            options = options.update(width=Measurement.get(console, endless, self).maximum)
        yield from super().__rich_console__(console, options)
