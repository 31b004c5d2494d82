"""Tables and statistics made by hand, for what needs no database."""

from collections.abc import Mapping, Sequence

from dsqlkit.advisor.advise import Advice, advise
from dsqlkit.advisor.facts_reader import Facts
from dsqlkit.advisor.query import Query
from dsqlkit.advisor.reading import read_query
from dsqlkit.advisor.statistics import ColumnStatistics, TableFacts
from dsqlkit.advisor.syntax import parse
from dsqlkit.plans.catalog import Catalog, Column, Index, Table
from dsqlkit.plans.parse import parse_plan

TYPES = {
    "id": "bigint",
    "name": "text",
    "code": "character",
    "n": "integer",
    "price": "numeric",
    "on_sale": "boolean",
    "at": "timestamp with time zone",
    "day": "date",
    "document": "jsonb",
    "local": "timestamp without time zone",
    "lasts": "interval",
    "bytes": "bytea",
}
PRIMARY = Index("t_pkey", ("id",), primary=True, unique=True)


def table(*indexes: Index, name: str = "t", columns: Sequence[str] = tuple(TYPES)) -> Table:
    """A table with a primary key, some of the columns of TYPES, and these indexes."""
    return Table(
        "public",
        name,
        tuple(Column(each, TYPES.get(each, "integer")) for each in columns),
        (PRIMARY, *indexes),
        rows=10_000.0,
    )


def facts(
    of: Table, rows: float = 10_000.0, known: Mapping[str, ColumnStatistics] | None = None
) -> TableFacts:
    """The table's facts; a column without statistics has 1,000 values."""
    usual = {column.name: ColumnStatistics(distinct=1000) for column in of.columns}
    return TableFacts(of, rows, usual | dict(known or {}))


def query(sql: str, *tables: Table, **parameters: str) -> Query:
    """A statement as the advisor reads it."""
    return read_query(parse(sql, parameters), Catalog(tables or (table(),)))


def advice(sql: str, plan: str, *of: TableFacts) -> Advice:
    """The advice on a statement that was measured with this plan."""
    return advise(parse(sql, {}), parse_plan(plan), Facts(of))
