"""What an operator may set. Whatever changes what is disclosed is not here: it is a round term.

One table for all nodes; ``docs/settings.md`` lists it. Order: flag, ``DELIAN_*``, the node's
``node.toml``, the default. Unknown keys fail. Secrets are files in the node's home, never values.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from pathlib import Path
from typing import Any

from delian.adapters.clock import Clock, PacedClock, ScaledClock, SystemClock
from delian.terms.encode import parse_utc
from delian.terms.errors import InputError


class SettingsError(InputError):
    """A setting is unknown, missing or of the wrong kind."""

    code = "settings"


@dataclass(frozen=True, slots=True)
class Setting:
    """One line of the table."""

    name: str
    default: str | int | None
    sentence: str
    unit: str = ""


SETTINGS: tuple[Setting, ...] = (
    Setting("role", "nation", "nation, host or secretariat."),
    Setting("code", None, "Party code of this node in the roster."),
    Setting("office", "", "Address of the secretariat, https://host:port; empty for files only."),
    Setting("office_code", "SEC", "Party code of the secretariat."),
    Setting("roster_digest", None, "Digest of the first roster, received out of band."),
    Setting("listen", "127.0.0.1:0", "Where a host or the secretariat listens, address:port."),
    Setting("peers", "", "The other hosts, 'alpha=address:port,bravo=address:port'."),
    Setting("lanes", 2, "Links that a host keeps to each of its peers.", "links"),
    Setting("stall_seconds", 20, "A silent link is given up after this long.", "seconds"),
    Setting("connect_seconds", 60, "How long a host waits for its peers at the start.", "seconds"),
    Setting("block_cells", 32_768, "Cells that a host works on at a time.", "cells"),
    Setting("poll_seconds", 5, "How long one question for news waits.", "seconds"),
    Setting("clock_origin", "", "Demonstration only: what the scaled clock showed at its start."),
    Setting("clock_started", "", "Demonstration only: the monotonic reading at that moment."),
    Setting("clock_factor", "", "Demonstration only: scaled seconds per real second."),
    Setting("clock_pace", "", "Demonstration only: file by which its clock is moved forward."),
)
_BY_NAME = {s.name: s for s in SETTINGS}


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of one node; see ``SETTINGS``."""

    role: str
    code: str
    office: str
    office_code: str
    roster_digest: str
    listen: str
    peers: str
    lanes: int
    stall_seconds: int
    connect_seconds: int
    block_cells: int
    poll_seconds: int
    clock_origin: str
    clock_started: str
    clock_factor: str
    clock_pace: str

    def clock(self) -> Clock:
        """The machine's clock, or the demonstration's."""
        if not self.clock_factor:
            return SystemClock()
        origin: datetime = parse_utc(self.clock_origin)
        scaled = ScaledClock(origin, float(self.clock_started), float(self.clock_factor))
        return PacedClock(scaled, Path(self.clock_pace)) if self.clock_pace else scaled

    def peer_addresses(self) -> dict[str, tuple[str, int]]:
        """Host name to address and port."""
        return {
            name: split_address(address)
            for name, _, address in (part.partition("=") for part in self.peers.split(",") if part)
        }


def split_address(text: str) -> tuple[str, int]:
    """``127.0.0.1:8443`` as a pair."""
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65535:
        raise SettingsError(f"'{text}' is not address:port")
    return host, int(port)


def load(
    home: Path, flags: Mapping[str, Any] | None = None, environ: Mapping[str, str] | None = None
) -> Settings:
    """The settings of the node in *home*.

    Raises:
        SettingsError: names the key and where it was found.
    """
    path = home / "node.toml"
    try:
        written = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError as error:
        raise SettingsError(
            f"{home} is not the home of a node: node.toml is missing",
            hint="make one with 'delian init nation|host|secretariat'",
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"node.toml is not TOML: {error}", where=str(path)) from error
    unknown = sorted(set(written) - set(_BY_NAME))
    if unknown:
        raise SettingsError(f"unknown setting '{unknown[0]}'", where=str(path))
    values = {
        f.name: _value(_BY_NAME[f.name], flags or {}, environ or {}, written)
        for f in fields(Settings)
    }
    return Settings(**values)


def save(home: Path, values: Mapping[str, str | int]) -> str:
    """The text of a ``node.toml`` that holds *values* (only those that differ from the default)."""
    lines = [
        f"# Settings of a Delian node; every key is explained in docs/settings.md ({home.name})."
    ]
    for setting in SETTINGS:
        value = values.get(setting.name)
        if value is not None and value != setting.default:
            shown = str(value) if isinstance(value, int) else '"' + _escape(value) + '"'
            lines.append(f"{setting.name} = {shown}")
    return "\n".join(lines) + "\n"


def _escape(text: str) -> str:
    if any(ord(c) < 32 for c in text):
        raise SettingsError("a setting must not hold control characters")
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _value(
    setting: Setting,
    flags: Mapping[str, Any],
    environ: Mapping[str, str],
    written: Mapping[str, Any],
) -> Any:
    name = setting.name
    found = flags.get(name)
    if found is None:
        found = environ.get(f"DELIAN_{name.upper()}")
    if found is None:
        found = written.get(name, setting.default)
    if found is None:
        raise SettingsError(f"the setting '{name}' is missing", hint=setting.sentence)
    if isinstance(setting.default, int):
        text = str(found)
        if not text.isdecimal():
            raise SettingsError(f"the setting '{name}' must be a whole number")
        return int(text)
    return str(found)
