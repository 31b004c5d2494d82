"""The local cluster as a person sees it, and as JSON: what it is, and what its sessions do."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from dsqlkit.cli.output import Output, label_of, table_of
from dsqlkit.cli.switched_on import names_of

if TYPE_CHECKING:
    from dsqlkit.local import LocalStatus, SessionStatus

_NOBODY: Final = "Nobody is connected."


def document_of(status: "LocalStatus") -> dict[str, Any]:
    """The cluster as JSON."""
    return asdict(status) | {"faults": status.faults.on}


def show(
    output: Output, status: "LocalStatus", sessions: "tuple[SessionStatus, ...] | None" = None
) -> None:
    """Print the cluster as it is, and what its sessions do where that was asked for."""
    document = document_of(status)
    shown = document | {"faults": names_of(status.faults) or "none"}
    if sessions is not None:
        document["sessions"] = [asdict(each) for each in sessions]

    def for_people() -> str:
        table = table_of(
            {label_of(name): _word(value) for name, value in shown.items() if value is not None}
        )
        if sessions is None:
            return table
        return "\n\n".join([table, *(map(_session_lines, sessions) if sessions else [_NOBODY])])

    output.result(document, for_people)


def _session_lines(found: "SessionStatus") -> str:
    """What a session is doing, in a few lines."""
    lock, _, holder = (found.waiting_for or "").partition(", held by ")
    under_way = f" for {found.for_s} s" if found.for_s else ""
    lines = {
        f"Session {found.session}": f"{found.role}, connected {found.connected_at}",
        "  Transaction": f"{found.phase}, since {found.since}",
        "  Lost": found.lost,
        "  Doing": found.doing + under_way,
        "  Waiting for": lock,
        "  Held by": holder,
    }
    return table_of({name: line for name, line in lines.items() if line})


def _word(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)
