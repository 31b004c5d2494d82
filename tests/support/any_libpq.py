"""Connection parameters for programs with a libpq of their own, which may be older than ours."""

from typing import Any

from dsqlkit.connection import parameters
from dsqlkit.endpoint import Endpoint
from dsqlkit.token import TokenSigner

_KNOWN_TO_ALL = ("host", "port", "dbname", "user", "password", "sslmode", "sslrootcert")


def parameters_for_any_libpq(endpoint: Endpoint, signer: TokenSigner) -> dict[str, Any]:
    ours = parameters(endpoint, signer)
    return {name: ours[name] for name in _KNOWN_TO_ALL}
