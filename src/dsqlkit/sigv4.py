"""The signature that makes a token of a URL, for a key pair that is at hand.

SigV4 for a pre-signed GET (AWS, "Authenticating Requests: Using Query Parameters") with the
parameters that DSQL's tokens have. The local cluster checks tokens with it, and its clients sign
theirs: loading AWS's SDK for that would take longer than all that most commands do. Tokens for a
cluster on AWS are signed by the SDK itself. Pure: no clock, no I/O.
"""

import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime
from typing import Final
from urllib.parse import quote

ALGORITHM: Final = "AWS4-HMAC-SHA256"
SIGNED_HEADERS: Final = "host"
TIME_FORMAT: Final = "%Y%m%dT%H%M%SZ"

_SHA256_OF_NOTHING: Final = hashlib.sha256().hexdigest()


def presigned(
    host: str,
    region: str,
    action: str,
    *,
    access_key_id: str,
    secret_access_key: str,
    signed_at: datetime,
    life_s: int,
) -> str:
    """A token for a host, in brackets if it is an IPv6 address, signed at a moment in UTC."""
    scope = scope_of(signed_at, region)
    parameters = {
        "Action": action,
        "X-Amz-Algorithm": ALGORITHM,
        "X-Amz-Credential": f"{access_key_id}/{scope}",
        "X-Amz-Date": f"{signed_at:{TIME_FORMAT}}",
        "X-Amz-Expires": str(life_s),
        "X-Amz-SignedHeaders": SIGNED_HEADERS,
    }
    signed = signature(host.lower(), parameters, scope, secret_access_key)
    return f"{host}/?{_query(parameters)}&X-Amz-Signature={signed}"


def scope_of(signed_at: datetime, region: str) -> str:
    """What a signature is good for: a day, a region, and DSQL."""
    return f"{signed_at:%Y%m%d}/{region}/dsql/aws4_request"


def signature(host: str, parameters: Mapping[str, str], scope: str, secret_access_key: str) -> str:
    """The signature of a token with all these parameters but itself."""
    request = f"GET\n/\n{_query(parameters)}\nhost:{host}\n\nhost\n{_SHA256_OF_NOTHING}"
    digest = hashlib.sha256(request.encode()).hexdigest()
    to_sign = f"{ALGORITHM}\n{parameters['X-Amz-Date']}\n{scope}\n{digest}"
    key = f"AWS4{secret_access_key}".encode()
    for part in scope.split("/"):
        key = _hmac(key, part)
    return _hmac(key, to_sign).hex()


def _query(parameters: Mapping[str, str]) -> str:
    return "&".join(f"{name}={quote(value, safe='')}" for name, value in sorted(parameters.items()))


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.digest(key, text.encode(), "sha256")
