"""`workshop`: the chapters, end to end."""

from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dsqlkit.cli.endpoint import endpoint_of
from dsqlkit.cli.options import DatabaseOptions
from dsqlkit.cli.output import Output

if TYPE_CHECKING:
    from dsqlkit.endpoint import Endpoint
    from dsqlkit.workshop.chapter import Outside, Played, Say


def workshop(
    options: DatabaseOptions,
    chapters: Annotated[
        list[int] | None, typer.Argument(metavar="[CHAPTER]...", help="1 to 7; all for none.")
    ] = None,
    step: Annotated[
        bool, typer.Option("--step", help="On a terminal: wait for Enter between chapters.")
    ] = False,
) -> None:
    """Run the chapters, each with the statements it is about.

    Several may run it on one cluster at the same time.

    \b
    dsqlkit workshop
    dsqlkit workshop 5 7
    dsqlkit workshop --step
    """
    from dsqlkit.workshop.playing import play, select

    chosen = select(chapters or [])
    output = Output(options)
    endpoint = endpoint_of(options, output)
    told = _Told()
    played: list[Played] = []
    running = play(endpoint, chosen, _outside(endpoint), told)
    for chapter in chosen:
        if played and step:
            output.pause(f"Enter for chapter {chapter.number}: {chapter.title} ")
        with output.status(f"Chapter {chapter.number} ...") as told.say:
            done = next(running)
        _show(output, done, first=not played)
        played.append(done)
    if output.as_json:
        from dsqlkit.cli.workshop_view import played_document

        output.result({"chapters": [played_document(each) for each in played]}, str)
    output.next_step("dsqlkit psql, or dsqlkit explain query")


def _outside(endpoint: "Endpoint") -> "Outside":
    from dsqlkit.aws import stack_settings
    from dsqlkit.aws.invocation import invoke
    from dsqlkit.workshop.chapter import Outside

    return Outside(
        invoke=lambda chapter, request: invoke(chapter, request, lambda: endpoint),
        describe=partial(_describe, endpoint),
        stack=stack_settings.summary(),
    )


def _describe(endpoint: "Endpoint") -> dict[str, Any]:
    if endpoint.is_local:
        from dsqlkit import local

        status = local.status()
        return {
            "pid": status.pid,
            "server_version": status.server_version,
            "data_dir": status.data_dir,
            "started_at": status.started_at,
        }
    from dsqlkit.aws import clusters
    from dsqlkit.aws.cluster_input import parse_name
    from dsqlkit.aws.control_plane import open_control_plane

    name = parse_name(endpoint.host)
    plane = open_control_plane(name.region or endpoint.region, profile=endpoint.profile)
    return dict(clusters.get(plane, name.id).fields)


class _Told:
    """Passes on what is under way to the status line of the chapter that runs."""

    say: "Say | None" = None

    def __call__(self, words: str) -> None:
        if self.say is not None:
            self.say(words)


def _show(output: Output, played: "Played", *, first: bool) -> None:
    if output.as_json:
        return
    from dsqlkit.cli.workshop_view import played_view

    if not first:
        output.text("")
    output.drawing(played_view(played))
