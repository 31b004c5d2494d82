"""Tokens as AWS's SDK signs them, right or wrong ones."""

from datetime import UTC, datetime, timedelta
from unittest.mock import patch

from botocore.auth import SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials


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
