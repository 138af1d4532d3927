"""A node's key-access service: its keys, its clients, its decisions and their audit.

Everything lies in one folder of the node's home: private keys and the token secret in files that
only their owner may read, the rest in ``key-access.sqlite``. A key leaves only after the line of
the audit that says so is on the disk.
"""

import hashlib
import hmac
import logging
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, NoReturn

from delian.adapters.clock import Clock
from delian.adapters.files import read_bytes, write_bytes
from delian.adapters.key_access_calls import Caller, TokenRequest
from delian.adapters.key_access_store import KeyAccessStore
from delian.exchange.access_token import (
    LIFETIME_SECONDS,
    AccessToken,
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
    ServiceKey,
    Session,
    WrappedKey,
    check_binding,
)
from delian.terms.encode import utc_text
from delian.terms.errors import DelianError, RefusedError

_LOG = logging.getLogger("delian.exchange.keys")
_PREFIX = {RSA_2048: "r", EC_P256: "e"}
_SECRET_BYTES = 32
_MAX_SHOWN = 256


@dataclass(frozen=True, slots=True)
class KeyHome:
    """What the service's folder holds; the newest key of each kind is the one given to writers."""

    keys: tuple[ServiceKey, ...] = field(repr=False)
    token_secret: bytes = field(repr=False)

    def __reduce__(self) -> NoReturn:
        raise TypeError("private keys do not travel")

    def current(self, algorithm: str) -> ServiceKey:
        """The newest key of one of ``ALGORITHMS``."""
        return [key for key in self.keys if key.algorithm == algorithm][-1]


def open_home(folder: Path) -> KeyHome:
    """The keys in *folder*; what is missing is made, readable by its owner only."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for algorithm in ALGORITHMS:
        if not list(folder.glob(f"{_PREFIX[algorithm]}*.pem")):
            add_key(folder, algorithm)
    secret = folder / "token.secret"
    if not secret.exists():
        write_bytes(secret, secrets.token_bytes(_SECRET_BYTES), secret=True)
    paths = sorted(folder.glob("[re]*.pem"), key=lambda path: (path.stem[0], int(path.stem[1:])))
    keys = tuple(ServiceKey.from_pem(path.stem, read_bytes(path)) for path in paths)
    return KeyHome(keys, read_bytes(secret))


def add_key(folder: Path, algorithm: str) -> str:
    """Make the next key of a kind in *folder*; its name. Older ones go on opening older files."""
    prefix = _PREFIX[algorithm]
    last = max((int(path.stem[1:]) for path in folder.glob(f"{prefix}*.pem")), default=0)
    key = ServiceKey.make(f"{prefix}{last + 1}", algorithm)
    write_bytes(folder / f"{key.kid}.pem", key.private_pem(), secret=True)
    return key.kid


class KeyService:
    """One key-access service.

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
        self._home, self._store, self._clock = home, store, clock
        self._randbytes = randbytes
        self.address = address.rstrip("/")

    # --- for the operator -----------------------------------------------------------------

    def register(
        self, name: str, attributes: Sequence[str], proof: ProofRule = ProofRule.DPOP
    ) -> str:
        """Register a client, or anew; its secret, which is kept nowhere and shown once."""
        secret = self._randbytes(_SECRET_BYTES).hex()
        client = Client(name, frozenset(a.lower() for a in attributes), proof)
        with self._store.step():
            self._store.put_client(client, _digest(secret))
            self._audit("register", client=name, proof=proof.value, held=sorted(client.attributes))
        return secret

    def remove(self, name: str) -> None:
        """Forget a client; its tokens end at once.

        Raises:
            KeyClientError: there is none of this name.
        """
        with self._store.step():
            if not self._store.drop_client(name):
                raise KeyClientError(f"no client is called '{name}'")
            self._audit("remove", client=name)

    def clients(self) -> tuple[Client, ...]:
        """Every registered client."""
        return self._store.clients()

    def define(self, attribute: Attribute) -> None:
        """Set the rule of an attribute; a policy that names one without a rule opens for nobody."""
        with self._store.step():
            self._store.put_attribute(attribute)
            self._audit("define", attribute=attribute.name, rule=attribute.rule.value)

    def withdraw(self, policy: str, reason: str) -> None:
        """From now on no key of a file under *policy* (its identifier) is given to anyone."""
        with self._store.step():
            if self._store.withdraw(policy, reason):
                self._audit("withdraw", policy=policy, reasons=[reason])

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

    def public_key(self, algorithm: str) -> tuple[str, str]:
        """PEM and name of the key that writers wrap to; "" is RSA.

        Raises:
            KeyRequestError: the service has no key of this kind.
        """
        if algorithm not in ("", *ALGORITHMS):
            raise KeyRequestError("the service has no key of this kind")
        key = self._home.current(algorithm or RSA_2048)
        return key.public_pem(), key.kid

    def attribute_rules(self) -> dict[str, Attribute]:
        """The rules, by attribute name."""
        return self._store.attributes()

    def token(self, request: TokenRequest) -> dict[str, Any]:
        """Give a token to a client that shows its secret and, where its rule asks, a key.

        Raises:
            KeyClientError: unknown client or wrong secret, in the same words.
            KeyProofError: no proof, or one that does not hold.
        """
        now = self._clock.now_utc()
        known = self._store.client(request.client)
        expected = known[1] if known else _digest("")
        if not hmac.compare_digest(_digest(request.secret), expected) or known is None:
            _LOG.info("token refused: unknown client or wrong secret")
            raise KeyClientError("the client is unknown or its secret is wrong")
        client, holder = known[0], ""
        if client.proof is ProofRule.DPOP:
            holder = self._prove(request.proof, "POST", request.path, None, now).key.thumbprint
        name = self._randbytes(16).hex()
        given = AccessToken(client.id, self.address, holder, name)
        self._audit("token", client=client.id, token=name, holder=holder)
        return {
            "access_token": write_token(given, self._home.token_secret, now),
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
        token = read_token(text, self._home.token_secret, self.address, now)
        known = self._store.client(token.client)
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
        name = f"{proof.key.thumbprint}:{_digest(proof.jti)}"
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

    def _audit(self, event: str, **members: Any) -> None:
        self._store.audit({"at": utc_text(self._clock.now_utc()), "event": event, **members})
        _LOG.info("key access: %s", event)


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


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
