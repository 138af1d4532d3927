"""``delian exchange publish``: a file or a released edition goes into the catalogue."""

from datetime import UTC, datetime
from pathlib import Path

import click

from delian.adapters.clock import SystemClock
from delian.cli import output
from delian.cli.label_file import label_from, policy_from
from delian.exchange.explain import offer_lines
from delian.exchange.offering import Terms
from delian.label.label import Label
from delian.nodes.exchange_operator import Operator
from delian.nodes.exchange_publish import Place, Ready, ready_file, ready_release
from delian.nodes.exchange_sealing import open_key_room
from delian.nodes.exchange_settings import load_exchange
from delian.terms.encode import parse_utc
from delian.terms.errors import InputError

HOME = click.Path(exists=True, file_okay=False, path_type=Path)
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
ANY = click.Path(exists=True, path_type=Path)


class PublishChoiceError(InputError):
    """What is to be published is not said, or said twice."""

    code = "publish-choice"


@click.command("publish")
@click.option("--home", type=HOME, required=True, help="The connector's folder.")
@click.argument("source", type=ANY)
@click.option("--id", "dataset_id", help="Its name in the catalogue; the file's name otherwise.")
@click.option("--title", help="For a person.")
@click.option(
    "--label", "label_file", type=FILE, help="The label of the file, in any of its forms."
)
@click.option("--labelling-policy", type=FILE, help="Its policy; the fictitious one otherwise.")
@click.option("--open", "is_open", is_flag=True, help="No label: open to every participant.")
@click.option("--root", type=FILE, help="SOURCE is a release folder, verified by this pinned root.")
@click.option("--purpose", multiple=True, help="Only for this purpose; may be repeated.")
@click.option("--class", "classes", multiple=True, help="Only for this class of participant.")
@click.option("--treaty", multiple=True, help="Only under this kind of treaty.")
@click.option("--until", metavar="UTC", help="The offer ends here.")
@click.option("--times", type=click.IntRange(1), help="Transfers under one agreement.")
@click.option("--aggregate-only", is_flag=True, help="To be used as an aggregate only.")
@click.option("--attribution", is_flag=True, help="Whoever uses it names the source.")
@click.option("--ask-me", is_flag=True, help="A person decides on every contract.")
@click.option("--dry-run", is_flag=True, help="Show the offer, and stop.")
@output.json_option
def publish(
    home: Path,
    source: Path,
    dataset_id: str | None,
    title: str | None,
    label_file: Path | None,
    labelling_policy: Path | None,
    is_open: bool,
    root: Path | None,
    purpose: tuple[str, ...],
    classes: tuple[str, ...],
    treaty: tuple[str, ...],
    until: str | None,
    times: int | None,
    aggregate_only: bool,
    attribution: bool,
    ask_me: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Offer SOURCE, a file or a release folder, under the conditions of its label."""
    terms = Terms(
        purpose,
        classes,
        treaty,
        parse_utc(until) if until else None,
        times,
        is_aggregate_only=aggregate_only,
        is_attributed=attribution,
        is_decided_by_a_person=ask_me,
    )
    operator, now = Operator(home), datetime.now(UTC)
    address = str(operator.status()["address"])
    place = Place(home, f"{address}/catalog:service")
    if root is not None:
        output.talk(f"verifying {source}")
        made = _release(place, source, root, terms, now)
    else:
        label = _label(label_file, labelling_policy, is_open, source)
        name = dataset_id or f"urn:file:{source.name}"
        made = ready_file(place, source, name, title or source.name, label, terms, now)
    if not dry_run:
        operator.publish(made.dataset.to_plain(), made.path, made.sha256, made.media_type)
    _say(made, dry_run=dry_run, as_json=as_json)


def _release(place: Place, source: Path, root: Path, terms: Terms, now: datetime) -> Ready:
    """The release, sealed where this node seals what it offers."""
    settings = load_exchange(place.home)
    if settings.releases:
        raise PublishChoiceError(
            "this node follows a folder of releases, and offers what lies there",
            hint=f"put the release into {settings.path(settings.releases)}",
        )
    if not settings.key_access:
        return ready_release(place, source, root, terms, now)
    room = open_key_room(place.home, settings.address, SystemClock())
    try:
        made = ready_release(place, source, root, terms, now, room.sealing)
        room.service.note_sealed(made.dataset.id, made.policy_id)
    finally:
        room.service.close()
    return made


def _label(
    label_file: Path | None, policy_file: Path | None, is_open: bool, source: Path
) -> Label | None:
    if source.is_dir():
        raise PublishChoiceError(
            "a folder is published as a release", hint="name the pinned root with --root"
        )
    if is_open is (label_file is not None):
        raise PublishChoiceError(
            "say who may have it: --label FILE, or --open for every participant",
            hint="nothing is offered without a label by accident",
        )
    return None if label_file is None else label_from(label_file, policy_from(policy_file))


def _say(made: Ready, *, dry_run: bool, as_json: bool) -> None:
    fields = {
        "dataset": made.dataset.to_plain(),
        "digest": made.sha256,
        "bytes": made.byte_size,
        "media_type": made.media_type,
        "policy_id": made.policy_id,
        "published": not dry_run,
    }
    lines = [f"{'would offer' if dry_run else 'offered'}: {made.dataset.id}"]
    lines += [f"  {line}" for line in offer_lines(made.dataset.offers[0])]
    if made.policy_id:
        lines.append(f"  sealed; the key access knows it as {made.policy_id}")
    output.show("exchange-publish", fields, lines, as_json=as_json)
