"""``delian campaign``: one long trial with a budget and a seed."""

import secrets

import click

from delian.cli import checkout, output
from delian.terms.errors import DelianError, TamperedError

FOLDER, PREFIX = "tests/campaigns", "campaign_"


class CampaignError(TamperedError):
    """A trial found what must not be: what it says is the finding."""

    code = "campaign"


@click.command()
@click.argument("name", required=False)
@click.option("--budget", type=click.FloatRange(min=0), default=60.0, help="Seconds to spend.")
@click.option("--seed", type=int, default=None, help="Repeat the run of this seed.")
@output.json_option
def command(name: str | None, budget: float, seed: int | None, as_json: bool) -> None:
    """Run campaign NAME; without a name, list them."""
    if name is None:
        output.show("campaigns", {"names": _names()}, _names(), as_json=as_json)
        return
    chosen = secrets.randbelow(2**31) if seed is None else seed
    output.talk(f"delian: campaign {name}, seed {chosen}, {budget:g} s")
    figures = _run(name, budget, chosen)
    fields = {"campaign": name, "seed": chosen, "budget_seconds": budget, "figures": figures}
    output.show("campaign", fields, [f"{k}: {v}" for k, v in figures.items()], as_json=as_json)


def _names() -> list[str]:
    """What there is to run."""
    return checkout.names(FOLDER, PREFIX)


def _run(name: str, budget: float, seed: int) -> dict[str, object]:
    """Run one campaign; what it finds wrong comes out as an error that names the seed."""
    module = checkout.load(FOLDER, PREFIX, name)
    again = f"./start campaign {name} --budget {budget:g} --seed {seed}"
    try:
        figures: dict[str, object] = module.run(budget, seed)
    except (AssertionError, DelianError) as error:
        raise CampaignError(f"{name}: {error}", hint=f"again: {again}") from error
    if figures.get("failures"):
        raise CampaignError(f"{name}: failures: {figures['failures']}", hint=f"again: {again}")
    return figures
