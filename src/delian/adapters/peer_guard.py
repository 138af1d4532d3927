"""Which addresses of a peer we ever connect to.

A peer hands us addresses (callback, DID, data, status list) and so could make us ask machines of
our own network. Only ``https`` to public addresses passes; the check is made on the very address
that is connected to, after the name was resolved. ``development = true`` adds loopback, and plain
``http`` there alone.
"""

import ipaddress
import re
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import urlsplit

from delian.terms.errors import RefusedError

MAX_URL = 2048
_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,252}[A-Za-z0-9])?\Z")


class AddressRefusedError(RefusedError):
    """A peer's address is not one that this node connects to."""

    code = "address-refused"


@dataclass(frozen=True, slots=True)
class Guard:
    """The rule.

    Args:
        is_development: Loopback is allowed, and ``http`` to it.
    """

    is_development: bool = False

    def check_url(self, url: str) -> str:
        """*url*, if its form passes; whoever it names is checked when the connection is made.

        Raises:
            AddressRefusedError: it does not.
        """
        if len(url) > MAX_URL or not url.isascii() or not url.isprintable() or " " in url:
            raise _refused("the address is too long or holds odd characters")
        if "\\" in url:
            raise _refused("the address carries a backslash")
        end = url.find("/", 8)
        _checked(self, url if end < 0 else url[:end])
        return url

    def examine(self, url: str) -> None:
        """What :meth:`check_url` does with the part that names the host.

        Raises:
            AddressRefusedError: the form does not pass.
        """
        try:
            parts = urlsplit(url)
            host, port = parts.hostname or "", parts.port
        except ValueError as error:
            raise _refused("the address is malformed") from error
        if parts.username is not None or parts.password is not None:
            raise _refused("the address carries a user name")
        if parts.scheme not in ("https", "http") or port == 0:
            raise _refused("the address is not https")
        literal = _literal(host)
        if literal is None and not _HOST.fullmatch(host):
            raise _refused("the address names no host")
        if literal is not None:
            self.check_ip(str(literal))
        if parts.scheme == "http" and not self._may_be_plain(host, literal is not None):
            raise _refused("the address is not https")

    def _may_be_plain(self, host: str, is_literal: bool) -> bool:
        if not self.is_development:
            return False
        return ipaddress.ip_address(host).is_loopback if is_literal else host == "localhost"

    def check_ip(self, text: str) -> None:
        """Is *text*, to which a connection is about to be made, an address outside?

        Args:
            text: The numeric address.

        Raises:
            AddressRefusedError: it lies inside, or is for no single machine.
        """
        try:
            address = ipaddress.ip_address(text.partition("%")[0])
        except ValueError as error:
            raise _refused("the address is not numeric") from error
        inner = getattr(address, "ipv4_mapped", None) or getattr(address, "sixtofour", None)
        teredo = getattr(address, "teredo", None)
        shown = [a for a in (address, inner, *(teredo or ())) if a is not None]
        if isinstance(address, ipaddress.IPv6Address) and address in _NAT64:
            shown.append(ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF))
        if self.is_development and all(a.is_loopback for a in shown):
            return
        if not all(_is_outside(a) for a in shown):
            raise _refused("the address lies in a private, local or reserved network")


@lru_cache(maxsize=4096)
def _checked(guard: Guard, origin: str) -> None:
    """Most messages go where the last one went."""
    guard.examine(origin)


_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


def _is_outside(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    return address.is_global and not (
        address.is_multicast or address.is_reserved or address.is_unspecified
    )


def _literal(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        if re.fullmatch(r"[0-9a-fA-Fx.]+", host) and host.rpartition(".")[2][:1].isdigit():
            raise _refused("the address writes a number in an odd way") from None
        return None


def _refused(message: str) -> AddressRefusedError:
    return AddressRefusedError(message, hint="peers are reached by https at public addresses")
