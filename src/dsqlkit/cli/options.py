"""The options that commands share, each defined once.

A command takes one of these dataclasses as its first parameter; `with_options` makes their fields
options of that command.
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Annotated, Any, Final, get_type_hints

import typer

from dsqlkit.cli.parameters import Parameters, example_of, in_our_words
from dsqlkit.errors import Interrupted

Yes = Annotated[bool, typer.Option("--yes", help="Do not ask before data is replaced.")]

JSON_FLAG: Final = "--json"
DEBUG_FLAG: Final = "--debug"


@dataclass(frozen=True)
class ErrorOptions:
    """How a command reports an error; `main` reads these from the arguments themselves."""

    debug: Annotated[bool, typer.Option(DEBUG_FLAG, help="Show the traceback of an error.")] = False


@dataclass(frozen=True)
class OutputOptions(ErrorOptions):
    """How a command prints."""

    json: Annotated[
        bool, typer.Option(JSON_FLAG, help="Print one JSON document on stdout, nothing else.")
    ] = False
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress, no notices.")] = False
    no_color: Annotated[bool, typer.Option("--no-color", help="Plain text.")] = False


@dataclass(frozen=True)
class ClusterOptions(ErrorOptions):
    """Which cluster, and who to be there."""

    endpoint: Annotated[
        str | None,
        typer.Option(
            "--endpoint",
            metavar="HOST[:PORT]",
            help="The cluster, or `local`.  [default: CLUSTER_ENDPOINT, PGHOST, then local]",
        ),
    ] = None
    region: Annotated[
        str | None,
        typer.Option(
            "--region",
            metavar="R",
            help="Its region.  [default: from its name, then AWS_REGION]",
        ),
    ] = None
    user: Annotated[
        str | None,
        typer.Option("--user", metavar="U", help="The role.  [default: PGUSER, then admin]"),
    ] = None
    profile: Annotated[
        str | None,
        typer.Option("--profile", metavar="P", help="The AWS profile to sign with."),
    ] = None


@dataclass(frozen=True)
class DatabaseOptions(OutputOptions, ClusterOptions):
    """What every command that talks to a database takes."""

    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Say where each setting came from.")
    ] = False


@dataclass(frozen=True)
class AccountOptions(OutputOptions):
    """Which AWS account and region, for commands that talk to AWS and to no database."""

    region: Annotated[
        str | None,
        typer.Option(
            "--region", metavar="R", help="The region.  [default: AWS_REGION, then the profile's]"
        ),
    ] = None
    profile: Annotated[
        str | None, typer.Option("--profile", metavar="P", help="The AWS profile to use.")
    ] = None


def with_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The command as Typer wants it: its first parameter, an options dataclass, spread out."""
    first = next(iter(inspect.signature(command).parameters))
    options = get_type_hints(command)[first]
    hints = get_type_hints(options, include_extras=True)
    # `--debug` is for defects: it comes last in the help.
    shared = [
        inspect.Parameter(
            field.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=field.default,
            annotation=hints[field.name],
        )
        for field in sorted(fields(options), key=lambda field: field.name == "debug")
    ]
    own = Parameters(list(inspect.signature(command).parameters.values())[1:], example_of(command))
    parameters = [*own.for_typer(), *map(in_our_words, shared)]

    def spread(**values: Any) -> Any:
        given = {parameter.name: values.pop(parameter.name) for parameter in shared}
        try:
            return command(options(**given), **own.taken_from(values))
        except KeyboardInterrupt as error:
            # Typer would turn it into a bare exit code, without a word.
            raise Interrupted("Interrupted.") from error

    spread.__doc__ = command.__doc__
    spread.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    spread.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return spread
