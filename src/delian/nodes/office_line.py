"""A node's line to the secretariat: the one certificate that the roster pins, its own key."""

from delian.adapters.http_client import OfficeClient
from delian.nodes.desk import Desk
from delian.nodes.pins import certificate_pem


def office_client(desk: Desk, purpose: str) -> OfficeClient:
    """A session with the secretariat, signed in with this party's key for *purpose*."""
    settings = desk.settings
    office = desk.membership.roster.party(settings.office_code)
    certificate = certificate_pem(office.keys.get("office-tls", "")).decode("ascii")
    keyid = f"{desk.code}/{purpose}"
    return OfficeClient(
        settings.office, certificate, settings.office_code, keyid, desk.key(purpose)
    )
