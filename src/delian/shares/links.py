"""What one lane of a host needs from its two links: a port.

``delian.adapters.links`` implements it over TCP and TLS.
"""

from collections.abc import Mapping
from typing import Protocol

from delian.terms.errors import TamperedError, UnavailableError


class LinkError(UnavailableError):
    """A link is closed, silent, aborted by a peer, or carried something that is not a frame."""

    code = "link"


class LinkMismatchError(TamperedError):
    """Two hosts at the ends of a link do not run the same thing."""

    code = "link-mismatch"


class Links(Protocol):
    """The two links of one lane: to P_{i-1} (previous) and to P_{i+1} (next).

    While a host waits on one link it also notices that the other was closed or aborted.
    """

    @property
    def rank(self) -> int:
        """Which host this is: 0, 1 or 2."""
        ...

    @property
    def names(self) -> tuple[str, str, str]:
        """The hosts' names, by rank."""
        ...

    def swap(self, send_prev: memoryview, recv_next: memoryview) -> None:
        """Sends one message to P_{i-1} while one of P_{i+1} fills ``recv_next``.

        Both lengths are known to all hosts beforehand.

        Raises:
            LinkError: A link fails, stalls, or the peer aborts or sends another length.
        """
        ...

    def exchange(self, send: Mapping[int, bytes], expect: Mapping[int, int]) -> dict[int, bytes]:
        """Sends ``send[rank]`` to each rank while ``expect[rank]`` bytes arrive from each rank.

        Raises:
            LinkError: A link fails, stalls, or the peer aborts or sends another length.
        """
        ...

    def abort(self, reason: str) -> None:
        """Tells both peers that the run is over and closes the links; safe to call twice."""
        ...


def link_name(names: tuple[str, str, str], one: int, other: int) -> str:
    """The name of the link between two ranks, the same at both ends: ``link alpha-bravo``."""
    return f"link {names[min(one, other)]}-{names[max(one, other)]}"
