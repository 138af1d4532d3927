"""Why this room says no."""

from delian.terms.errors import InputError, RefusedError, TamperedError


class HistoryError(RefusedError):
    """Earlier rounds forbid these terms or this run."""

    code = "history"


class MeasureChangedError(HistoryError):
    """The terms give a tested code another unit, price basis or width."""

    code = "measure-changed"


class LockedKeyError(HistoryError):
    """Another round that has not ended holds a key of this one."""

    code = "key-locked"


class SecondListError(HistoryError):
    """This round was run before on another closing list."""

    code = "other-list"


class RecordError(TamperedError):
    """Two records of one opening contradict each other."""

    code = "opening-record"


class AmendmentError(RefusedError):
    """The amendment would do more than add up or withhold opened blocks."""

    code = "amendment"


class AttackInputError(InputError):
    """The sheets given to the attack are not those that made the tables."""

    code = "attack-input"
