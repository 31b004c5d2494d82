"""What a failed connection attempt means, read from the text that libpq and the server give.

DSQL refuses at start-up with words that libpq passes on without a SQLSTATE, so the words are
what there is to go by. They are AWS's, from the User Guide's troubleshooting and quotas pages.
"""

from dataclasses import dataclass

from dsqlkit.endpoint import Endpoint


@dataclass(frozen=True, slots=True)
class ConnectionFailure:
    """Why a connection could not be made. `passing`: it may work in a moment."""

    message: str
    hint: str
    passing: bool = False


@dataclass(frozen=True, slots=True)
class _Cause:
    words: tuple[str, ...]
    message: str
    hint: str
    passing: bool = False


# The first cause with one of its words in the text applies, so the more special come first.
_CAUSES = (
    _Cause(
        ("signature expired",),
        "{address} refused the token: it is stale.",
        "A fresh token is made for each connection, so this machine's clock is probably off: "
        "compare `date -u` with the real time.",
    ),
    _Cause(
        ("access denied", "iam authentication failed", "password authentication failed"),
        "{address} denied access to role {user}.",
        "Check the role (--user), the region, the AWS credentials, and that their policy allows "
        "{action} on this cluster.",
    ),
    _Cause(
        ("waking up cluster",),
        "{address} is waking up.",
        "Try again in a few seconds.",
        passing=True,
    ),
    _Cause(
        ("too many open connections", "too many clients", "too many connections"),
        "{address} has too many open connections.",
        "Close some, or try again later; a cluster takes 10,000.",
        passing=True,
    ),
    _Cause(
        ("rate exceeded",),
        "{address} gets new connections too fast.",
        "Use fewer threads, or try again in a moment; a cluster takes 100 a second.",
        passing=True,
    ),
    _Cause(
        ("sni was not received", "invalid sni"),
        "{address} could not tell which cluster is meant.",
        "Use the cluster's full name, <id>.dsql.<region>.on.aws, as the endpoint.",
    ),
    _Cause(
        ("certificate verify failed", "does not match host name", "self-signed certificate"),
        "The certificate of {address} is not one to trust for that name.",
        "Something else may be listening there. For the local cluster use --endpoint local; for "
        "AWS check the name, and SSL_CERT_FILE if it is set.",
    ),
    _Cause(
        (
            "could not translate host name",
            "failed to resolve host",
            "name or service not known",
            "nodename nor servname",
        ),
        "There is no host named {host}.",
        "Check the endpoint's spelling: <id>.dsql.<region>.on.aws, or `local`.",
    ),
    _Cause(
        ("connection refused",),
        "Nothing listens at {host}, port {port}.",
        "Check the host and the port; `dsqlkit local start` starts the local cluster.",
    ),
    _Cause(
        ("network is unreachable", "no route to host"),
        "The network does not reach {address}.",
        "Check the network; if only IPv6 fails, prefer IPv4 for this host.",
    ),
    _Cause(
        ("timeout expired", "timed out", "connection timeout"),
        "{address} did not answer in time.",
        "Check the host, the port, and any firewall between.",
    ),
    _Cause(
        (
            "unexpected eof",
            "eof detected",
            "reset by peer",
            "broken pipe",
            "server closed the connection",
        ),
        "{host}, port {port}, hung up before the sign-in was over.",
        "Try again; if it stays so, something else than a cluster may be listening there.",
    ),
    _Cause(
        ("does not support ssl", "ssl error", "tlsv1", "wrong version number"),
        "{host}, port {port}, does not speak TLS as a cluster does.",
        "Check the host and the port: something else may be listening there.",
    ),
)


def failure_of(text: str, endpoint: Endpoint) -> ConnectionFailure:
    """Tell the cause of a failed attempt from the driver's error text."""
    names = {
        "address": endpoint.address,
        "host": endpoint.host,
        "port": endpoint.port,
        "user": endpoint.user,
        "action": "dsql:DbConnectAdmin" if endpoint.is_admin else "dsql:DbConnect",
    }
    # Who set a variable long ago may not think of it now.
    given = endpoint.host_source in {"--endpoint", "default"}
    source = "" if given else f" The endpoint was read from {endpoint.host_source}."
    lowered = text.lower()
    for cause in _CAUSES:
        if any(words in lowered for words in cause.words):
            return ConnectionFailure(
                cause.message.format(**names), cause.hint.format(**names) + source, cause.passing
            )
    last_line = next((line for line in reversed(text.splitlines()) if line.strip()), "no reason")
    return ConnectionFailure(
        f"No connection to {endpoint.address}: {last_line.strip()}.",
        "Check the endpoint with `dsqlkit connect -v`." + source,
    )
