"""What a command prints: results on stdout, all else on stderr. Nothing else prints, but
for errors (error_text.py).

Rich is imported only when something is drawn with it.
"""

import shutil
import sys
import textwrap
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TextIO

from dsqlkit import interruption
from dsqlkit.cli.json_text import print_json
from dsqlkit.cli.options import OutputOptions
from dsqlkit.cli.streams import NO_READER, Sheet, put, wants_plain_text, write
from dsqlkit.errors import ConfirmationNeeded, OutputFailed, ReaderGone

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.progress import Progress, ProgressColumn

Advance = Callable[[int], None]


class Output:
    """Prints for one command, as its options say."""

    def __init__(self, options: OutputOptions) -> None:
        self._options = options
        self._progress: Progress | None = None

    @property
    def as_json(self) -> bool:
        return self._options.json

    def result(
        self, document: Mapping[str, Any], for_people: "Callable[[], str | RenderableType]"
    ) -> None:
        """Print a command's result, as JSON or for people."""
        if self._options.json:
            print_json(document)
            return
        drawn = for_people()
        if isinstance(drawn, str):
            self.text(drawn)
        else:
            self.drawing(drawn)

    def drawing(self, drawn: "RenderableType") -> None:
        """Print what is drawn for people, without blanks at the ends of its lines."""
        sheet = Sheet(sys.stdout)
        self.console(sheet).print(drawn, crop=False)
        self.text("\n".join(line.rstrip() for line in sheet.getvalue().splitlines()))

    def text(self, text: str) -> None:
        """Print a result that is text already, as it is."""
        with self._without_progress():
            write(text.rstrip("\n"))

    def stream(self, text: str) -> None:
        """Print a part of a result that goes on. Raises ReaderGone and OutputFailed."""
        failure = put(text, sys.stdout)
        if failure is None:
            return
        if failure.errno in NO_READER:
            raise ReaderGone("Nobody reads the ids on stdout any more.")
        raise OutputFailed(f"The ids could not be written: {failure.strerror}.")

    def notice(self, text: str) -> None:
        """Say something on the way, on stderr."""
        if not self._options.quiet:
            with self._without_progress():
                write(text, sys.stderr)

    def next_step(self, text: str) -> None:
        """Name the natural next command."""
        if not self._options.json:
            self.notice(f"\nNext: {text}")

    def confirm(self, question: str, *, yes: bool) -> None:
        """Ask before something is replaced. Raises ConfirmationNeeded unless the answer is yes."""
        if yes:
            return
        if self._options.json or not (sys.stdin.isatty() and sys.stderr.isatty()):
            raise ConfirmationNeeded(
                f"{question} Nothing was changed.", hint="Give --yes to do it."
            )
        write(f"{question} [y/N] ", sys.stderr, end="")
        with interruption.interruptible():
            answer = sys.stdin.readline()
        if answer.strip().lower() not in {"y", "yes"}:
            raise ConfirmationNeeded("Nothing was changed.")

    def pause(self, text: str) -> None:
        """Wait for Enter, on a terminal; nothing elsewhere."""
        if self._options.json or not (sys.stdin.isatty() and sys.stderr.isatty()):
            return
        write(f"\n{text}", sys.stderr, end="")
        sys.stdin.readline()

    @contextmanager
    def progress(self, label: str, total: int, unit: str) -> Generator[Advance, None, None]:
        """A bar with rate and time left, on a terminal; nothing elsewhere."""
        if self._options.quiet or not sys.stderr.isatty():
            yield lambda _: None
            return
        from rich.progress import BarColumn, TextColumn, TimeRemainingColumn

        columns = (
            TextColumn("{task.description}"),
            BarColumn(bar_width=20),
            TextColumn("{task.completed:,.0f} of {task.total:,.0f} " + unit),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(compact=True),
        )
        with self._live(*columns) as bar:
            task = bar.add_task(label, total=total, rate="")

            def advance(step: int) -> None:
                bar.update(task, advance=step)
                speed = bar.tasks[0].finished_speed or bar.tasks[0].speed
                bar.update(task, rate=f"{speed:,.0f}/s" if speed else "")

            yield advance

    @contextmanager
    def status(self, text: str) -> Generator[Callable[[str], None], None, None]:
        """A line that says what is waited for, on a terminal; nothing elsewhere."""
        if self._options.quiet or not sys.stderr.isatty():
            yield lambda _: None
            return
        from rich.progress import SpinnerColumn, TextColumn

        with self._live(SpinnerColumn(), TextColumn("{task.description}")) as line:
            task = line.add_task(text, total=None)
            yield lambda words: line.update(task, description=words)

    @contextmanager
    def _live(self, *columns: "ProgressColumn") -> "Generator[Progress, None, None]":
        """Lines at the foot of the terminal that are redrawn, and gone at the end."""
        from rich.progress import Progress

        self._progress = Progress(
            *columns,
            console=self.console(sys.stderr),
            transient=True,
            # Results on the same terminal go above these lines; results in a file stay there.
            redirect_stdout=sys.stdout.isatty(),
        )
        try:
            with self._progress:
                yield self._progress
        finally:
            self._progress = None

    @contextmanager
    def _without_progress(self) -> Generator[None, None, None]:
        """Take the lines at the foot of the terminal away, so that none is left above a result."""
        if self._progress is None:
            yield
            return
        self._progress.stop()
        yield
        self._progress.start()

    def console(self, stream: TextIO) -> "Console":
        """A console on a stream, with colour, bold and dim letters only where they are wanted."""
        from rich.console import Console

        from dsqlkit.cli.uncut import UncutConsole

        on_terminal = stream.isatty()
        plain = self._options.no_color or wants_plain_text() or not on_terminal
        kind = Console if on_terminal else UncutConsole
        return kind(file=stream, color_system=None if plain else "auto", highlight=False)


def table_of(rows: Mapping[str, str]) -> str:
    """A result of a few named values as aligned lines, which stay in line on a narrow terminal."""
    width = max(map(len, rows))
    return "\n".join(_row(f"{name:<{width}}  ", value) for name, value in rows.items())


def _row(name: str, value: str) -> str:
    screen = shutil.get_terminal_size().columns
    if not sys.stdout.isatty() or len(name) + len(value) <= screen:
        return name + value
    room = max(screen - len(name), 1)
    lines = textwrap.wrap(value, room, break_long_words=False, break_on_hyphens=False)
    return name + f"\n{' ' * len(name)}".join(lines)


def counted(number: int, one: str, many: str) -> str:
    """A number with its noun: 1 retry, 2,000 retries."""
    return f"{number:,} {one if number == 1 else many}"


def label_of(name: str) -> str:
    """A key of JSON as a label for people."""
    label = name.replace("_", " ")
    return label.upper() if label in {"tls", "pid"} else label.capitalize()
