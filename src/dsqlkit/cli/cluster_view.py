"""Clusters of an account as a person sees them, and as the commands that come next name them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from dsqlkit.cli.options import AccountOptions
from dsqlkit.cli.output import Output, table_of

if TYPE_CHECKING:
    from dsqlkit.aws.clusters import Cluster
    from dsqlkit.aws.control_plane import ControlPlane
    from dsqlkit.cli.uncut import ResultTable


def show(output: Output, cluster: "Cluster") -> None:
    """Print one cluster."""

    def for_people() -> str:
        created = cluster.fields.get("creationTime")
        rows = {
            "Cluster": cluster.id,
            "Status": cluster.status,
            "Endpoint": cluster.endpoint,
            "ARN": cluster.fields["arn"],
            "Created": f"{created:%Y-%m-%d %H:%M:%S} {created:%Z}" if created else "",
            "Deletion protection": "on" if cluster.is_protected else "off",
            "Tags": ", ".join(f"{key}={value}" for key, value in cluster.tags.items()),
        }
        return table_of({label: value for label, value in rows.items() if value})

    output.result(dict(cluster.fields), for_people)


def list_of(found: "Sequence[Cluster]", region: str) -> "str | ResultTable":
    """All clusters of a region."""
    if not found:
        return f"No clusters in {region}."
    from dsqlkit.cli.uncut import ResultTable

    table = ResultTable()
    table.column("Name")
    # An endpoint that is cut cannot be copied.
    for column, part in (("Status", "status"), ("Endpoint", "endpoint")):
        longest = max(len(getattr(cluster, part)) for cluster in found)
        table.column(column, min_width=max(longest, len(column)))
    for cluster in found:
        table.add_row(cluster.tags.get("Name", ""), cluster.status, cluster.endpoint)
    return table


def how_to_go_on(options: AccountOptions, plane: "ControlPlane", cluster: "Cluster") -> str:
    """The commands that go on with a cluster that was made and not waited for."""
    name = named(options, plane, cluster)
    return (
        f"`dsqlkit cluster status {name} --wait` goes on waiting, "
        f"`dsqlkit cluster delete {name}` removes it."
    )


def named(options: AccountOptions, plane: "ControlPlane", cluster: "Cluster") -> str:
    """The cluster as a later command must name it."""
    profile = f" --profile {options.profile}" if options.profile else ""
    return f"{cluster.id} --region {plane.region}{profile}"


def how_to_connect(options: AccountOptions, cluster: "Cluster") -> str:
    """The command that connects to it."""
    profile = f" --profile {options.profile}" if options.profile else ""
    return f"dsqlkit connect --endpoint {cluster.endpoint}{profile}"
