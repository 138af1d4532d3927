"""The terms of one round: everything that changes what is disclosed, agreed before any sheet.

``docs/round.md``, Terms. Nothing here is a setting: the nations consent to the digest of these
terms, and every later document of the round names that digest.
"""

from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property

from delian.terms.encode import Digest, Fields, Plain, digest_of, utc_text
from delian.terms.errors import InputError
from delian.terms.frame import Frame
from delian.terms.tree import Forest, merge_forest

FORMAT = "delian-terms"
LEAST_CONTRIBUTORS = 3
LEAST_P_PERCENT = 5
HOSTS = 3
MOST_OPENINGS = 2


class TermsError(InputError):
    """The terms break a rule that no consent can waive."""

    code = "terms"


@dataclass(frozen=True, slots=True)
class Rule:
    """When a block may be opened.

    Args:
        min_contributors: At least 3 nations with a figure above zero.
        p_percent: No nation can estimate another's figure from above closer than this.
        coalition: 1; 2 is reserved until the circuit knows the third largest.
        count_bands: Lower edges of the published contributor bands, ascending, the first equal
            to *min_contributors*; () publishes "at least" and computes no count.
        dominance_n: n of the optional (n,k) rule, 0 for none.
        dominance_k_percent: k of it: the n largest may hold at most k % of the total.
    """

    min_contributors: int = 3
    p_percent: int = 10
    coalition: int = 1
    count_bands: tuple[int, ...] = ()
    dominance_n: int = 0
    dominance_k_percent: int = 100

    def __post_init__(self) -> None:
        if self.min_contributors < LEAST_CONTRIBUTORS:
            raise TermsError(f"min_contributors must be at least {LEAST_CONTRIBUTORS}")
        if not LEAST_P_PERCENT <= self.p_percent <= 100:
            raise TermsError(f"p_percent must be {LEAST_P_PERCENT} to 100")
        if self.coalition != 1:
            raise TermsError(
                "coalition must be 1",
                hint="2 is reserved until the circuit computes the three largest figures",
            )
        bands = self.count_bands
        if bands and (bands[0] != self.min_contributors or list(bands) != sorted(set(bands))):
            raise TermsError("count bands must ascend from min_contributors")
        if not 0 <= self.dominance_n <= 2 or not 1 <= self.dominance_k_percent <= 100:
            raise TermsError("the (n,k) rule needs n of 1 or 2 and k of 1 to 100 %")

    @property
    def slack(self) -> int:
        """E - 2 of the rule: what integers and bands tell a reader about the rest R.

        e is the highest lower band edge, or *min_contributors* without bands.
        """
        return (self.count_bands[-1] if self.count_bands else self.min_contributors) - 2

    def to_plain(self) -> dict[str, Plain]:
        """The canonical form."""
        return {
            "min_contributors": self.min_contributors,
            "p_percent": self.p_percent,
            "coalition": self.coalition,
            "count_bands": list(self.count_bands),
            "dominance_n": self.dominance_n,
            "dominance_k_percent": self.dominance_k_percent,
        }

    @classmethod
    def from_plain(cls, plain: object) -> "Rule":
        """Read what :meth:`to_plain` writes."""
        f = Fields(plain, "rule")
        bands = f.items("count_bands")
        if not all(isinstance(b, int) and not isinstance(b, bool) for b in bands):
            raise TermsError("rule: count_bands must be whole numbers")
        rule = cls(
            f.whole("min_contributors"),
            f.whole("p_percent"),
            f.whole("coalition"),
            tuple(bands),
            f.whole("dominance_n"),
            f.whole("dominance_k_percent"),
        )
        f.end()
        return rule


@dataclass(frozen=True, slots=True)
class Calendar:
    """Deadlines and how long silence lasts.

    Args:
        sheets_until: Last moment for sheets.
        terms_silence_hours: Of the procedure on these terms.
        release_silence_hours: Of the procedure on each release.
        retain_until: Envelopes are erased after this moment at the latest.
        holidays: Days on which working time does not run.
        extension_limit: How often the chair may extend one procedure.
        working_time: True counts silence in working days of 24 hours: Saturdays, Sundays and
            holidays stand still; the hours must be whole days then.
    """

    sheets_until: datetime
    terms_silence_hours: int
    release_silence_hours: int
    retain_until: datetime
    holidays: tuple[date, ...] = ()
    extension_limit: int = 1
    working_time: bool = False

    def __post_init__(self) -> None:
        hours = (self.terms_silence_hours, self.release_silence_hours)
        if self.working_time and any(h % 24 for h in hours):
            raise TermsError("in working time, silence lasts whole days of 24 hours")

    def to_plain(self) -> dict[str, Plain]:
        """The canonical form."""
        return {
            "sheets_until": utc_text(self.sheets_until),
            "terms_silence_hours": self.terms_silence_hours,
            "release_silence_hours": self.release_silence_hours,
            "retain_until": utc_text(self.retain_until),
            "holidays": [d.isoformat() for d in self.holidays],
            "extension_limit": self.extension_limit,
            "working_time": self.working_time,
        }

    @classmethod
    def from_plain(cls, plain: object) -> "Calendar":
        """Read what :meth:`to_plain` writes."""
        f = Fields(plain, "calendar")
        try:
            holidays = tuple(date.fromisoformat(d) for d in f.texts("holidays"))
        except ValueError as error:
            raise TermsError("calendar: a holiday must be spelled 2026-12-25") from error
        calendar = cls(
            f.utc("sheets_until"),
            f.whole("terms_silence_hours", 1, 10_000),
            f.whole("release_silence_hours", 1, 10_000),
            f.utc("retain_until"),
            holidays,
            f.whole("extension_limit", 0, 10),
            f.flag("working_time"),
        )
        f.end()
        return calendar


@dataclass(frozen=True)
class RoundTerms:
    """All of it.

    Args:
        round_id: Unique for good.
        title: For people.
        roster_version: Version of the roster that these terms are read with.
        roster_digest: Its digest.
        chair: Code of the secretariat.
        nations: Codes of every nation that must consent.
        hosts: Codes of the three compute hosts, in the order P_0, P_1, P_2.
        frame: Items, years, tiers and the merge tree.
        rule: When a block may be opened.
        calendar: Deadlines.
        audience: Name of the repository the release goes to.
        label: The label of the release, as ``label.Label.to_plain`` writes it.
        least_present: Fewer nations with a sheet stop the round.
        retry_limit: How often a failed run may be started again.
        max_openings: How often one block may be opened, 1 or 2.
        collection: "hosts", or "trusted" for an accredited enclave that holds the figures.
        mode: "malicious" (every AND checked before anything is opened) or "semi-honest".
        demonstration: True lets one organisation run all hosts; every output says so.
    """

    round_id: str
    title: str
    roster_version: int
    roster_digest: Digest
    chair: str
    nations: tuple[str, ...]
    hosts: tuple[str, ...]
    frame: Frame
    rule: Rule
    calendar: Calendar
    audience: str
    label: dict[str, Plain] = field(default_factory=dict)
    least_present: int = 3
    retry_limit: int = 3
    max_openings: int = 1
    collection: str = "hosts"
    mode: str = "malicious"
    demonstration: bool = False

    def __post_init__(self) -> None:
        if len(set(self.nations)) != len(self.nations) or len(self.nations) < LEAST_CONTRIBUTORS:
            raise TermsError("the terms need at least three nations, each once")
        if len(set(self.hosts)) != HOSTS or len(self.hosts) != HOSTS:
            raise TermsError("the terms need three different hosts")
        if not LEAST_CONTRIBUTORS <= self.least_present <= len(self.nations):
            raise TermsError("least_present must be 3 to the number of nations")
        if not 1 <= self.max_openings <= MOST_OPENINGS:
            raise TermsError("max_openings must be 1 or 2")
        if self.collection not in ("hosts", "trusted"):
            raise TermsError("collection must be 'hosts' or 'trusted'")
        if self.mode not in ("malicious", "semi-honest"):
            raise TermsError("mode must be 'malicious' or 'semi-honest'")
        if not 0 <= self.retry_limit <= 100:
            raise TermsError("retry_limit must be 0 to 100")
        if self.rule.min_contributors > self.least_present:
            raise TermsError("least_present must not be below min_contributors")

    @cached_property
    def forest(self) -> Forest:
        """The merge trees over every cell of the frame."""
        return merge_forest(self.frame)

    @cached_property
    def digest(self) -> Digest:
        """What every nation consents to and every later document names."""
        return digest_of(self.to_plain())

    def to_plain(self) -> dict[str, Plain]:
        """The canonical form."""
        return {
            "format": FORMAT,
            "version": 1,
            "round": self.round_id,
            "title": self.title,
            "roster_version": self.roster_version,
            "roster_digest": self.roster_digest,
            "chair": self.chair,
            "nations": list(self.nations),
            "hosts": list(self.hosts),
            "frame": self.frame.to_plain(),
            "rule": self.rule.to_plain(),
            "calendar": self.calendar.to_plain(),
            "audience": self.audience,
            "label": self.label,
            "least_present": self.least_present,
            "retry_limit": self.retry_limit,
            "max_openings": self.max_openings,
            "collection": self.collection,
            "mode": self.mode,
            "demonstration": self.demonstration,
            "waivers": [],
        }

    @classmethod
    def from_plain(cls, plain: object) -> "RoundTerms":
        """Read what :meth:`to_plain` writes.

        Raises:
            InputError: names what is wrong.
        """
        f = Fields(plain, "terms")
        f.form(FORMAT)
        if f.items("waivers"):
            raise TermsError("waivers are reserved until suppression exists")
        terms = cls(
            round_id=f.text("round", max_length=80),
            title=f.text("title"),
            roster_version=f.whole("roster_version", 1),
            roster_digest=f.digest("roster_digest"),
            chair=f.text("chair"),
            nations=f.texts("nations"),
            hosts=f.texts("hosts"),
            frame=Frame.from_plain(f.mapping("frame")),
            rule=Rule.from_plain(f.mapping("rule")),
            calendar=Calendar.from_plain(f.mapping("calendar")),
            audience=f.text("audience", max_length=80),
            label=f.mapping("label"),
            least_present=f.whole("least_present"),
            retry_limit=f.whole("retry_limit"),
            max_openings=f.whole("max_openings"),
            collection=f.text("collection"),
            mode=f.text("mode"),
            demonstration=f.flag("demonstration"),
        )
        f.end()
        return terms
