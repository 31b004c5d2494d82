"""The SQL that ships with dsqlkit, and how a text of SQL names its parameters.

`sql/` holds every statement a person may want to read; each file runs with psql on its own.
A query says its parameters in psql's words, so that one text serves psql and Python. At the
top of the file, a line each gives a parameter and its default:

    \\if :{?region_code} \\else \\set region_code US \\endif

and `:'region_code'` in the statement stands for the value, as a quoted literal. Another value
is given with `psql -v region_code=DE`, or with `dsqlkit explain query --param region_code=DE`.
In Python `:'region_code'` becomes a bound parameter: a value never is part of the SQL.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from dsqlkit.errors import Place, UsageError

_DEFAULT: Final = re.compile(
    r"""^[ \t]*\\if[ ]:\{\?(?P<name>\w+)\}[ ]\\else[ ]\\set[ ](?P=name)[ ]
        (?: '(?P<quoted>(?:[^'\n]|'')*)' | (?P<plain>[^'\s\\]+) )[ ]\\endif[ \t]*$""",
    re.VERBOSE | re.MULTILINE,
)
_TOKEN: Final = re.compile(
    r"""  (?P<psql_command>^[ \t]*\\[^\n]*$)
        | (?P<comment>--[^\n]*|/\*.*?\*/)
        | (?P<parameter>(?<!:):'(?P<name>\w+)')
        | (?P<quote>[eE]'(?:[^'\\]|''|\\.)*' | '(?:[^']|'')*' | "(?:[^"]|"")*"
                  | (?P<tag>\$(?:[^\W\d]\w*)?\$).*?(?P=tag))
        | (?P<foreign>(?<![\w$])\$\d+ | (?<![:\w\])]):[^\W\d]\w* | %\(\w+\)s)
        | (?P<end>;)
        | (?P<other>[\w$]+|.)""",
    re.VERBOSE | re.DOTALL | re.MULTILINE,
)
"""The pieces of SQL in which a `;` or a `:'name'` means itself, and all else. `foreign` is a
parameter in the words of another program.
"""


@dataclass(frozen=True, slots=True)
class NamedQuery:
    """One statement, ready for psycopg's `execute(query.sql, query.parameters)`.

    `sql` has `%(name)s` for a parameter and `%%` for a percent sign, as psycopg wants when it is
    given parameters, none at all (an empty mapping) included. `text` is what a person wrote, and
    `marks` tell where a run of it stands in what the server gets: offsets there and in `text`.
    """

    name: str
    sql: str
    parameters: Mapping[str, object]
    text: str = ""
    marks: tuple[tuple[int, int], ...] = ()

    def place(self, position: int) -> Place | None:
        """Where in `text` the character stands that the server counts as `position`, from 1."""
        known = [mark for mark in self.marks if mark[0] < position]
        if not known:
            return None
        sent, written = known[-1]
        at = min(written + position - 1 - sent, len(self.text))
        start = self.text.rfind("\n", 0, at) + 1
        line = self.text[start:].split("\n", 1)[0].rstrip("\r")
        return Place(self.text.count("\n", 0, at) + 1, at - start + 1, line)


def names() -> tuple[str, ...]:
    """The names of the queries that ship with dsqlkit."""
    return tuple(sorted(file.stem for file in (folder() / "queries").glob("*.sql")))


def load(name: str, values: Mapping[str, str] | None = None) -> NamedQuery:
    """The shipped query of that name, with its defaults where `values` does not say otherwise.

    Raises UsageError for an unknown name, and as `parse_query` does.
    """
    if name not in names():
        raise UsageError(
            f"No query named {name!r} ships with dsqlkit.",
            hint=f"The names are: {', '.join(names())}.",
        )
    return parse_query(name, read_sql(f"queries/{name}.sql"), values)


def parse_query(name: str, text: str, values: Mapping[str, str] | None = None) -> NamedQuery:
    """The one statement of `text`, which names parameters as this module says.

    Raises UsageError unless there is exactly one statement, for a parameter that has neither a
    value nor a default, and for a value whose parameter the text does not have.
    """
    found = parse_queries(name, text, values)
    if len(found) != 1:
        raise UsageError(f"{name} holds {len(found)} statements.", hint="Give exactly one.")
    return found[0]


def parse_queries(
    name: str, text: str, values: Mapping[str, str] | None = None
) -> tuple[NamedQuery, ...]:
    """The statements of `text`, in order; each keeps the whole text. Raises as `parse_query` does,
    but for their number.
    """
    given = values or {}
    available = _defaults(text) | dict(given)
    found = tuple(_query(name, text, tokens, available) for tokens in _statements(text))
    known = dict.fromkeys(each for query in found for each in query.parameters)
    for parameter in given if found else ():
        if parameter not in known:
            raise UsageError(
                f"{name} has no parameter {parameter}.",
                hint=f"Its parameters are: {', '.join(known) or 'none'}.",
            )
    return found


def _query(
    name: str, text: str, tokens: Sequence[re.Match[str]], available: Mapping[str, str]
) -> NamedQuery:
    sql: list[str] = []
    parameters: dict[str, str] = {}
    marks: list[tuple[int, int]] = []
    sent = 0
    for token in tokens:
        if not marks or token["name"] or sent - marks[-1][0] != token.start() - marks[-1][1]:
            marks.append((sent, token.start()))
        parameter = token["name"]
        if token.lastgroup == "foreign":
            raise _foreign(name, token[0])
        if parameter is None:
            sql.append(token[0].replace("%", "%%"))
            sent += len(token[0])
        elif parameter not in available:
            raise UsageError(
                f"{name} needs a value for its parameter {parameter}.",
                hint=f"Give one with `parameters={parameter}=VALUE`.",
            )
        else:
            sql.append(f"%({parameter})s")
            parameters[parameter] = available[parameter]
            sent += len(f"${list(parameters).index(parameter) + 1}")
    return NamedQuery(name, "".join(sql), parameters, text, tuple(marks))


def _foreign(name: str, written: str) -> UsageError:
    found = re.sub(r"\W|s$", "", written) if written.startswith("%") else written[1:]
    word = f"p{found}" if found.isdigit() else found
    return UsageError(
        f"{name} has {written}, and nothing gives it a value.",
        hint=f"Write :'{word}' in its place, and give the value by `parameters={word}=VALUE`.",
    )


@cache
def statement(path: str) -> str:
    """The one statement of a shipped file, as psycopg wants it, with `%(name)s` for parameters."""
    return parse_query(path, read_sql(path)).sql


@cache
def numbered(path: str) -> tuple[bytes, tuple[str, ...]]:
    """The one statement of a shipped file as a server wants it, with `$1` for the first parameter,
    and the parameters' names in the order of their numbers.
    """
    query = parse_query(path, read_sql(path))
    places = {name: f"${number}" for number, name in enumerate(query.parameters, 1)}
    return (query.sql % places).encode(), tuple(query.parameters)


def read_sql(path: str) -> str:
    """The text of a shipped file, by its path below `sql/`: `read_sql("queries/query.sql")`."""
    return (folder() / path).read_text(encoding="utf-8")


def split_statements(text: str) -> tuple[str, ...]:
    """The statements of a text of SQL, in order, without their `;` and psql's own commands.

    A `;` in a string, a quoted name or a comment ends nothing. Comments before a statement are
    left out, those inside it stay.
    """
    return tuple("".join(token[0] for token in tokens) for tokens in _statements(text))


def _statements(text: str) -> tuple[list[re.Match[str]], ...]:
    """The tokens of each statement; see `split_statements`."""
    statements: list[list[re.Match[str]]] = []
    current: list[re.Match[str]] = []
    for token in _TOKEN.finditer(text + "\n;"):
        if token.lastgroup == "end":
            while current and not current[-1][0].strip():
                current.pop()
            if current:
                statements.append(current)
            current = []
        elif token.lastgroup == "psql_command" or (
            not current and (token.lastgroup == "comment" or not token[0].strip())
        ):
            continue
        else:
            current.append(token)
    return tuple(statements)


def _defaults(text: str) -> dict[str, str]:
    return {
        line["name"]: line["plain"] or line["quoted"].replace("''", "'")
        for line in _DEFAULT.finditer(text)
    }


def folder() -> Path:
    """`sql/` inside an installed wheel, or at the top of the checkout it is developed in."""
    package = Path(__file__).parent
    return package / "sql" if (package / "sql").is_dir() else package.parents[1] / "sql"
