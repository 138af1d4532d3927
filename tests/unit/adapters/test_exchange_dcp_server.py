"""The doors of the identity: statuses, bounds, and garbage that never becomes a 5xx."""

import asyncio
import base64
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.applications import Starlette

from delian.adapters.dcp_server import MAX_BODY_BYTES, read_form
from delian.exchange.issuance import Entitlements
from delian.exchange.self_issued import mint
from delian.nodes.exchange_identity import DcpIdentity
from delian.nodes.exchange_identity_settings import IdentitySettings
from delian.terms.errors import InputError
from tests.identity_world import Town, call, did_of

KIND = "MembershipCredential"
ISSUES = {"entitlements": Entitlements({did_of("alpha"): {KIND: {}}})}
POSTS = ("/dcp/holder/presentations/query", "/dcp/holder/credentials", "/dcp/holder/offers")
CONTEXT = {"@context": ["https://w3id.org/dspace-dcp/v1.0/dcp.jsonld"]}


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Town:
    made = Town(tmp_path_factory.mktemp("town"))
    for name in ("alpha", "office"):
        file = made.folder / name
        file.mkdir()
    (made.folder / "office" / "sts-client").write_text("id\nsecret\n")
    (made.folder / "office" / "sts-client").chmod(0o600)
    made.node("alpha", shows=(KIND,), trusted_issuers={did_of("office"): (KIND,)})
    made.node("office", **ISSUES)
    return made


NUMBERS = iter(range(10**9))


def ask(
    town: Town, method: str, path: str, body: bytes = b"", header: str | None = None
) -> tuple[int, Any]:
    headers = {} if header is None else {"Authorization": header}
    app = town.apps["office.example"]
    status, found = asyncio.run(call(app, method, path, body, headers))
    return status, json.loads(found) if found[:1] in (b"{", b"[") else found


def signed(town: Town, **changes: Any) -> str:
    given_ = {
        "issuer": did_of("alpha"),
        "audience": did_of("office"),
        "jti": f"t{next(NUMBERS)}",
        "now": town.second(),
    }
    return "Bearer " + mint(town.key("alpha"), **{**given_, **changes})


def test_the_document_says_who_and_where(town: Town) -> None:
    status, plain = ask(town, "GET", "/.well-known/did.json")
    assert status == 200
    assert plain["id"] == did_of("office")
    services = {s["type"]: s["serviceEndpoint"] for s in plain["service"]}
    assert services == {
        "CredentialService": "https://office.example/dcp/holder",
        "IssuerService": "https://office.example/dcp/issuer",
    }
    (method,) = plain["verificationMethod"]
    assert set(method["publicKeyJwk"]) == {"kty", "crv", "x", "y"}


def test_a_request_is_created_with_its_place(town: Town) -> None:
    body = {
        **CONTEXT,
        "type": "CredentialRequestMessage",
        "holderPid": "1",
        "credentials": [{"id": f"{KIND}-vc20"}],
    }

    async def whole() -> tuple[int, str]:
        place: list[str] = []
        app = town.apps["office.example"]

        async def send(message: Any) -> None:
            if message["type"] == "http.response.start":
                place.append(str(message["status"]))
                place.append(dict(message["headers"]).get(b"location", b"").decode())

        async def receive() -> Any:
            return {"type": "http.request", "body": json.dumps(body).encode()}

        scope = {
            "type": "http",
            "method": "POST",
            "path": "/dcp/issuer/credentials",
            "raw_path": b"",
            "query_string": b"",
            "root_path": "",
            "scheme": "https",
            "http_version": "1.1",
            "server": ("office.example", 443),
            "headers": [(b"authorization", signed(town).encode()), (b"host", b"evil.example")],
        }
        await app(scope, receive, send)
        return int(place[0]), place[1]

    status, place = asyncio.run(whole())
    assert status == 201
    assert place.startswith("/dcp/issuer/requests/")
    status, plain = ask(town, "GET", place, header=signed(town))
    assert (status, plain["status"]) == (200, "RECEIVED")


def test_statuses_tell_the_caller_what_to_mend(town: Town) -> None:
    query = {**CONTEXT, "type": "PresentationQueryMessage"}
    unknown = {"type": "CredentialRequestMessage", "holderPid": "1", "credentials": [{"id": "x"}]}
    cases: list[tuple[str, str, Any, str | None, int]] = [
        ("POST", POSTS[0], {**query, "scope": [KIND]}, None, 401),
        ("POST", POSTS[0], {**query, "scope": []}, "Bearer x.y.z", 401),
        ("POST", POSTS[0], {**query, "scope": ["a:b"]}, signed(town), 403),
        ("POST", POSTS[1], {"type": "CredentialMessage"}, signed(town), 400),
        ("POST", POSTS[2], {"type": "CredentialOfferMessage"}, signed(town), 400),
        ("POST", "/dcp/issuer/credentials", {**CONTEXT, **unknown}, signed(town), 400),
        ("GET", "/dcp/issuer/requests/nothing", None, signed(town), 404),
        ("GET", "/dcp/issuer/requests/nothing", None, None, 401),
        ("GET", "/dcp/issuer/metadata", None, None, 200),
        ("GET", "/dcp/status/bitstring/0", None, None, 200),
        ("GET", "/dcp/status/other/0", None, None, 404),
        ("GET", "/dcp/status/bitstring/9999", None, None, 404),
        ("PUT", POSTS[0], None, None, 405),
    ]
    for method, path, body, header, wanted in cases:
        raw = b"" if body is None else json.dumps(body).encode()
        assert (path, ask(town, method, path, raw, header)[0]) == (path, wanted)


def test_a_speaker_whose_document_is_away_has_not_shown_who_it_is(town: Town) -> None:
    header = signed(town, issuer="did:web:nowhere.example")
    assert ask(town, "GET", "/dcp/issuer/requests/1", header=header)[0] == 401
    made = town.node("nowhere")
    token = asyncio.run(made.header_for(did_of("office")))
    town.apps.pop("nowhere.example")
    status, plain = ask(town, "GET", "/dcp/issuer/requests/1", header=token)
    assert (status, plain["error"]) == (401, "did-away")


def test_a_definition_is_not_supported_and_both_are_an_error(town: Town) -> None:
    """The read token must be ours before a query is looked at, so we make one for alpha."""
    form = "grant_type=client_credentials&client_id=id&client_secret=secret"
    scope = f"org.eclipse.dspace.dcp.vc.type:{KIND}:read".replace(":", "%3A")
    audience = did_of("alpha").replace(":", "%3A")
    body = f"{form}&audience={audience}&bearer_access_scope={scope}".encode()
    status, plain = ask(town, "POST", "/dcp/sts/token", body)
    assert status == 200
    granted = plain["access_token"].split(".")[1]
    token = json.loads(_bare(granted))["token"]
    query = {**CONTEXT, "type": "PresentationQueryMessage"}
    scopes = [f"org.eclipse.dspace.dcp.vc.type:{KIND}"]
    for message, wanted in (
        ({**query, "presentationDefinition": {"id": "1"}}, 501),
        ({**query, "presentationDefinition": {"id": "1"}, "scope": scopes}, 400),
        ({**query, "presentationDefinition": {}}, 400),
        ({**query, "presentationDefinition": None}, 400),
        (query, 400),
        ({**query, "scope": []}, 400),
        ({**query, "scope": ["odd"]}, 400),
        ({**query, "scope": scopes}, 200),
    ):
        raw = json.dumps(message).encode()
        assert ask(town, "POST", POSTS[0], raw, signed(town, access_token=token))[0] == wanted


def _bare(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "==")


def test_a_body_is_bounded(town: Town) -> None:
    for path in (*POSTS, "/dcp/issuer/credentials", "/dcp/sts/token"):
        status, plain = ask(town, "POST", path, b" " * (MAX_BODY_BYTES + 1))
        assert status == 400
        assert "larger" in plain["error_description"]


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.sampled_from([*POSTS, "/dcp/issuer/credentials", "/dcp/sts/token"]),
    st.binary(max_size=200) | st.text(max_size=80).map(str.encode),
    st.none() | st.text(st.characters(max_codepoint=126, min_codepoint=32), max_size=60),
)
def test_garbage_is_the_callers_fault(town: Town, path: str, body: bytes, header: str) -> None:
    status, _ = ask(town, "POST", path, body, header)
    assert 400 <= status < 500


def test_no_answer_shows_a_secret(town: Town) -> None:
    token = signed(town)
    for path in POSTS:
        _, plain = ask(town, "POST", path, b"{}", token)
        assert token.split()[1] not in json.dumps(plain)
    _, plain = ask(town, "POST", "/dcp/sts/token", b"client_id=id&client_secret=hunter2")
    assert "hunter2" not in json.dumps(plain)


def test_forms_are_read_exactly() -> None:
    assert read_form(b"a=1&b=x%20y+z&c=%C3%A9&d=") == {"a": "1", "b": "x y z", "c": "é", "d": ""}
    for body in (b"a=1&a=2", b"a=1&%61=2", b"a=%zz", b"a=% 1", b"a=%", b"\xff=1", b"a=%ff"):
        with pytest.raises(InputError):
            read_form(body)


def test_a_node_that_issues_nothing_has_no_such_doors(tmp_path: Path) -> None:
    town = Town(tmp_path)
    town.node("office")
    assert ask(town, "GET", "/dcp/issuer/metadata")[0] == 404
    assert ask(town, "GET", "/dcp/status/bitstring/0")[0] == 404


def test_a_node_below_a_path_has_all_its_doors_there(tmp_path: Path) -> None:
    town = Town(tmp_path)
    given_ = {"did": "did:web:office.example:below", "address": "https://office.example/below"}
    made = DcpIdentity.open(tmp_path, IdentitySettings(**given_), town, town.now)
    town.apps["office.example"] = Starlette(routes=made.routes())
    status, plain = ask(town, "GET", "/below/did.json")
    assert status == 200
    (service,) = plain["service"]
    path = service["serviceEndpoint"].removeprefix("https://office.example")
    assert ask(town, "POST", f"{path}/presentations/query", b"{}")[0] == 401
    asyncio.run(made.close())
