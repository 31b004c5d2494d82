"""Files that appear whole or not at all."""

import os
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from dsqlkit.errors import UsageError


@contextmanager
def whole_file(path: Path) -> Generator[IO[str], None, None]:
    """A text file (UTF-8) that is put at `path` when the `with` block ends, unless by an error.

    Raises UsageError at once when `path` cannot be written there, or is a folder or a device.
    """
    path = path.resolve()
    if path.exists() and not path.is_file():
        raise UsageError(f"{path} is not a plain file.", hint="Give the name of a file.")
    try:
        file = tempfile.NamedTemporaryFile(  # noqa: SIM115 - closed below
            "w", encoding="utf-8", dir=path.parent, prefix=f".{path.name}.", delete=False
        )
    except OSError as error:
        raise UsageError(
            f"{path} cannot be written: {error.strerror}.", hint="Give another name."
        ) from error
    temporary = Path(file.name)
    try:
        with file:
            yield file.file
            file.flush()
            os.fsync(file.fileno())
        # As for any new file of the user's; temporary ones are closed to others.
        temporary.chmod(0o666 & ~umask())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def umask() -> int:
    """The process's file mode creation mask."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
