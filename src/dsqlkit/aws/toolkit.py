"""Synthesising the stack, and deploying it with the CDK toolkit, where both are installed.

The toolkit finds credentials itself, by the profile or the environment: no secret is an argument.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import util
from pathlib import Path
from typing import Any, Final

from dsqlkit.aws import bundle
from dsqlkit.aws.stack_settings import StackSettings, bundle_name
from dsqlkit.errors import DsqlkitError, Interrupted

_NODE_WARNINGS: Final = (
    "JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION",
    "JSII_SILENCE_WARNING_DEPRECATED_NODE_VERSION",
    "JSII_SILENCE_WARNING_UNTESTED_NODE_VERSION",
)
_NODE_LIMIT_S: Final = 20


class ProgramMissing(DsqlkitError):
    """Something that pip did not bring, or an extra, is not installed."""

    code = "program_missing"


class ToolkitFailed(DsqlkitError):
    """The CDK toolkit ended with an error, which it has told itself."""

    code = "toolkit_failed"


@dataclass(frozen=True, slots=True)
class Synthesis:
    """A synthesised stack: a folder for the toolkit, and the template in it.

    `bundle` is where the functions' zip has to be when the stack is deployed.
    """

    stack: str
    folder: Path
    template: Path
    bundle: Path

    @property
    def document(self) -> Mapping[str, Any]:
        """The template itself."""
        document: Mapping[str, Any] = json.loads(self.template.read_text(encoding="utf-8"))
        return document


def check_installed() -> None:
    """Raises ProgramMissing unless CDK and the Node.js that it runs on are there."""
    if util.find_spec("aws_cdk") is None:
        raise ProgramMissing(
            "The stack needs CDK, which is not installed.", hint="pip install 'dsqlkit[cdk]'"
        )
    node = os.environ.get("JSII_NODE", "node")
    try:
        version = subprocess.run(  # noqa: S603 - the program that CDK itself would run
            [node, "--version"], check=True, capture_output=True, text=True, timeout=_NODE_LIMIT_S
        ).stdout.strip()
    except (OSError, subprocess.SubprocessError) as error:
        raise ProgramMissing(
            f"CDK runs on Node.js, and {node} does not run here.",
            hint="Install Node.js (nodejs), 22 or newer.",
        ) from error
    # CDK's runtime would fill the terminal with what it thinks of an older Node.js.
    for name in _NODE_WARNINGS:
        os.environ.setdefault(name, version.removeprefix("v").partition(".")[0])


def synthesize(settings: StackSettings, folder: Path) -> Synthesis:
    """Write the stack's template into a folder, which is made where it is missing. Works offline.

    Raises ProgramMissing without the extra or Node.js, and DsqlkitError when the folder cannot be
    written.
    """
    check_installed()
    folder = folder.absolute()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # CDK's runtime would answer a folder that is read-only with its own stack trace.
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise DsqlkitError(f"{folder} cannot be written: {error.strerror}.") from error
    from dsqlkit.aws import stack

    stack.synthesize(settings, folder)
    template = folder / f"{settings.name}.template.json"
    return Synthesis(settings.name, folder, template, folder / bundle_name(settings))


def toolkit() -> list[str]:
    """The start of a command of the CDK toolkit. Raises ProgramMissing where there is none."""
    if cdk := shutil.which("cdk"):
        return [cdk]
    if npx := shutil.which("npx"):
        return [npx, "--yes", "aws-cdk@2"]
    raise ProgramMissing(
        "The CDK toolkit is missing: neither cdk nor npx is on PATH.",
        hint="Install Node.js, then: npm install -g aws-cdk",
    )


def deploy(
    made: Synthesis, settings: StackSettings, *, profile: str | None, region: str | None
) -> Mapping[str, str]:
    """Make the functions' zip if it is not there, and deploy; the stack's outputs.

    Raises ProgramMissing, ToolkitFailed, Interrupted, and what `bundle.make_bundle` raises.
    """
    command = toolkit()
    if not made.bundle.exists():
        bundle.make_bundle(made.bundle, arch=settings.arch, python=settings.python)
    with tempfile.TemporaryDirectory(prefix="dsqlkit-stack-") as scratch:
        told = Path(scratch) / "outputs.json"
        command += [
            "deploy",
            made.stack,
            "--require-approval",
            "never",
            "--outputs-file",
            str(told),
        ]
        _run(command, made, profile, region)
        outputs = json.loads(told.read_text(encoding="utf-8"))
    found: Mapping[str, str] = outputs.get(made.stack, {})
    return found


def destroy(made: Synthesis, *, profile: str | None, region: str | None) -> None:
    """Remove the stack with its cluster and its data. Raises ProgramMissing and ToolkitFailed."""
    _run([*toolkit(), "destroy", made.stack, "--force"], made, profile, region)


def _run(command: list[str], made: Synthesis, profile: str | None, region: str | None) -> None:
    command += ["--app", str(made.folder)]
    if profile is not None:
        command += ["--profile", profile]
    environ = dict(os.environ)
    if region is not None:
        environ |= {"AWS_REGION": region, "AWS_DEFAULT_REGION": region}
    # Standard output is for the result alone.
    try:
        ended = subprocess.run(command, check=False, env=environ, stdout=sys.stderr.fileno())  # noqa: S603
    except KeyboardInterrupt as error:
        raise Interrupted(
            "Interrupted. What CloudFormation has begun it goes on with.",
            hint="Run the same command again to see how it ended.",
        ) from error
    if ended.returncode != 0:
        raise ToolkitFailed(
            f"The CDK toolkit failed (exit code {ended.returncode}); it says why above.",
            hint="An account and region need `cdk bootstrap` once before the first stack.",
        )
