"""Tokens as AWS's SDK signs them, right or wrong ones."""

from datetime import UTC, datetime, timedelta
from unittest.mock import patch

from botocore.auth import SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from dsqlkit.endpoint import Endpoint
from dsqlkit.token import Token, TokenSigner


def sign(
    key_id: str,
    secret: str,
    *,
    host: str = "localhost",
    action: str = "DbConnectAdmin",
    region: str = "us-east-1",
    service: str = "dsql",
    life_s: int = 900,
    session_token: str | None = None,
    signed_ago: timedelta = timedelta(0),
    now: datetime | None = None,
) -> str:
    request = AWSRequest(method="GET", url=f"https://{host}/?Action={action}")
    keys = Credentials(key_id, secret, session_token)
    then = (now or datetime.now(UTC)) - signed_ago
    with patch("botocore.auth.get_current_datetime", lambda **_: then.replace(tzinfo=None)):
        SigV4QueryAuth(keys, service, region, expires=life_s).add_auth(request)
    return str(request.url).removeprefix("https://")


class LateSigner(TokenSigner):
    """Signs for admin on a machine whose clock is behind by so much."""

    def __init__(self, endpoint: Endpoint, behind: timedelta) -> None:
        super().__init__(endpoint)
        assert endpoint.credentials is not None
        self._keys = endpoint.credentials
        self._host = endpoint.host
        self._behind = behind

    def token(self, life_s: int = 900) -> Token:
        value = sign(
            self._keys.access_key_id,
            self._keys.secret_access_key,
            host=self._host,
            life_s=life_s,
            signed_ago=self._behind,
        )
        return Token(value, datetime.now(UTC) - self._behind + timedelta(seconds=life_s))
