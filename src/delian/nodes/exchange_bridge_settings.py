"""What an operator says of the bridges: ``bridge.toml`` in the node's home.

Secrets are files beside it, named in the settings and readable by their owner only. Unknown keys
fail. Identity records lie in ``identity/``, one signed envelope in each file.
"""

import json
import stat
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from delian.adapters.files import read_bytes
from delian.adapters.foreign_tokens import ForeignTokens
from delian.adapters.ouranos_bridge import Account
from delian.crypto.dsse import Envelope
from delian.crypto.sign import PublicKey
from delian.exchange.identity_map import Assurance, IdentityMap, open_record
from delian.nodes.settings import SettingsError

FILE = "bridge.toml"
RECORDS = "identity"
MAX_SECRET_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class DoorSettings:
    """One door: who knocks there, and whose tokens count.

    Args:
        system: ``cadde`` or ``ods``.
        tokens: The identity provider of that data space.
        provider: CADDE only: our own user id.
        api_keys: ODS only: the keys that were handed out.
    """

    system: str
    tokens: ForeignTokens
    provider: str = ""
    api_keys: tuple[str, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class PeerSettings:
    """One foreign system that we read.

    Args:
        system: ``cadde``, ``ods`` or ``ouranos``.
        name: Our name for it; it becomes part of identifiers.
        address: Base address.
        recipients: Participants with whom its owner has a contract on file.
        values: What else its kind needs; names of files, never secrets.
        suppliers: Ouranos only: corporate number of the supplier behind each of our parts.
        answers: Ouranos only: which dataset answers the trades of which operator.
    """

    system: str
    name: str
    address: str
    recipients: tuple[str, ...]
    values: Mapping[str, str]
    suppliers: Mapping[str, str] = field(default_factory=dict)
    answers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class BridgeSettings:
    """Everything that ``bridge.toml`` says, its files read where they do not change."""

    home: Path
    doors: tuple[DoorSettings, ...] = ()
    peers: tuple[PeerSettings, ...] = ()
    identities: IdentityMap = field(default_factory=lambda: IdentityMap(()), repr=False)
    least: Assurance = Assurance.SUBSTANTIAL
    every_minutes: int = 15

    def secret(self, name: str) -> str:
        """The one line of the secret file *name*, read anew so that it can be renewed outside.

        Raises:
            SettingsError: others may read the file, or it holds more than one line.
        """
        return read_secret(self.home, name)

    def account(self, name: str) -> Account:
        """The Ouranos account in the secret file *name*: three members of JSON text."""
        plain = _parsed(read_secret(self.home, name), name)
        names = ("operatorAccountId", "accountPassword", "apiKey")
        values = [plain.get(member) for member in names]
        if set(plain) != set(names) or not all(isinstance(v, str) and v for v in values):
            raise SettingsError(f"{name} holds {', '.join(names)} and nothing else")
        return Account(str(values[0]), str(values[1]), str(values[2]))


_DOOR_KEYS: Mapping[str, tuple[frozenset[str], frozenset[str]]] = {
    "cadde": (frozenset({"provider", "issuer", "audience", "claim", "keys"}), frozenset()),
    "ods": (frozenset({"issuer", "audience", "claim", "keys", "api_keys"}), frozenset()),
}
_PEER_KEYS: Mapping[str, tuple[frozenset[str], frozenset[str]]] = {
    "cadde": (frozenset({"name", "address", "provider", "token"}), frozenset({"recipients"})),
    "ods": (
        frozenset({"name", "address", "api_key", "token"}),
        frozenset({"recipients", "catalog_path"}),
    ),
    "ouranos": (
        frozenset({"name", "address", "auth_address", "account"}),
        frozenset({"recipients", "suppliers", "answers", "plant"}),
    ),
}


def load(home: Path) -> BridgeSettings | None:
    """The settings in *home*, or None where there is no ``bridge.toml``.

    Raises:
        SettingsError: an unknown or missing key, a value of the wrong kind.
        InputError: a file that they name cannot be read.
        RecordError: an identity record without its voucher's signature.
    """
    path = home / FILE
    if not path.exists():
        return None
    try:
        plain = tomllib.loads(path.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{FILE} is not TOML: {error}", where=str(path)) from error
    _known(
        plain,
        "the file",
        frozenset(),
        frozenset({"identity", "door", "every_minutes", *_PEER_KEYS}),
    )
    identity = _table(plain.get("identity", {}), "identity")
    _known(identity, "identity", frozenset(), frozenset({"vouchers", "least"}))
    doors = _table(plain.get("door", {}), "door")
    _known(doors, "door", frozenset(), frozenset(_DOOR_KEYS))
    return BridgeSettings(
        home,
        tuple(_door(home, system, _table(found, system)) for system, found in doors.items()),
        tuple(
            _peer(system, _table(found, system))
            for system in _PEER_KEYS
            for found in _tables(plain.get(system, []), system)
        ),
        _identities(home, _table(identity.get("vouchers", {}), "vouchers")),
        _least(identity.get("least", Assurance.SUBSTANTIAL.value)),
        _minutes(plain.get("every_minutes", 15)),
    )


def read_secret(home: Path, name: str) -> str:
    """The one line of a secret file in *home*.

    Raises:
        SettingsError: not a plain file name, others may read the file, or several lines.
    """
    path = home / name
    if Path(name).name != name:
        raise SettingsError("a secret is a file in the node's home", where=name)
    data = read_bytes(path, max_bytes=MAX_SECRET_BYTES)
    if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise SettingsError(f"others may read {name}", hint=f"chmod 600 {name}")
    try:
        text = data.decode("utf-8").strip()
    except UnicodeDecodeError as error:
        raise SettingsError(f"{name} is not text") from error
    if not text or "\n" in text:
        raise SettingsError(f"{name} holds one line and nothing else")
    return text


def _door(home: Path, system: str, plain: Mapping[str, Any]) -> DoorSettings:
    _known(plain, f"door.{system}", *_DOOR_KEYS[system])
    texts = {name: _text(plain, name) for name in plain}
    keys = read_bytes(home / Path(texts["keys"]).name, max_bytes=MAX_SECRET_BYTES)
    tokens = ForeignTokens.from_jwks(texts["issuer"], texts["audience"], texts["claim"], keys)
    handed = read_secret(home, texts["api_keys"]).split() if "api_keys" in texts else []
    return DoorSettings(system, tokens, texts.get("provider", ""), tuple(handed))


def _peer(system: str, plain: Mapping[str, Any]) -> PeerSettings:
    _known(plain, system, *_PEER_KEYS[system])
    texts = {n: _text(plain, n) for n in plain if n not in _NOT_TEXT}
    suppliers, answers = _texts(plain, "suppliers"), _texts(plain, "answers")
    if answers and "plant" not in texts:
        raise SettingsError(f"'plant' is missing in {system} of {FILE}", hint="answers need it")
    recipients = plain.get("recipients", [])
    if not isinstance(recipients, list) or not all(
        isinstance(r, str) and r and r.isprintable() for r in recipients
    ):
        raise SettingsError(f"'recipients' of {system} is a list of participants")
    name, address = texts.pop("name"), texts.pop("address").rstrip("/")
    return PeerSettings(system, name, address, tuple(recipients), texts, suppliers, answers)


_NOT_TEXT = frozenset({"recipients", "suppliers", "answers"})


def _texts(plain: Mapping[str, Any], name: str) -> Mapping[str, str]:
    found = _table(plain.get(name, {}), name)
    return {key: _text(found, key) for key in found}


def _identities(home: Path, vouchers: Mapping[str, Any]) -> IdentityMap:
    pinned = {keyid: PublicKey.from_wire(_text(vouchers, keyid)) for keyid in vouchers}
    paths = sorted((home / RECORDS).glob("*.json"))
    return IdentityMap(
        open_record(Envelope.from_wire(read_bytes(path, max_bytes=MAX_SECRET_BYTES)), pinned.get)
        for path in paths
    )


def _least(value: object) -> Assurance:
    if value not in {level.value for level in Assurance}:
        raise SettingsError("'least' is low, substantial or high")
    return Assurance(value)


def _minutes(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 1440:
        raise SettingsError(f"'every_minutes' in {FILE} is a number from 1 to 1440")
    return value


def _known(
    plain: Mapping[str, Any], where: str, needed: frozenset[str], more: frozenset[str]
) -> None:
    for name in plain:
        if name not in needed | more:
            raise SettingsError(f"unknown setting '{name[:60]}' in {where} of {FILE}")
    for name in sorted(needed - set(plain)):
        raise SettingsError(f"'{name}' is missing in {where} of {FILE}")


def _text(plain: Mapping[str, Any], name: str) -> str:
    value = plain[name]
    if not isinstance(value, str) or not value or not value.isprintable():
        raise SettingsError(f"'{name[:60]}' in {FILE} is a text")
    return value


def _table(value: object, name: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise SettingsError(f"'{name}' in {FILE} is a table")
    return value


def _tables(value: object, name: str) -> list[Mapping[str, Any]]:
    if not isinstance(value, list):
        raise SettingsError(f"'{name}' in {FILE} is a list of tables, [[{name}]]")
    return [_table(item, name) for item in value]


def _parsed(text: str, name: str) -> dict[str, Any]:
    try:
        plain = json.loads(text)
    except ValueError as error:
        raise SettingsError(f"{name} is not JSON") from error
    if not isinstance(plain, dict):
        raise SettingsError(f"{name} is not a JSON object")
    return plain
