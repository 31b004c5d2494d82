"""SQLAlchemy with AWS's dialect: tables made and reflected, an ORM session, a lost race."""

from collections.abc import Iterator
from decimal import Decimal
from uuid import UUID, uuid4

import psycopg
import psycopg2
import pytest
import sqlalchemy as sa
from sqlalchemy import orm

from dsqlkit.connection import connect as connect_as_dsqlkit
from dsqlkit.connection import parameters
from dsqlkit.endpoint import Endpoint
from dsqlkit.token import TokenSigner
from tests.clients.conftest import Ledger
from tests.support.any_libpq import parameters_for_any_libpq


class Base(orm.DeclarativeBase):
    """The tables of this file."""


class Owner(Base):
    __tablename__ = "owner"
    id: orm.Mapped[UUID] = orm.mapped_column(primary_key=True, default=uuid4)
    name: orm.Mapped[str] = orm.mapped_column(sa.String(50), index=True)
    holdings: orm.Mapped[list["Holding"]] = orm.relationship(
        back_populates="owner", cascade="all, delete-orphan", order_by="Holding.id"
    )


class Holding(Base):
    __tablename__ = "holding"
    __table_args__ = (
        sa.CheckConstraint("amount >= 0", name="holding_is_covered"),
        sa.UniqueConstraint("owner_id", "paper"),
    )
    id: orm.Mapped[int] = orm.mapped_column(primary_key=True)
    owner_id: orm.Mapped[UUID] = orm.mapped_column(sa.ForeignKey("owner.id"))
    paper: orm.Mapped[str]
    amount: orm.Mapped[Decimal] = orm.mapped_column(sa.Numeric(18, 6))
    owner: orm.Mapped[Owner] = orm.relationship(back_populates="holdings")


def make_tables(engine: sa.Engine) -> None:
    """Make what is missing. An index that gets ready meanwhile is a conflict, as on DSQL."""
    for _ in range(5):
        try:
            Base.metadata.create_all(engine)
        except sa.exc.OperationalError as error:
            if "OC00" not in str(error):
                raise
        else:
            return
    pytest.fail("a conflict each time")


@pytest.fixture(params=["psycopg", "psycopg2"])
def engine(
    request: pytest.FixtureRequest, endpoint: Endpoint, signer: TokenSigner
) -> Iterator[sa.Engine]:
    def connect() -> object:
        if request.param == "psycopg":
            return psycopg.connect(**parameters(endpoint, signer))
        return psycopg2.connect(**parameters_for_any_libpq(endpoint, signer))

    engine = sa.create_engine(f"auroradsql+{request.param}://", creator=connect)
    make_tables(engine)
    # An index that gets ready meanwhile would be a change of schema to the test's transactions.
    with connect_as_dsqlkit(endpoint, signer) as connection:
        under_way = "SELECT job_id FROM sys.jobs WHERE status NOT IN ('completed', 'failed')"
        for job in connection.execute(under_way).fetchall():
            connection.execute("CALL sys.wait_for_job(%s)", job)
    yield engine
    Base.metadata.drop_all(engine)
    engine.dispose()


def test_tables_are_reflected_as_they_were_made(engine: sa.Engine) -> None:
    found = sa.inspect(engine)
    assert {"holding", "owner"} <= set(found.get_table_names())
    assert found.has_table("owner")
    assert not found.has_table("owners")
    columns = {each["name"]: each for each in found.get_columns("holding")}
    assert list(columns) == ["id", "owner_id", "paper", "amount"]
    assert str(columns["amount"]["type"]) == "NUMERIC(18, 6)"
    assert columns["id"]["identity"]["cache"] == 65536
    assert found.get_pk_constraint("holding")["constrained_columns"] == ["id"]
    (foreign,) = found.get_foreign_keys("holding")
    assert (foreign["referred_table"], foreign["constrained_columns"]) == ("owner", ["owner_id"])
    (unique,) = found.get_unique_constraints("holding")
    assert unique["column_names"] == ["owner_id", "paper"]
    (check,) = found.get_check_constraints("holding")
    assert check["name"] == "holding_is_covered"
    indexes = {each["name"]: each["column_names"] for each in found.get_indexes("owner")}
    assert indexes["ix_owner_name"] == ["name"]
    mirror = sa.MetaData()
    mirror.reflect(engine, only=["holding"])
    assert set(mirror.tables) == {"holding", "owner"}
    # All exist, so nothing is made a second time.
    mirror.create_all(engine)
    Base.metadata.create_all(engine)


def test_objects_are_written_read_changed_and_deleted(engine: sa.Engine) -> None:
    with orm.Session(engine) as session, session.begin():
        for name in ("Ada", "Bo"):
            papers = [Holding(paper=f"P{n}", amount=Decimal(n)) for n in range(50)]
            session.add(Owner(name=name, holdings=papers))
    with orm.Session(engine) as session, session.begin():
        ada = session.scalars(
            sa.select(Owner).where(Owner.name == "Ada").options(orm.selectinload(Owner.holdings))
        ).one()
        assert [each.amount for each in ada.holdings] == [Decimal(n) for n in range(50)]
        ada.holdings[3].amount += Decimal("0.5")
        del ada.holdings[10:]
    with orm.Session(engine) as session:
        total = (
            sa.select(Owner.name, sa.func.sum(Holding.amount)).join(Holding).group_by(Owner.name)
        )
        assert sorted(session.execute(total).all()) == [
            ("Ada", Decimal("45.500000")),
            ("Bo", Decimal("1225.000000")),
        ]
        session.rollback()
    with orm.Session(engine) as session, pytest.raises(sa.exc.IntegrityError):
        session.execute(sa.update(Holding).values(amount=-1))


def test_a_session_that_lost_a_race_is_told_at_its_commit_and_runs_again(
    engine: sa.Engine, ledger: Ledger
) -> None:
    table = sa.Table("ledger", sa.MetaData(), autoload_with=engine)
    attempts = 0
    while True:
        attempts += 1
        with orm.Session(engine) as session:
            balance = session.scalar(sa.select(table.c.balance).where(table.c.id == 1))
            if attempts == 1:
                ledger.win_a_race()
            assert balance is not None
            change = sa.update(table).where(table.c.id == 1).values(balance=balance + 5)
            changed = session.scalar(change.returning(table.c.balance))
            assert changed == balance + 5
            if attempts == 1:
                with pytest.raises(sa.exc.OperationalError) as caught:
                    session.commit()
                assert getattr(caught.value.orig, "sqlstate", None) or caught.value.orig.pgcode  # type: ignore[union-attr]
                assert "OC000" in str(caught.value)
                continue
            session.commit()
            break
    assert ledger.balances() == [6, 100]


def test_a_table_is_altered_and_its_index_built_beside_other_work(engine: sa.Engine) -> None:
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(sa.text("ALTER TABLE owner ADD COLUMN city text"))
    columns = [each["name"] for each in sa.inspect(engine).get_columns("owner")]
    assert columns == ["id", "name", "city"]
