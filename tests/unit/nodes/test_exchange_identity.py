"""Identities that issue, hold, show and check: whole conversations, honest and not."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from delian.exchange.dcp_errors import (
    CredentialError,
    DidAwayError,
    NotEntitledError,
    TokenError,
)
from delian.exchange.errors import NotAllowedError
from delian.exchange.issuance import Entitlements
from delian.exchange.jose import take_apart
from delian.exchange.reactions import Participant
from delian.exchange.self_issued import mint
from delian.nodes.exchange_identity import DcpIdentity
from delian.nodes.exchange_identity_home import IdentityKeys, LooseKeyError, open_keys
from delian.nodes.exchange_identity_settings import IdentitySettings, read_settings
from delian.nodes.settings import SettingsError
from tests.identity_world import Town, did_of

KIND = "MembershipCredential"
SCOPE = f"org.eclipse.dspace.dcp.vc.type:{KIND}:read"
ISSUED: Mapping[str, Any] = {
    "entitlements": Entitlements({did_of("alpha"): {KIND: {"class": "nation"}}}),
}
HOLDER: Mapping[str, Any] = {
    "trusted_issuers": {did_of("office"): (KIND,)},
    "shows": (KIND,),
}
CHECKER: Mapping[str, Any] = {
    "trusted_issuers": {did_of("office"): (KIND,)},
    "scopes": (KIND,),
}


@pytest.fixture
def town(tmp_path: Path) -> Town:
    return Town(tmp_path)


async def until(is_so: Callable[[], bool]) -> None:
    """Let the other tasks run until something is so."""
    for _ in range(1000):
        if is_so():
            return
        await asyncio.sleep(0)
    raise AssertionError("it never became so")


async def three(town: Town) -> tuple[DcpIdentity, DcpIdentity, DcpIdentity]:
    """An office that issued alpha its credential, and beta that asks for it."""
    office, alpha = town.node("office", **ISSUED), town.node("alpha", **HOLDER)
    beta = town.node("beta", **CHECKER)
    await office.start()
    await alpha.wallet.ask(did_of("office"), (KIND,))
    await until(lambda: bool(alpha.wallet.held((KIND,))))
    return office, alpha, beta


async def close(*nodes: DcpIdentity) -> None:
    for node in nodes:
        await node.close()


def in_town(story: Callable[[Town], Awaitable[None]]) -> Callable[[Town], None]:
    """A test written as a coroutine."""

    def test(town: Town) -> None:
        async def whole() -> None:
            await story(town)

        asyncio.run(whole())

    test.__name__, test.__doc__ = story.__name__, story.__doc__
    return test


@in_town
async def test_a_credential_is_asked_for_delivered_shown_and_believed(town: Town) -> None:
    office, alpha, beta = await three(town)
    who = await beta.identify(await alpha.header_for(did_of("beta")))
    assert who.id == did_of("alpha")
    assert [(c.kind, c.issuer) for c in who.claims] == [(KIND, did_of("office"))]
    assert who.claims[0].subject == {"class": "nation", "id": did_of("alpha")}
    await close(office, alpha, beta)


@in_town
async def test_claims_are_fetched_once_and_not_past_their_time(town: Town) -> None:
    office, alpha, beta = await three(town)
    query = "https://alpha.example/dcp/holder/presentations/query"
    for _ in range(5):
        await beta.identify(await alpha.header_for(did_of("beta")))
    assert town.asked.count(query) == 1
    town.later(seconds=301)
    await beta.identify(await alpha.header_for(did_of("beta")))
    assert town.asked.count(query) == 2
    await close(office, alpha, beta)


@in_town
async def test_requests_at_once_make_one_question(town: Town) -> None:
    office, alpha, beta = await three(town)
    headers = [await alpha.header_for(did_of("beta")) for _ in range(16)]
    found = await asyncio.gather(*(beta.identify(header) for header in headers))
    assert {who.claims[0].kind for who in found} == {KIND}
    assert town.asked.count("https://alpha.example/dcp/holder/presentations/query") == 1
    await close(office, alpha, beta)


@in_town
async def test_a_revoked_credential_opens_nothing_once_the_list_is_read_again(town: Town) -> None:
    office, alpha, beta = await three(town)
    await beta.identify(await alpha.header_for(did_of("beta")))
    assert office.issuer.revoke(did_of("alpha"), KIND) == 1
    town.later(seconds=301)
    with pytest.raises(NotAllowedError, match="revocation"):
        await beta.identify(await alpha.header_for(did_of("beta")))
    await close(office, alpha, beta)


@in_town
async def test_a_node_asks_by_itself_for_what_it_lacks_and_renews_in_time(town: Town) -> None:
    office = town.node("office", **ISSUED)
    await office.start()
    asks = {**HOLDER, "asks": {did_of("office"): (KIND,)}}
    alpha = town.node("alpha", **asks)
    await alpha.start()
    await until(lambda: bool(alpha.wallet.held((KIND,))))
    assert alpha.wallet.lacking((KIND,), town.second()) == ()
    (first,) = alpha.wallet.held((KIND,))
    town.later(days=75)
    assert alpha.wallet.lacking((KIND,), town.second()) == ()
    town.later(days=2)
    assert alpha.wallet.lacking((KIND,), town.second()) == (KIND,)
    await alpha.close()
    alpha = town.node("alpha", **asks)
    await alpha.start()
    await until(lambda: alpha.wallet.held((KIND,)) != (first,))
    assert alpha.wallet.lacking((KIND,), town.second()) == ()
    await close(office, alpha)


@in_town
async def test_what_is_no_longer_listed_is_taken_back_at_the_next_start(town: Town) -> None:
    office, alpha, beta = await three(town)
    await beta.identify(await alpha.header_for(did_of("beta")))
    await office.close()
    office = town.node("office")
    await office.start()
    town.later(seconds=301)
    with pytest.raises(NotAllowedError, match="revocation"):
        await beta.identify(await alpha.header_for(did_of("beta")))
    await close(office, alpha, beta)


@in_town
async def test_an_expired_credential_opens_nothing(town: Town) -> None:
    office, alpha, beta = await three(town)
    town.later(days=91)
    with pytest.raises(NotAllowedError, match="expired"):
        await beta.identify(await alpha.header_for(did_of("beta")))
    await close(office, alpha, beta)


@in_town
async def test_an_issuer_that_is_not_pinned_counts_for_nothing(town: Town) -> None:
    office, alpha, beta = await three(town)
    other = {"trusted_issuers": {did_of("elsewhere"): (KIND,)}, "scopes": (KIND,)}
    gamma = town.node("gamma", **other)
    with pytest.raises(NotAllowedError, match="not trusted for its type"):
        await gamma.identify(await alpha.header_for(did_of("gamma")))
    await close(office, alpha, beta, gamma)


@in_town
async def test_an_issuer_pinned_for_another_type_counts_for_nothing(town: Town) -> None:
    office, alpha, beta = await three(town)
    pins = {did_of("office"): ("OtherCredential",), did_of("elsewhere"): (KIND,)}
    gamma = town.node("gamma", trusted_issuers=pins, scopes=(KIND,))
    with pytest.raises(NotAllowedError, match="not trusted for its type"):
        await gamma.identify(await alpha.header_for(did_of("gamma")))
    await close(office, alpha, beta, gamma)


@in_town
async def test_a_token_counts_once_and_not_again_after_a_restart(town: Town) -> None:
    alpha, beta = town.node("alpha"), town.node("beta")
    header = await alpha.header_for(did_of("beta"))
    assert await beta.identify(header) == Participant(did_of("alpha"))
    with pytest.raises(NotAllowedError, match="used before"):
        await beta.identify(header)
    await beta.close()
    beta = town.node("beta")
    with pytest.raises(NotAllowedError, match="used before"):
        await beta.identify(header)
    await close(alpha, beta)


@in_town
async def test_two_uses_at_the_same_moment_give_one_yes(town: Town) -> None:
    alpha, beta = town.node("alpha"), town.node("beta")
    header = await alpha.header_for(did_of("beta"))
    answers = await asyncio.gather(
        *(beta.identify(header) for _ in range(8)), return_exceptions=True
    )
    assert sum(isinstance(a, Participant) for a in answers) == 1
    await close(alpha, beta)


@in_town
async def test_a_token_for_somebody_else_is_refused(town: Town) -> None:
    alpha, beta = town.node("alpha"), town.node("beta")
    with pytest.raises(NotAllowedError, match="somebody else"):
        await beta.identify(await alpha.header_for(did_of("gamma")))
    await close(alpha, beta)


@in_town
async def test_no_header_no_bearer_no_token(town: Town) -> None:
    beta = town.node("beta")
    for header in (None, "", "Bearer", "Bearer ", "Basic abc", "Bearer x", "Bearer a.b.c"):
        with pytest.raises(NotAllowedError):
            await beta.identify(header)
    await close(beta)


@in_town
async def test_a_stranger_cannot_speak_as_another(town: Town) -> None:
    alpha, beta, eve = (town.node(n) for n in ("alpha", "beta", "eve"))
    claims = {"audience": did_of("beta"), "now": town.second()}
    forged = mint(town.key("eve"), issuer=did_of("alpha"), jti="1", **claims)
    with pytest.raises(NotAllowedError, match="somebody else's key"):
        await beta.identify(f"Bearer {forged}")
    await close(alpha, beta, eve)


@in_town
async def test_a_peer_whose_document_is_away_is_to_be_tried_again(town: Town) -> None:
    alpha, beta = town.node("alpha"), town.node("beta")
    header = await alpha.header_for(did_of("beta"))
    kept = town.apps.pop("alpha.example")
    with pytest.raises(DidAwayError):
        await beta.identify(header)
    town.apps["alpha.example"] = kept
    assert (await beta.identify(header)).id == did_of("alpha")
    await close(alpha, beta)


@in_town
async def test_a_document_of_another_did_is_refused(town: Town) -> None:
    alpha, beta = town.node("alpha"), town.node("beta")
    plain = {**alpha.document(), "id": did_of("eve")}
    town.page("https://alpha.example/.well-known/did.json", plain)
    with pytest.raises(NotAllowedError, match="another DID"):
        await beta.identify(await alpha.header_for(did_of("beta")))
    await close(alpha, beta)


@in_town
async def test_a_key_that_lacks_its_relation_does_not_speak(town: Town) -> None:
    alpha, beta = town.node("alpha"), town.node("beta")
    plain = {k: v for k, v in alpha.document().items() if k != "capabilityInvocation"}
    town.page("https://alpha.example/.well-known/did.json", plain)
    with pytest.raises(NotAllowedError, match="capabilityInvocation"):
        await beta.identify(await alpha.header_for(did_of("beta")))
    await close(alpha, beta)


@in_town
async def test_a_new_key_of_a_peer_is_found_within_ten_seconds(town: Town) -> None:
    alpha, beta = town.node("alpha"), town.node("beta")
    await beta.identify(await alpha.header_for(did_of("beta")))
    await alpha.close()
    (town.folder / "alpha" / "identity-key.pem").unlink()
    alpha = town.node("alpha")
    with pytest.raises(NotAllowedError, match="not in the signer's"):
        await beta.identify(await alpha.header_for(did_of("beta")))
    town.later(seconds=10)
    assert (await beta.identify(await alpha.header_for(did_of("beta")))).id == did_of("alpha")
    await close(alpha, beta)


@in_town
async def test_an_unknown_key_does_not_make_us_fetch_without_end(town: Town) -> None:
    alpha, beta = town.node("alpha"), town.node("beta")
    page = "https://alpha.example/.well-known/did.json"
    town.page(page, town.node("eve").document() | {"id": did_of("alpha")})
    for _ in range(20):
        with pytest.raises(NotAllowedError):
            await beta.identify(await alpha.header_for(did_of("beta")))
    assert town.asked.count(page) <= 2
    await close(alpha, beta)


@in_town
async def test_a_verifier_sees_only_what_its_token_opens(town: Town) -> None:
    office, alpha, beta = await three(town)
    silent = town.node("alpha", **{**HOLDER, "shows": ()})
    with pytest.raises(NotAllowedError, match="answers 403"):
        await beta.identify(await silent.header_for(did_of("beta")))
    await close(office, alpha, beta, silent)


@in_town
async def test_a_read_token_works_for_its_verifier_alone(town: Town) -> None:
    """Somebody who saw a token on its way cannot read the wallet with it."""
    office, alpha, beta = await three(town)
    eve = town.node("eve")
    seen = take_apart((await alpha.header_for(did_of("beta"))).split()[1]).claims["token"]
    token = mint(
        town.key("eve"),
        issuer=did_of("eve"),
        audience=did_of("alpha"),
        jti="1",
        now=town.second(),
        access_token=seen,
    )
    with pytest.raises(NotEntitledError):
        await alpha.query(f"Bearer {token}", query_for(KIND))
    await close(office, alpha, beta, eve)


@in_town
async def test_a_read_token_ends(town: Town) -> None:
    office, alpha, beta = await three(town)
    header = await alpha.header_for(did_of("beta"))
    seen = take_apart(header.split()[1]).claims["token"]
    town.later(seconds=601)
    token = mint(
        town.key("beta"),
        issuer=did_of("beta"),
        audience=did_of("alpha"),
        jti="1",
        now=town.second(),
        access_token=seen,
    )
    with pytest.raises(NotEntitledError):
        await alpha.query(f"Bearer {token}", query_for(KIND))
    await close(office, alpha, beta)


def query_for(*kinds: str) -> dict[str, Any]:
    return {
        "@context": ["https://w3id.org/dspace-dcp/v1.0/dcp.jsonld"],
        "type": "PresentationQueryMessage",
        "scope": [f"org.eclipse.dspace.dcp.vc.type:{kind}" for kind in kinds],
    }


@in_town
async def test_asking_for_more_than_permitted_gives_the_permitted_part(town: Town) -> None:
    office, alpha, beta = await three(town)
    seen = take_apart((await alpha.header_for(did_of("beta"))).split()[1]).claims["token"]

    def again(number: int) -> str:
        return "Bearer " + mint(
            town.key("beta"),
            issuer=did_of("beta"),
            audience=did_of("alpha"),
            jti=str(number),
            now=town.second(),
            access_token=seen,
        )

    answer = await alpha.query(again(1), query_for(KIND, "SecretCredential"))
    inner = take_apart(answer["presentation"][0]).claims["vp"]["verifiableCredential"]
    assert [take_apart(c).claims["vc"]["type"][1] for c in inner] == [KIND]
    with pytest.raises(NotEntitledError):
        await alpha.query(again(2), query_for("SecretCredential"))
    await close(office, alpha, beta)


@in_town
async def test_a_presentation_of_somebody_else_is_refused(town: Town) -> None:
    """Eve answers a query with a presentation that alpha once made for beta."""
    office, alpha, beta = await three(town)
    taken: list[bytes] = []
    query = "https://alpha.example/dcp/holder/presentations/query"

    async def listen(_m: str, body: bytes, headers: Mapping[str, str]) -> tuple[int, bytes]:
        del town.pages[query]
        status, found = await town.send("POST", query, body, headers)
        taken.append(found)
        return status, found

    town.pages[query] = listen
    await beta.identify(await alpha.header_for(did_of("beta")))
    eve = town.node("eve", shows=(KIND,))
    town.page("https://eve.example/dcp/holder/presentations/query", taken[0])
    with pytest.raises(NotAllowedError, match="made by somebody else"):
        await beta.identify(await eve.header_for(did_of("beta")))
    await close(office, alpha, beta, eve)


@in_town
async def test_a_stolen_credential_in_a_presentation_of_ones_own_is_refused(town: Town) -> None:
    office, alpha, beta = await three(town)
    eve = town.node("eve", **HOLDER)
    stolen = alpha.wallet.held((KIND,))
    town.store("eve").keep("x", did_of("office"), stolen)
    with pytest.raises(NotAllowedError, match="speaks of somebody else"):
        await beta.identify(await eve.header_for(did_of("beta")))
    await close(office, alpha, beta, eve)


@in_town
async def test_only_an_entitled_holder_gets_a_credential(town: Town) -> None:
    office, eve = town.node("office", **ISSUED), town.node("eve", **HOLDER)
    await office.start()
    pid = await eve.wallet.ask(did_of("office"), (KIND,))
    store = town.store("eve")
    await until(lambda: str(store.expected(pid).status) == "REJECTED")  # type: ignore[union-attr]
    assert eve.wallet.held((KIND,)) == ()
    store.close()
    await close(office, eve)


@in_town
async def test_a_delivery_that_nobody_asked_for_is_refused(town: Town) -> None:
    office, alpha, _ = await three(town)
    message = {
        "@context": ["https://w3id.org/dspace-dcp/v1.0/dcp.jsonld"],
        "type": "CredentialMessage",
        "issuerPid": "1",
        "holderPid": "never",
        "status": "ISSUED",
        "credentials": [
            {"credentialType": KIND, "format": "vc11-sl2021/jwt", "payload": c.payload}
            for c in alpha.wallet.held((KIND,))
        ],
    }
    header = await office.header_for(did_of("alpha"))
    with pytest.raises(NotEntitledError, match="nothing was asked"):
        await alpha.deliver(header, message)
    await close(office, alpha, _)


@in_town
async def test_a_pending_delivery_survives_a_restart_and_is_made_once(town: Town) -> None:
    office, alpha = town.node("office", **ISSUED), town.node("alpha", **HOLDER)
    await alpha.wallet.ask(did_of("office"), (KIND,))
    await office.close()
    office = town.node("office", **ISSUED)
    await office.start()
    await until(lambda: bool(alpha.wallet.held((KIND,))))
    door = "https://alpha.example/dcp/holder/credentials"
    await until(lambda: town.store("office").next_due() is None)
    assert town.asked.count(door) == 1
    await close(office, alpha)


@in_town
async def test_a_request_is_shown_to_its_holder_alone(town: Town) -> None:
    office, alpha, beta = await three(town)
    request = {
        "@context": ["https://w3id.org/dspace-dcp/v1.0/dcp.jsonld"],
        "type": "CredentialRequestMessage",
        "holderPid": "7",
        "credentials": [{"id": f"{KIND}-vc11"}],
    }
    pid = await office.request(await alpha.header_for(did_of("office")), request)
    header = await alpha.header_for(did_of("office"))
    assert (await office.request_status(header, pid))["holderPid"] == "7"
    with pytest.raises(Exception, match="no such request"):
        await office.request_status(await beta.header_for(did_of("office")), pid)
    await close(office, alpha, beta)


@in_town
async def test_an_offer_of_a_stranger_is_not_kept(town: Town) -> None:
    alpha, eve = town.node("alpha", **HOLDER), town.node("eve", **ISSUED)
    offer = {
        "@context": ["https://w3id.org/dspace-dcp/v1.0/dcp.jsonld"],
        "type": "CredentialOfferMessage",
        "issuer": did_of("eve"),
        "credentials": [{"id": "1"}],
    }
    with pytest.raises(NotEntitledError, match="pinned"):
        await alpha.offer(await eve.header_for(did_of("alpha")), offer)
    with pytest.raises(NotEntitledError, match="another issuer's name"):
        header = await eve.header_for(did_of("alpha"))
        await alpha.offer(header, {**offer, "issuer": did_of("office")})
    await close(alpha, eve)


@in_town
async def test_a_sparse_offer_must_name_what_the_issuer_publishes(town: Town) -> None:
    alpha, office = town.node("alpha", **HOLDER), town.node("office", **ISSUED)
    offer = {
        "@context": ["https://w3id.org/dspace-dcp/v1.0/dcp.jsonld"],
        "type": "CredentialOfferMessage",
        "issuer": did_of("office"),
        "credentials": [{"id": f"{KIND}-vc20"}],
    }
    await alpha.offer(await office.header_for(did_of("alpha")), offer)
    with pytest.raises(Exception, match="not in the issuer's metadata"):
        header = await office.header_for(did_of("alpha"))
        await alpha.offer(header, {**offer, "credentials": [{"id": "invented"}]})
    await close(alpha, office)


@in_town
async def test_the_token_service_is_off_without_its_file_and_exact_with_it(town: Town) -> None:
    form = {
        "grant_type": "client_credentials",
        "client_id": "inside",
        "client_secret": "s3cret",
        "audience": did_of("beta"),
        "bearer_access_scope": SCOPE,
    }
    alpha = town.node("alpha")
    with pytest.raises(NotEntitledError):
        alpha.grant(form)
    await alpha.close()
    file = town.folder / "alpha" / "sts-client"
    file.write_text("inside\ns3cret\n")
    file.chmod(0o600)
    alpha, beta = town.node("alpha"), town.node("beta")
    token = alpha.grant(form)["access_token"]
    assert (await beta.identify(f"Bearer {token}")).id == did_of("alpha")
    for wrong in ({"client_secret": "s3cres"}, {"client_id": "x"}, {"client_secret": ""}):
        with pytest.raises(NotEntitledError):
            alpha.grant({**form, **wrong})
    await close(alpha, beta)


def test_a_relaxed_identity_needs_development() -> None:
    with pytest.raises(SettingsError, match="development"):
        IdentitySettings(did_of("a"), "https://a.example", strict=False)
    with pytest.raises(SettingsError, match="development"):
        IdentitySettings("did:web:localhost%3A1:x", "https://a.example")
    with pytest.raises(SettingsError, match="https"):
        IdentitySettings(did_of("a"), "http://a.example")
    IdentitySettings(did_of("a"), "http://127.0.0.1:1", development=True, strict=False)


def test_a_demanded_credential_needs_somebody_trusted_for_it() -> None:
    with pytest.raises(SettingsError, match="no trusted issuer"):
        IdentitySettings(did_of("a"), "https://a.example", scopes=(KIND,))


@pytest.mark.parametrize(
    "table",
    [
        {"unknown": 1},
        {"scopes": "Membership"},
        {"strict": "no"},
        {"claims_seconds": -1},
        {"claims_seconds": True},
        {"trusted_issuers": []},
        {"issues": {"did:web:x.example": {"K": 1}}},
        {"asks": {"did:web:x.example": ["K"]}},
        {"key_kind": "RS256"},
    ],
)
def test_odd_settings_fail(table: dict[str, Any]) -> None:
    with pytest.raises(SettingsError):
        read_settings(table, did=did_of("a"), address="https://a.example", development=False)


def test_keys_are_private_and_stay_the_same(tmp_path: Path) -> None:
    first = open_keys(tmp_path, did_of("a"), "ES256")
    assert {f.name: oct(f.stat().st_mode & 0o777) for f in tmp_path.iterdir()} == {
        "identity-key.pem": "0o600",
        "read-tokens.key": "0o600",
    }
    assert open_keys(tmp_path, did_of("a"), "EdDSA").public() == first.public()
    (tmp_path / "identity-key.pem").chmod(0o640)
    with pytest.raises(LooseKeyError):
        open_keys(tmp_path, did_of("a"), "ES256")


def test_keys_show_nothing_of_themselves(tmp_path: Path) -> None:
    keys: IdentityKeys = open_keys(tmp_path, did_of("a"), "ES256")
    secret = (tmp_path / "read-tokens.key").read_bytes()
    assert repr(secret) not in repr(keys)
    assert "secret" not in repr(keys).replace("read_tokens", "")
    for one in (keys, keys.signing, keys.read_tokens):
        with pytest.raises(TypeError):
            one.__reduce__()
    assert all("d" not in jwk for jwk in keys.public().values())


def test_the_errors_a_connector_must_tell_apart() -> None:
    assert DidAwayError.exit_code == 5
    assert issubclass(TokenError, Exception) and not issubclass(TokenError, DidAwayError)
    assert CredentialError.exit_code == NotAllowedError.exit_code == 1
