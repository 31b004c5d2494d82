"""The text of `--help`, written as results are: where it cannot be, that is an error as theirs."""

from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from dsqlkit.cli.streams import write


def _written(option: Any) -> Any:
    """The option of `--help`, or None, with our way to write."""
    if option is not None:
        option.callback = _write_help
    return option


def _write_help(context: Any, _: Any, asked: bool) -> None:
    if asked and not context.resilient_parsing:
        write(context.get_help())
        raise typer.Exit


class HelpfulCommand(TyperCommand):
    """A command whose help goes where its results go."""

    def get_help_option(self, ctx: Any) -> Any:
        return _written(super().get_help_option(ctx))


class HelpfulGroup(TyperGroup):
    """The same for a group of commands."""

    def get_help_option(self, ctx: Any) -> Any:
        return _written(super().get_help_option(ctx))
