"""A round whose silence counts working time ends after the weekend and the holiday."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from delian.nodes.demo_setup import make_terms
from tests.alliance_world import World


def test_silence_stands_still_on_weekends_and_holidays(tmp_path):
    world = World(tmp_path / "alliance")
    friday = datetime(2026, 9, 4, 12, tzinfo=UTC)
    world.forward(friday - world.now_utc())
    calendar = replace(
        make_terms(world.stage, 1, friday).calendar,
        holidays=(date(2026, 9, 7),),
        working_time=True,
        sheets_until=friday + timedelta(days=20),
    )
    terms = world.open_round(calendar=calendar)
    (proposal,) = world.view(terms).proposals.values()
    # 48 hours of working time: half of Friday, not the weekend, not Monday, Tuesday, half Wednesday
    assert proposal.silence_ends_utc == datetime(2026, 9, 9, 12, tzinfo=UTC)
    world.settle()
    world.forward(timedelta(hours=60))
    world.settle()
    assert world.view(terms).agreed is None
    world.forward(timedelta(hours=62))
    world.settle()
    assert world.view(terms).agreed is not None
