"""PostgreSQL's errors and notices as DSQL words them."""

import re
from typing import Final

from dsqlkit.errors import FAULTS_OFF
from dsqlkit.local.dialect.carried import refusal_in
from dsqlkit.local.dialect.refusal import (
    CONFLICT_ON_PURPOSE,
    DATA_CONFLICT,
    MADE_CONFLICT,
    SCHEMA_CHANGED,
    SCHEMA_CONFLICT,
    Refusal,
)
from dsqlkit.local.wire.messages import (
    Backend,
    Field,
    encode_fields,
    error_response,
)
from dsqlkit.quotas import KIB, MAX_TEMP_SPACE_BYTES

ACCESS_DENIED: Final = "unable to accept connection, access denied"
ACCESS_DENIED_SQLSTATE: Final = "28000"  # not recorded; PostgreSQL's for a refused sign-in

_CONFLICTS: Final = {DATA_CONFLICT, SCHEMA_CONFLICT}
_CONFLICT_STATES: Final = {b"40001", b"40P01"}
_TOO_MANY: Final = "Unable to accept connection, too many open connections."
_TOO_MANY_SQLSTATE: Final = b"53300"
_TEMP_SPACE: Final = Refusal(  # AWS's list of observed errors
    "54000",
    f"query requires more than allowed temp space of {MAX_TEMP_SPACE_BYTES // KIB} KB to execute",
)
_KEY_SIZE: Final = Refusal("54000", "key size too large")
_CATALOG_ERRORS: Final = (
    b"tuple concurrently ",
    b"cache lookup failed for ",
    b"could not open relation with OID ",
)
_PLACES: Final = {
    *(Field.CONTEXT, Field.FILE, Field.LINE, Field.ROUTINE),
    *(Field.INTERNAL_QUERY, Field.INTERNAL_POSITION),
}
_OURS: Final = b"dsqlkit"
_OUR_ADVICE: Final = FAULTS_OFF.encode()
"""What clients may read of us: how to switch off a fault that is on."""
_WAITED: Final = re.compile(rb'^while [a-z ]+\(\d+,\d+\) (?:of tuple )?in relation ".*"\n?', re.M)
"""Where PostgreSQL was waiting for another's row lock, when it was cancelled. DSQL has none."""
_QUALIFIER: Final = re.compile(rb"\bdsqlkit\w*\.")
_OWN_CONTEXTS: Final = (
    b"PL/pgSQL function",
    b'SQL function "setting"',
    b'SQL statement "DROP INDEX ',
)


def access_denied(hint: str | None = None) -> bytes:
    """The answer to a sign-in that is refused, whatever the reason."""
    return error_response(ACCESS_DENIED_SQLSTATE, ACCESS_DENIED, severity="FATAL", hint=hint)


def own_error(fields: dict[int, bytes], *, signed_in: bool) -> bytes | None:
    """DSQL's own error in place of this one of PostgreSQL's, if it has one."""
    sqlstate = fields.get(Field.SQLSTATE, b"")
    if sqlstate in _CONFLICT_STATES:
        told = fields.get(Field.MESSAGE, b"").decode(errors="replace")
        if told == CONFLICT_ON_PURPOSE:
            return MADE_CONFLICT.as_error()
        return error_response("40001", told if told in _CONFLICTS else DATA_CONFLICT)
    refusal = _refusal(sqlstate, fields)
    if refusal is not None:
        return refusal.as_error()
    if not signed_in:
        if sqlstate == _TOO_MANY_SQLSTATE:
            return error_response("53300", _TOO_MANY, severity="FATAL")
        if sqlstate[:2] == b"28":
            return access_denied()
    return None


def about_table(fields: dict[int, bytes], called: str, table: tuple[str, str]) -> bytes:
    """An error that has a table `called` so as one about this table, by its schema and name."""
    schema, name = (each.encode() for each in table)
    told = {code: value for code, value in fields.items() if code not in _PLACES}
    told[Field.SCHEMA], told[Field.TABLE] = schema, name
    own = b'"%s"' % called.encode()
    told[Field.MESSAGE] = fields.get(Field.MESSAGE, b"").replace(own, b'"%s"' % name)
    return encode_fields(Backend.ERROR_RESPONSE, told)


def placeless(kind: Backend, fields: dict[int, bytes], frame: bytes) -> bytes:
    """An error or notice without the place in our own functions that it comes from: DSQL has no
    PL/pgSQL, and says nothing of where its own functions fail."""
    context = fields.get(Field.CONTEXT, b"")
    if waited := _WAITED.search(context):
        context = (context[: waited.start()] + context[waited.end() :]).strip()
        fields = {name: value for name, value in fields.items() if name != Field.CONTEXT}
        if context:
            fields[Field.CONTEXT] = context
        frame = encode_fields(kind, fields)
    if not context.startswith(_OWN_CONTEXTS) and _OURS not in frame.replace(_OUR_ADVICE, b""):
        return frame
    told = {
        name: _QUALIFIER.sub(b"", value) if name == Field.MESSAGE else value
        for name, value in fields.items()
        if name not in _PLACES
        and (name == Field.MESSAGE or _OURS not in value.replace(_OUR_ADVICE, b""))
    }
    return encode_fields(kind, told)


def _refusal(sqlstate: bytes, fields: dict[int, bytes]) -> Refusal | None:
    """DSQL's answer in place of this error of PostgreSQL's, if it has one of its own."""
    text = fields.get(Field.MESSAGE, b"")
    if _is_about_the_schema(sqlstate, fields):
        return SCHEMA_CHANGED
    if sqlstate == b"22P02":
        return refusal_in(text.decode(errors="replace"))
    if sqlstate == b"54000" and text.startswith((b"index row size", b"index row requires")):
        return _KEY_SIZE
    if sqlstate == b"53400" and text.startswith(b"temporary file size"):
        return _TEMP_SPACE
    return None


def _is_about_the_schema(sqlstate: bytes, fields: dict[int, bytes]) -> bool:
    """Whether two changed the same of the catalog at once, which PostgreSQL tells by errors of its
    own: on DSQL that is a conflict. Whose change it meets there, and when, was not recorded."""
    if sqlstate == b"XX000":
        return fields.get(Field.MESSAGE, b"").startswith(_CATALOG_ERRORS)
    return sqlstate == b"23505" and fields.get(Field.SCHEMA) == b"pg_catalog"
