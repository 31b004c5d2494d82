"""Results as JSON."""

import json
import sys
from collections.abc import Mapping
from typing import Any

from dsqlkit.cli.streams import write


def print_json(document: Mapping[str, Any]) -> None:
    """Print one JSON document on stdout. Money, ids and moments are strings, never floats.

    Money is in the form that people see too: plain decimals without trailing zeros, "99.75".
    """
    write(json_text(document))


def json_text(document: Mapping[str, Any]) -> str:
    """The same as text: each character as itself where stdout has it, and escaped where not."""
    text = json.dumps(document, default=_as_text, ensure_ascii=False)
    try:
        text.encode(sys.stdout.encoding)
    except UnicodeEncodeError:
        return json.dumps(document, default=_as_text)
    return text


def _as_text(value: object) -> str:
    from datetime import datetime
    from decimal import Decimal
    from uuid import UUID

    match value:
        case Decimal():
            from dsqlkit.accounts import plain

            return plain(value)
        case UUID():
            return str(value)
        case datetime():
            return value.isoformat()
    raise TypeError(f"no JSON for {type(value).__name__}")
