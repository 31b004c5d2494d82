"""Tokens: the signed passwords of DSQL.

A token is a SigV4 pre-signed URL for `Action=DbConnectAdmin` (role admin) or `Action=DbConnect`
(any other role) with its `https://` cut off. It is made here, without a network call, and is
looked at by the server only while a connection is being made.
"""

import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from dsqlkit.credential_chain import ChainFailed, asked
from dsqlkit.deciding_variables import with_what_decided
from dsqlkit.endpoint import Endpoint
from dsqlkit.errors import ConnectionFailed, UsageError
from dsqlkit.quotas import MAX_TOKEN_LIFE_S
from dsqlkit.sigv4 import presigned

if TYPE_CHECKING:
    from botocore.credentials import Credentials, ReadOnlyCredentials

DEFAULT_LIFE_S: Final = 900

_SERVICE = "dsql"
_FIXED = "env"
"""How botocore calls credentials that nothing need be asked for again."""


@dataclass(frozen=True, slots=True)
class Token:
    """A password for one role on one cluster, with the moment (UTC) when it stops being one."""

    value: str = field(repr=False)
    expires_at: datetime


class TokenSigner:
    """Signs tokens for one endpoint. Keep one: the first token looks up credentials, the rest
    take a fraction of a millisecond. Safe to share between threads.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._credentials: Credentials | None = None
        # Several threads that look up instance credentials at once fail some of the look-ups.
        self._first_use = threading.Lock()

    def token(self, life_s: int = DEFAULT_LIFE_S) -> Token:
        """Sign a fresh token that lives `life_s` seconds.

        Raises UsageError when `life_s` is not within 1 to 604,800, and ConnectionFailed when there
        are no usable AWS credentials.
        """
        check_life(life_s)
        endpoint = self._endpoint
        action = "DbConnectAdmin" if endpoint.is_admin else "DbConnect"
        host = f"[{endpoint.host}]" if ":" in endpoint.host else endpoint.host
        if endpoint.credentials is not None:
            now = datetime.now(UTC)
            value = presigned(
                host,
                endpoint.region,
                action,
                access_key_id=endpoint.credentials.access_key_id,
                secret_access_key=endpoint.credentials.secret_access_key,
                signed_at=now,
                life_s=life_s,
            )
            return Token(value, now + timedelta(seconds=life_s))
        from botocore.auth import SigV4QueryAuth
        from botocore.awsrequest import AWSRequest

        request = AWSRequest(method="GET", url=f"https://{host}/?Action={action}")
        keys = self._frozen()
        now = datetime.now(UTC)
        try:
            SigV4QueryAuth(keys, _SERVICE, endpoint.region, expires=life_s).add_auth(request)
        except UnicodeEncodeError as error:
            raise _no_credentials("a key of theirs is not UTF-8 text", endpoint) from error
        value = str(request.url).removeprefix("https://")
        return Token(value, now + timedelta(seconds=life_s))

    def _frozen(self) -> "ReadOnlyCredentials":
        # Frozen, so that a refresh in another thread cannot mix two key pairs.
        if self._credentials is not None and self._credentials.method == _FIXED:
            return self._credentials.get_frozen_credentials()
        try:
            return asked(lambda: self._lookup().get_frozen_credentials())
        except ChainFailed as failed:
            raise _no_credentials(str(failed), self._endpoint) from failed

    def _lookup(self) -> "Credentials":
        with self._first_use:
            if self._credentials is None:
                self._credentials = _find_credentials(self._endpoint)
            return self._credentials


def check_life(life_s: int) -> None:
    """Raise UsageError unless a token can live that many seconds: 1 to 604,800, a week."""
    if not 1 <= life_s <= MAX_TOKEN_LIFE_S:
        raise UsageError(
            f"A token cannot live {life_s} seconds.",
            hint=f"Choose from 1 to {MAX_TOKEN_LIFE_S} seconds (one week).",
        )


def _find_credentials(endpoint: Endpoint) -> "Credentials":
    from botocore.credentials import EnvProvider

    if endpoint.profile is None and (found := EnvProvider().load()) is not None:
        # First in the chain anyway, and reading the whole chain's code takes longer than signing.
        return found

    from botocore.session import Session

    found = Session(profile=endpoint.profile).get_credentials()
    if found is None:
        raise _no_credentials("no credentials were found", endpoint)
    return found


def _no_credentials(why: str, endpoint: Endpoint) -> ConnectionFailed:
    hint = (
        "Run `aws configure` or `aws sso login`, set AWS_PROFILE, or give `profile`; "
        "or use the local cluster with `endpoint=local`."
    )
    return ConnectionFailed(
        f"No AWS credentials to sign a token with: {why}.",
        hint=with_what_decided(hint, endpoint),
    )
