"""Telling what the sessions of a cluster do, and who of them waits for whom."""

import logging
from collections.abc import Mapping
from dataclasses import replace

from dsqlkit.local.occ.lock_monitor import Monitor
from dsqlkit.local.sessions import SessionStatus, in_words
from dsqlkit.local.state import StateFolder

_log = logging.getLogger(__name__)


async def tell_sessions(
    state: StateFolder, found: Mapping[int, SessionStatus], monitor: Monitor
) -> None:
    """Write down what the sessions do, by their numbers, and whom they wait for."""
    import psycopg

    try:
        waits = await monitor.lock_waits(found)
    except psycopg.Error as error:
        _log.warning("nobody can say who waits for whom: %s", error)
        waits = {}
    told = [
        each
        if (wait := waits.get(each.session)) is None
        else replace(
            each,
            waiting_for=in_words(wait, found),
            holders=tuple(holder.pid for holder in wait.holders),
        )
        for _, each in sorted(found.items())
    ]
    try:
        state.save_sessions(told)
    except OSError as error:
        _log.error("what the sessions do cannot be written down: %s", error)
