"""``delian test``: the test suite."""

import click

from delian.cli import checkout


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def command(arguments: tuple[str, ...]) -> None:
    """Run the test suite, or what pytest's ARGUMENTS choose of it."""
    checkout.become("-m", "pytest", *arguments)
