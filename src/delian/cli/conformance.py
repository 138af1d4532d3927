"""``delian conformance``: what we build, held against public suites and strangers."""

import click

from delian.cli import checkout

FOLDER, PREFIX = "tests/conformance", "run_"


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("name", required=False)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def command(name: str | None, arguments: tuple[str, ...]) -> None:
    """Run conformance suite NAME with its ARGUMENTS; without a name, list the suites."""
    offered = checkout.names(FOLDER, PREFIX)
    if name is None:
        click.echo("\n".join(offered))
        return
    part = name.removesuffix("-suite").removesuffix("-client").replace("-", "_")
    checkout.known(part, offered)
    checkout.become(f"{FOLDER}/{PREFIX}{part}.py", *arguments)
