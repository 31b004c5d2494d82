"""QUERY on the command line: SQL, `-` for stdin, `@FILE`, or the name of a shipped query."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from dsqlkit.cli.output import Output
from dsqlkit.cli.text_input import STDIN, argument_text, file_text, stdin_text
from dsqlkit.errors import SqlError, UsageError

if TYPE_CHECKING:
    from dsqlkit.advisor.workload import WorkloadQuery
    from dsqlkit.connection import Connections
    from dsqlkit.queries import NamedQuery

_CHAPTER_QUERY: Final = "query"
"""As `accounts7.QUERY`, which is not loaded for other queries."""

Query = Annotated[
    str | None,
    typer.Argument(
        metavar="[QUERY]",
        show_default=False,
        help="SQL, `-` for stdin, `@FILE`, or the name of a shipped query.",
    ),
]
File = Annotated[
    Path | None, typer.Option("--file", "-f", metavar="FILE", help="Read the SQL from a file.")
]
Param = Annotated[
    list[str] | None,
    typer.Option(
        "--param", metavar="NAME=VALUE", help="A value for :'NAME' in the SQL; repeatable."
    ),
]


def query_of(text: str | None, file: Path | None, param: list[str] | None) -> "NamedQuery":
    """The query that the arguments name, with the values of its parameters.

    Raises UsageError where there is none or more than one, and as `queries.parse_query` does.
    """
    from dsqlkit import queries

    values = _values(param or [])
    if text is None and file is None:
        raise UsageError(
            "There is no query to explain.", hint="Give QUERY or --file, or a plan with --plan."
        )
    if text is not None and file is not None:
        raise UsageError("There are two queries.", hint="Give QUERY or --file.")
    if file is None and text is not None and text.startswith("@"):
        file = Path(text[1:])
    if file is not None:
        return queries.parse_query(file.name, file_text(file), values)
    assert text is not None
    # One word is never a query in SQL, but it may be a name that was mistyped.
    if text.isidentifier():
        return queries.load(text, values)
    if text == STDIN:
        return queries.parse_query("The text on stdin", stdin_text(), values)
    return queries.parse_query("QUERY", argument_text("QUERY", text), values)


def queries_of(
    text: str | None, file: Path | None, param: list[str] | None
) -> "tuple[NamedQuery, ...]":
    """The statements that the arguments hold, in order, with the values of their parameters.

    Raises UsageError as `query_of` does, but for their number.
    """
    from dsqlkit import queries

    values = _values(param or [])
    if (text is None) == (file is None):
        raise UsageError(
            "There are no statements." if text is None else "There are two texts.",
            hint="Give SQL, `-`, `@FILE`, or --file.",
        )
    if text is not None and text.startswith("@"):
        file = Path(text[1:])
    if file is not None:
        return queries.parse_queries(file.name, file_text(file), values)
    assert text is not None
    if text.isidentifier():
        return (queries.load(text, values),)
    if text == STDIN:
        return queries.parse_queries("The text on stdin", stdin_text(), values)
    return queries.parse_queries("SQL", argument_text("SQL", text), values)


def workload_of(
    text: str | None, file: Path | None, param: list[str] | None
) -> "tuple[WorkloadQuery, ...]":
    """The queries of a file that holds several statements; none where the arguments name one query.

    Raises UsageError as `query_of` does.
    """
    if text is not None and file is not None:
        raise UsageError("There are two queries.", hint="Give QUERY or --file.")
    if text is not None and text.startswith("@"):
        file = Path(text[1:])
    elif text is not None:
        return ()
    from dsqlkit.advisor.workload import read_workload
    from dsqlkit.queries import split_statements

    assert file is not None
    name, content = file.name, file_text(file)
    if len(split_statements(content)) < 2:
        return ()
    return read_workload(name, content, _values(param or []))


@contextmanager
def pointing_into(query: "NamedQuery") -> Generator[None, None, None]:
    """Give an error of SQL its place in the query's own text."""
    try:
        yield
    except SqlError as error:
        if error.position is not None:
            error.place = query.place(error.position)
        raise


def make_table(connections: "Connections", output: Output, query: "NamedQuery") -> None:
    """Make the chapter's table if this is the chapter's query and the table is missing."""
    if query.name != _CHAPTER_QUERY:
        return
    from dsqlkit import tables
    from dsqlkit.workshop import accounts7

    if not tables.exists(connections, accounts7.TABLE):
        output.notice("Table accounts7 is not there yet: making it, with its 5,000 rows.")
        accounts7.set_up(connections)


def _values(given: list[str]) -> dict[str, str]:
    values: dict[str, str] = {}
    for pair in given:
        name, equals, value = pair.partition("=")
        if not equals or not name.isidentifier():
            raise UsageError(
                f"--param {pair!r} is not NAME=VALUE.", hint="One looks like region_code=DE."
            )
        if name in values:
            raise UsageError(f"--param {name} is given twice.")
        values[name] = argument_text(f"The value of --param {name}", value)
    return values
