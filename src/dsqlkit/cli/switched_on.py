"""Faults of the local cluster that are switched on, named wherever they may show in a command.

Who switched one on an hour ago takes what it does for what the cluster, or the tool, does.
"""

from typing import TYPE_CHECKING

from dsqlkit.errors import FAULTS_OFF, ConnectionFailed, DsqlkitError, OutcomeUnknown

if TYPE_CHECKING:
    from dsqlkit.endpoint import Endpoint
    from dsqlkit.local import Faults


def names_of(faults: "Faults") -> str:
    """Those that are on, with their values; empty if none is."""
    return ", ".join(f"{name.replace('_', '-')} {value:g}" for name, value in faults.on.items())


class SwitchedOn:
    """Remembers whether the command that runs is on the local cluster."""

    def __init__(self) -> None:
        self._is_local = False

    def begin(self, endpoint: "Endpoint | None" = None) -> None:
        """A command begins, or has found out on which cluster."""
        self._is_local = endpoint is not None and endpoint.is_local

    def notice(self) -> str | None:
        """What to say before the work begins, or None."""
        on = self._on()
        return on and f"Faults are on: {on}. `dsqlkit local set --none` switches them off."

    def name_in(self, error: DsqlkitError) -> None:
        """Name them in the hint of an error that they may have made without saying so."""
        if isinstance(error, ConnectionFailed | OutcomeUnknown) and (on := self._on()):
            hint = error.hint or ""
            if FAULTS_OFF not in hint:
                named = f"The local cluster has faults on ({on}), which may have made this: "
                end = "`dsqlkit local set --none` switches them off."
                error.hint = f"{hint}\n{named}{end}".strip()

    def _on(self) -> str | None:
        if not self._is_local:
            return None
        from dsqlkit import local

        try:
            return names_of(local.status().faults) or None
        except DsqlkitError:
            return None  # the folder cannot be read: that is told by what needs it


SWITCHED_ON = SwitchedOn()
"""That of this process's command."""
