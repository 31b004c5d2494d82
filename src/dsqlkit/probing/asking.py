"""Ask a cluster the probes of the record, each from a fresh schema that is removed after it."""

import random
import re
import secrets
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from itertools import zip_longest
from typing import Final

from dsqlkit.endpoint import Endpoint
from dsqlkit.errors import DsqlkitError, Interrupted, SqlError
from dsqlkit.probing.comparing import Difference, compare
from dsqlkit.probing.record import Answer, Probe
from dsqlkit.probing.report import Report
from dsqlkit.probing.session import Session
from dsqlkit.queries import statement
from dsqlkit.sql_errors import Conflict, conflict_of
from dsqlkit.token import TokenSigner
from dsqlkit.transaction import RetryPolicy

SCHEMA_PREFIX: Final = "dsqlkit_probe_"

_USUAL_PATH: Final = '"$user", public'
_TRIES: Final = 4
_POLICY: Final = RetryPolicy(max_attempts=12)
_CHANGES_SESSION: Final = re.compile(r"\s*(SET|RESET|DISCARD|PREPARE|DECLARE|LISTEN)\b", re.I)


def ask(
    endpoint: Endpoint,
    probes: Sequence[Probe],
    asked: Callable[[Probe], None] = lambda _: None,
) -> Report:
    """Ask a cluster these probes, one after the other; `asked` hears of each that is done.

    All that a probe makes is in one schema of a random name, which is gone before the next probe
    and at the end, after a signal too (Interrupted). What nobody can remove are the lines that
    index builds leave in sys.jobs for a while.

    Raises SqlError when the role may not make a schema, or when the schema could not be removed,
    with its name; ConnectionFailed when there is no connection.
    """
    schema = SCHEMA_PREFIX + secrets.token_hex(6)
    begun = datetime.now(UTC)
    found: list[Difference] = []
    done = 0
    with _Asking(endpoint, schema) as asking:
        version = asking.values("SHOW server_version")
        left = asking.values(statement("probing/left_schemas.sql"))
        for probe in probes:
            if difference := asking.difference(probe):
                found.append(difference)
            done += 1
            asked(probe)
    return Report(
        endpoint=endpoint.address,
        server_version="".join(version),
        asked_at=begun,
        asked=done,
        same=done - len(found),
        differences=tuple(each for each in found if each.probe.caveat is None),
        with_caveat=tuple(each for each in found if each.probe.caveat is not None),
        left_schemas=left,
    )


class _Asking:
    """The session that makes schemas and asks first, and what is to be removed at the end."""

    def __init__(self, endpoint: Endpoint, schema: str) -> None:
        self._endpoint = endpoint
        self._signer = TokenSigner(endpoint)
        self._schema = schema
        self._first = Session(endpoint, self._signer)
        self._is_made = False

    def __enter__(self) -> "_Asking":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, _: object) -> None:
        interrupted = kind is not None and issubclass(kind, KeyboardInterrupt)
        was_made = self._is_made
        try:
            self._remove()
        except (DsqlkitError, KeyboardInterrupt) as failure:
            raise self._left_behind(failure, interrupted=interrupted) from failure
        finally:
            self._first.close()
        if interrupted:
            raise Interrupted("Interrupted; the schema is removed." if was_made else "Interrupted.")

    def values(self, query: str) -> tuple[str, ...]:
        """The first column of what a query answers; nothing where it is refused."""
        answer = self._first.ask(query)
        rows = [row for result in answer.results for row in result.rows or ()]
        return tuple(str(row[0]) for row in rows)

    def difference(self, probe: Probe) -> Difference | None:
        """Ask one probe. Asked again where the cluster says that its schema changed (OC001), which
        any DDL before a statement may lead to, a finished index build too.
        """
        for _ in range(_TRIES):
            found = self._ask(probe)
            if found is None or not _is_stale(found):
                break
        return found

    def _ask(self, probe: Probe) -> Difference | None:
        with ExitStack() as stack:
            if refused := self._prepare(probe):
                return refused
            sessions = [self._first]
            for _ in probe.sessions[1:]:
                session = stack.enter_context(Session(self._endpoint, self._signer))
                session.search(self._path(probe))
                sessions.append(session)
            answers = _answers(probe, sessions)
        self._settle(probe)
        return compare(probe, answers)

    def _prepare(self, probe: Probe) -> Difference | None:
        self._remove()
        if probe.needs_schema:
            self._is_made = True
            made = self._until_settled(f"CREATE SCHEMA {self._schema}")
            if made.sqlstate is not None:
                self._is_made = False
                raise SqlError(
                    f"The schema {self._schema} could not be made: {made.message}.",
                    hint="Ask as admin, or as a role with CREATE on the database.",
                    sqlstate=made.sqlstate,
                )
        self._first.search(self._path(probe))
        for text in (*probe.schema, *probe.setup):
            answer = self._until_settled(text)
            if answer.sqlstate is not None:
                return Difference(probe, text, Answer(), answer)
        return None

    def _path(self, probe: Probe) -> str:
        """Of what names nothing of its own, `current_schema()` say, the answer is the usual one."""
        return self._schema if probe.needs_schema else _USUAL_PATH

    def _settle(self, probe: Probe) -> None:
        if self._first.in_transaction:
            self._first.ask("ROLLBACK")
        if any(_CHANGES_SESSION.match(step.sql) for step in probe.sessions[0]):
            self._first.close()

    def _remove(self) -> None:
        if not self._is_made:
            return
        if self._first.in_transaction:
            self._first.close()
        gone = self._until_settled(f"DROP SCHEMA IF EXISTS {self._schema} CASCADE")
        if gone.sqlstate is not None:
            raise SqlError(gone.message or "no answer", sqlstate=gone.sqlstate)
        self._is_made = False

    def _until_settled(self, text: str) -> Answer:
        """Run a statement by itself, again while it conflicts with a change of the schema."""
        for attempt in range(1, _POLICY.max_attempts + 1):
            answer = self._first.ask(text)
            if conflict_of(answer.sqlstate, answer.message or "") is None:
                break
            time.sleep(_POLICY.wait_s(attempt, random.uniform))
        return answer

    def _left_behind(self, failure: BaseException, *, interrupted: bool) -> DsqlkitError:
        why = failure.message if isinstance(failure, DsqlkitError) else "interrupted"
        told = f"The schema {self._schema} could not be removed: {why}."
        hint = f"Remove it: dsqlkit psql -c 'DROP SCHEMA {self._schema} CASCADE'"
        return Interrupted(told, hint=hint) if interrupted else SqlError(told, hint=hint)


def _answers(probe: Probe, sessions: Sequence[Session]) -> list[list[Answer]]:
    answers: list[list[Answer]] = [[] for _ in sessions]
    for steps in zip_longest(*probe.sessions):
        for session, step, got in zip(sessions, steps, answers, strict=True):
            if step is not None:
                got.append(session.ask(step.sql, step.protocol))
    return answers


def _is_stale(found: Difference) -> bool:
    return conflict_of(found.got.sqlstate, found.got.message or "") is Conflict.SCHEMA
