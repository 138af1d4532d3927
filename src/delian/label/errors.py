"""What can be wrong with a label or a policy, one leaf per reason."""

from delian.terms.errors import InputError, RefusedError


class LabelFormError(InputError):
    """The bytes or values are not a label in the form they claim."""

    code = "label-form"


class PolicyFormError(InputError):
    """A policy or an equivalence is not in its form, or contradicts itself."""

    code = "policy-form"


class LabelValueError(RefusedError):
    """The label names a value that its policy does not have, or not at this level."""

    code = "label-value"


class LabelContextError(RefusedError):
    """The label's owner is missing, mixed or unknown to the policy."""

    code = "label-context"


class InexpressibleError(RefusedError):
    """The wire form cannot say exactly what the label says."""

    code = "label-inexpressible"


class PolicyMismatchError(RefusedError):
    """Two things under different policies were to be compared or combined."""

    code = "label-policy"


class NoEquivalenceError(RefusedError):
    """No agreement in force maps this label into the other policy."""

    code = "no-equivalence"
