"""``delian standards``: documents of portions, what a recipient gets of them, words and bands."""

import click

from delian.cli.lazy import Lazy

_READ = "delian.cli.standards_read"
MODULES = {
    "import": "delian.cli.standards_import:importing",
    "mark": "delian.cli.standards_mark:mark",
    "show": f"{_READ}:show",
    "tranche": "delian.cli.standards_tranche:tranche",
    "redline": f"{_READ}:redline_command",
    "search": f"{_READ}:search",
    "parameters": f"{_READ}:parameters",
    "harmonise": "delian.cli.standards_bands:harmonise",
    "terms": "delian.cli.standards_terms:terms",
}


@click.group("standards", cls=Lazy, modules=MODULES)
def command() -> None:
    """Standards: portions and their marks, what a recipient sees, words, bands."""
