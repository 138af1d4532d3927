"""``delian exchange keys``: who may have the keys of files, and who had them."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from delian.adapters.clock import SystemClock
from delian.adapters.files import read_bytes
from delian.cli import output
from delian.exchange.key_access import Attribute, AttributeRule, Client, ProofRule
from delian.exchange.key_access_errors import KeyClientError
from delian.exchange.session_keys import ALGORITHMS
from delian.label import bundled_policy
from delian.nodes.exchange_key_home import add_key
from delian.nodes.exchange_keys import KeyService, open_service
from delian.nodes.exchange_sealing import FOLDER, add_partner, pins_of
from delian.nodes.exchange_unsealing import open_sealed, save_folder
from delian.terms.encode import MalformedError, canonical, parse

HOME = click.Path(exists=True, file_okay=False, path_type=Path)
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
home_option = click.option("--home", type=HOME, required=True, help="The node's own folder.")
issuer_option = click.option("--issuer", default="", help="Whose tokens it brings; ours if empty.")


@click.group("keys")
def command() -> None:
    """The key-access service of a node; docs/howto/key-access.md walks through it."""


@contextmanager
def opened(home: Path) -> Iterator[KeyService]:
    """The service of a home, for orders; a running node sees them with its next request."""
    service = open_service(home / FOLDER, "", SystemClock())
    try:
        yield service
    finally:
        service.close()


@command.command("list")
@home_option
@output.json_option
def list_command(home: Path, as_json: bool) -> None:
    """List clients, what they hold, and the rules of attributes."""
    with opened(home) as service:
        clients, rules = service.clients(), service.attribute_rules()
    lines = [f"{c.id:<24} {c.proof.value:<7} {' '.join(sorted(c.attributes))}" for c in clients]
    lines += [f"{r.name}  {r.rule.value}  {' '.join(r.values)}" for r in rules.values()]
    plain = {
        "clients": [_plain(client) for client in clients],
        "rules": [
            {"attribute": r.name, "rule": r.rule.value, "values": list(r.values)}
            for r in rules.values()
        ],
    }
    output.show("key-clients", plain, lines, as_json=as_json)


@command.command("register")
@click.argument("name")
@click.option("--attribute", "attributes", multiple=True, help="A value it holds; may be repeated.")
@click.option("--bearer", is_flag=True, help="It cannot prove possession of a key.")
@issuer_option
@home_option
@output.json_option
def register(
    name: str, attributes: tuple[str, ...], bearer: bool, issuer: str, home: Path, as_json: bool
) -> None:
    """Register the client NAME, or anew; its secret is shown here and nowhere else."""
    proof = ProofRule.BEARER if bearer else ProofRule.DPOP
    secret = ""
    with opened(home) as service:
        if issuer:
            service.register_foreign(name, issuer, attributes, proof)
        else:
            secret = service.register(name, attributes, proof)
    if secret:
        output.talk("delian: give the client this secret; the node keeps its digest only")
    output.show("key-client", {"client": name, "secret": secret}, [secret or name], as_json=as_json)


@command.command("remove")
@click.argument("name")
@issuer_option
@home_option
def remove(name: str, issuer: str, home: Path) -> None:
    """Forget the client NAME; its tokens end at once."""
    with opened(home) as service:
        service.remove(name, issuer)


@command.command("rule")
@click.argument("attribute")
@click.argument("rule", type=click.Choice([rule.value for rule in AttributeRule]))
@click.argument("values", nargs=-1, required=True)
@home_option
def rule_command(attribute: str, rule: str, values: tuple[str, ...], home: Path) -> None:
    """Give ATTRIBUTE the RULE by which its VALUES combine; of a hierarchy the highest first."""
    with opened(home) as service:
        service.define(Attribute(attribute, AttributeRule(rule), values))


@command.command("rules")
@click.argument("authority")
@home_option
def rules_command(authority: str, home: Path) -> None:
    """Give every attribute of the league's labelling policy its rule, under AUTHORITY."""
    with opened(home) as service:
        service.define_policy(bundled_policy(), authority)
        names = [rule.name for rule in service.attribute_rules().values()]
    output.show("key-rules", {}, names, as_json=False)


@command.command("trust")
@click.argument("address")
@click.argument("file", type=FILE)
@home_option
def trust(address: str, file: Path, home: Path) -> None:
    """Read tokens of the service at ADDRESS, whose public keys (JWKS) are in FILE."""
    try:
        (key,) = parse(read_bytes(file, max_bytes=64 * 1024))["keys"]
        members = dict(key)
    except (MalformedError, KeyError, TypeError, ValueError) as error:
        raise KeyClientError("the file is not a JWKS with one key", where=str(file)) from error
    with opened(home) as service:
        service.trust(address, members)


@command.command("split")
@click.argument("address")
@click.argument("file", type=FILE)
@home_option
def split(address: str, file: Path, home: Path) -> None:
    """Split the keys of releases with the service at ADDRESS, whose public key is in FILE."""
    grant = add_partner(home, address, read_bytes(file, max_bytes=64 * 1024))
    output.talk("delian: start the node again; releases are then sealed for both")
    output.show("key-partner", {}, [f"{grant.url} {grant.kid}"], as_json=False)


@command.command("pins")
@home_option
def pins(home: Path) -> None:
    """Print what readers pin: the public key that this node signs sealed files with."""
    output.show("pins", {}, [canonical(pins_of(home)).decode()], as_json=False)


@command.command("open")
@click.argument("file", type=FILE)
@click.option("--accounts", type=FILE, required=True, help="TOML file with tables [[account]].")
@click.option("--pins", "pinned", type=FILE, required=True, help="The originator's public key.")
@click.option("--authority", required=True, help="Who answers for the attributes, https://host.")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), required=True, help="A new folder.")  # fmt: skip  # noqa: E501
@click.option("--authorities", type=FILE, help="PEM file of TLS authorities to trust instead.")
@click.option("--development", is_flag=True, help="Loopback may be asked without TLS.")
@output.json_option
def open_command(out: Path, as_json: bool, file: Path, pinned: Path, **given: Any) -> None:
    """Open the sealed release in FILE, however it came; judge the folder with 'verify' then."""
    opened = open_sealed(file, pins=pinned, clock=SystemClock(), **given)
    save_folder(opened, out)
    plain = {"release": opened.statement.release_id, "signed_by": opened.signed_by}
    lines = [f"{opened.statement.release_id}, sealed by {opened.signed_by}: {out}"]
    output.show("opened-release", plain, lines, as_json=as_json)


@command.command("withdraw")
@click.argument("policy")
@click.option("--reason", required=True, help="What readers are told.")
@home_option
def withdraw(policy: str, reason: str, home: Path) -> None:
    """Give no key under POLICY (its identifier) any more."""
    with opened(home) as service:
        service.withdraw(policy, reason)


@command.command("rotate")
@click.argument("algorithm", type=click.Choice(ALGORITHMS))
@home_option
def rotate(algorithm: str, home: Path) -> None:
    """Make the next key for writers; older ones go on opening older files."""
    with opened(home):
        name = add_key(home / FOLDER, algorithm)
    output.talk("delian: start the node again, so that writers get the new key")
    output.show("key", {}, [name], as_json=False)


@command.command("audit")
@click.option("--after", type=click.IntRange(0), default=0, help="Only entries after this number.")
@home_option
@output.json_option
def audit(after: int, home: Path, as_json: bool) -> None:
    """Check the audit's chain and print who got which key, who did not, and why."""
    with opened(home) as service:
        count = service.check_audit()
        entries = service.audit_entries(after)
    lines = [f"{e.seq}  {' '.join(_shown(e.body))}" for e in entries]
    plain = {"count": count, "entries": [{"number": e.seq, **e.body} for e in entries]}
    output.show("key-audit", plain, lines, as_json=as_json)


def _plain(client: Client) -> dict[str, object]:
    return {
        "client": client.id,
        "issuer": client.issuer,
        "proof": client.proof.value,
        "attributes": sorted(client.attributes),
    }


def _shown(body: dict[str, object]) -> Iterator[str]:
    """The members of an entry that a person reads."""
    for name in ("at", "event", "client", "policy", "key", "attribute", "issuer"):
        if body.get(name):
            yield str(body[name])
    reasons = body.get("reasons")
    if isinstance(reasons, list):
        yield "; ".join(map(str, reasons))
