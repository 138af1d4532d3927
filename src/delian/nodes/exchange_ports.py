"""What a connector is handed: who peers are, what they may see, which terms a transfer meets."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from starlette.routing import BaseRoute

from delian.exchange.catalogue import Dataset
from delian.exchange.errors import NotAllowedError
from delian.exchange.odrl import Policy
from delian.exchange.reactions import Participant, Terminate
from delian.exchange.transfer import Transfer


class Identity(Protocol):
    """Proves who we are and checks who the peer is."""

    async def header_for(self, audience: str) -> str | None:
        """The ``Authorization`` header of one request to the participant *audience*."""
        ...

    async def identify(self, authorization: str | None) -> Participant:
        """Whose request this is.

        Raises:
            NotAllowedError: the header proves nothing.
        """
        ...

    def routes(self) -> Sequence[BaseRoute]:
        """What the identity itself serves."""
        ...


class Visibility(Protocol):
    """Decides which datasets a participant may know of."""

    def shown(self, dataset: Dataset, who: Participant) -> Dataset | None:
        """*dataset* with the offers that *who* may know of, or None where there is none."""
        ...

    def may_see(self, dataset: Dataset, who: Participant) -> bool:
        """May *who* learn that *dataset* exists?"""
        ...


class TransferTerms(Protocol):
    """Judges a request for data by the agreement under which it is made."""

    def judge(
        self, t: Transfer, agreement: Policy, uses: int, who: Participant
    ) -> Terminate | None:
        """Why the transfer ends before it starts, or None where it may go on.

        Args:
            t: The transfer as requested.
            agreement: What was agreed.
            uses: How many transfers the agreement has served before.
            who: The consumer.
        """
        ...


@dataclass(frozen=True, slots=True)
class EverythingVisible:
    """Every participant sees every dataset."""

    def shown(self, dataset: Dataset, who: Participant) -> Dataset | None:  # noqa: ARG002
        """The dataset as it is."""
        return dataset

    def may_see(self, dataset: Dataset, who: Participant) -> bool:  # noqa: ARG002
        """Always."""
        return True


@dataclass(frozen=True, slots=True)
class FixedIdentity:
    """Development only: everybody is who they say, nobody proves anything.

    Args:
        own: What we say.
        anonymous: Who a peer is that says nothing; None refuses it.
    """

    own: str
    anonymous: str | None = None

    async def header_for(self, audience: str) -> str | None:  # noqa: ARG002
        """Our name as a bearer."""
        return f"Bearer {self.own}"

    async def identify(self, authorization: str | None) -> Participant:
        """Whoever the header names.

        Raises:
            NotAllowedError: nobody is named.
        """
        name = (authorization or "").removeprefix("Bearer ").strip() or self.anonymous
        if name is None or len(name) > 1000 or not name.isprintable():
            raise NotAllowedError("the request does not say who sends it")
        return Participant(name)

    def routes(self) -> Sequence[BaseRoute]:
        """Nothing."""
        return ()
