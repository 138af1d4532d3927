"""Read tokens: what a verifier shows to our credential service to see some of our credentials.

May touch: values and HMAC. We make the token, the verifier only carries it: nobody else reads
or writes one, so it is keyed with a secret that never leaves the node. It is bound to one
verifier and to the types that this verifier may see.
"""

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass, field
from typing import NoReturn

from delian.exchange.dcp_errors import NotEntitledError
from delian.exchange.plain import read_object, to_bytes
from delian.terms.errors import InputError

SECRET_BYTES = 32
MAX_TOKEN = 4096
LIFE_SECONDS = 600


@dataclass(frozen=True, slots=True)
class ReadTokens:
    """Makes and reads the tokens of one node.

    Args:
        secret: 32 random bytes that stay in the node's home.
    """

    secret: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.secret) != SECRET_BYTES:
            raise ValueError("the secret of the read tokens has the wrong length")

    def __reduce__(self) -> NoReturn:
        raise TypeError("the secret of the read tokens is not pickled")

    def make(self, verifier: str, kinds: tuple[str, ...], now: int) -> str:
        """A token with which *verifier* may read credentials of *kinds* for a while."""
        body = to_bytes({"v": verifier, "k": list(kinds), "e": now + LIFE_SECONDS})
        return f"{_armor(body)}.{_armor(self._tag(body))}"

    def read(self, token: str | None, verifier: str, now: int) -> frozenset[str]:
        """The types that *token* opens for *verifier*.

        Raises:
            NotEntitledError: not ours, another verifier's, or too old; without telling which.
        """
        wrong = NotEntitledError("the access token opens nothing here")
        head, _, tail = (token or "").partition(".")
        if not token or len(token) > MAX_TOKEN or not token.isascii():
            raise wrong
        try:
            body, tag = _bare(head), _bare(tail)
            if not hmac.compare_digest(tag, self._tag(body)):
                raise wrong
            plain = read_object(body, max_bytes=MAX_TOKEN, max_depth=4)
        except (ValueError, binascii.Error, InputError) as error:
            raise wrong from error
        is_theirs = hmac.compare_digest(str(plain["v"]).encode(), verifier.encode())
        if not is_theirs or now >= plain["e"]:
            raise wrong
        return frozenset(plain["k"])

    def _tag(self, body: bytes) -> bytes:
        return hmac.new(self.secret, b"delian read token 1\n" + body, hashlib.sha256).digest()


def _armor(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")


def _bare(text: str) -> bytes:
    return base64.b64decode(
        text.replace("-", "+").replace("_", "/") + "=" * (-len(text) % 4), validate=True
    )
