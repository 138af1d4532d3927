"""Two key services on loopback, their readers, our own writer and reader, and files to pass."""

import ipaddress
import secrets
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from delian.adapters.clock import SystemClock
from delian.adapters.key_access_client import KeyAccessClient, KeyAccount
from delian.crypto.sign import PrivateKey, PublicKey
from delian.crypto.tdf_assertion import Assertion
from delian.crypto.tdf_keys import KeyAccessGrant
from delian.crypto.tdf_policy import TdfPolicy
from delian.crypto.tdf_read import FOREIGN_FILE, TdfPins, TdfReader, open_tdf
from delian.crypto.tdf_write import TdfPlan, TdfSigner, write_tdf
from delian.exchange.key_access import ProofRule
from delian.label import Originator, bundled_policy, compose, to_json
from delian.nodes.exchange_keys import KeyService
from tests.conformance.tdf.peers import Peer
from tests.key_access_world import FRA, JPN, Reader, make_reader

PLAIN = b"what the alliance asks for, in whole numbers\n" * 50
POLICY = bundled_policy()
_ORIGIN = Originator("rfc822Name", "office@example.org")
_AT = datetime(2026, 11, 21, tzinfo=UTC)
_LABEL = compose(
    POLICY,
    "UNCLASSIFIED",
    "DELIAN-1",
    releasable=("INDUSTRY", "JPN"),
    originator=_ORIGIN,
    created_utc=_AT,
    review_utc=_AT,
)
LABEL = Assertion(
    id="label",
    kind="handling",
    scope="tdo",
    applies_to="encrypted",
    form="json+stanag5636",
    schema="urn:nato:stanag:5636:A:1:elements:json",
    value=to_json(_LABEL, POLICY, drop=("originator", "review")).decode(),
)


@dataclass(frozen=True, slots=True)
class FileSource:
    """A file in memory."""

    data: bytes

    @property
    def size(self) -> int:
        """Its length."""
        return len(self.data)

    def read_at(self, start: int, count: int) -> bytes:
        """A part of it."""
        return self.data[start : start + count]


def make_certificate(folder: Path) -> dict[str, str]:
    """A certificate for 127.0.0.1 in *folder*, as settings of the server."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "key access")])
    place = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(place, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    files = {"ssl_certfile": folder / "tls.pem", "ssl_keyfile": folder / "tls.key"}
    files["ssl_certfile"].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    files["ssl_keyfile"].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return {setting: str(path) for setting, path in files.items()}


@dataclass(frozen=True, slots=True)
class Services:
    """The key services of a run.

    Args:
        alliance: Gives tokens.
        nation: Reads the alliance's tokens.
        secure: Stands alone and is served over TLS.
    """

    alliance: KeyService
    nation: KeyService
    secure: KeyService


class House:
    """Everything that a check needs.

    Args:
        folder: For files.
        services: The key services.
        authority: PEM file of the certificate of the one that is served over TLS.
        go: The stock Go client.
        python: The stock Python client.
    """

    def __init__(
        self, folder: Path, services: Services, authority: Path, go: Peer, python: Peer
    ) -> None:
        self.folder, self.secure, self.authority = folder, services.secure, authority
        self.alliance, self.nation = alliance, nation = services.alliance, services.nation
        self._peers = {"go": go, "python": python}
        self._count = 0
        self.originator = PrivateKey.generate()
        rules = {"go": ProofRule.DPOP, "python": ProofRule.BEARER, "ours": ProofRule.DPOP}
        nation.trust(alliance.address, alliance.token_keys()["keys"][0])
        self.readers: dict[tuple[str, str], Reader] = {}
        for name, held in (("fra", [FRA]), ("jpn", [JPN])):
            for kind, rule in rules.items():
                reader = make_reader(alliance, f"{kind}-{name}", held, rule)
                nation.register_foreign(reader.name, alliance.address, held, rule)
                self.readers[kind, name] = reader

    def path(self) -> Path:
        """A file of its own."""
        self._count += 1
        return self.folder / f"file-{self._count}"

    # --- ours ------------------------------------------------------------------------------------

    def grants(
        self, algorithm: str, services: Mapping[str, KeyService] | None = None
    ) -> tuple[KeyAccessGrant, ...]:
        """Grants for split id and service; the alliance alone by default."""
        found = []
        for split, service in (services or {"": self.alliance}).items():
            pem, kid = service.public_key(algorithm)
            found.append(KeyAccessGrant(service.address, kid, pem, split))
        return tuple(found)

    def we_write(self, grants: tuple[KeyAccessGrant, ...], **changes: Any) -> Path:
        """A file of our own writer, for readers of FRA unless *changes* says otherwise."""
        path, plain = self.path(), changes.pop("plain", PLAIN)
        attributes = changes.pop("attributes", (FRA,))
        uuid = changes.pop("uuid", secrets.token_hex(16))
        signer = TdfSigner({"office": self.originator})
        plan = TdfPlan(
            grants, TdfPolicy(uuid, attributes), (LABEL,), "text/plain", signer=signer, **changes
        )
        with path.open("wb") as sink:
            write_tdf([plain], sink, plan, secrets.token_bytes)
        return path

    def pins(self) -> TdfPins:
        """Our own files: signed by the originator, labelled."""
        return TdfPins({"office": self.public()})

    def public(self) -> PublicKey:
        """The originator's public key."""
        return self.originator.public

    def client(self, name: str = "fra", *, asks_nation: bool = True) -> KeyAccessClient:
        """Our reader's line to the services."""
        reader = self.readers["ours", name]
        first = KeyAccount(self.alliance.address, reader.name, reader.secret)
        second = KeyAccount(self.nation.address, reader.name, issuer=self.alliance.address)
        accounts = [first, second] if asks_nation else [first]
        return KeyAccessClient(accounts, SystemClock(), development=True)

    def secure_client(self, reader: Reader) -> KeyAccessClient:
        """Our reader's line to the service behind TLS."""
        account = KeyAccount(self.secure.address, reader.name, reader.secret)
        tls = ssl.create_default_context(cafile=str(self.authority))
        return KeyAccessClient([account], SystemClock(), tls=tls)

    def we_open(
        self, path: Path, pins: TdfPins = FOREIGN_FILE, client: KeyAccessClient | None = None
    ) -> TdfReader:
        """Our own reader, for FRA unless another *client* is given."""
        return open_tdf(FileSource(path.read_bytes()), (client or self.client()).unwrap, pins)

    def we_read(self, path: Path, pins: TdfPins = FOREIGN_FILE) -> bytes:
        """What our own reader gives."""
        return b"".join(self.we_open(path, pins).stream())

    # --- theirs ----------------------------------------------------------------------------------

    def they(self, kind: str, order: str, name: str = "fra", **job: Any) -> dict[str, Any]:
        """A job for a stock client, as the reader *name*; its answer."""
        reader = self.readers[kind, name]
        allowed = [self.alliance.address, self.nation.address]
        given = {"platform": self.alliance.address, "allowed": allowed, "session": "rsa:2048"}
        given |= {"client": reader.name, "secret": reader.secret}
        return self._peers[kind].do(do=order, **(given | job))

    def they_write(self, kind: str, **job: Any) -> Path:
        """A file of a stock writer."""
        source, out = self.path(), self.path()
        source.write_bytes(job.pop("plain", PLAIN))
        algorithm = job.get("algorithm", "rsa:2048")
        services = [{"url": self.alliance.address, "algorithm": algorithm}]
        given = {"services": services, "attributes": [FRA], "format": "4.3.0"} | job
        answer = self.they(kind, "write", **given, **{"in": str(source), "out": str(out)})
        if not answer["ok"]:
            raise AssertionError(f"{kind} does not write: {answer['error']}")
        return out

    def they_read(self, kind: str, path: Path, name: str = "fra", **job: Any) -> dict[str, Any]:
        """The answer of a stock reader; what it gave is in ``plain``."""
        out = self.path()
        answer = self.they(kind, "read", name, **job, **{"in": str(path), "out": str(out)})
        return {**answer, "plain": out.read_bytes() if out.exists() else b""}
