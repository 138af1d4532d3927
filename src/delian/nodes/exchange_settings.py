"""What an operator of a connector sets: ``exchange.toml`` in its home, table ``[exchange]``.

Unknown keys fail. Secrets are files in the home, never values. ``docs/settings.md`` lists them.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from delian.adapters.files import read_bytes, write_bytes
from delian.adapters.peer_guard import AddressRefusedError, Guard
from delian.nodes.settings import Setting, SettingsError, split_address

FILE = "exchange.toml"
MAX_BYTES = 1024 * 1024

EXCHANGE_SETTINGS: tuple[Setting, ...] = (
    Setting("address", None, "Where peers reach this node, https://host[:port][/path]."),
    Setting("did", "", "Our participant id, a did:web; empty for the one of the address."),
    Setting("listen", "", "Where it listens, address:port; empty for the address itself."),
    Setting("development", 0, "1 (or true): loopback peers over plain http; never in service."),
    Setting("proof", "dcp", "How peers prove who they are: dcp, or none (development only)."),
    Setting("database", "", "postgresql://… without a password; empty for SQLite in the home."),
    Setting("certificate", "", "PEM file, where this process ends TLS itself."),
    Setting("key", "", "Private key of the certificate."),
    Setting("authorities", "", "PEM file of authorities that count beside the machine's own."),
    Setting("releases", "", "Folder of releases that the catalogue follows."),
    Setting("root", "", "Pinned root of these releases."),
    Setting("key_access", 0, "1 (or true): serve the key access of sealed releases, too."),
    Setting("delivery_hours", 24, "A message not taken for this long ends its process.", "hours"),
    Setting("open_per_peer", 10_000, "Open processes of one participant.", "processes"),
    Setting("requests", 1024, "Requests at once, in total.", "requests"),
    Setting("requests_per_peer", 256, "Requests at once, of one participant.", "requests"),
)


@dataclass(frozen=True, slots=True)
class ExchangeSettings:
    """The settings of one connector; see ``EXCHANGE_SETTINGS``."""

    home: Path
    address: str
    did: str
    listen: str
    development: bool
    proof: str
    database: str
    certificate: str
    key: str
    authorities: str
    releases: str
    root: str
    key_access: bool
    delivery_hours: int
    open_per_peer: int
    requests: int
    requests_per_peer: int
    identity: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse what must not be set together.

        Raises:
            SettingsError: names the setting.
        """
        try:
            Guard(self.development).check_url(self.address)
        except AddressRefusedError as error:
            raise SettingsError(f"address: {error.message}", hint=error.hint) from error
        if self.proof not in ("dcp", "none") or (self.proof == "none" and not self.development):
            raise SettingsError("proof is dcp; none needs 'development = true'")
        if urlsplit(self.database).password is not None:
            raise SettingsError(
                "the database address holds a password", hint="put it into a PostgreSQL passfile"
            )
        if self.database and not self.database.startswith("postgresql://"):
            raise SettingsError("database is empty or postgresql://…")
        if bool(self.certificate) != bool(self.key):
            raise SettingsError("certificate and key belong together")

    @property
    def place(self) -> str | Path:
        """The database."""
        return self.database or self.home / "exchange.db"

    def listening(self) -> tuple[str, int]:
        """Address and port to bind."""
        if self.listen:
            return split_address(self.listen)
        parts = urlsplit(self.address)
        return parts.hostname or "127.0.0.1", parts.port or (443 if self.certificate else 80)

    def path(self, name: str) -> Path:
        """A file that the settings name; relative ones lie in the home."""
        return self.home / name


def did_of(address: str) -> str:
    """The did:web that belongs to an address."""
    parts = urlsplit(address)
    host = parts.netloc.replace(":", "%3A")
    rest = "".join(f":{part}" for part in parts.path.split("/") if part)
    return f"did:web:{host}{rest}"


def load_exchange(
    home: Path, flags: Mapping[str, Any] | None = None, environ: Mapping[str, str] | None = None
) -> ExchangeSettings:
    """The settings of the connector in *home*.

    Raises:
        SettingsError: names the key and where it was found.
    """
    path = home / FILE
    if not path.exists():
        raise SettingsError(
            f"{home} is not the home of a connector: {FILE} is missing",
            hint="make one with 'delian exchange init'",
        )
    try:
        whole = tomllib.loads(read_bytes(path, max_bytes=MAX_BYTES).decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{FILE} is not TOML: {error}", where=str(path)) from error
    written = whole.get("exchange")
    others = sorted(set(whole) - {"exchange"})
    if not isinstance(written, dict) or others:
        raise SettingsError(f"{FILE} holds one table, [exchange]", where=str(path))
    known = {s.name: s for s in EXCHANGE_SETTINGS}
    unknown = sorted(set(written) - set(known) - {"identity"})
    if unknown:
        raise SettingsError(f"unknown setting '{unknown[0]}'", where=str(path))
    identity = written.get("identity", {})
    if not isinstance(identity, dict):
        raise SettingsError("identity is a table, [exchange.identity]", where=str(path))
    values: dict[str, Any] = {
        name: _value(setting, flags or {}, environ or {}, written)
        for name, setting in known.items()
    }
    values["development"] = bool(values["development"])
    values["key_access"] = bool(values["key_access"])
    values["address"] = str(values["address"]).rstrip("/")
    values["did"] = values["did"] or did_of(values["address"])
    wanted = {f.name for f in fields(ExchangeSettings)}
    return ExchangeSettings(
        home=home, identity=identity, **{k: v for k, v in values.items() if k in wanted}
    )


def init_exchange(home: Path, address: str, *, development: bool = False) -> Path:
    """Write the settings of a new connector; the file.

    Raises:
        SettingsError: there is one already, or the address is not right.
    """
    path = home / FILE
    if path.exists():
        raise SettingsError("this folder holds a connector already", where=str(path))
    lines = ["[exchange]", f'address = "{address.rstrip("/")}"']
    if development:
        lines += ["development = true", 'proof = "none"']
    if any(c in address for c in '"\\\n'):
        raise SettingsError("the address holds odd characters")
    try:
        Guard(development).check_url(address)
    except AddressRefusedError as error:
        raise SettingsError(f"address: {error.message}", hint=error.hint) from error
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    write_bytes(path, ("\n".join(lines) + "\n").encode())
    load_exchange(home)
    return path


def _value(
    setting: Setting,
    flags: Mapping[str, Any],
    environ: Mapping[str, str],
    written: Mapping[str, Any],
) -> str | int:
    name = setting.name
    found = flags.get(name)
    if found is None:
        found = environ.get(f"DELIAN_EXCHANGE_{name.upper()}")
    if found is None:
        found = written.get(name, setting.default)
    if found is None:
        raise SettingsError(f"the setting '{name}' is missing", hint=setting.sentence)
    if isinstance(setting.default, int):
        text = {"true": "1", "false": "0"}.get(str(found).lower(), str(found))
        if not text.isdecimal() or len(text) > 9:
            raise SettingsError(f"the setting '{name}' must be a whole number")
        return int(text)
    if not isinstance(found, str):
        raise SettingsError(f"the setting '{name}' must be text")
    return found
