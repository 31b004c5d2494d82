"""The parameters of a startup packet: those that DSQL takes, made ready for PostgreSQL. Pure.

They come by themselves, or in `options` (PGOPTIONS) as a command line of PostgreSQL's. Sources: a
live run for the refusal of what a session may not set; AWS's page on PrivateLink for
`amzn-cluster-id`, which names the cluster where the host does not.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Final

from dsqlkit.local.dialect import parameters
from dsqlkit.local.wire.startup import StartupRefused

_NO_PARAMETERS: Final = frozenset({b"user", b"database", b"options"})
_CLUSTER: Final = "amzn-cluster-id"
_WORD: Final = re.compile(r"(?:\\.|[^\s\\])+", re.DOTALL)
_ESCAPED: Final = re.compile(r"\\(.)", re.DOTALL)
_TO_ESCAPE: Final = re.compile(r"([\s\\])")
_SHORT: Final = {
    "B": "shared_buffers",
    "C": "config_file",
    "D": "data_directory",
    "E": "log_statement",
    "F": "fsync",
    "N": "max_connections",
    "O": "allow_system_table_mods",
    "P": "ignore_system_indexes",
    "S": "work_mem",
    "T": "send_abort_for_crash",
    "W": "post_auth_delay",
    "b": "binary_upgrade",
    "d": "log_min_messages",
    "e": "datestyle",
    "f": "enable_seqscan",
    "h": "listen_addresses",
    "i": "listen_addresses",
    "k": "unix_socket_directories",
    "l": "ssl",
    "p": "port",
    "r": "log_directory",
    "s": "log_statement_stats",
    "t": "log_parser_stats",
}
"""What PostgreSQL's other switches set, to name it in a refusal: none is taken here."""


def accepted(given: Mapping[bytes, bytes]) -> dict[bytes, bytes]:
    """The parameters to give to PostgreSQL.

    Raises StartupRefused where one may not be set, or is not what PostgreSQL can read.
    """
    taken: dict[bytes, bytes] = {}
    try:
        for name, value in given.items():
            if name in _NO_PARAMETERS:
                taken[name] = value
                continue
            _check(name.decode(), value.decode())
            taken[_kept(name.decode()).encode()] = value
        if b"options" in given:
            switches = list(_assignments(given[b"options"].decode()))
            for name_text, value_text in switches:
                _check(name_text, value_text)
            taken[b"options"] = " ".join(
                f"-c {_kept(name)}={_TO_ESCAPE.sub(_BACKSLASHED, value)}"
                for name, value in switches
            ).encode()
    except UnicodeDecodeError:
        raise StartupRefused("08P01", "a startup parameter is not UTF-8") from None
    return taken


_BACKSLASHED: Final = r"\\\1"


def _check(name: str, value: str) -> None:
    refusal = parameters.assignment(name, value)
    if refusal is not None:
        raise StartupRefused(refusal.sqlstate, refusal.message)


def _kept(name: str) -> str:
    return parameters.KEPT_AS.get(name.lower(), name)


def _assignments(options: str) -> Iterator[tuple[str, str]]:
    """The names and values that a command line of PostgreSQL's sets."""
    words = [_ESCAPED.sub(r"\1", word) for word in _WORD.findall(options)]
    position = 0
    while position < len(words):
        word = words[position]
        position += 1
        if word.startswith("--") and len(word) > 2:
            name, equals, value = word[2:].partition("=")
            switch = word
        elif word.startswith("-c"):
            switch, rest = "-c", word[2:]
            if not rest and position < len(words):
                rest = words[position]
                position += 1
            name, equals, value = rest.partition("=")
            switch = f"-c {rest}"
        elif word.startswith("-") and word[1:2] in _SHORT:
            refusal = parameters.not_settable(_SHORT[word[1]])
            raise StartupRefused(refusal.sqlstate, refusal.message)
        else:
            raise StartupRefused(
                "42601", f"invalid command-line argument for server process: {word}"
            )
        if name.lower() == _CLUSTER:
            continue
        if not equals:
            raise StartupRefused("42601", f"{switch} requires a value")
        yield name.replace("-", "_"), value
