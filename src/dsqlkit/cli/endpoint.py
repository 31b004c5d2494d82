"""From a command's options to an endpoint, starting the local cluster where that is meant."""

from typing import TYPE_CHECKING

from dsqlkit.cli.options import ClusterOptions, DatabaseOptions
from dsqlkit.cli.output import Output
from dsqlkit.cli.switched_on import SWITCHED_ON
from dsqlkit.cli.wording import worded

if TYPE_CHECKING:
    from dsqlkit.endpoint import Endpoint, LocalAddress


def endpoint_of(options: ClusterOptions, output: Output | None = None) -> "Endpoint":
    """The endpoint that the options and the environment name; with `-v`, say so on stderr."""
    import logging

    from dsqlkit import libpq
    from dsqlkit.endpoint import resolve

    # This process is ours: of what libpq would read by itself, nothing is to reach a connection.
    libpq.forget()
    # What the driver logs it also raises, and this command line says it once, in its own words.
    logging.getLogger("psycopg").addHandler(logging.NullHandler())

    def start_local() -> "LocalAddress":
        from dsqlkit import local

        if output is not None and not local.status().running:
            output.notice("Starting the local cluster ...")
        return local.ensure_running()

    def local_address() -> "LocalAddress | None":
        from dsqlkit import local

        return local.address()

    endpoint = resolve(
        options.endpoint,
        region=options.region,
        user=options.user,
        profile=options.profile,
        start_local=start_local,
        local_address=local_address,
    )
    SWITCHED_ON.begin(endpoint)
    if output is not None and not output.as_json and (told := SWITCHED_ON.notice()):
        output.notice(told)
    if output is not None and isinstance(options, DatabaseOptions) and options.verbose:
        output.notice(worded(f"endpoint  {endpoint.address} (from {endpoint.host_source})"))
        output.notice(worded(f"region    {endpoint.region} (from {endpoint.region_source})"))
        output.notice(worded(f"role      {endpoint.user} (from {endpoint.user_source})"))
    return endpoint
