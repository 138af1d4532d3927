"""Loads the code of the one role that a home has: a machine holds no other role's code."""

import importlib
import os
from pathlib import Path
from typing import Any

from delian.nodes.settings import SettingsError, load

ROLES = ("nation", "host", "secretariat")


def role_of(home: Path) -> str:
    """The role of the node in *home*.

    Raises:
        SettingsError: no home of a node, or an unknown role.
    """
    role = load(home, environ=os.environ).role
    if role not in ROLES:
        raise SettingsError(f"the role '{role[:40]}' is none of {', '.join(ROLES)}")
    return role


def for_role(home: Path, what: str) -> Any:
    """The module ``delian.nodes.<role>_<what>`` for the node in *home*."""
    return importlib.import_module(f"delian.nodes.{role_of(home)}_{what}")
