"""`stack bundle`, `synth`, `deploy`, `destroy`: the chapters as Lambda functions on AWS."""

import shlex
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from dsqlkit.cli.options import AccountOptions, OutputOptions
from dsqlkit.cli.output import Output, table_of

if TYPE_CHECKING:
    from dsqlkit.aws.stack_settings import StackSettings

Context = Annotated[
    list[str] | None,
    typer.Option(
        "--context",
        "-c",
        metavar="KEY=VALUE",
        help="name, endpoint (of a cluster that is there), arch or python; may be repeated.",
    ),
]
Folder = Annotated[
    Path, typer.Option("--output", "-o", metavar="DIR", help="Where CDK's files go.")
]


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


def synth(
    options: OutputOptions, context: Context = None, folder: Folder = Path("cdk.out")
) -> None:
    """Write the stack's CloudFormation template. Works offline.

    \b
    dsqlkit stack synth
    dsqlkit stack synth --context endpoint=<cluster>.dsql.<region>.on.aws
    """
    from dsqlkit.aws.stack_settings import parse_context
    from dsqlkit.aws.toolkit import synthesize

    settings = parse_context(context or [])
    output = Output(options)
    with output.status("Synthesising ..."):
        made = synthesize(settings, folder)
    template = made.document
    kinds = Counter(resource["Type"] for resource in template["Resources"].values())
    document = {
        "stack": made.stack,
        "template": str(made.template),
        "bundle": str(made.bundle),
        "resources": dict(sorted(kinds.items())),
        "outputs": sorted(template["Outputs"]),
    }
    output.result(
        document,
        lambda: table_of(
            {
                "Stack": made.stack,
                "Template": str(made.template),
                "Resources": ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items())),
                "Outputs": ", ".join(sorted(template["Outputs"])),
            }
        ),
    )
    chosen = [word for each in context or [] for word in ("--context", each)]
    output.next_step(shlex.join(["dsqlkit", "stack", "deploy", *chosen]))


def deploy(
    options: AccountOptions,
    context: Context = None,
    folder: Folder = Path("cdk.out"),
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Deploy the stack with the CDK toolkit, and print its outputs.

    \b
    dsqlkit stack deploy
    dsqlkit stack deploy --profile work --region eu-west-1 --yes
    """
    from dsqlkit.aws import toolkit
    from dsqlkit.aws.stack_settings import parse_context

    settings = parse_context(context or [])
    region = _region(options, settings)
    _check_installed()
    output = Output(options)
    what = "six functions" if settings.existing else "a cluster and six functions"
    output.confirm(f"Stack {settings.name} would be deployed: {what}, which cost by use.", yes=yes)
    with output.status("Synthesising ..."):
        made = toolkit.synthesize(settings, folder)
    outputs = toolkit.deploy(made, settings, profile=options.profile, region=region)
    output.result(outputs, lambda: table_of(dict(outputs)) if outputs else "Deployed.")
    if endpoint := outputs.get("ClusterEndpoint"):
        output.next_step(f"dsqlkit init-accounts --endpoint {endpoint}")


def destroy(
    options: AccountOptions,
    context: Context = None,
    folder: Folder = Path("cdk.out"),
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Remove the stack, the cluster it made, and all its data.

    A cluster that was there before the stack, given as context, stays.

    \b
    dsqlkit stack destroy
    """
    from dsqlkit.aws import toolkit
    from dsqlkit.aws.stack_settings import parse_context

    settings = parse_context(context or [])
    region = _region(options, settings)
    _check_installed()
    output = Output(options)
    output.confirm(
        f"Stack {settings.name} would be removed, with a cluster it made and all its data.", yes=yes
    )
    with output.status("Synthesising ..."):
        made = toolkit.synthesize(settings, folder)
    toolkit.destroy(made, profile=options.profile, region=region)
    output.result({"stack": made.stack}, lambda: f"Stack {made.stack} is removed.")


def _check_installed() -> None:
    """Say what is missing before anything is asked or made."""
    from dsqlkit.aws import toolkit

    toolkit.toolkit()
    toolkit.check_installed()


def _region(options: AccountOptions, settings: "StackSettings") -> str | None:
    """Where the stack goes: --region, or to its cluster; None is for the toolkit to find."""
    if options.region is not None:
        from dsqlkit.cluster_names import check_region

        check_region(options.region, "--region")
        return options.region
    return settings.existing.region if settings.existing else None


COMMANDS: Final[tuple[tuple[str, Callable[..., Any]], ...]] = (
    ("bundle", bundle),
    ("synth", synth),
    ("deploy", deploy),
    ("destroy", destroy),
)
