"""The AWS credential chain, asked within a limit; why it has no credentials, in words.

A profile's `credential_process` is a program of the user's: it may be missing, say anything, or
never end. botocore waits for it for ever, and passes on whatever went wrong.
"""

import json
import threading
from collections.abc import Callable
from typing import Final, TypeVar

LOOKUP_LIMIT_S: Final = 60.0
"""Long enough for a program that asks a person for a code."""

Found = TypeVar("Found")


class ChainFailed(Exception):
    """There are no usable credentials; the message says why, without a full stop."""


def asked(look_up: Callable[[], Found], limit_s: float = LOOKUP_LIMIT_S) -> Found:
    """What `look_up` finds in the chain. Raises ChainFailed, also when that takes too long."""
    found: list[Found] = []
    failed: list[Exception] = []

    def work() -> None:
        try:
            found.append(look_up())
        except Exception as error:
            failed.append(error)

    # A daemon: the process must not wait at its end for what nobody waits for any more.
    worker = threading.Thread(target=work, name="credentials", daemon=True)
    worker.start()
    worker.join(limit_s)
    if failed:
        raise _in_words(failed[0]) from failed[0]
    if not found:
        raise ChainFailed(f"they were not there after {limit_s:g} s; is a credential_process stuck")
    return found[0]


def _in_words(error: Exception) -> Exception:
    from botocore.exceptions import BotoCoreError, ClientError

    match error:
        case json.JSONDecodeError():
            return ChainFailed(f"what should tell them did not answer in JSON ({error})")
        case OSError():
            return ChainFailed(f"{error.filename} cannot be run or read: {error.strerror}")
        # RuntimeError is what botocore raises of credentials that have expired.
        case BotoCoreError() | ClientError() | ValueError() | RuntimeError():
            return ChainFailed(str(error).rstrip(" .:"))
    return error
