"""`stack bundle`: the chapters as Lambda functions, ready for AWS."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from dsqlkit.cli.options import OutputOptions
from dsqlkit.cli.output import Output, table_of


def bundle(
    options: OutputOptions,
    arch: Annotated[str, typer.Option(metavar="ARCH", help="arm64 or x86_64.")] = "arm64",
    python: Annotated[
        str, typer.Option(metavar="VERSION", help="Lambda's Python: 3.11, 3.12 or 3.13.")
    ] = "3.13",
    file: Annotated[
        Path | None,
        typer.Option(
            "--output", metavar="FILE", help="The zip.  [default: dsqlkit-lambda-ARCH.zip]"
        ),
    ] = None,
) -> None:
    """Make the functions' zip, with pip alone.

    \b
    dsqlkit stack bundle
    dsqlkit stack bundle --arch x86_64 --output functions.zip
    """
    from dsqlkit.aws.bundle import LIMIT_BYTES, make_bundle

    output = Output(options)
    with output.status("Fetching the packages ..."):
        made = make_bundle(file or Path(f"dsqlkit-lambda-{arch}.zip"), arch=arch, python=python)
    document = {
        "output": str(made.file),
        "arch": made.arch,
        "python": made.python,
        "zipped_bytes": made.zipped_bytes,
        "unzipped_bytes": made.unzipped_bytes,
        "limit_bytes": LIMIT_BYTES,
        "packages": made.packages,
    }
    mib = 1024 * 1024
    output.result(
        document,
        lambda: table_of(
            {
                "Zip": str(made.file),
                "For": f"Python {made.python} on {made.arch}",
                "Size": f"{made.zipped_bytes / mib:.1f} MiB, unzipped "
                f"{made.unzipped_bytes / mib:.1f} of {LIMIT_BYTES // mib} MiB",
                "Packages": ", ".join(f"{name} {made.packages[name]}" for name in made.packages),
            }
        ),
    )


COMMANDS: Final[tuple[tuple[str, Callable[..., Any]], ...]] = (("bundle", bundle),)
