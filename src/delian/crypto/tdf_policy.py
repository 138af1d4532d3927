"""The policy of a TDF file: who may read, in the form that key services decide on.

May touch: values.
"""

from dataclasses import dataclass

from delian.crypto.tdf_errors import TdfFormError
from delian.crypto.tdf_fields import (
    as_object,
    compact_json,
    from_base64,
    items,
    member,
    read_json,
    text,
    to_base64,
)
from delian.terms.encode import Plain

MAX_POLICY_CHARACTERS = 64 * 1024
MAX_ATTRIBUTES, MAX_DISSEMINATION = 256, 1024


@dataclass(frozen=True, slots=True)
class TdfPolicy:
    """Who may read, as the key service decides it.

    Args:
        uuid: Names the policy; a withdrawal at the key service names it.
        attributes: Full names of attribute values (``https://authority/attr/name/value/value``).
        dissemination: Clients that alone may read; empty is no such limit.
    """

    uuid: str
    attributes: tuple[str, ...] = ()
    dissemination: tuple[str, ...] = ()

    def to_base64(self) -> str:
        """The exact text that a share of the key is bound to."""
        attributes: list[Plain] = [
            {"attribute": name, "displayName": "", "isDefault": False, "pubKey": "", "kasURL": ""}
            for name in self.attributes
        ]
        body: dict[str, Plain] = {"dataAttributes": attributes, "dissem": list(self.dissemination)}
        return to_base64(compact_json({"uuid": self.uuid, "body": body}))

    @classmethod
    def from_base64(cls, spelled: str) -> "TdfPolicy":
        """Read what any TDF writer writes; null lists are empty.

        Raises:
            TdfFormError: not a policy.
        """
        if len(spelled) > MAX_POLICY_CHARACTERS:
            raise TdfFormError("the policy is longer than allowed")
        plain = read_json(from_base64(spelled, "the policy"), MAX_POLICY_CHARACTERS)
        body = member(plain, "body")
        attributes = items(body, "dataAttributes", MAX_ATTRIBUTES)
        dissemination = items(body, "dissem", MAX_DISSEMINATION)
        if not all(isinstance(name, str) for name in dissemination):
            raise TdfFormError("the policy names a reader that is not text")
        names = tuple(text(as_object(a, "an attribute"), "attribute") for a in attributes)
        return cls(text(plain, "uuid", limit=256), names, tuple(dissemination))
