"""The wire of key access: spellings, compression, chunks, the GET form, hostile bodies."""

import asyncio
import base64
import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.applications import Starlette

from delian.adapters import key_access_server
from delian.adapters.key_access_server import MAX_BODY_BYTES, key_access_routes
from delian.exchange.key_access_wire import field, read_fields
from delian.nodes.exchange_keys import KeyService
from tests.key_access_world import FRA, LEVEL, FixedClock, Heard, ask, make_service

ADDRESS = "https://kas.example"
PROTO, JSON = ("content-type", "application/proto"), ("content-type", "application/json")
WELL_KNOWN = "/wellknownconfiguration.WellKnownService/GetWellKnownConfiguration"
VALUES = "/policy.attributes.AttributesService/GetAttributeValuesByFqns"
SERVICES = "/policy.kasregistry.KeyAccessServerRegistryService/ListKeyAccessServers"
PUBLIC, REWRAP = "/kas.AccessService/PublicKey", "/kas.AccessService/Rewrap"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KeyService]:
    made = make_service(tmp_path_factory.mktemp("kas") / "k", ADDRESS, FixedClock())
    yield made
    made.close()


@pytest.fixture(scope="module")
def app(service: KeyService) -> Starlette:
    return Starlette(routes=key_access_routes(service))


def texts(data: bytes, *path: int) -> str:
    """The text at a path of field numbers."""
    for number in path:
        value = read_fields(data)[number][0]
        assert isinstance(value, bytes)
        data = value
    return data.decode()


@pytest.mark.parametrize("prefix", ["", "/kas"])
@pytest.mark.parametrize(("algorithm", "kid"), [("rsa:2048", "r1"), ("ec:secp256r1", "e1")])
def test_the_public_key_in_both_spellings(
    app: Starlette, service: KeyService, prefix: str, algorithm: str, kid: str
) -> None:
    pem = service.public_key(algorithm)[0]
    binary = ask(app, "POST", prefix + PUBLIC, field(1, algorithm), [PROTO])
    assert binary.headers["content-type"] == "application/proto"
    assert (texts(binary.body, 1), texts(binary.body, 2)) == (pem, kid)
    asked = json.dumps({"algorithm": algorithm}).encode()
    spelled = ask(app, "POST", prefix + PUBLIC, asked, [JSON])
    assert spelled.plain() == {"publicKey": pem, "kid": kid}
    rest = ask(app, "GET", f"/kas/v2/kas_public_key?algorithm={algorithm}")
    assert rest.plain() == spelled.plain()


def test_no_algorithm_is_rsa_and_a_strange_one_is_refused(app: Starlette) -> None:
    assert texts(ask(app, "POST", PUBLIC, b"", [PROTO]).body, 2) == "r1"
    assert ask(app, "POST", PUBLIC, b"{}", [JSON]).plain()["kid"] == "r1"
    heard = ask(app, "POST", PUBLIC, field(1, "ec:secp521r1"), [PROTO])
    assert (heard.status, heard.plain()["code"]) == (400, "invalid_argument")


@pytest.mark.parametrize("parts", [1, 7])
def test_gzip_and_chunks(app: Starlette, parts: int) -> None:
    data = gzip.compress(field(1, "ec:secp256r1"))
    step = max(1, len(data) // parts)
    chunks = [data[i : i + step] for i in range(0, len(data), step)]
    heard = ask(app, "POST", PUBLIC, chunks, [PROTO, ("content-encoding", "gzip")])
    assert texts(heard.body, 2) == "e1"


def test_connect_in_its_get_form(app: Starlette) -> None:
    query = "?connect=v1&encoding=proto&base64=1&message="
    heard = ask(app, "GET", WELL_KNOWN + query)
    posted = ask(app, "POST", WELL_KNOWN, b"", [PROTO])
    assert heard.status == 200
    assert heard.body == posted.body
    packed = base64.urlsafe_b64encode(gzip.compress(b"")).decode().rstrip("=")
    heard = ask(app, "GET", f"{WELL_KNOWN}{query}{packed}&compression=gzip")
    assert heard.body == posted.body
    spelled = ask(app, "GET", f"{WELL_KNOWN}?connect=v1&encoding=json&message=%7B%7D")
    assert spelled.plain()["configuration"]["platform_issuer"] == ADDRESS
    for wrong in ("", "?connect=v1", "?encoding=proto", query + "A"):
        assert ask(app, "GET", WELL_KNOWN + wrong).status == 400
    assert ask(app, "GET", REWRAP + query).status == 405


def test_the_documents_that_clients_look_for(app: Starlette) -> None:
    platform = ask(app, "GET", "/.well-known/opentdf-configuration").plain()
    assert platform["idp"]["token_endpoint"] == ADDRESS + "/token"
    assert platform["base_key"]["public_key"]["algorithm"] == "rsa:2048"
    identity = ask(app, "GET", "/.well-known/openid-configuration").plain()
    assert identity["issuer"] == ADDRESS
    (key,) = ask(app, "GET", "/jwks").plain()["keys"]
    assert (key["kty"], key["crv"]) == ("EC", "P-256")
    assert "d" not in key


def test_what_a_writer_asks_about_attributes(app: Starlette) -> None:
    unknown = "https://alliance.example/attr/new/value/x"
    level = f"{LEVEL}/value/restricted"
    asked = field(1, FRA) + field(1, level) + field(1, unknown)
    found = read_fields(ask(app, "POST", VALUES, asked, [PROTO]).body)[1]
    entries = [entry for entry in found if isinstance(entry, bytes)]
    assert [texts(entry, 1) for entry in entries] == [FRA, level]
    rules = []
    for entry in entries:
        pair = read_fields(entry)[2][0]
        assert isinstance(pair, bytes)
        definition = read_fields(pair)[1][0]
        assert isinstance(definition, bytes)
        rules.append(read_fields(definition)[4][0])
        assert texts(pair, 2, 6) == texts(entry, 1)
    assert rules == [2, 3]
    spelled = ask(app, "POST", VALUES, json.dumps({"fqns": [FRA]}).encode(), [JSON]).plain()
    rule = spelled["fqnAttributeValues"][FRA]["attribute"]["rule"]
    assert rule == "ATTRIBUTE_RULE_TYPE_ENUM_ANY_OF"


def test_services_and_health(app: Starlette) -> None:
    assert texts(ask(app, "POST", SERVICES, b"", [PROTO]).body, 1, 2) == ADDRESS
    assert (
        ask(app, "POST", SERVICES, b"{}", [JSON]).plain()["keyAccessServers"][0]["uri"] == ADDRESS
    )
    assert ask(app, "POST", "/grpc.health.v1.Health/Check", b"", [PROTO]).body == b"\x08\x01"


def hostile(app: Starlette) -> list[tuple[str, Heard]]:
    """Bodies that are too large, too deep, cut off or of another kind."""
    zero = gzip.compress(bytes(64 * 1024 * 1024), 9)
    packed = ("content-encoding", "gzip")
    good, zeros = field(1, "rsa:2048"), field(9, bytes(2 * MAX_BODY_BYTES))
    return [
        ("large", ask(app, "POST", PUBLIC, [bytes(65536)] * 17, [PROTO])),
        ("bomb", ask(app, "POST", PUBLIC, zero, [PROTO, packed])),
        ("a good bomb", ask(app, "POST", PUBLIC, gzip.compress(good + zeros), [PROTO, packed])),
        ("no end", ask(app, "POST", PUBLIC, gzip.compress(good)[:-8], [PROTO, packed])),
        ("no gzip", ask(app, "POST", PUBLIC, b"abc", [PROTO, packed])),
        ("cut gzip", ask(app, "POST", PUBLIC, gzip.compress(b"abcabc")[:-6], [PROTO, packed])),
        ("two gzips", ask(app, "POST", PUBLIC, gzip.compress(b"") * 2, [PROTO, packed])),
        ("brotli", ask(app, "POST", PUBLIC, b"", [PROTO, ("content-encoding", "br")])),
        ("deep json", ask(app, "POST", PUBLIC, b"[" * 500_000, [JSON])),
        ("a list", ask(app, "POST", PUBLIC, b"[]", [JSON])),
        ("a number", ask(app, "POST", PUBLIC, b'{"algorithm":5}', [JSON])),
        ("cut proto", ask(app, "POST", PUBLIC, b"\x0a\x05ab", [PROTO])),
        ("no text", ask(app, "POST", PUBLIC, b"\x0a\x01\xff", [PROTO])),
        ("a varint", ask(app, "POST", PUBLIC, b"\x08\x01", [PROTO])),
        ("many names", ask(app, "POST", VALUES, field(1, FRA) * 600, [PROTO])),
        ("no names", ask(app, "POST", VALUES, field(1, "x"), [PROTO])),
    ]


def test_hostile_bodies_are_the_callers_fault(app: Starlette) -> None:
    for what, heard in hostile(app):
        assert (heard.status, heard.plain()["code"]) == (400, "invalid_argument"), what
        assert len(heard.body) < 300, what


def test_the_largest_body_is_read(app: Starlette) -> None:
    padding = MAX_BODY_BYTES - len(field(1, "rsa:2048")) - 4
    body = field(1, "rsa:2048") + field(9, bytes(padding))
    assert len(body) == MAX_BODY_BYTES
    assert ask(app, "POST", PUBLIC, body, [PROTO]).status == 200
    assert ask(app, "POST", PUBLIC, body + field(9, b""), [PROTO]).status == 400


@pytest.mark.parametrize("kind", ["", "text/plain", "application/grpc", "application/connect+json"])
def test_another_content_type(app: Starlette, kind: str) -> None:
    assert ask(app, "POST", PUBLIC, b"", [("content-type", kind)]).status == 415


def test_without_a_token_nothing_is_unwrapped(app: Starlette) -> None:
    for heads in ([], [("authorization", "Bearer x")], [("authorization", "Basic eDp5")]):
        heard = ask(app, "POST", REWRAP, b"{}", [JSON, *heads])
        assert (heard.status, heard.plain()["code"]) == (401, "unauthenticated")
        assert ask(app, "POST", "/kas/v2/rewrap", b"{}", heads).status == 401


BODIES = st.binary(max_size=120) | st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=10),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["signedRequestToken", "algorithm", "fqns", "message"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
).map(lambda plain: json.dumps(plain).encode())


@settings(max_examples=60, deadline=None)
@given(
    body=BODIES,
    path=st.sampled_from(
        [PUBLIC, REWRAP, VALUES, SERVICES, WELL_KNOWN, "/token", "/kas/v2/rewrap", "/v2/rewrap"]
    ),
    kind=st.sampled_from([PROTO, JSON, ("content-type", "application/x-www-form-urlencoded")]),
    packed=st.booleans(),
    heads=st.lists(
        st.tuples(
            st.sampled_from(["authorization", "dpop"]),
            st.sampled_from(["", "Bearer a.b.c", "DPoP x", "Basic !", "Basic eDp5", "a.b.c"]),
        ),
        max_size=3,
    ),
)
def test_garbage_is_never_the_services_fault(
    app: Starlette, body: bytes, path: str, kind: Any, packed: bool, heads: list[tuple[str, str]]
) -> None:
    headers = [kind, *heads, *([("content-encoding", "gzip")] if packed else [])]
    assert ask(app, "POST", path, body, headers).status < 500


def test_a_service_whose_file_is_away_says_so(tmp_path: Path) -> None:
    made = make_service(tmp_path / "k", ADDRESS, FixedClock())
    app = Starlette(routes=key_access_routes(made))
    made.close()
    heard = ask(app, "POST", VALUES, field(1, FRA), [PROTO])
    assert (heard.status, heard.plain()["code"]) == (503, "unavailable")
    form = b"grant_type=client_credentials&client_id=a&client_secret=b"
    assert ask(app, "POST", "/token", form).plain() == {"error": "temporarily_unavailable"}


def test_a_body_that_does_not_arrive_is_given_up(
    app: Starlette, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The deadline is set to nothing, so that nobody has to wait for it."""
    monkeypatch.setattr(key_access_server, "BODY_SECONDS", 0.0)
    sent: list[Any] = []

    async def receive() -> Any:
        await asyncio.Event().wait()

    async def send(message: Any) -> None:
        sent.append(message)

    head = [(b"content-type", b"application/proto")]
    scope = {"type": "http", "method": "POST", "path": PUBLIC, "headers": head, "query_string": b""}
    asyncio.run(app(scope, receive, send))
    assert sent[0]["status"] == 400
    assert b"in time" in sent[1]["body"]


def test_too_many_calls_at_once_are_sent_away(
    service: KeyService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key_access_server, "MAX_AT_ONCE", 2)
    app = Starlette(routes=key_access_routes(service))
    statuses: list[int] = []

    async def whole() -> None:
        hold = asyncio.Event()

        async def receive() -> Any:
            await hold.wait()
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: Any) -> None:
            if "status" in message:
                statuses.append(message["status"])

        head = [(b"content-type", b"application/proto")]
        calls = []
        for _ in range(4):
            scope = {"type": "http", "method": "POST", "path": PUBLIC, "headers": head}
            calls.append(asyncio.create_task(app(scope | {"query_string": b""}, receive, send)))
            await asyncio.sleep(0)
        while len(statuses) < 2:
            await asyncio.sleep(0)
        hold.set()
        await asyncio.gather(*calls)

    asyncio.run(whole())
    assert statuses == [429, 429, 200, 200]
    assert ask(app, "POST", PUBLIC, b"", [PROTO]).status == 200
