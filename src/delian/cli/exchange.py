"""``delian exchange``: a connector of a data space, and everything that is asked of it."""

import click

from delian.cli.lazy import Lazy

_ORDERS = "delian.cli.exchange_orders"
_PROCESSES = "delian.cli.exchange_processes"
MODULES = {
    "init": "delian.cli.exchange_serve:init",
    "serve": "delian.cli.exchange_serve:serve",
    "status": f"{_ORDERS}:status",
    "publish": "delian.cli.exchange_publish:publish",
    "withdraw": f"{_ORDERS}:withdraw",
    "catalogue": f"{_ORDERS}:catalogue",
    "negotiate": f"{_PROCESSES}:negotiate",
    "decide": f"{_PROCESSES}:decide",
    "fetch": "delian.cli.exchange_fetch:fetch",
    "explain": f"{_PROCESSES}:explain",
    "terminate": f"{_PROCESSES}:terminate",
    "check": "delian.cli.exchange_check:check",
    "trust": "delian.cli.exchange_trust:trust",
    "profile": "delian.cli.exchange_profile:profile",
    "keys": "delian.cli.exchange_keys",
    "bridge": "delian.cli.exchange_bridge:bridge",
    "identity": "delian.cli.exchange_bridge:identity",
}


@click.group("exchange", cls=Lazy, modules=MODULES)
def command() -> None:
    """Offer, find, contract and fetch in a data space."""
