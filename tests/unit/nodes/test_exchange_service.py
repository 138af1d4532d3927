"""A connector in service: its settings, its home, and the orders that only its owner may give."""

import asyncio
import ipaddress
import json
import os
import socket
import stat
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from delian.adapters.dsp_listener import Listen, bound_socket
from delian.adapters.exchange_line import LineClosedError, OrderRefusedError
from delian.adapters.exchange_store import ExchangeStoreError
from delian.nodes.exchange_node import running
from delian.nodes.exchange_operator import Operator
from delian.nodes.exchange_settings import (
    EXCHANGE_SETTINGS,
    ExchangeSettings,
    did_of,
    init_exchange,
    load_exchange,
)
from delian.nodes.settings import SettingsError

DATASET = {
    "@id": "urn:x:1",
    "@type": "Dataset",
    "hasPolicy": [{"@type": "Offer", "@id": "o", "permission": [{"action": "use"}]}],
    "distribution": [
        {"@type": "Distribution", "format": "HttpData-PULL", "accessService": "service"}
    ],
}


async def node(stack: AsyncExitStack, home: Path, proof: str = "none") -> Any:
    """A connector in *home*, on a port of its own."""
    bound = bound_socket(Listen("127.0.0.1", 0))
    path = init_exchange(home, f"http://127.0.0.1:{bound.getsockname()[1]}", development=True)
    path.write_text(path.read_text().replace('"none"', f'"{proof}"'))
    return await stack.enter_async_context(running(load_exchange(home), bound=bound))


def with_two(
    home: Path, work: Callable[[Any, Operator, Operator], Awaitable[None]], proof: str = "none"
) -> None:
    async def main() -> None:
        async with AsyncExitStack() as stack, asyncio.timeout(60):
            provider = await node(stack, home / "p", proof)
            await node(stack, home / "c", proof)
            await work(provider, Operator(home / "p"), Operator(home / "c"))

    asyncio.run(main())


@pytest.mark.parametrize("proof", ["none", "dcp"])
def test_orders_lead_from_an_offer_to_the_data(tmp_path: Path, proof: str) -> None:
    data = tmp_path / "data"
    data.write_bytes(b"abc" * 1000)

    async def work(provider: Any, p: Operator, c: Operator) -> None:
        root = provider.connector.parts.root
        give = asyncio.to_thread
        published = await give(p.publish, DATASET, data)
        found = await give(c.catalogue, root)
        assert [d["@id"] for d in found["datasets"]] == ["urn:x:1"]
        assert found["participant"] == did_of(root)
        n = await give(c.negotiate, root, "urn:x:1")
        assert n["state"] == "FINALIZED", n["reasons"]
        got = await give(c.fetch, n["pid"], tmp_path / "out")
        assert (got["digest"], got["state"]) == (published["digest"], "COMPLETED")
        assert (tmp_path / "out").read_bytes() == data.read_bytes()
        shown = await give(c.show, n["pid"])
        assert [s["event"].split()[0] for s in shown["story"]] == [
            "began",
            "heard",
            "sent",
            "heard",
        ]
        assert (await give(p.explain, n["peer_pid"]))["state"] == "FINALIZED"
        status = await give(p.status)
        assert (status["negotiations"], status["datasets"]) == ({"FINALIZED": 1}, 1)
        await give(p.withdraw, "urn:x:1", "a fault was found")
        with pytest.raises(OrderRefusedError) as refused:
            await give(c.negotiate, root, "urn:x:1")
        assert refused.value.code == "dsp-not-found"
        with pytest.raises(OrderRefusedError, match="a fault was found"):
            await give(c.fetch, n["pid"], tmp_path / "again")
        assert not (tmp_path / "again").exists()

    with_two(tmp_path, work, proof)


def test_an_offer_to_a_peer_waits_for_its_person(tmp_path: Path) -> None:
    async def work(provider: Any, p: Operator, c: Operator) -> None:
        give = asyncio.to_thread
        own = (await give(c.status))["address"].removesuffix("/2025-1")
        await give(p.publish, DATASET, None)
        offered = await give(p.offer, own, "urn:x:1")
        assert (offered["state"], offered["role"]) == ("OFFERED", "PROVIDER")
        listed = (await give(c.list))["negotiations"]
        while not listed:
            listed = (await give(c.list))["negotiations"]
        accepted = await give(c.decide, listed[0]["pid"], True)
        assert accepted["role"] == "CONSUMER"
        ended = await provider.connector.wait(offered["pid"], ("FINALIZED",), 20)
        assert ended.state.value == "FINALIZED", ended.reasons

    with_two(tmp_path, work)


def certificate(home: Path, name: str) -> None:
    """A certificate for 127.0.0.1 and its key, as files of *home*."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2100, 1, 1, tzinfo=UTC))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    home.mkdir(parents=True)
    (home / "cert.pem").write_bytes(made.public_bytes(Encoding.PEM))
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (home / "key.pem").write_bytes(pem)


@pytest.mark.parametrize("is_known", [True, False])
def test_https_needs_a_certificate_that_counts(tmp_path: Path, is_known: bool) -> None:
    async def main() -> str:
        async with AsyncExitStack() as stack, asyncio.timeout(60):
            for name, other in (("p", "c"), ("c", "p")):
                certificate(tmp_path / name, name)
                counts = is_known or name == "p"
                known = f'authorities = "../{other}/cert.pem"\n' if counts else ""
                bound = bound_socket(Listen("127.0.0.1", 0))
                address = f"https://127.0.0.1:{bound.getsockname()[1]}"
                lines = f'address = "{address}"\ndevelopment = true\nproof = "none"\n'
                tls = 'certificate = "cert.pem"\nkey = "key.pem"\n'
                (tmp_path / name / "exchange.toml").write_text(f"[exchange]\n{lines}{tls}{known}")
                stack.callback(bound.close)
                waiting.append((tmp_path / name, bound, address))
            for home, bound, _ in waiting:
                await stack.enter_async_context(running(load_exchange(home), bound=bound))
            p, c = Operator(tmp_path / "p"), Operator(tmp_path / "c")
            await asyncio.to_thread(p.publish, DATASET, None)
            n = await asyncio.to_thread(c.negotiate, waiting[0][2], "urn:x:1")
            return str(n["state"])

    waiting: list[tuple[Path, Any, str]] = []
    if is_known:
        assert asyncio.run(main()) == "FINALIZED"
    else:
        with pytest.raises(OrderRefusedError) as refused:
            asyncio.run(main())
        assert refused.value.code == "peer-unreachable"


@pytest.mark.parametrize(
    ("order", "code"),
    [
        ({}, "input"),
        ({"order": "open-sesame"}, "input"),
        ({"order": "show"}, "dsp-message"),
        ({"order": "show", "pid": "none"}, "dsp-not-found"),
        ({"order": "list", "limit": "many"}, "input"),
        ({"order": "publish", "dataset": {}}, "dsp-message"),
        ({"order": "publish", "dataset": DATASET, "path": "/no/such/file"}, "input"),
        ({"order": "catalogue", "url": "http://10.0.0.1/"}, "address-refused"),
        ({"order": "fetch", "pid": "none", "to": "x"}, "dsp-not-found"),
        ({"order": "withdraw", "dataset": "x", "reason": "y"}, "dsp-not-found"),
    ],
)
def test_a_wrong_order_is_refused_by_name(tmp_path: Path, order: dict[str, Any], code: str) -> None:
    async def main() -> dict[str, Any]:
        async with AsyncExitStack() as stack:
            await node(stack, tmp_path / "p")
            token = (tmp_path / "p" / "operator.token").read_text()
            return await say(tmp_path / "p", {**order, "token": token})

    assert asyncio.run(main())["error"]["code"] == code


async def say(home: Path, order: Any) -> dict[str, Any]:
    """One line on the socket of *home*, whose path may be long."""
    folder = os.open(home, os.O_RDONLY)
    try:
        path = f"/proc/self/fd/{folder}/operator.sock"
        reader, writer = await asyncio.open_unix_connection(path)
    finally:
        os.close(folder)
    raw = order if isinstance(order, bytes) else json.dumps(order).encode()
    writer.write(raw + b"\n")
    answer = await reader.readline()
    writer.close()
    found: dict[str, Any] = json.loads(answer)
    return found


@pytest.mark.parametrize(
    "order",
    [
        {"order": "status"},
        {"order": "status", "token": "wrong"},
        {"order": "status", "token": 3},
        [],
        b"not json",
        b"\xff" * 10,
        b"[" * 100_000,
    ],
)
def test_nobody_orders_without_the_token_of_the_home(tmp_path: Path, order: Any) -> None:
    async def main() -> dict[str, Any]:
        async with AsyncExitStack() as stack:
            await node(stack, tmp_path / "p")
            return await say(tmp_path / "p", order)

    answer = asyncio.run(main())
    assert "answer" not in answer
    assert answer["error"]["code"] in ("exchange-line-token", "input")


def test_the_home_is_its_owners_alone_and_serves_once(tmp_path: Path) -> None:
    home = tmp_path / ("long" * 30) / "p"

    async def main() -> None:
        async with AsyncExitStack() as stack:
            await node(stack, home)
            for name in ("operator.sock", "operator.token", "exchange.db"):
                assert stat.S_IMODE((home / name).stat().st_mode) == 0o600, name
            assert stat.S_ISSOCK((home / "operator.sock").stat().st_mode)
            assert (await asyncio.to_thread(Operator(home).status))["datasets"] == 0
            with pytest.raises(ExchangeStoreError):
                async with running(load_exchange(home)):
                    raise AssertionError("two processes serve one home")

    asyncio.run(main())
    with pytest.raises(LineClosedError):
        Operator(home).status()


def written(home: Path, text: str) -> Path:
    home.mkdir(exist_ok=True)
    (home / "exchange.toml").write_text(text)
    return home


def test_the_shortest_settings_are_enough_and_safe(tmp_path: Path) -> None:
    home = written(tmp_path, '[exchange]\naddress = "https://a.example:8443/dsp"\n')
    found = load_exchange(home, environ={"DELIAN_EXCHANGE_REQUESTS": "7"})
    assert found.did == "did:web:a.example%3A8443:dsp"
    assert (found.development, found.proof, found.requests) == (False, "dcp", 7)
    assert found.listening() == ("a.example", 8443)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "address = 1",
        "[exchange",
        "[exchange]\n",
        '[exchange]\naddress = "http://127.0.0.1:1"\n',
        '[exchange]\naddress = "https://10.0.0.1"\n',
        '[exchange]\naddress = "https://a.example"\nproof = "none"\n',
        '[exchange]\naddress = "https://a.example"\nproof = "maybe"\n',
        '[exchange]\naddress = "https://a.example"\ncolour = "red"\n',
        '[exchange]\naddress = "https://a.example"\nrequests = "many"\n',
        '[exchange]\naddress = "https://a.example"\nrequests = -1\n',
        '[exchange]\naddress = "https://a.example"\ndatabase = "mysql://x"\n',
        '[exchange]\naddress = "https://a.example"\ndatabase = "postgresql://u:secret@h/d"\n',
        '[exchange]\naddress = "https://a.example"\ncertificate = "c.pem"\n',
        '[exchange]\naddress = "https://a.example"\nidentity = 3\n',
        '[exchange]\naddress = "https://a.example"\n[other]\n',
    ],
)
def test_settings_that_are_wrong_are_refused_without_a_secret(tmp_path: Path, text: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load_exchange(written(tmp_path, text), environ={})
    assert "secret" not in caught.value.message + caught.value.hint


def test_every_setting_of_the_table_is_a_setting() -> None:
    names = {s.name for s in EXCHANGE_SETTINGS}
    assert names | {"home", "identity"} == set(ExchangeSettings.__slots__)


def test_a_home_is_made_once(tmp_path: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{unused.getsockname()[1]}"
    init_exchange(tmp_path / "a", address, development=True)
    assert load_exchange(tmp_path / "a").address == address
    for home, url in ((tmp_path / "a", address), (tmp_path / "b", 'x"y'), (tmp_path / "c", "ftp:")):
        with pytest.raises(SettingsError):
            init_exchange(home, url, development=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a"]
