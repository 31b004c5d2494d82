"""What can be chosen about the stack, and which zip its functions run on.

Context is CDK's word for such choices. Nothing here needs CDK.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Final

from dsqlkit.aws import bundle
from dsqlkit.aws.cluster_input import ClusterName, parse_name
from dsqlkit.aws.handlers import HANDLERS
from dsqlkit.errors import UsageError

_STACK_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,127}")


@dataclass(frozen=True, slots=True)
class StackSettings:
    """The choices, each a key of the context.

    `name` is the stack's, and its new cluster's Name tag. `endpoint` is a cluster that is there
    already, to be used instead of a new one. `arch` and `python` are the functions' machine.
    """

    name: str = "dsqlkit"
    endpoint: str | None = None
    arch: str = bundle.DEFAULT_ARCH
    python: str = bundle.DEFAULT_PYTHON

    @property
    def existing(self) -> ClusterName | None:
        """The cluster that is there already; its region is known."""
        return parse_name(self.endpoint) if self.endpoint else None


def parse_context(texts: Sequence[str]) -> StackSettings:
    """Settings from KEY=VALUE texts. Raises UsageError for a key or value that is none."""
    known = {field.name for field in fields(StackSettings)}
    given: dict[str, str] = {}
    for text in texts:
        key, separator, value = text.partition("=")
        if not separator or key not in known:
            raise UsageError(
                f"{text!r} is no context of the stack.",
                hint=f"Write `context=KEY=VALUE`; the keys are {', '.join(sorted(known))}.",
            )
        if key in given:
            raise UsageError(f"The context {key} is given twice.", hint="Give each key once.")
        given[key] = value
    settings = StackSettings(**given)
    if not _STACK_NAME.fullmatch(settings.name):
        raise UsageError(
            f"{settings.name!r} is not a stack's name.",
            hint="It begins with a letter and has up to 128 letters, digits and hyphens.",
        )
    bundle.check(settings.arch, settings.python)
    if settings.existing is not None and settings.existing.region is None:
        raise UsageError(
            f"{settings.endpoint!r} does not say the cluster's region.",
            hint="Write `context=endpoint=<id>.dsql.<region>.on.aws`.",
        )
    return settings


def summary() -> str:
    """What the stack holds, in one line."""
    return (
        f"one cluster without deletion protection, {len(HANDLERS)} functions that may do "
        "dsql:DbConnectAdmin on it and no more, and their names as outputs."
    )


def bundle_digest(settings: StackSettings) -> str:
    """What tells one zip of the functions from another, known before the zip is made.

    The zip's bytes follow from dsqlkit's own files and from the versions of what goes in with
    them, so a template can name it where packages cannot be fetched.
    """
    digest = hashlib.sha256()
    files: Mapping[str, bytes] = {
        place: file.read_bytes() for place, file in bundle.own_files().items()
    }
    parts = [settings.arch.encode(), settings.python.encode()]
    parts += [line.encode() for line in bundle.requirements(settings.python)]
    parts += [part for place in sorted(files) for part in (place.encode(), files[place])]
    for part in parts:
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()


def bundle_name(settings: StackSettings) -> str:
    """The zip's name beside the template."""
    return f"functions-{settings.arch}-{bundle_digest(settings)[:16]}.zip"
