"""Clusters: making, listing, looking at, deleting, and waiting for them (chapter 2).

Statuses and shapes are those of botocore's service model for DSQL.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import uuid4

from dsqlkit import interruption
from dsqlkit.aws.api_errors import ClusterNotFound, ServiceFailed, Throttled, explained
from dsqlkit.aws.control_plane import ControlPlane
from dsqlkit.errors import DsqlkitError

WAIT_LIMIT_S: Final = 300.0
"""One cluster was seen to take 32 s to make and 2 min to delete (an experiment guide, E011)."""

READY: Final = frozenset({"ACTIVE", "IDLE", "INACTIVE"})
"""Takes connections: an idle or inactive one wakes up at the first (AWS User Guide)."""

_NEVER_READY: Final = frozenset({"FAILED", "DELETING", "DELETED", "PENDING_DELETE"})
_FIRST_PAUSE_S: Final = 0.5
_LONGEST_PAUSE_S: Final = 2.0


class DeletionProtected(DsqlkitError):
    """The cluster is protected against deletion."""

    code = "deletion_protection"


class ClusterNotReady(DsqlkitError):
    """A wait ended without what was waited for: its limit passed, or the cluster failed."""

    code = "cluster_not_ready"


@dataclass(frozen=True, slots=True)
class Cluster:
    """A cluster as the API last described it. `fields` are the API's, with its names."""

    id: str
    status: str
    endpoint: str
    fields: Mapping[str, Any]

    @property
    def is_ready(self) -> bool:
        """Whether it takes connections, if only by waking up."""
        return self.status in READY

    @property
    def is_protected(self) -> bool:
        return bool(self.fields.get("deletionProtectionEnabled"))

    @property
    def tags(self) -> Mapping[str, str]:
        return self.fields.get("tags") or {}


OnStatus = Callable[[Cluster], None]


def new_client_token() -> str:
    """What tells one creation from another: two calls with one token make one cluster."""
    return str(uuid4())


def create(
    plane: ControlPlane,
    *,
    client_token: str,
    tags: Mapping[str, str] | None = None,
    deletion_protection: bool = False,
) -> Cluster:
    """Start making a cluster; it is answered as CREATING. The same token makes no second one.

    Raises what `api_errors.explained` raises. After OutcomeUnknown and ConnectionFailed a call
    with the same token settles it.
    """
    with explained("CreateCluster", plane.region):
        answer = plane.client.create_cluster(
            deletionProtectionEnabled=deletion_protection,
            tags=dict(tags or {}),
            clientToken=client_token,
        )
    return _cluster({"tags": dict(tags or {}), **answer}, plane.region)


def get(plane: ControlPlane, id: str) -> Cluster:
    """One cluster. Raises ClusterNotFound, and what `api_errors.explained` raises."""
    with explained("GetCluster", plane.region):
        answer = plane.client.get_cluster(identifier=id)
    return _cluster(answer, plane.region)


def find_all(plane: ControlPlane) -> tuple[Cluster, ...]:
    """Every cluster of the account in the region, in the API's order.

    The API lists ids alone, so each cluster is a call more; one that is deleted meanwhile is left
    out. Raises what `api_errors.explained` raises.
    """
    with explained("ListClusters", plane.region):
        pages = plane.client.get_paginator("list_clusters").paginate()
        ids = [summary["identifier"] for page in pages for summary in page["clusters"]]
    found = []
    for each in ids:
        try:
            found.append(get(plane, each))
        except ClusterNotFound:
            continue
    return tuple(found)


def delete(plane: ControlPlane, id: str) -> Cluster:
    """Start deleting a cluster with all its data; it is answered as DELETING.

    Raises DeletionProtected, ClusterNotFound, and what `api_errors.explained` raises.
    """
    try:
        with explained("DeleteCluster", plane.region):
            answer = plane.client.delete_cluster(identifier=id)
    except DsqlkitError as error:
        # Which error of the API says so was not recorded; both that are modelled have words.
        if "deletion protection" in error.message.lower():
            raise protected(plane, id) from error
        raise
    return _cluster(answer, plane.region)


def protected(plane: ControlPlane, id: str) -> DeletionProtected:
    """The refusal to delete a protected cluster, with the way to switch the protection off."""
    return DeletionProtected(
        f"Cluster {id} is protected against deletion. Nothing was changed.",
        hint=f"Switch that off first: `aws dsql update-cluster --identifier {id} "
        f"--region {plane.region} --no-deletion-protection-enabled`.",
    )


def wait_until_ready(
    plane: ControlPlane, id: str, *, limit_s: float = WAIT_LIMIT_S, on_status: OnStatus
) -> Cluster:
    """Wait until the cluster takes connections, at most `limit_s` seconds.

    `on_status` is called with each answer. Raises ClusterNotReady when the limit passes or the
    cluster fails or is being deleted, ClusterNotFound, and what `api_errors.explained` raises.
    """
    deadline = time.monotonic() + limit_s
    for cluster in _watched(plane, id, deadline):
        if cluster is None:
            continue
        on_status(cluster)
        if cluster.is_ready:
            return cluster
        if cluster.status in _NEVER_READY:
            raise ClusterNotReady(
                f"Cluster {id} is {cluster.status}: it will not become ACTIVE.",
                hint=f"`dsqlkit cluster status {id} --region {plane.region}` shows it.",
            )
    raise ClusterNotReady(
        f"Cluster {id} was not ACTIVE after {limit_s:g} s.",
        hint=f"It goes on by itself: `dsqlkit cluster status {id} --region {plane.region} --wait`.",
    )


def wait_until_gone(
    plane: ControlPlane, id: str, *, limit_s: float = WAIT_LIMIT_S, on_status: OnStatus
) -> None:
    """Wait until a cluster that is being deleted is gone, at most `limit_s` seconds.

    Raises ClusterNotReady when the limit passes, and what `api_errors.explained` raises.
    """
    deadline = time.monotonic() + limit_s
    try:
        for cluster in _watched(plane, id, deadline):
            if cluster is not None:
                on_status(cluster)
                if cluster.status == "DELETED":
                    return
    except ClusterNotFound:
        return
    raise ClusterNotReady(
        f"Cluster {id} was still there after {limit_s:g} s.",
        hint=f"It goes on by itself: `dsqlkit cluster status {id} --region {plane.region}`.",
    )


def _watched(plane: ControlPlane, id: str, deadline: float) -> Iterator[Cluster | None]:
    """The cluster again and again until the deadline; None where AWS could not say for now."""
    pause_s = _FIRST_PAUSE_S
    while True:
        try:
            yield get(plane, id)
        except (Throttled, ServiceFailed):
            yield None
        if interruption.came():
            # It raised where nobody hears: what close() raises while an answer's objects are
            # finalized, the io module drops without a word.
            raise KeyboardInterrupt
        if time.monotonic() + pause_s > deadline:
            return
        time.sleep(pause_s)
        pause_s = min(pause_s * 1.5, _LONGEST_PAUSE_S)


def _cluster(answer: Mapping[str, Any], region: str) -> Cluster:
    fields = {name: value for name, value in answer.items() if name != "ResponseMetadata"}
    # Older answers of the API, and older botocores, lack it.
    fields["endpoint"] = fields.get("endpoint") or f"{fields['identifier']}.dsql.{region}.on.aws"
    return Cluster(fields["identifier"], fields["status"], fields["endpoint"], fields)
