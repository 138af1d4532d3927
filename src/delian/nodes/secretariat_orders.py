"""How the secretariat's operator gives orders to its running node: signed in with its own key."""

from typing import Any

from delian.adapters.http_client import OfficeClient
from delian.nodes.desk import Desk
from delian.nodes.pins import certificate_pem


def office_session(desk: Desk) -> OfficeClient:
    """A session with the running secretariat, under its own key."""
    party = desk.membership.roster.party(desk.code)
    certificate = certificate_pem(party.keys["office-tls"]).decode("ascii")
    address = desk.settings.office or f"https://{desk.settings.listen}"
    return OfficeClient(address, certificate, desk.code, f"{desk.code}/sign", desk.key("sign"))


def give_order(desk: Desk, order: dict[str, Any]) -> dict[str, Any]:
    """Give one order and return the answer.

    Raises:
        UnavailableError: the secretariat does not run.
        DelianError: it refuses.
    """
    client = office_session(desk)
    try:
        return client.order(order)
    finally:
        client.close()
