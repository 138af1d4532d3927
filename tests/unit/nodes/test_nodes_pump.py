"""The pump loses no paper: not when it must wait, not when something is away, not in a crash."""

from types import SimpleNamespace

import pytest

from delian.adapters.clock import SystemClock
from delian.adapters.http_client import FeedItem, OfficeAwayError
from delian.adapters.store import Store
from delian.nodes.pump import Pump
from delian.terms.encode import digest
from delian.terms.errors import NotYetError, RefusedError


class Node:
    """Answers each paper with the next of its errors, and takes it once they are used up."""

    def __init__(self, *errors):
        self.errors, self.taken = list(errors), []

    def receive(self, data):
        if self.errors:
            raise self.errors.pop(0)
        self.taken.append(data)

    def act(self):
        pass

    def due_seconds(self):
        return 0.0


class Line:
    """A feed of papers, and what was sent."""

    def __init__(self, *papers):
        self.papers, self.sent = papers, []

    def feed(self, after, wait_seconds):
        items = enumerate(self.papers, 1)
        return [FeedItem(n, digest(p), "manifest", p) for n, p in items if n > after]

    def send(self, data):
        self.sent.append(data)


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path / "state.db")
    yield store
    store.close()


def pump(store, node, line):
    return Pump(node, store, line, SimpleNamespace(poll_seconds=0), SystemClock())


@pytest.mark.parametrize("error", [NotYetError, OfficeAwayError])
def test_a_paper_that_cannot_be_taken_yet_is_tried_again_without_news(store, error):
    node, line = Node(error("later"), error("later")), Line(b"sheet")
    one = pump(store, node, line)
    for _ in range(3):
        one.once()
    assert node.taken == [b"sheet"]
    assert store.notes("later/") == {}


def test_a_paper_that_is_refused_is_not_tried_again(store):
    node = Node(RefusedError("never"))
    one = pump(store, node, Line(b"sheet", b"other"))
    one.once()
    one.once()
    assert node.taken == [b"other"]


def test_a_paper_kept_for_later_survives_a_crash_while_it_is_tried(store):
    node = Node(OfficeAwayError("away"), KeyboardInterrupt())
    one = pump(store, node, Line(b"sheet"))
    with pytest.raises(KeyboardInterrupt):
        one.once()
    assert list(store.notes("later/").values()) == [b"sheet"]
    pump(store, node, Line(b"sheet")).once()
    assert node.taken == [b"sheet"]


def test_a_crash_in_the_middle_of_a_batch_repeats_the_batch(store):
    node = Node(KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        pump(store, node, Line(b"one", b"two")).once()
    assert store.note("feed") is None
    pump(store, node, Line(b"one", b"two")).once()
    assert node.taken == [b"one", b"two"]


def test_a_paper_leaves_the_outbox_once_the_secretariat_has_it(store):
    name, _ = store.add("voice", "R1", "FRA", b"word")
    store.queue(name)
    line = Line()
    line.send = lambda _data: (_ for _ in ()).throw(OfficeAwayError("away"))
    with pytest.raises(OfficeAwayError):
        pump(store, Node(), line).once()
    assert [p.body for p in store.unsent()] == [b"word"]
    line = Line()
    pump(store, Node(), line).once()
    assert line.sent == [b"word"]
    assert store.unsent() == ()
