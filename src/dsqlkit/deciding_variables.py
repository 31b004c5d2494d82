"""Which variables decided where a connection goes and as whom, in sentences for its errors.

Who set a variable long ago does not think of it when a command fails.
"""

import os
from collections.abc import Iterator, Mapping

from dsqlkit import libpq
from dsqlkit.cluster_names import REGION_VARIABLES
from dsqlkit.endpoint import Endpoint

_HOST_VARIABLES = ("CLUSTER_ENDPOINT", "PGHOST")
_PROFILE_VARIABLES = ("AWS_PROFILE", "AWS_DEFAULT_PROFILE")


def what_decided(endpoint: Endpoint, environ: Mapping[str, str] = os.environ) -> str:
    """What variables decided for this endpoint, and how to overrule them; empty if none did."""
    return " ".join([*_about_the_cluster(endpoint, environ), *_about_the_keys(endpoint, environ)])


def with_what_decided(
    hint: str, endpoint: Endpoint, environ: Mapping[str, str] = os.environ
) -> str:
    """A hint, and on a line of its own what variables decided."""
    return "\n".join(filter(None, (hint, what_decided(endpoint, environ))))


def _about_the_cluster(endpoint: Endpoint, environ: Mapping[str, str]) -> Iterator[str]:
    source = endpoint.host_source
    if source in _HOST_VARIABLES:
        verb = "names"
        if endpoint.port_source == "PGPORT":
            source, verb = f"{source} and PGPORT", "name"
        yield (
            f"{source} {verb} this cluster: `unset {endpoint.host_source}`, or give "
            "`endpoint=local` or another."
        )
    if address := libpq.route(endpoint, environ):
        yield f"PGHOSTADDR leads to {address} instead of the name's address: `unset PGHOSTADDR`."
    if endpoint.user_source == "PGUSER" and not endpoint.is_admin:
        yield f"PGUSER says role {endpoint.user}: `unset PGUSER`, or give `user=admin`."
    if endpoint.region_source in REGION_VARIABLES:
        yield (
            f"{endpoint.region_source} says region {endpoint.region}: give `region` if that is "
            "not the cluster's."
        )


def _about_the_keys(endpoint: Endpoint, environ: Mapping[str, str]) -> Iterator[str]:
    if endpoint.is_local or endpoint.profile is not None:
        return
    if environ.get("AWS_ACCESS_KEY_ID"):
        yield "The keys are those of AWS_ACCESS_KEY_ID: unset it, or give `profile`."
        return
    for name in _PROFILE_VARIABLES:
        if profile := environ.get(name):
            yield f"{name} says profile {profile}: `unset {name}`, or give `profile`."
            return
