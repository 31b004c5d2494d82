"""`explain`: a query's plan as a tree (chapter 7)."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dsqlkit.cli.cluster import endpoint_of
from dsqlkit.cli.options import DatabaseOptions
from dsqlkit.cli.output import Output
from dsqlkit.errors import UsageError

if TYPE_CHECKING:
    from dsqlkit.queries import NamedQuery


def explain(
    options: DatabaseOptions,
    query: Annotated[
        str,
        typer.Argument(
            metavar="QUERY", help="SQL, `-` for stdin, `@FILE`, or the name of a shipped query."
        ),
    ],
) -> None:
    """Run EXPLAIN ANALYZE and draw the plan as a tree.

    A statement that writes is rolled back.

    \b
    dsqlkit explain query
    dsqlkit explain 'SELECT * FROM accounts WHERE id = 1'
    dsqlkit explain @report.sql
    """
    from dsqlkit import accounts7, tables
    from dsqlkit.cli.plan_view import plan_view
    from dsqlkit.connection import KeptConnection
    from dsqlkit.plans.runner import explain as run_explain
    from dsqlkit.plans.to_dict import to_dict

    named = _query(query)
    output = Output(options)
    with KeptConnection(endpoint_of(options, output)) as connections:
        if named.name == accounts7.QUERY and not tables.exists(connections, accounts7.TABLE):
            output.notice("Table accounts7 is not there yet: making it, with its 5,000 rows.")
            accounts7.set_up(connections)
        with connections.connection() as connection:
            explained = run_explain(connection, named.sql, named.parameters, verbose=True)
    if explained.rolled_back:
        output.notice("The statement ran, and was rolled back.")
    output.result(to_dict(explained), lambda: plan_view(explained))


def _query(text: str) -> "NamedQuery":
    from dsqlkit import queries

    # One word is never a query in SQL, but it may be a name that was mistyped.
    if text.isidentifier():
        return queries.load(text)
    if text == "-":
        return queries.parse_query("The text on stdin", sys.stdin.read())
    if text.startswith("@"):
        file = Path(text[1:])
        try:
            return queries.parse_query(file.name, file.read_text(encoding="utf-8"))
        except OSError as error:
            raise UsageError(f"{file} cannot be read: {error.strerror}.") from error
        except UnicodeDecodeError as error:
            raise UsageError(f"{file} cannot be read: it is not UTF-8 text.") from error
    return queries.parse_query("QUERY", text)
