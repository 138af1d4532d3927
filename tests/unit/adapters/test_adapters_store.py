"""The store keeps a step whole, sends once, and remembers across restarts."""

import sqlite3
import subprocess
import sys
import threading

import pytest

from delian.adapters.store import Store, StoreAlteredError, StoreError
from delian.crypto.ledger import Ledger
from delian.terms.encode import digest


@pytest.fixture
def path(tmp_path):
    return tmp_path / "home" / "state.db"


def test_a_step_is_kept_whole_or_not_at_all(path):
    store = Store(path)
    with pytest.raises(ZeroDivisionError), store.step():
        store.add("k", "r", "w", b"1")
        store.remember("x", b"1")
        raise ZeroDivisionError
    assert store.documents() == () and store.note("x") is None
    with store.step():
        name, new = store.add("k", "r", "w", b"1")
        store.queue(name)
    assert new and store.unsent()[0].digest == name == digest(b"1")
    store.close()


def test_the_same_paper_twice_is_one_and_is_sent_once(path):
    store = Store(path)
    name, _ = store.add("k", "r", "w", b"1")
    assert store.add("k", "r", "w", b"1") == (name, False)
    store.queue(name)
    store.queue(name)
    assert len(store.unsent()) == 1
    store.mark_sent(name)
    store.queue(name)
    assert store.unsent() == ()
    store.close()


def test_notes_ledger_and_outbox_survive_a_kill(path):
    code = (
        "import os, sys; from pathlib import Path; from delian.adapters.store import Store\n"
        "from delian.crypto.ledger import Ledger\n"
        "s = Store(Path(sys.argv[1]))\n"
        "with s.step():\n"
        "    n, _ = s.add('k', 'r', 'w', b'kept'); s.queue(n); s.remember('a', b'b')\n"
        "    Ledger.open(s, 'delian/X').append('k', n, who='w', round_id='r')\n"
        "with s.step():\n"
        "    s.add('k', 'r', 'w', b'lost'); s.remember('a', b'c')\n"
        "    os.kill(os.getpid(), 9)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], check=False)
    assert done.returncode == -9
    store = Store(path)
    assert [d.body for d in store.documents()] == [b"kept"]
    assert store.note("a") == b"b" and len(store.unsent()) == 1
    assert Ledger.open(store, "delian/X").size == 1
    store.close()


def test_threads_take_turns(path):
    store = Store(path)

    def write(k):
        for i in range(20):
            with store.step():
                before = int(store.note("n") or b"0")
                store.remember("n", str(before + 1).encode())
                store.add("k", "r", "w", b"%d-%d" % (k, i))

    threads = [threading.Thread(target=write, args=(k,)) for k in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.note("n") == b"60" and len(store.documents()) == 60
    assert [d.seq for d in store.documents(after=58)] == [59, 60]
    store.close()


def test_another_schema_is_refused(path):
    store = Store(path)
    store.remember("schema", b"99")
    store.close()
    with pytest.raises(StoreError, match="another version"):
        Store(path)


def test_a_file_that_is_no_database_is_refused(path):
    path.parent.mkdir(parents=True)
    path.write_bytes(b"not a database" * 100)
    with pytest.raises(StoreError):
        Store(path)


def test_an_entry_of_another_type_is_seen(path):
    store = Store(path)
    Ledger.open(store, "delian/X").append("k", "sha256:" + "0" * 64, who="w", round_id="r")
    store.remember("a", b"1")
    store.close()
    line = sqlite3.connect(path)
    line.execute("UPDATE entries SET body = 'text'")
    line.execute("UPDATE notes SET value = 7 WHERE name = 'a'")
    line.commit()
    line.close()
    store = Store(path)
    with pytest.raises(StoreAlteredError):
        Ledger.open(store, "delian/X")
    with pytest.raises(StoreAlteredError):
        store.note("a")
    store.close()
