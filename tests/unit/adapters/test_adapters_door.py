"""The door: only who proves its key gets in, and the client trusts one certificate."""

import socket
import threading
from datetime import UTC, datetime

import pytest
import uvicorn

from delian.adapters.certificates import make_certificate
from delian.adapters.http_client import OfficeAwayError, OfficeClient
from delian.adapters.http_server import Door
from delian.crypto.sign import PrivateKey
from delian.terms.encode import digest
from delian.terms.errors import InputError, NotYetError, RefusedError, TamperedError


class Office:
    def __init__(self):
        self.keys = {"FRA/agent": PrivateKey.generate(), "SEC/sign": PrivateKey.generate()}
        self.papers = []
        self.fail = None

    def public_key(self, keyid):
        key = self.keys.get(keyid)
        return key and key.public

    def receive(self, data, sender):
        if self.fail:
            raise self.fail
        self.papers.append((sender, data))
        return digest(data)

    def feed(self, reader, after):
        return [(i, digest(d), "paper", d) for i, (_, d) in enumerate(self.papers, 1) if i > after]

    def has_news(self, reader, after):
        return len(self.papers) > after

    def blob(self, reader, name):
        raise RefusedError(f"{reader} may not see {name}")

    def status(self, reader):
        return {"reader": reader}

    def command(self, operator, order):
        if operator != "SEC/sign":
            raise RefusedError("only the secretariat orders")
        return {"did": order["order"]}

    def act(self):
        pass

    def wake_seconds(self):
        return 60.0


@pytest.fixture(scope="module")
def door(tmp_path_factory):
    folder = tmp_path_factory.mktemp("door")
    certificate, secret = make_certificate("sec", datetime.now(tz=UTC))
    (folder / "tls.pem").write_bytes(certificate)
    (folder / "tls.key").write_bytes(secret)
    office = Office()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    config = uvicorn.Config(
        Door(office, "SEC").app,
        host="127.0.0.1",
        port=port,
        lifespan="off",
        log_level="error",
        ssl_certfile=folder / "tls.pem",
        ssl_keyfile=folder / "tls.key",
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    office.address, office.certificate = f"https://127.0.0.1:{port}", certificate.decode()
    client = OfficeClient(
        office.address, office.certificate, "SEC", "FRA/agent", office.keys["FRA/agent"]
    )
    for _ in range(500):
        try:
            client.status()
            break
        except OfficeAwayError:
            threading.Event().wait(0.01)
    yield office
    client.close()
    server.should_exit = True
    thread.join(10)


def client(office, keyid="FRA/agent", key=None, origin="SEC", certificate=None):
    return OfficeClient(
        office.address, certificate or office.certificate, origin, keyid, key or office.keys[keyid]
    )


def test_a_paper_goes_in_and_comes_out_of_the_feed(door):
    line = client(door)
    name = line.send(b"paper 1")
    assert door.papers[-1] == ("FRA", b"paper 1")
    assert [i.digest for i in line.feed(0, 0)][-1] == name
    assert line.feed(len(door.papers), 0.05) == []
    line.close()


def test_waiting_ends_when_something_comes(door):
    line, other = client(door), client(door)
    seen = []
    waiter = threading.Thread(target=lambda: seen.extend(line.feed(len(door.papers), 20)))
    waiter.start()
    other.send(b"news")
    waiter.join(10)
    assert [i.body for i in seen] == [b"news"]
    line.close()
    other.close()


def test_strangers_and_wrong_keys_stay_out(door):
    for bad in (
        client(door, "ITA/agent", PrivateKey.generate()),
        client(door, "FRA/agent", PrivateKey.generate()),
        client(door, origin="OTHER"),
    ):
        with pytest.raises((RefusedError, TamperedError, InputError, OfficeAwayError)):
            bad.status()
        bad.close()


def test_another_certificate_is_not_accepted(door):
    other, _ = make_certificate("sec", datetime.now(tz=UTC))
    line = client(door, certificate=other.decode())
    with pytest.raises(OfficeAwayError):
        line.status()
    line.close()


@pytest.mark.parametrize("kind", [InputError, RefusedError, TamperedError, NotYetError])
def test_a_refusal_keeps_its_kind_message_and_hint(door, kind):
    door.fail = kind("no such thing", hint="do this")
    line = client(door)
    with pytest.raises(kind, match="no such thing") as caught:
        line.send(b"x")
    assert caught.value.hint == "do this"
    door.fail = None
    line.close()


def test_only_the_secretariats_key_orders(door):
    line, boss = client(door), client(door, "SEC/sign")
    with pytest.raises(RefusedError):
        line.order({"order": "close"})
    assert boss.order({"order": "close"}) == {"did": "close"}
    with pytest.raises(RefusedError):
        line.blob("sha256:x")
    line.close()
    boss.close()


def test_a_challenge_is_used_once(door):
    line = client(door)
    line.status()
    line._token = "stale"
    assert line.status() == {"reader": "FRA"}
    line.close()
