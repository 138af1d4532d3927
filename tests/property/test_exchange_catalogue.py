"""Pages and filters: all pages together show everything once, whatever is published meanwhile."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from delian.exchange.catalogue import (
    Dataset,
    Distribution,
    catalog_page,
    matches,
    read_catalog,
    to_service,
)
from delian.exchange.catalogue_filter import (
    MAX_LIMIT,
    Condition,
    Cursor,
    Filter,
    read_filter,
    read_token,
    write_token,
)
from delian.exchange.catalogue_pages import MAX_LOOKS, turn
from delian.exchange.errors import FilterError, MessageError
from delian.exchange.odrl import Policy, Rule
from delian.exchange.plain import read_object, to_bytes


def dataset(name, **properties):
    return Dataset(
        name,
        (Policy("Offer", f"offer-{name}", (Rule("use"),)),),
        (Distribution("HttpData-PULL", "urn:service", "https://x/data"),),
        tuple(properties.items()),
    )


class ListShelf:
    """The port over a dictionary; counts what was handed out."""

    def __init__(self, names):
        self.items = {name: dataset(name) for name in names}
        self.handed = 0

    def after(self, place, count):
        found = sorted(n for n in self.items if place is None or n > place)[:count]
        return self._hand(found)

    def before(self, place, count):
        return self._hand(sorted((n for n in self.items if n < place), reverse=True)[:count])

    def named(self, ids):
        return self._hand(sorted(n for n in self.items if n in ids))

    def _hand(self, names):
        self.handed += len(names)
        return [self.items[name] for name in names]


def walk(shelf, cursor, admits, between):
    seen, pages = [], 0
    while cursor is not None:
        page = turn(shelf, read_token(write_token(cursor)), admits)
        seen.append([d.id for d in page.datasets])
        cursor, pages = page.next, pages + 1
        between(pages)
    return seen


@settings(max_examples=120, deadline=None)
@given(
    st.sets(st.integers(0, 60)),
    st.integers(1, 9),
    st.integers(0, 10**6),
    st.integers(1, 4),
)
def test_pages_show_what_was_there_throughout_exactly_once(numbers, limit, seed, keep):
    rng = random.Random(seed)
    shelf = ListShelf(f"{n:03}" for n in numbers)
    stable = set(shelf.items)

    def meddle(_):
        added, removed = f"{rng.randrange(61):03}", f"{rng.randrange(61):03}"
        shelf.items.setdefault(added, dataset(added))
        if removed in shelf.items:
            del shelf.items[removed]
            stable.discard(removed)

    def admits(d):
        return int(d.id) % keep == 0

    seen = walk(shelf, Cursor(Filter(limit=limit)), admits, meddle)
    flat = [name for page in seen for name in page]
    assert len(flat) == len(set(flat))
    assert flat == sorted(flat)
    assert {n for n in stable if int(n) % keep == 0} <= set(flat)
    assert all(len(page) <= limit for page in seen)


@settings(max_examples=100, deadline=None)
@given(st.sets(st.integers(0, 60)), st.integers(1, 9), st.integers(1, 4))
def test_walking_back_shows_the_same(numbers, limit, keep):
    shelf = ListShelf(f"{n:03}" for n in numbers)

    def admits(d):
        return int(d.id) % keep == 0

    forward = [n for page in walk(shelf, Cursor(Filter(limit=limit)), admits, id) for n in page]
    assert forward == sorted(n for n in shelf.items if int(n) % keep == 0)
    cursor, back = Cursor(Filter(limit=limit), before="999"), []
    while cursor is not None:
        page = turn(shelf, cursor, admits)
        back = [d.id for d in page.datasets] + back
        cursor = page.previous
    assert back == forward


def test_the_page_before_ends_where_this_one_begins():
    shelf = ListShelf(f"{n:03}" for n in range(10))
    first = turn(shelf, Cursor(Filter(limit=4)), bool)
    second = turn(shelf, first.next, bool)
    third = turn(shelf, second.next, bool)
    assert first.previous is None
    assert third.next is None
    assert [d.id for d in third.datasets] == ["008", "009"]
    assert turn(shelf, third.previous, bool).datasets == second.datasets
    assert turn(shelf, second.previous, bool).datasets == first.datasets


def test_a_page_costs_the_same_wherever_it_lies():
    shelf = ListShelf(f"{n:05}" for n in range(3000))
    costs = set()
    cursor = Cursor(Filter(limit=50))
    while cursor is not None:
        shelf.handed = 0
        cursor = turn(shelf, cursor, bool).next
        costs.add(shelf.handed)
    assert costs <= {50, 51}


def test_a_page_that_finds_nothing_ends_early_and_names_the_next():
    shelf = ListShelf(f"{n:05}" for n in range(3 * MAX_LOOKS))
    page = turn(shelf, Cursor(Filter(limit=100)), lambda d: d.id == f"{3 * MAX_LOOKS - 1:05}")
    assert page.datasets == ()
    assert page.next is not None
    assert shelf.handed <= MAX_LOOKS + 200


def test_an_identifier_is_looked_up_and_not_searched():
    shelf = ListShelf(f"{n:05}" for n in range(3000))
    wanted = read_filter([{"property": "@id", "operator": "=", "value": "02999"}])
    page = turn(shelf, Cursor(wanted), lambda d: matches(d, wanted))
    assert [d.id for d in page.datasets] == ["02999"]
    assert shelf.handed == 1


# --- filters --------------------------------------------------------------------------------------

SHELL = dataset(
    "shell", title="Shell 155 mm", keyword=["155 mm", "ammunition"], language=["en", "fr"]
)
CASES = [
    ("id", "=", "shell", True),
    ("id", "=", "other", False),
    ("id", "in", ["other", "shell"], True),
    ("offer", "=", "offer-shell", True),
    ("format", "=", "HttpData-PULL", True),
    ("format", "=", "HttpData-PUSH", False),
    ("title", "contains", "SHELL", True),
    ("title", "prefix", "Shell", True),
    ("title", "prefix", "155", False),
    ("keyword", "=", "ammunition", True),
    ("keyword", "!=", "ammunition", False),
    ("keyword", "!=", "drones", True),
    ("absent", "=", "x", False),
    ("absent", "!=", "x", True),
]


@pytest.mark.parametrize(("name", "operator", "value", "expected"), CASES)
def test_filter_language(name, operator, value, expected):
    wanted = read_filter([{"property": name, "operator": operator, "value": value}])
    assert matches(SHELL, wanted) is expected
    both = read_filter(
        [
            {"property": name, "operator": operator, "value": value},
            {"property": "id", "operator": "=", "value": "nothing"},
        ]
    )
    assert matches(SHELL, both) is False


EDC = "https://w3id.org/edc/v0.0.1/ns/"


def test_the_query_of_eclipse_edc_is_read():
    query = {
        "@type": "QuerySpec",
        "offset": 0,
        "limit": 2147483647,
        "sortOrder": "ASC",
        "filterExpression": [
            {
                "@type": "Criterion",
                "operandLeft": f"{EDC}id",
                "operator": "=",
                "operandRight": {"@value": "shell"},
            }
        ],
    }
    wanted = read_filter([query])
    assert wanted == Filter((Condition("id", "=", ("shell",)),), MAX_LIMIT)
    assert matches(SHELL, wanted)
    paged = read_filter([{f"{EDC}offset": 4, f"{EDC}limit": 3, "@type": f"{EDC}QuerySpec"}])
    shelf = ListShelf(f"{n:03}" for n in range(10))
    page = turn(shelf, Cursor(paged), bool)
    assert [d.id for d in page.datasets] == ["004", "005", "006"]
    assert [d.id for d in turn(shelf, page.next, bool).datasets] == ["007", "008", "009"]


BAD = [
    ["x"],
    [{"property": "a", "operator": "=", "value": "b", "more": 1}],
    [{"property": "a", "operator": "~", "value": "b"}],
    [{"property": "a", "operator": ["="], "value": "b"}],
    [{"property": "", "operator": "=", "value": "b"}],
    [{"property": "a", "operator": "=", "value": None}],
    [{"property": "a", "operator": "=", "value": []}],
    [{"property": "a", "operator": "=", "value": 1.5}],
    [{"property": "a", "operator": "=", "value": "x" * 2000}],
    [{"property": "a", "operator": "=", "value": "x"}] * 21,
    [{"@type": "QuerySpec", "sortField": "x"}],
    [{"@type": "QuerySpec", "limit": 0}],
    [{"@type": "QuerySpec", "offset": -1}],
    [{"@type": "QuerySpec", "filterExpression": ["x"]}],
]


@pytest.mark.parametrize("items", BAD, ids=range(len(BAD)))
def test_anything_else_is_refused(items):
    with pytest.raises(FilterError):
        read_filter(items)


@pytest.mark.parametrize("token", ["", "x", "é", "e30", "eyJmIjpbMV19", "A" * 7000, "%%%"])
def test_foreign_tokens_are_refused(token):
    with pytest.raises(FilterError):
        read_token(token)


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=40), st.binary(max_size=40))
def test_tokens_raise_nothing_else(text, data):
    for token in (text, write_token(Cursor(Filter(), after=data.hex()))[: len(text)]):
        try:
            read_token(token)
        except FilterError:
            continue


def test_a_token_keeps_the_filter():
    wanted = read_filter([{"property": "keyword", "operator": "in", "value": ["a", "ü"]}])
    cursor = Cursor(wanted, after="urn:x", before=None)
    assert read_token(write_token(cursor)) == cursor


# --- the catalogue on the wire -----------------------------------------------------------------


def test_a_catalogue_survives_the_wire_and_leaves_empty_lists_out():
    service = to_service("urn:service", "https://x/2025-1")
    plain = catalog_page("urn:catalog", "did:web:x", [SHELL.to_plain()], service=service)
    page = read_catalog(read_object(to_bytes(plain)))
    assert (page.id, page.participant_id, page.services) == (
        "urn:catalog",
        "did:web:x",
        ("https://x/2025-1",),
    )
    assert page.datasets[0].offers == SHELL.offers
    assert page.datasets[0].distributions == SHELL.distributions
    assert dict(page.datasets[0].properties) == dict(SHELL.properties)
    assert set(catalog_page("c", "p", [])) == {"@context", "@id", "@type", "participantId"}


def test_one_dataset_that_cannot_be_read_does_not_hide_the_others():
    broken = {"@id": "broken", "hasPolicy": [{"@type": "Offer"}], "distribution": []}
    obj = {"@id": "c", "dataset": [broken, SHELL.to_plain()], "service": {"endpointURL": "u"}}
    page = read_catalog(obj)
    assert [d.id for d in page.datasets] == ["shell"]
    assert page.unread == ("dataset[0].hasPolicy[0].@id: this member is missing",)
    with pytest.raises(MessageError):
        read_catalog({"dataset": []})
    alone = read_catalog({"@id": "c", "dataset": SHELL.to_plain()})
    assert [d.id for d in alone.datasets] == ["shell"]
