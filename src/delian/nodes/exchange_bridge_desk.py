"""The desk behind the doors of the bridges: who knocks, what they may see, what they get.

A guest of another data space cannot negotiate; so the desk does what the guest's own connector
would have done: it takes the offer as it stands, or hears why it may not.
"""

import hmac
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from delian.adapters.bridge_web import Opened
from delian.exchange.errors import NotAllowedError
from delian.exchange.foreign_name import ForeignName, Scheme
from delian.exchange.identity_map import CREDENTIAL_TYPE
from delian.exchange.reactions import Claim, Participant
from delian.nodes.exchange_bridge_settings import BridgeSettings, DoorSettings

_SCHEMES: Mapping[str, Scheme] = {"cadde": Scheme.CADDE, "ods": Scheme.ODS}


class House(Protocol):
    """What the desk needs of the connector."""

    async def visible(self, who: Participant) -> Sequence[Mapping[str, Any]]:
        """The datasets that *who* may see, in short names."""
        ...

    async def hand_out(self, who: Participant, dataset: str, place: int, pid: str | None) -> Opened:
        """Contract and open one distribution.

        Raises:
            NotFoundHereError: there is no such thing for *who*.
            RefusedError: the policy says no.
        """
        ...


@dataclass(frozen=True, slots=True)
class BridgeDesk:
    """Implements ``adapters.bridge_web.Desk``.

    Args:
        settings: The doors and the identity records.
        house: The connector.
        did: Our own DID; it stands in every claim as the one through whom it was made.
        now: The clock.
    """

    settings: BridgeSettings
    house: House
    did: str
    now: Callable[[], datetime]

    async def identify(
        self, system: str, authorization: str | None, api_key: str | None
    ) -> Participant:
        """The guest, with a claim that names the foreign issuer, the voucher and the assurance.

        Raises:
            NotAllowedError: no valid token or key.
            NotMappedError: no identity record says who the token's subject is.
            WeakIdentityError: the record's assurance is too low.
        """
        door = self._door(system)
        now_utc = self.now()
        if door.api_keys and not _is_handed_out(api_key, door.api_keys):
            raise NotAllowedError("the API key is not one that this node handed out")
        subject = door.tokens.subject(authorization, now_utc)
        name = ForeignName(_SCHEMES[system], subject)
        vouched = self.settings.identities.did_of(name, now_utc, self.settings.least)
        claims = vouched.claims(door.tokens.issuer, self.did)
        return Participant(vouched.did, (Claim(CREDENTIAL_TYPE, self.did, claims),))

    async def datasets(self, who: Participant) -> Sequence[Mapping[str, Any]]:
        """What the guest may see."""
        return await self.house.visible(who)

    async def open(self, who: Participant, dataset: str, place: int, pid: str | None) -> Opened:
        """Contract and open one distribution for the guest."""
        return await self.house.hand_out(who, dataset, place, pid)

    def _door(self, system: str) -> DoorSettings:
        for door in self.settings.doors:
            if door.system == system:
                return door
        raise NotAllowedError("this node has no such door")


def _is_handed_out(key: str | None, handed: Sequence[str]) -> bool:
    given = (key or "").encode("utf-8")
    matches = [hmac.compare_digest(given, known.encode("utf-8")) for known in handed]
    return True in matches
