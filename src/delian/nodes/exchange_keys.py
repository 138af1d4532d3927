"""A node's key-access service: its keys, its clients, its decisions and their audit.

Everything lies in one folder of the node's home: private keys in files that
only their owner may read, the rest in ``key-access.sqlite``. A key leaves only after the line of
the audit that says so is on the disk.
"""

import hmac
import logging
import secrets
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from delian.adapters.clock import Clock
from delian.adapters.key_access_calls import Caller, TokenRequest
from delian.adapters.key_access_store import KeyAccessStore
from delian.crypto.tdf_keys import KeyAccessGrant
from delian.exchange.access_token import (
    LIFETIME_SECONDS,
    AccessToken,
    issuer_key,
    read_token,
    write_token,
)
from delian.exchange.dpop import WINDOW_SECONDS, HolderKey, Proof, check_proof, check_time, verify
from delian.exchange.dpop import split_compact as split_token
from delian.exchange.key_access import (
    Attribute,
    Client,
    KeyDecision,
    KeyPolicy,
    ProofRule,
    decide,
    read_policy,
)
from delian.exchange.key_access_errors import (
    KeyClientError,
    KeyDeniedError,
    KeyProofError,
    KeyRequestError,
)
from delian.exchange.rewrap import (
    BROKEN,
    DENIED,
    MAX_TOKEN_CHARACTERS,
    KeyResult,
    PolicyRequest,
    RewrapAnswer,
    RewrapRequest,
    read_request,
)
from delian.exchange.session_keys import (
    ALGORITHMS,
    EC_P256,
    RSA_2048,
    Session,
    WrappedKey,
    check_binding,
)
from delian.nodes.exchange_key_home import KeyHome, open_home
from delian.nodes.exchange_key_office import KeyOffice, secret_digest
from delian.terms.errors import DelianError, RefusedError

_LOG = logging.getLogger("delian.exchange.keys")
_SECRET_BYTES = 32
_MAX_SHOWN = 256


class KeyService(KeyOffice):
    """One key-access service, as its clients meet it.

    Args:
        home: Its keys.
        store: Its clients, rules, withdrawals and audit.
        address: Its public origin, ``https://host[:port]``; proofs must name it.
        clock: Read once per request.
        randbytes: Randomness for tokens, secrets and sealing.
    """

    def __init__(
        self,
        home: KeyHome,
        store: KeyAccessStore,
        address: str,
        clock: Clock,
        randbytes: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        super().__init__(store, clock, randbytes)
        self._home = home
        self.address = address.rstrip("/")

    # --- for clients: adapters.key_access_server.KeyAccess ---------------------------------

    def configuration(self) -> dict[str, Any]:
        """The well-known configuration of a TDF platform."""
        key = self._home.current(RSA_2048)
        public = {"algorithm": key.algorithm, "kid": key.kid, "pem": key.public_pem()}
        return {
            "platform_issuer": self.address,
            "base_key": {"kas_uri": self.address, "public_key": public},
            "idp": self.identity_configuration(),
        }

    def identity_configuration(self) -> dict[str, Any]:
        """Where tokens are asked for, in the form of OpenID Connect discovery."""
        return {
            "issuer": self.address,
            "authorization_endpoint": f"{self.address}/authorize",
            "token_endpoint": f"{self.address}/token",
            "jwks_uri": f"{self.address}/jwks",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "grant_types_supported": ["client_credentials"],
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        }

    def token_keys(self) -> dict[str, Any]:
        """The public key behind the service's tokens, as a JWKS."""
        public = self._home.token_key.as_dict(private=False)
        return {"keys": [{**public, "alg": "ES256", "use": "sig"}]}

    def public_key(self, algorithm: str) -> tuple[str, str]:
        """PEM and name of the key that writers wrap to; "" is RSA.

        Raises:
            KeyRequestError: the service has no key of this kind.
        """
        if algorithm not in ("", *ALGORITHMS):
            raise KeyRequestError("the service has no key of this kind")
        key = self._home.current(algorithm or RSA_2048)
        return key.public_pem(), key.kid

    def grant(self, algorithm: str = EC_P256, split: str = "") -> KeyAccessGrant:
        """What a writer of files needs to name this service."""
        pem, kid = self.public_key(algorithm)
        return KeyAccessGrant(self.address, kid, pem, split)

    def token(self, request: TokenRequest) -> dict[str, Any]:
        """Give a token to a client that shows its secret and, where its rule asks, a key.

        Raises:
            KeyClientError: unknown client or wrong secret, in the same words.
            KeyProofError: no proof, or one that does not hold.
        """
        now = self._clock.now_utc()
        known = self._store.client(request.client, "")
        expected = known[1] if known else secret_digest("")
        if not hmac.compare_digest(secret_digest(request.secret), expected) or known is None:
            _LOG.info("token refused: unknown client or wrong secret")
            raise KeyClientError("the client is unknown or its secret is wrong")
        client, holder = known[0], ""
        if client.proof is ProofRule.DPOP:
            holder = self._prove(request.proof, "POST", request.path, None, now).key.thumbprint
        name = self._randbytes(16).hex()
        given = AccessToken(client.id, self.address, holder, name)
        self._audit("token", client=client.id, token=name, holder=holder)
        return {
            "access_token": write_token(given, self._home.token_key, now),
            "token_type": "DPoP" if holder else "Bearer",
            "expires_in": LIFETIME_SECONDS,
        }

    def rewrap(self, signed_request: str, caller: Caller) -> RewrapAnswer:
        """Wrap the keys that *caller* asks for, and may have, to its session.

        Raises:
            KeyProofError: the caller has not shown who it is.
            KeyRequestError: the request is malformed; in the older form also a broken file.
            KeyDeniedError: the older form, and the one key asked for is denied.
        """
        now = self._clock.now_utc()
        client, holder = self._identify(caller, now)
        try:
            claims = self._claims(signed_request, holder, now)
        except KeyProofError as error:
            self._audit("unproven", client=client.id, reasons=[error.message])
            raise
        request = read_request(claims)
        session = Session(request.session, self._randbytes)
        rules = self._store.attributes()
        with self._store.step():
            results = tuple(
                (item.id, tuple(self._one(item, key, client, rules, session) for key in item.keys))
                for item in request.items
            )
        answer = RewrapAnswer(results, session.public)
        _refuse_single(request, answer)
        return answer

    # --- inside -----------------------------------------------------------------------------

    def _identify(self, caller: Caller, now: datetime) -> tuple[Client, HolderKey | None]:
        """The client behind a call, and the key it proved to hold (None for a bearer)."""
        scheme, _, text = caller.authorization.partition(" ")
        token = read_token(text, self._issuers(), now)
        issuer = "" if token.issuer == self.address else token.issuer
        known = self._store.client(token.client, issuer)
        if known is None:
            raise KeyProofError("the client is not registered any more")
        client = known[0]
        if client.proof is ProofRule.BEARER and not token.holder:
            if scheme.lower() != "bearer":
                raise KeyProofError("the token is a bearer token")
            return client, None
        try:
            if scheme.lower() != "dpop" or not token.holder:
                raise KeyProofError("this client's token needs a proof of possession")
            proof = self._prove(caller.proof, caller.method, caller.path, text, now)
            if not hmac.compare_digest(proof.key.thumbprint, token.holder):
                raise KeyProofError("the proof is made with another key than the token's")
        except RefusedError as error:
            self._audit("unproven", client=client.id, reasons=[error.message])
            raise
        return client, proof.key

    def _issuers(self) -> dict[str, HolderKey]:
        """Whose tokens are read: the pinned ones, and our own."""
        pinned = {address: issuer_key(key) for address, key in self._store.issuers().items()}
        return {**pinned, self.address: issuer_key(self._home.token_key.as_dict(private=False))}

    def _prove(
        self, proofs: Sequence[str], method: str, path: str, token: str | None, now: datetime
    ) -> Proof:
        """The one proof of a request, which was never used before."""
        if len(proofs) != 1:
            raise KeyProofError("the request needs exactly one proof of possession")
        proof = check_proof(
            proofs[0], method=method, url=self.address + path, now_utc=now, access_token=token
        )
        seconds = int(now.timestamp())
        name = f"{proof.key.thumbprint}:{secret_digest(proof.jti)}"
        self._store.use_proof(name, seconds, seconds + 2 * WINDOW_SECONDS)
        return proof

    def _claims(self, signed: str, holder: HolderKey | None, now: datetime) -> dict[str, Any]:
        """What a request token says; signed by the proven key where there is one."""
        if holder is None:
            return split_token(signed, MAX_TOKEN_CHARACTERS)[1]
        claims = verify(signed, holder, MAX_TOKEN_CHARACTERS)
        check_time(claims.get("iat"), now)
        return claims

    def _one(
        self,
        item: PolicyRequest,
        key: WrappedKey,
        client: Client,
        rules: dict[str, Attribute],
        session: Session,
    ) -> KeyResult:
        """One key: unwrapped, its binding checked, decided, audited and only then sealed."""
        note: dict[str, Any] = {"client": client.id, "key": key.id[:_MAX_SHOWN], "kid": key.kid}
        try:
            share = self._open(key, item.policy)
            policy = read_policy(item.policy)
        except KeyRequestError as error:
            self._audit("deny", **note, policy="", reasons=[error.message])
            return KeyResult(key.id, None, BROKEN)
        decision = self._decide(policy, client, rules)
        event = "grant" if decision.allowed else "deny"
        self._audit(event, **note, policy=policy.id, reasons=list(decision.reasons))
        if not decision.allowed:
            return KeyResult(key.id, None, f"{DENIED}: {'; '.join(decision.shown)}")
        return KeyResult(key.id, session.seal(share), "")

    def _decide(
        self, policy: KeyPolicy, client: Client, rules: dict[str, Attribute]
    ) -> KeyDecision:
        return decide(policy, client, rules, self._store.withdrawn(policy.id))

    def _open(self, key: WrappedKey, policy: str) -> bytes:
        """The share behind *key*, bound to *policy*; older writers leave out which key it was."""
        candidates = [k for k in self._home.keys if key.kid in ("", k.kid)]
        problem = KeyRequestError("the service has no key of this name")
        for candidate in candidates:
            try:
                share = candidate.unwrap(key)
                check_binding(share, policy, key.binding)
            except KeyRequestError as error:
                problem = error
                continue
            return share
        raise problem


def open_service(folder: Path, address: str, clock: Clock) -> KeyService:
    """The key-access service whose keys and files lie in *folder*; made where there is none."""
    home = open_home(folder)
    return KeyService(home, KeyAccessStore(folder / "key-access.sqlite"), address, clock)


def _refuse_single(request: RewrapRequest, answer: RewrapAnswer) -> None:
    """The older form has no place for a refusal but the answer's status."""
    one = answer.only()
    if not request.is_single or one is None or one.wrapped is not None:
        return
    failure: type[DelianError] = KeyRequestError if one.error == BROKEN else KeyDeniedError
    raise failure(one.error)
