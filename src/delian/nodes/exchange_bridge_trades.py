"""Trades that Japanese operators ask of us on an Ouranos platform, answered by our own policy.

The downstream operator names its part and who should answer; the settings say which of our datasets
answers it. Who the operator is, an identity record says; whether it may have the dataset, the
offer's policy. A trade that the settings do not name waits for a person.
"""

import logging
from dataclasses import dataclass

from delian.adapters.ouranos_bridge import OuranosPlatform
from delian.exchange.cadde_export import one_text, package_name
from delian.exchange.errors import NotFoundHereError
from delian.exchange.foreign_name import ForeignName, Scheme
from delian.exchange.identity_map import CREDENTIAL_TYPE
from delian.exchange.ouranos import parts_of
from delian.exchange.ouranos_trades import Trade, TradeState
from delian.exchange.reactions import Claim, Participant
from delian.nodes.exchange_bridge import Bridges
from delian.nodes.exchange_bridge_house import StoreHouse, short
from delian.nodes.exchange_bridge_settings import PeerSettings
from delian.terms.errors import DelianError, RefusedError

LOG = logging.getLogger("delian.exchange.bridge")
_HIDDEN = "there is no such thing here for you"


@dataclass(frozen=True, slots=True)
class TradeAnswers:
    """Answers the waiting trades of every platform whose settings hold ``answers``.

    Args:
        bridges: Settings, identity records and the way out.
        house: Contracts by the connector's own steps.
    """

    bridges: Bridges
    house: StoreHouse

    async def answer_all(self) -> int:
        """Answer what waits; how many trades were answered or refused.

        One platform that fails does not hold the others.
        """
        done = 0
        for peer in self.bridges.settings.peers:
            if peer.answers:
                try:
                    done += await self._answer(peer)
                except DelianError as error:
                    LOG.warning("trades of a platform wait: %s", error.code)
        return done

    async def _answer(self, peer: PeerSettings) -> int:
        account = self.bridges.settings.account(peer.values["account"])
        platform = OuranosPlatform(
            self.bridges.web, peer.values["auth_address"], peer.address, account
        )
        done = 0
        for trade, state in await platform.waiting():
            dataset = peer.answers.get(trade.operators.downstream)
            is_open = state.negotiation == "REQUESTED" and trade.upstream_trace is None
            if dataset is not None and is_open:
                await self._decide(platform, peer, (trade, state), dataset)
                done += 1
        return done

    async def _decide(
        self,
        platform: OuranosPlatform,
        peer: PeerSettings,
        asked: tuple[Trade, TradeState],
        dataset: str,
    ) -> None:
        trade, state = asked
        try:
            who = self._who(trade.operators.downstream, peer)
            title = await self._contract(who, dataset)
        except NotFoundHereError:
            await platform.refuse(state, _HIDDEN)
        except RefusedError as error:
            await platform.refuse(state, error.message)
        else:
            await platform.answer(trade, await _part_for(platform, peer, dataset, title))

    def _who(self, operator: str, peer: PeerSettings) -> Participant:
        settings = self.bridges.settings
        name = ForeignName(Scheme.OPERATOR, operator)
        vouched = settings.identities.did_of(name, self.bridges.now(), settings.least)
        claims = vouched.claims(peer.address, self.bridges.did)
        return Participant(vouched.did, (Claim(CREDENTIAL_TYPE, self.bridges.did, claims),))

    async def _contract(self, who: Participant, dataset: str) -> str:
        """Make the agreement; the dataset's title for the part that answers."""
        shown = await self.house.contract(who, dataset)
        return one_text(short(shown).get("title")) or dataset


async def _part_for(platform: OuranosPlatform, peer: PeerSettings, dataset: str, title: str) -> str:
    """The trace of the part that stands for *dataset*; it is found again by its support name."""
    mark = package_name(dataset)
    for part in await platform.parts():
        if part.get("supportPartsName") == mark and isinstance(part.get("traceId"), str):
            return str(part["traceId"])
    plain = {"@id": dataset, "title": title}
    made = parts_of(
        plain, operator=await platform.operator(), plant=peer.values["plant"], title=title
    ).value
    return await platform.register({**made, "traceId": None, "supportPartsName": mark})
