"""Rewriting what PostgreSQL answers into what DSQL answers: tags, notices, its version.

Its errors are worded in refusals.py.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Final

from dsqlkit.local.backend.exchange import FAILED, IN_TRANSACTION
from dsqlkit.local.backend.refusals import about_table, own_error, placeless
from dsqlkit.local.dialect.catalog import OWN_TABLES, ROWS_SCHEMA, UPSERT_TABLE
from dsqlkit.local.dialect.parameters import SHOWN
from dsqlkit.local.wire.messages import (
    INT32,
    MAX_BACKEND_FRAME,
    RUN,
    Backend,
    Field,
    FrameCutter,
    decode_fields,
    message,
)

SERVER_VERSION: Final = SHOWN["server_version"]

_JOB_TAGS: Final = {b"CREATE INDEX", b"ALTER TABLE"}
_AS_TAG: Final = b"DSQ01"
"""The SQLSTATE of a notice of ours: report the statement under way with this tag."""
_CHANGED: Final = b"DSQ03"
"""The SQLSTATE of a notice of ours: the schema of the table of this name changes. Its detail is the
job that builds what was dropped."""
_UNANALYSED: Final = re.compile(
    rb'permission denied to analyze "(?:pg_|sql_|\d|(?:%s)")' % "|".join(OWN_TABLES).encode()
)
"""What PostgreSQL warns of at an ANALYZE of everything, once for each table of the catalog, and of
the endpoint's."""
_OF_PAGES: Final = frozenset((b"do_analyze_rel", b"acquire_sample_rows"))
"""The routines that tell, at ANALYZE VERBOSE, how many of PostgreSQL's pages were looked at, of all
tables. What a cluster tells was not recorded; pages it has none."""

AS_ROWS: Final = b"DSQ02"
"""The SQLSTATE of a notice of ours: a foreign key's action changed so many rows."""

_TAG: Final = Backend.COMMAND_COMPLETE  # looked up once: every answer has one
_REWRITTEN: Final = {
    Backend.ERROR_RESPONSE,
    Backend.NOTICE_RESPONSE,
    Backend.COMMAND_COMPLETE,
    Backend.PARAMETER_STATUS,
    Backend.READY_FOR_QUERY,
}
EMPTY_ENDS: Final = frozenset((Backend.EMPTY_QUERY_RESPONSE, Backend.PORTAL_SUSPENDED))
"""What ends a statement's answer and is no tag."""
_LEFT_ALONE: Final = {RUN, Backend.BACKEND_KEY_DATA, Backend.COPY_IN_RESPONSE, *EMPTY_ENDS}
_CHANGE_TAGS: Final = {b"INSERT", b"UPDATE", b"DELETE"}
_COPY_TAGS: Final = {b"COPY"}
_PLAIN: Final = frozenset(
    (
        Backend.PARSE_COMPLETE,
        Backend.BIND_COMPLETE,
        Backend.CLOSE_COMPLETE,
        Backend.PARAMETER_DESCRIPTION,
        Backend.ROW_DESCRIPTION,
        Backend.NO_DATA,
        Backend.DATA_ROW,
        Backend.EMPTY_QUERY_RESPONSE,
        Backend.PORTAL_SUSPENDED,
    )
)
_READY_HEADER: Final = message(Backend.READY_FOR_QUERY, b"T")[:-1]
READY_BYTES: Final = 6
_SHORT_BYTES: Final = 40
"""As long as most answers to a write by key or a COMMIT: they are the same again and again."""
_IN_TRANSACTION_BLOCK: Final = (IN_TRANSACTION, FAILED)


class AnswerRewriter:
    """The backend's stream of one session. `on_job` is called when a statement that submitted a
    job has left its transaction, whether or not it was committed; `on_change` with the names of
    tables whose schema a committed statement changed without naming them, `on_drop` with the jobs
    of indexes that it dropped while they are built. `laid_over` has the schemas and names of
    tables by what errors call their overlays.
    """

    def __init__(
        self,
        on_job: Callable[[], None],
        on_change: Callable[[set[str]], None],
        on_drop: Callable[[set[str]], None],
        laid_over: Mapping[str, tuple[str, str]],
    ) -> None:
        self.upserted: str | None = None
        """The table (oid) that an INSERT ... ON CONFLICT at overlays stands for."""
        self._laid_over = laid_over
        self._cutter = FrameCutter({*_REWRITTEN, *_LEFT_ALONE} - {RUN}, limit=MAX_BACKEND_FRAME)
        self._on_job = on_job
        self._on_change = on_change
        self._on_drop = on_drop
        self._changed: set[str] = set()
        self._dropped: set[str] = set()
        self._signed_in = False
        self._tag: bytes | None = None
        self._has_job = False

    def plain(self, data: bytes, *, copies_in: bool) -> tuple[bytes, Sequence[int]] | None:
        """If a chunk is one whole answer in which nothing is to be changed, as most are: its last
        CommandComplete, and how many rows each of its statements changed, COPY too if it
        `copies_in`."""
        if self._cutter.is_within or not self._is_quiet:
            return None
        read = _read_again if len(data) <= _SHORT_BYTES else _read_plain
        return read(data, copies_in)

    def cut(self, data: bytes) -> Iterable[tuple[int, bytes]]:
        """The pieces of more of the stream; each has then to go through `rewritten`, in order."""
        return self._cutter.feed(data)

    def rewritten(self, kind: int, frame: bytes) -> bytes:
        """A piece of the stream as the client is to see it."""
        if kind in _LEFT_ALONE:
            return frame
        if kind == Backend.READY_FOR_QUERY:
            self._ready(frame)
        elif kind == Backend.ERROR_RESPONSE:
            self._tag = None
            self._forget_changes()
            return self._error(frame)
        elif kind == _TAG:
            if self._changed and frame.startswith(b"ROLLBACK\0", 5):
                self._forget_changes()
            if self._tag is not None:
                frame = message(Backend.COMMAND_COMPLETE, self._tag + b"\0")
                self._tag = None
        elif kind == Backend.PARAMETER_STATUS:
            if frame.startswith(b"server_version\0", 5):
                return message(
                    Backend.PARAMETER_STATUS, b"server_version\0" + SERVER_VERSION.encode() + b"\0"
                )
        else:
            notice = decode_fields(frame)
            if self._is_ours(notice):
                return b""
            return placeless(Backend.NOTICE_RESPONSE, notice, frame)
        return frame

    def _is_ours(self, notice: dict[int, bytes]) -> bool:
        """Whether a notice is not for the client. What it tells us is noted."""
        code, text = notice.get(Field.SQLSTATE), notice.get(Field.MESSAGE, b"")
        if code == _AS_TAG:
            self._tag = text
            self._has_job = self._has_job or text in _JOB_TAGS
            return True
        if code == _CHANGED:
            self._changed.add(text.decode())
            if Field.DETAIL in notice:
                self._dropped.add(notice[Field.DETAIL].decode())
            return True
        if notice.get(Field.ROUTINE) in _OF_PAGES:
            return True
        return code == AS_ROWS or _UNANALYSED.match(text) is not None

    @property
    def _is_quiet(self) -> bool:
        """Whether nothing is left from earlier answers that changes the next."""
        return self._signed_in and self._tag is None and not self._has_job and not self._changed

    def _ready(self, frame: bytes) -> None:
        self._signed_in = True
        if frame[5] in _IN_TRANSACTION_BLOCK:
            return
        if self._has_job:
            self._has_job = False
            self._on_job()
        if self._changed:
            changed, self._changed = self._changed, set()
            self._on_change(changed)
        if self._dropped:
            dropped, self._dropped = self._dropped, set()
            self._on_drop(dropped)

    def _forget_changes(self) -> None:
        self._changed.clear()
        self._dropped.clear()

    def _error(self, frame: bytes) -> bytes:
        fields = decode_fields(frame)
        own = own_error(fields, signed_in=self._signed_in) or self._about_table(fields)
        return own or placeless(Backend.ERROR_RESPONSE, fields, frame)

    def _about_table(self, fields: dict[int, bytes]) -> bytes | None:
        """An error at overlays as one about the table that they stand for; None for all others."""
        called = fields.get(Field.TABLE, b"").decode(errors="replace")
        if called == UPSERT_TABLE and self.upserted is not None:
            table = self._laid_over.get(self.upserted)
        elif fields.get(Field.SCHEMA) == ROWS_SCHEMA.encode():
            table = self._laid_over.get(called)
        else:
            return None
        return None if table is None else about_table(fields, called, table)


def _read_plain(data: bytes, copies_in: bool) -> tuple[bytes, Sequence[int]] | None:
    end = len(data) - READY_BYTES
    if not data.startswith(_READY_HEADER, end) or end < 0:
        return None
    position = 0
    changed: list[int] = []
    tag = b""
    while position < end:
        kind = data[position]
        after = position + 1 + INT32.unpack_from(data, position + 1)[0]
        if kind == _TAG:
            tag = data[position:after]
            changed.append(changed_rows(tag, copies_in=copies_in))
        elif kind not in _PLAIN:
            return None
        elif kind in EMPTY_ENDS:
            changed.append(0)
        position = after
    return (tag, tuple(changed)) if position == end else None


_read_again: Final = lru_cache(maxsize=256)(_read_plain)


def changed_rows(tag: bytes, *, copies_in: bool) -> int:
    """How many rows a statement changed, by its CommandComplete."""
    words = tag[5:-1].split()
    if not words or words[0] not in (_COPY_TAGS if copies_in else _CHANGE_TAGS):
        return 0
    return int(words[-1])
