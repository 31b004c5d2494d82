"""`role create`: a database role of the least privilege (chapter 3)."""

import shlex
from collections.abc import Callable
from typing import Annotated, Any, Final

import typer

from dsqlkit.cli.endpoint import endpoint_of
from dsqlkit.cli.options import DatabaseOptions
from dsqlkit.cli.output import Output
from dsqlkit.errors import UsageError


def create(
    options: DatabaseOptions,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The role's name.")],
    arn: Annotated[
        str, typer.Option(metavar="ARN", help="The IAM role or user that may sign in as it.")
    ],
) -> None:
    """Make a database role for an IAM role, with the workshop's tables.

    It may read the tables and change balances, and nothing else. What is there already stays, so
    this can be run again when tables were made since.

    \b
    dsqlkit role create teller --arn arn:aws:iam::123456789012:role/teller
    dsqlkit transfer --user teller --payer 1 --payee 2 --amount 10
    """
    from dsqlkit import roles
    from dsqlkit.connection import KeptConnection

    roles.check_name(name)
    roles.check_arn(arn)
    output = Output(options)
    endpoint = endpoint_of(options, output)
    if not endpoint.is_admin:
        raise UsageError(
            f"Only admin may make roles, and {endpoint.user_source} says {endpoint.user}.",
            hint="Give --user admin.",
        )
    with KeptConnection(endpoint) as connections:
        created = roles.create(connections, name, arn, on_done=output.notice)
    if created.existed:
        missing = "what was missing was added" if created.done else "nothing was missing"
        output.notice(f"Role {name} was there already; {missing}.")
    document = {
        "role": created.role,
        "arn": created.arn,
        "grants": [
            {"table": grant.table, "privileges": grant.privileges} for grant in created.grants
        ],
    }

    def for_people() -> str:
        lines = [f"Role {created.role} signs in as {created.arn}."]
        lines += [
            f"It may {' and '.join(grant.privileges)} on {grant.table}." for grant in created.grants
        ]
        if not created.grants:
            lines.append("No table of the workshop is there yet: run this again when one is.")
        return "\n".join(lines)

    output.result(document, for_people)
    where = "" if endpoint.is_local else f" --endpoint {endpoint.address}"
    output.next_step(f"dsqlkit connect --user {shlex.quote(name)}{where}")


COMMANDS: Final[tuple[tuple[str, Callable[..., Any]], ...]] = (("create", create),)
