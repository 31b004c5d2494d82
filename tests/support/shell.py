"""A shell in which `dsqlkit` is found, as in an activated environment."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """This process's environment with the installed `dsqlkit` on its PATH."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return {**os.environ, "PATH": path, **(extra or {})}


def shell(
    script: str, *, stdin: str = "", extra: Mapping[str, str] | None = None
) -> "subprocess.CompletedProcess[str]":
    """Run a script with bash, and wait for its end."""
    return subprocess.run(
        ["bash", "-c", script],
        check=False,
        env=environment(extra),
        input=stdin,
        capture_output=True,
        text=True,
        timeout=60,
    )
