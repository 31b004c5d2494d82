"""The page of `--html`: whether it can be is found out at once; it is written at the end."""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

from dsqlkit.cli.output import Output
from dsqlkit.errors import OutputFailed
from dsqlkit.whole_file import Draft, draft_of_users


class PageFile:
    """A page that takes its place by `write`; nothing is written where no page was asked for."""

    def __init__(self, path: Path | None, draft: Draft | None, output: Output) -> None:
        self._path = path
        self._draft = draft
        self._output = output
        self._failure: OutputFailed | None = None

    def write(self, page: Callable[[], str]) -> None:
        """Write it, and say where. A failure waits for `check`: the result is to be told first."""
        if self._draft is None:
            return
        try:
            self._draft.file.write(page().encode("utf-8", errors="replace"))
            self._draft.put()
        except OSError as error:
            self._failure = OutputFailed(
                f"The page {self._path} was not written: {error.strerror}."
            )
        else:
            self._output.notice(f"The page is in {self._path}.")

    def check(self) -> None:
        """Raise OutputFailed if the page could not be written."""
        if self._failure is not None:
            raise self._failure


@contextmanager
def page_file(path: Path | None, output: Output) -> Generator[PageFile, None, None]:
    """The page at `path`, of which nothing is left unless it was written; None for no page.

    Raises UsageError at once when `path` cannot be written, or is a folder or a device.
    """
    if path is None:
        yield PageFile(None, None, output)
        return
    draft = draft_of_users(path, hint="Give another name.")
    try:
        yield PageFile(path, draft, output)
    finally:
        draft.discard()
