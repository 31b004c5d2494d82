"""What programs that know nothing of the local cluster need to trust it under an AWS name."""

import os
from collections.abc import Mapping
from pathlib import Path

import certifi

from dsqlkit.endpoint import LOCAL_AWS_NAME
from dsqlkit.local.port import ADDRESS
from dsqlkit.local.state import StateFolder
from dsqlkit.whole_file import write_whole

HOSTS_FILE = Path("/etc/hosts")


def trust_bundle(environ: Mapping[str, str] = os.environ) -> Path:
    """A file of root certificates (PEM): the public ones, and the local cluster's own.

    The public ones are those that SSL_CERT_FILE names, where it names any: a program that reads
    the bundle in place of that file loses none. The cluster must have been started once.

    Raises LocalClusterFailed when the file cannot be written.
    """
    state = StateFolder.default()
    bundle = state.root / "ca-bundle.pem"
    named = Path(environ.get("SSL_CERT_FILE") or certifi.where())
    public = named if named.is_file() and named != bundle else Path(certifi.where())
    with state.usable():
        parts = [file.read_text().strip() for file in (public, state.certificate_authority)]
        write_whole(bundle, "\n".join([*parts, ""]))
    return bundle


def missing_hosts_line(hosts: str) -> str | None:
    """The line that a hosts file of this text lacks for the AWS name, or None if it is there."""
    for line in hosts.splitlines():
        address, *names = line.partition("#")[0].split() or [""]
        if address == ADDRESS and LOCAL_AWS_NAME in names:
            return None
    return f"{ADDRESS} {LOCAL_AWS_NAME}"
