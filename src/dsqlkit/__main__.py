"""The `dsqlkit` command, which is also `python -m dsqlkit`."""

import sys

from dsqlkit import interruption


def main() -> None:
    """Run the command line, with signals caught before all that takes a while to load."""
    interruption.catch()
    try:
        from dsqlkit.cli.main import main as run_command_line
    except KeyboardInterrupt:
        sys.exit(interruption.exit_code())
    run_command_line()


if __name__ == "__main__":
    main()
