"""What can go wrong with values, bands and frequency tables."""

from delian.terms.errors import InputError


class ParameterError(InputError):
    """A value, a unit or a range cannot be what it says."""

    code = "parameter"


class SpectrumError(InputError):
    """A frequency table, or a band asked for, cannot be read."""

    code = "spectrum-table"


class InterchangeError(InputError):
    """Variants, needs and positions do not fit each other."""

    code = "interchange"
