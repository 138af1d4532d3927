"""A small release whose label can be said in every wire form, for tests that seal it."""

from functools import cache

from delian.label import Label, Marking, Originator, bundled_policy
from tests.release_world import (
    NOW,
    Released,
    World,
    draw_table,
    frame_of,
    key,
    released_from,
    roster_of,
    terms_of,
)

POLICY, OFFICE = bundled_policy(), key("SEC/sign")


@cache
def closed_release() -> Released:
    """For the members of the league and one group beside them."""
    context = POLICY.contexts[0]
    audience = context.members | POLICY.audiences[0].members
    label = Label(
        Marking(POLICY.oid, 1, audience),
        context.value,
        Originator("rfc822Name", "office@league.example"),
        NOW,
        NOW,
    )
    codes = ("ALB", "BEL", "CAN", "FRA")
    roster = roster_of(codes)
    terms = terms_of(codes, roster, frame_of(6, 3, 1), label=label.to_plain())
    return released_from(World(codes, roster, terms, draw_table(terms, codes, 1)))
