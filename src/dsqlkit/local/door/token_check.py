"""Checking a token: is this password a pre-signed URL that we would have signed ourselves?

Pure: no clock, no state, no I/O.
"""

import hmac
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import quote, unquote

from dsqlkit.endpoint import ADMIN, LOCAL_HOSTS, LOCAL_REGION
from dsqlkit.errors import FAULTS_OFF
from dsqlkit.quotas import MAX_TOKEN_LIFE_S
from dsqlkit.sigv4 import ALGORITHM, SIGNED_HEADERS, TIME_FORMAT, scope_of, signature

_PARAMETERS: Final = {
    "Action",
    "X-Amz-Algorithm",
    "X-Amz-Credential",
    "X-Amz-Date",
    "X-Amz-Expires",
    "X-Amz-SignedHeaders",
    "X-Amz-Signature",
}
_CLOCK_SKEW = timedelta(minutes=5)
_LONGEST_LIFE: Final = timedelta(seconds=MAX_TOKEN_LIFE_S)


class AccessDenied(Exception):
    """The token does not open this cluster. `hint` is what the client may be told beyond that.

    The exception's own text is for our log. Neither holds any part of the token.
    """

    def __init__(self, reason: str, *, hint: str | None = None) -> None:
        super().__init__(reason)
        self.hint = hint


@dataclass(frozen=True, slots=True)
class TokenChecker:
    """Checks tokens for a cluster that listens on `port` and signs with this key pair."""

    port: int
    access_key_id: str
    secret_access_key: str = field(repr=False)

    def check(
        self, token: str, role: str, now: datetime, *, longest: timedelta = _LONGEST_LIFE
    ) -> None:
        """Return if `token` lets `role` in at the moment `now` (UTC); else raise AccessDenied.

        A token lives as long as it says itself, but not over `longest`.
        Every character counts: a token must be in the one form that signing gives, apart from
        the order of its parameters.
        """
        host, separator, query = token.partition("/?")
        if not separator or not self._is_ours(host):
            raise AccessDenied("the token is not for this host")
        parameters = _parameters(query)
        action = "DbConnectAdmin" if role == ADMIN else "DbConnect"
        if parameters["Action"] != action:
            raise AccessDenied(
                f"the token is not for {action}",
                hint=f"Wrong user to action mapping. user: {role}, action: {parameters['Action']}",
            )
        signed_at, life = _validity(parameters)
        own_end = signed_at + life
        life = min(life, longest)
        scope = scope_of(signed_at, LOCAL_REGION)
        if parameters["X-Amz-Credential"] != f"{self.access_key_id}/{scope}":
            raise AccessDenied("the token is signed with another key, or for another region")
        if (
            parameters["X-Amz-Algorithm"] != ALGORITHM
            or parameters["X-Amz-SignedHeaders"] != SIGNED_HEADERS
        ):
            raise AccessDenied("the token is not signed as DSQL's tokens are")
        told = parameters.pop("X-Amz-Signature")
        ours = signature(host, parameters, scope, self.secret_access_key)
        if not hmac.compare_digest(ours.encode(), told.encode()):
            raise AccessDenied("the token's signature is wrong")
        if signed_at > now + _CLOCK_SKEW:
            raise AccessDenied("the token is signed in the future")
        if now >= signed_at + life:
            expiry, current = (f"{moment:{TIME_FORMAT}}" for moment in (signed_at + life, now))
            raise AccessDenied(
                "the token has expired",
                hint=f"Signature expired: {expiry} is now earlier than {current}"
                + ("" if now >= own_end else f", on purpose, as a fault is on: {FAULTS_OFF}"),
            )

    def _is_ours(self, host: str) -> bool:
        name = host.removesuffix(f":{self.port}")
        return name in LOCAL_HOSTS or (
            name[:1] == "[" and name[1:-1] in LOCAL_HOSTS and name[-1] == "]"
        )


def _parameters(query: str) -> dict[str, str]:
    """The parameters by name: each once, none missing, none unknown, all canonically encoded."""
    parameters: dict[str, str] = {}
    for pair in query.split("&"):
        name, _, encoded = pair.partition("=")
        value = unquote(encoded, errors="replace")
        if pair != f"{name}={quote(value, safe='')}" or name in parameters:
            raise AccessDenied("the token is not in canonical form")
        parameters[name] = value
    if parameters.keys() != _PARAMETERS:
        raise AccessDenied("the token does not have the parameters of DSQL's tokens")
    return parameters


def _validity(parameters: dict[str, str]) -> tuple[datetime, timedelta]:
    date, expires = parameters["X-Amz-Date"], parameters["X-Amz-Expires"]
    if not re.fullmatch(r"[0-9]{8}T[0-9]{6}Z", date, re.ASCII):
        raise AccessDenied("the token's date is malformed")
    if not re.fullmatch(r"[1-9][0-9]*", expires, re.ASCII):
        raise AccessDenied("the token's life is not a number of seconds")
    if len(expires) > len(str(MAX_TOKEN_LIFE_S)) or int(expires) > MAX_TOKEN_LIFE_S:
        raise AccessDenied(
            "the token's life is over one week",
            hint="X-Amz-Expires must be less than a week (in seconds)",
        )
    try:
        signed_at = datetime.strptime(date, TIME_FORMAT).replace(tzinfo=UTC)
    except ValueError as error:
        raise AccessDenied("the token's date is not one") from error
    return signed_at, timedelta(seconds=int(expires))
