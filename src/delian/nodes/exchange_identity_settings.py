"""What an operator sets about identities: whom to trust, what to ask for, what to show.

Secrets are no settings: keys, the secret of the read tokens and the token service's client are
files in the node's home with mode 0600.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from delian.adapters.did_resolver import DOCUMENT_SECONDS, is_loopback
from delian.exchange.did import parse_did
from delian.exchange.issuance import Entitlements
from delian.nodes.settings import SettingsError

KEY_KINDS = ("ES256", "EdDSA")
CLAIMS_SECONDS = 600
MAX_CLAIMS_SECONDS = 86_400


@dataclass(frozen=True, slots=True)
class IdentitySettings:
    """The identity's part of the exchange's settings.

    Args:
        did: Our participant id, a did:web.
        address: The public root of this node, without a slash at its end.
        development: Loopback peers over plain http; never in production.
        strict: Keys must hold their relation, status lists must be signed, offers must name
            what the issuer's metadata lists. Off only under *development*.
        scopes: Credential types that every peer must show; () asks for none.
        shows: Our credential types that a peer whom we call may read.
        asks: Issuer DID to the types that we ask it for, and renew in time.
        trusted_issuers: Issuer DID to the types that it may speak about.
        claims_seconds: How long a peer's shown claims are believed.
        document_seconds: How long a DID document is believed.
        key_kind: ``ES256`` or ``EdDSA``, for keys made at the first start.
        entitlements: What we issue to whom; empty for a node that issues nothing.
    """

    did: str
    address: str
    development: bool = False
    strict: bool = True
    scopes: tuple[str, ...] = ()
    shows: tuple[str, ...] = ()
    asks: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    trusted_issuers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    claims_seconds: int = CLAIMS_SECONDS
    document_seconds: int = DOCUMENT_SECONDS
    key_kind: str = "ES256"
    entitlements: Entitlements = field(default_factory=lambda: Entitlements({}))

    def __post_init__(self) -> None:
        """Refuse what must not be set together.

        Raises:
            SettingsError: names the setting.
            DidError: the DID is malformed.
        """
        own = parse_did(self.did)
        if not self.development and (not self.strict or is_loopback(own.host)):
            raise SettingsError(
                "a relaxed identity or one on loopback needs 'development = true'",
                hint="development nodes never belong into a real data space",
            )
        if not self.address.startswith("https://") and not self.development:
            raise SettingsError("the node's address is not https", where="address")
        if self.key_kind not in KEY_KINDS:
            raise SettingsError("the key kind is neither ES256 nor EdDSA", where="key_kind")
        for issuer in self.trusted_issuers:
            parse_did(issuer)
        missing = set(self.scopes) - {k for kinds in self.trusted_issuers.values() for k in kinds}
        if missing:
            raise SettingsError(
                f"no trusted issuer for the demanded credential '{min(missing)}'",
                where="trusted_issuers",
            )
        for issuer, kinds in self.asks.items():
            if not set(kinds) <= set(self.trusted_issuers.get(issuer, ())):
                raise SettingsError(
                    "credentials are asked of trusted issuers only",
                    hint="list the issuer and its types under trusted_issuers",
                    where=f"asks.{issuer}",
                )
        if not 0 <= self.claims_seconds <= MAX_CLAIMS_SECONDS:
            raise SettingsError("claims are believed for at most a day", where="claims_seconds")


_NAMES = frozenset(
    {
        "strict",
        "scopes",
        "shows",
        "asks",
        "trusted_issuers",
        "claims_seconds",
        "document_seconds",
        "key_kind",
        "issues",
    }
)


def read_settings(
    table: Mapping[str, Any], *, did: str, address: str, development: bool
) -> IdentitySettings:
    """The settings of the TOML table ``[exchange.identity]``.

    Raises:
        SettingsError: an unknown key, or a value of another kind.
    """
    unknown = sorted(set(table) - _NAMES)
    if unknown:
        raise SettingsError(f"unknown setting '{unknown[0]}'", where="exchange.identity")
    issues = _table(table, "issues")
    for holder, kinds in issues.items():
        if not isinstance(kinds, Mapping) or not all(
            isinstance(said, Mapping) for said in kinds.values()
        ):
            raise SettingsError("a holder's credentials are a table of tables", where=holder)
    trusted, asks = _table(table, "trusted_issuers"), _table(table, "asks")
    return IdentitySettings(
        did=did,
        address=address.rstrip("/"),
        development=development,
        strict=_flag(table, "strict", default=True),
        scopes=_texts(table.get("scopes", []), "scopes"),
        shows=_texts(table.get("shows", []), "shows"),
        asks={i: _texts(kinds, i) for i, kinds in asks.items()},
        trusted_issuers={i: _texts(kinds, i) for i, kinds in trusted.items()},
        claims_seconds=_whole(table, "claims_seconds", CLAIMS_SECONDS),
        document_seconds=_whole(table, "document_seconds", DOCUMENT_SECONDS),
        key_kind=str(table.get("key_kind", "ES256")),
        entitlements=Entitlements(issues),
    )


def _table(table: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = table.get(name, {})
    if not isinstance(found, Mapping):
        raise SettingsError(f"'{name}' is a table", where="exchange.identity")
    return found


def _texts(found: object, where: str) -> tuple[str, ...]:
    if not isinstance(found, list) or not all(isinstance(one, str) and one for one in found):
        raise SettingsError("expected a list of names", where=where)
    return tuple(found)


def _flag(table: Mapping[str, Any], name: str, *, default: bool) -> bool:
    found = table.get(name, default)
    if not isinstance(found, bool):
        raise SettingsError("expected true or false", where=name)
    return found


def _whole(table: Mapping[str, Any], name: str, default: int) -> int:
    found = table.get(name, default)
    if isinstance(found, bool) or not isinstance(found, int) or found < 0:
        raise SettingsError("expected a whole number", where=name)
    return found
