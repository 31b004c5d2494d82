"""Commands of the command line, as tests run them."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Finished:
    """A command that has ended."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        """The JSON document on stdout; an error of the test when there is anything else."""
        document = json.loads(self.out)
        assert isinstance(document, dict)
        return document

    @property
    def error(self) -> dict[str, Any]:
        """The error that was reported as JSON, and as nothing else."""
        assert list(self.document) == ["error"]
        assert list(self.document["error"]) == ["code", "message", "sqlstate", "hint"]
        assert self.err == ""
        error: dict[str, Any] = self.document["error"]
        return error


Command = Callable[..., Finished]
