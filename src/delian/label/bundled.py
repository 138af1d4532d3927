"""The two policies that ship with the package, as data that an authority may sign.

May touch: the package's own files, through ``importlib.resources``. "Delian League" is
fictitious. "NATO" follows public facts for interoperability tests; it is no publication of
that organization, and its members' authorities would supply their own.
"""

from functools import cache
from importlib.resources import files

from delian.label.policy import Policy

DELIAN_LEAGUE = "delian-league.json"
NATO_LIKE = "nato-like.json"


@cache
def bundled_policy(name: str = DELIAN_LEAGUE) -> Policy:
    """The shipped policy in the file *name*: :data:`DELIAN_LEAGUE` or :data:`NATO_LIKE`."""
    return Policy.from_wire(files("delian.label").joinpath("policies", name).read_bytes())
