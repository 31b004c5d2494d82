"""`cluster create`, `list`, `status`, `delete`: clusters in an AWS account (chapter 2)."""

import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from dsqlkit import interruption
from dsqlkit.cli.options import AccountOptions
from dsqlkit.cli.output import Output
from dsqlkit.errors import (
    ConnectionFailed,
    DsqlkitError,
    Interrupted,
    OutcomeUnknown,
    UsageError,
)

if TYPE_CHECKING:
    from dsqlkit.aws.cluster_input import ClusterName
    from dsqlkit.aws.clusters import Cluster
    from dsqlkit.aws.control_plane import ControlPlane

Name = Annotated[str, typer.Argument(metavar="CLUSTER", help="Its id, endpoint or ARN.")]
Timeout = Annotated[float, typer.Option(metavar="SECONDS", help="The longest wait, up to an hour.")]


def create(
    options: AccountOptions,
    tag: Annotated[
        list[str] | None, typer.Option(metavar="KEY=VALUE", help="A tag; may be repeated.")
    ] = None,
    deletion_protection: Annotated[
        bool, typer.Option("--deletion-protection", help="Refuse to delete it until switched off.")
    ] = False,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Wait until it is ACTIVE.")] = True,
    timeout: Timeout = 300.0,
    client_token: Annotated[
        str | None,
        typer.Option(metavar="TOKEN", help="Two creations with one token make one cluster."),
    ] = None,
) -> None:
    """Make a cluster, and wait until it is ACTIVE.

    It costs by use: nothing while nobody uses it, but for what it stores.

    \b
    dsqlkit cluster create --tag Name=workshop
    dsqlkit cluster create --region eu-west-1 --deletion-protection --no-wait
    """
    from dsqlkit.aws import cluster_input, clusters
    from dsqlkit.cli import cluster_view

    tags = cluster_input.parse_tags(tag or [])
    _check_timeout(timeout)
    token = clusters.new_client_token() if client_token is None else client_token
    cluster_input.check_client_token(token)
    output = Output(options)
    plane = _plane(options)
    with _retriable(token):
        cluster = clusters.create(
            plane, client_token=token, tags=tags, deletion_protection=deletion_protection
        )
        # From here on there is a cluster to be named.
        interruption.hold_on()
    if wait and not cluster.is_ready:
        what, then = (
            f"Cluster {cluster.id} was created.",
            cluster_view.how_to_go_on(options, plane, cluster),
        )
        with _left_behind(what, then):
            output.notice(f"Cluster {cluster.id} is {cluster.status}; waiting for ACTIVE ...")
            cluster = _waited_for(output, plane, cluster, timeout)
    cluster_view.show(output, cluster)
    if cluster.is_ready:
        output.next_step(cluster_view.how_to_connect(options, cluster))
    else:
        output.next_step(
            f"dsqlkit cluster status {cluster_view.named(options, plane, cluster)} --wait"
        )


def list_(options: AccountOptions) -> None:
    """List the account's clusters in a region.

    \b
    dsqlkit cluster list --region us-east-1
    """
    from dsqlkit.aws import clusters
    from dsqlkit.cli import cluster_view

    output = Output(options)
    plane = _plane(options)
    found = clusters.find_all(plane)

    output.result(
        {"clusters": [dict(cluster.fields) for cluster in found]},
        lambda: cluster_view.list_of(found, plane.region),
    )
    if not found:
        output.next_step(f"dsqlkit cluster create --region {plane.region}")


def status(
    options: AccountOptions,
    cluster: Name,
    wait: Annotated[
        bool, typer.Option("--wait/--no-wait", help="Wait until it is ACTIVE.")
    ] = False,
    timeout: Timeout = 300.0,
) -> None:
    """Say how a cluster is, and where.

    \b
    dsqlkit cluster status <id>
    dsqlkit cluster status <id>.dsql.<region>.on.aws --wait
    """
    from dsqlkit.aws import cluster_input, clusters
    from dsqlkit.cli import cluster_view

    name = cluster_input.parse_name(cluster)
    _check_timeout(timeout)
    output = Output(options)
    plane = _plane(options, name)
    found = clusters.get(plane, name.id)
    if wait and not found.is_ready:
        found = _waited_for(output, plane, found, timeout)
    cluster_view.show(output, found)
    if found.is_ready:
        output.next_step(cluster_view.how_to_connect(options, found))


def delete(
    options: AccountOptions,
    cluster: Name,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Wait until it is gone.")] = False,
    timeout: Timeout = 300.0,
) -> None:
    """Delete a cluster with all its data, after asking.

    A cluster that is protected against deletion is not deleted, --yes or not.

    \b
    dsqlkit cluster delete <id>
    dsqlkit cluster delete <id> --yes --wait
    """
    from dsqlkit.aws import cluster_input, clusters

    name = cluster_input.parse_name(cluster)
    _check_timeout(timeout)
    output = Output(options)
    plane = _plane(options, name)
    found = clusters.get(plane, name.id)
    if found.is_protected:
        raise clusters.protected(plane, found.id)
    tag = found.tags.get("Name")
    called = f"{found.id} ({tag})" if tag else found.id
    output.confirm(
        f"Cluster {called} in {plane.region}, {found.status}, would be deleted with all its data.",
        yes=yes,
    )
    deleted = clusters.delete(plane, found.id)
    document = dict(deleted.fields)
    if wait:
        with (
            _left_behind(f"Cluster {deleted.id} is being deleted all the same.", None),
            _progress(output, deleted.id) as on_status,
        ):
            output.notice(f"Cluster {deleted.id} is {deleted.status}; waiting until it is gone ...")
            clusters.wait_until_gone(plane, deleted.id, limit_s=timeout, on_status=on_status)
        document["status"] = "DELETED"
    output.result(document, lambda: f"Cluster {deleted.id} is {document['status']}.")


COMMANDS: Final[tuple[tuple[str, Callable[..., Any]], ...]] = (
    ("create", create),
    ("list", list_),
    ("status", status),
    ("delete", delete),
)


def _plane(options: AccountOptions, name: "ClusterName | None" = None) -> "ControlPlane":
    from dsqlkit.aws.control_plane import open_control_plane

    in_name = name.region if name else None
    if options.region and in_name and options.region != in_name:
        raise UsageError(
            f"The cluster's name says region {in_name}, and --region says {options.region}.",
            hint="Leave --region out.",
        )
    return open_control_plane(options.region or in_name, profile=options.profile)


def _check_timeout(timeout: float) -> None:
    if not 0 < timeout <= 3600:
        raise UsageError("The timeout must be more than 0 and at most 3600 seconds.")


def _waited_for(
    output: Output, plane: "ControlPlane", cluster: "Cluster", timeout: float
) -> "Cluster":
    from dsqlkit.aws import clusters

    with _progress(output, cluster.id) as on_status:
        return clusters.wait_until_ready(plane, cluster.id, limit_s=timeout, on_status=on_status)


@contextmanager
def _progress(output: Output, id: str) -> Generator[Callable[["Cluster"], None], None, None]:
    """On a terminal, a line with the status and the time so far."""
    started = time.monotonic()
    with output.status(f"Cluster {id} ...") as say:
        yield lambda cluster: say(
            f"Cluster {id} is {cluster.status} ({time.monotonic() - started:.0f} s)"
        )


@contextmanager
def _retriable(token: str) -> Generator[None, None, None]:
    """Where a creation may have happened unseen, say how to repeat it without a second cluster."""
    again = f"Repeat it with --client-token {token}: that makes no second cluster."
    try:
        yield
    except (OutcomeUnknown, ConnectionFailed) as error:
        error.hint = f"{error.hint} {again}"
        raise
    except KeyboardInterrupt as error:
        raise Interrupted(
            "Interrupted. The cluster may have been created all the same.", hint=again
        ) from error


@contextmanager
def _left_behind(what: str, next_command: str | None) -> Generator[None, None, None]:
    """However a wait ends, say what stays and how to go on."""
    try:
        interruption.checkpoint()
        yield
    except DsqlkitError as error:
        error.message = f"{what} {error.message}"
        raise
    except KeyboardInterrupt as error:
        raise Interrupted(f"Interrupted. {what}", hint=next_command) from error
