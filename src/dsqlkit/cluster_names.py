"""The shapes of what names a cluster, a region and a role: text that is looked at, and no more."""

import ipaddress
import re
from typing import Final

from dsqlkit.errors import UsageError

CLUSTER_ID: Final = re.compile(r"[a-z0-9]{26}")
"""A cluster's identifier (pattern ClusterId of botocore's service model)."""

# The rule of AWS's connector: the service, an optional suffix without a dot (PrivateLink), the
# region, and the domain at the end.
_REGION_IN_NAME = re.compile(r"\.dsql[^.]*\.(?P<region>[a-z0-9-]+)\.on\.aws$")
_REGION = re.compile(r"[a-z]{2,}(-[a-z0-9]+)+-[0-9]+")
_HOST_LABEL = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)")
REGION_VARIABLES: Final = ("AWS_REGION", "AWS_DEFAULT_REGION", "REGION")


def parse_host_port(text: str) -> tuple[str, int | None]:
    """Split HOST[:PORT] ([IPV6]:PORT too); the port is None where the text has none.

    Raises UsageError when the text is not a host name or an address.
    """
    host, separator, port = text, "", ""
    if "/" in text:
        raise _malformed(text)
    if text.startswith("["):
        host, closing, rest = text[1:].partition("]")
        separator, port = rest[:1], rest[1:]
        if not closing or ":" not in host or separator not in ("", ":"):
            raise _malformed(text)
    elif text.count(":") == 1:
        host, separator, port = text.partition(":")
    if separator and not (re.fullmatch(r"[0-9]{1,5}", port) and 1 <= int(port) <= 65535):
        raise UsageError(
            f"{text!r} has no usable port after the colon.",
            hint="Write HOST or HOST:PORT, with a port from 1 to 65535.",
        )
    if not _is_host(host):
        raise _malformed(text)
    return host.lower(), int(port) if separator else None


def region_of(host: str) -> str | None:
    """The region in a cluster's name, `<id>.dsql.<region>.on.aws`, or None."""
    found = _REGION_IN_NAME.search(host)
    return found["region"] if found else None


def _is_host(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        labels = host.removesuffix(".").split(".")
        numeric = all(label.isdigit() for label in labels)
        return len(host) <= 253 and not numeric and all(map(_HOST_LABEL.fullmatch, labels))
    return True


def _malformed(text: str) -> UsageError:
    if text.startswith("/"):
        hint = "A socket folder cannot be used: a cluster is reached over TLS, by its name."
    else:
        hint = "Write HOST or HOST:PORT, without https:// and without a path; or `local`."
    return UsageError(f"{text!r} is not an endpoint.", hint=hint)


def check_region(region: str, source: str) -> None:
    """Raises UsageError unless the text is shaped as a region; `source` says where it is from."""
    if not _REGION.fullmatch(region):
        other = f" `unset {source}`, or give `region`." if source in REGION_VARIABLES else ""
        raise UsageError(
            f"{source} is {region!r}, which is not a region.",
            hint=f"One looks like us-east-1.{other}",
        )


def check_role(role: str, source: str) -> None:
    """Raises UsageError unless the text can be a role's name; `source` says where it is from."""
    if not role or len(role.encode(errors="replace")) > 63 or not role.isprintable():
        other = f" `unset {source}`, or give `user=admin`." if source == "PGUSER" else ""
        raise UsageError(
            f"{source} is {role!r}, which is not a role's name.",
            hint=f"Use admin, or a role of up to 63 bytes.{other}",
        )
