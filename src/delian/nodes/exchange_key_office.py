"""The operator's half of a key-access service: clients, rules, trust, withdrawal, the audit."""

import hashlib
import logging
import secrets
from collections.abc import Callable, Sequence
from typing import Any

from delian.adapters.clock import Clock
from delian.adapters.key_access_store import AuditEntry, KeyAccessStore
from delian.exchange.access_token import issuer_key
from delian.exchange.key_access import Attribute, AttributeRule, Client, ProofRule
from delian.exchange.key_access_errors import KeyClientError
from delian.label.policy import Policy
from delian.release.ztdf_attributes import scheme_of
from delian.terms.encode import utc_text

_LOG = logging.getLogger("delian.exchange.keys")
_SECRET_BYTES = 32


class KeyOffice:
    """Orders of the operator, each with its line in the audit.

    Args:
        store: Clients, rules, withdrawals and the audit.
        clock: Read once per order.
        randbytes: Randomness for secrets.
    """

    def __init__(
        self,
        store: KeyAccessStore,
        clock: Clock,
        randbytes: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        self._store, self._clock, self._randbytes = store, clock, randbytes

    def register(
        self, name: str, attributes: Sequence[str], proof: ProofRule = ProofRule.DPOP
    ) -> str:
        """Register a client, or anew; its secret, which is kept nowhere and shown once."""
        secret = self._randbytes(_SECRET_BYTES).hex()
        client = Client(name, frozenset(a.lower() for a in attributes), proof)
        with self._store.step():
            self._store.put_client(client, secret_digest(secret))
            self._audit("register", client=name, proof=proof.value, held=sorted(client.attributes))
        return secret

    def register_foreign(
        self, name: str, issuer: str, attributes: Sequence[str], proof: ProofRule = ProofRule.DPOP
    ) -> None:
        """Register a client that brings tokens of *issuer*, another service that is trusted."""
        held = frozenset(a.lower() for a in attributes)
        client = Client(name, held, proof, issuer)
        with self._store.step():
            self._store.put_client(client, "")
            self._audit(
                "register", client=name, issuer=issuer, proof=proof.value, held=sorted(held)
            )

    def trust(self, issuer: str, key: dict[str, str]) -> None:
        """Read tokens of another service, whose public *key* (JWK) came out of band."""
        members = dict(issuer_key(key).members)
        with self._store.step():
            self._store.put_issuer(issuer.rstrip("/"), members)
            self._audit("trust", issuer=issuer)

    def remove(self, name: str, issuer: str = "") -> None:
        """Forget a client; its tokens end at once.

        Raises:
            KeyClientError: there is none of this name.
        """
        with self._store.step():
            if not self._store.drop_client(name, issuer):
                raise KeyClientError(f"no client is called '{name}'")
            self._audit("remove", client=name, issuer=issuer)

    def clients(self) -> tuple[Client, ...]:
        """Every registered client."""
        return self._store.clients()

    def define(self, attribute: Attribute) -> None:
        """Set the rule of an attribute; a policy that names one without a rule opens for nobody."""
        with self._store.step():
            self._store.put_attribute(attribute)
            self._audit("define", attribute=attribute.name, rule=attribute.rule.value)

    def define_policy(self, policy: Policy, authority: str) -> None:
        """Set the rules of every attribute that releases under a labelling *policy* carry."""
        with self._store.step():
            for scheme in scheme_of(policy, authority):
                self.define(Attribute(scheme.name, AttributeRule(scheme.rule), scheme.values))

    def withdraw(self, policy: str, reason: str) -> None:
        """From now on no key of a file under *policy* (its identifier) is given to anyone."""
        with self._store.step():
            if self._store.withdraw(policy, reason):
                self._audit("withdraw", policy=policy, reasons=[reason])

    def note_sealed(self, dataset: str, policy: str) -> None:
        """*dataset* of the catalogue is sealed under *policy*."""
        self._store.put_sealed(dataset, policy)

    def take_back(self, dataset: str, reason: str) -> None:
        """Withdraw every policy under which *dataset* of the catalogue was ever sealed."""
        with self._store.step():
            for policy in self._store.sealed(dataset):
                self.withdraw(policy, reason)

    def audit_entries(self, after: int = 0) -> tuple[AuditEntry, ...]:
        """Every grant, denial and order after number *after*, oldest first."""
        return self._store.audit_entries(after)

    def check_audit(self) -> int:
        """The number of audit entries, their chain checked.

        Raises:
            KeyAuditError: an entry was altered or taken out.
        """
        return self._store.check_audit()

    def close(self) -> None:
        """Give the service's file back."""
        self._store.close()

    def attribute_rules(self) -> dict[str, Attribute]:
        """The rules, by attribute name."""
        return self._store.attributes()

    def _audit(self, event: str, **members: Any) -> None:
        self._store.audit({"at": utc_text(self._clock.now_utc()), "event": event, **members})
        _LOG.info("key access: %s", event)


def secret_digest(text: str) -> str:
    """What is kept of a secret of 32 random bytes."""
    return hashlib.sha256(text.encode()).hexdigest()
