"""The library's words as the command line says them.

An error of the library names a setting by its name in Python, in backticks: `max_attempts`,
`endpoint=local`. Who types commands knows it by its option: --max-attempts, --endpoint local.
"""

import re
from typing import Final

_NAMED_OTHERWISE: Final = {
    "count": "--repeat",
    "deadline_s": "--deadline",
    "file": "--output",
    "parameters": "--param",
    "tags": "--tag",
}
_NAMED_ALIKE: Final = (
    *("endpoint", "user", "region", "profile", "context"),
    *("max_attempts", "transactions", "rows", "resume", "trace"),
    *("conflict_rate", "conflict_every", "round_trip_ms", "commit_ms", "cut_before_commit"),
    *("cut_after_commit", "connection_age_s", "transaction_age_s", "token_age_s"),
)
OPTIONS: Final = {
    **{name: "--" + name.replace("_", "-") for name in _NAMED_ALIKE},
    **_NAMED_OTHERWISE,
}
"""The option of each setting that an error of the library may name."""

_SETTING: Final = re.compile(r"`(?P<name>[a-z_]+)(?:=(?P<value>[^`]*))?`")


def worded(text: str) -> str:
    """The text with options in place of settings."""
    return _SETTING.sub(_option, text)


def _option(found: "re.Match[str]") -> str:
    option = OPTIONS.get(found["name"])
    if option is None:
        return found[0]
    return option if found["value"] is None else f"{option} {found['value']}"
