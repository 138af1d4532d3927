"""The challenge that a party signs to open a session at an office."""

from delian.terms.encode import canonical


def challenge_message(origin: str, nonce: str, keyid: str) -> bytes:
    """What a party signs to open a session at *origin*."""
    return canonical(
        {"format": "delian-session", "version": 1, "at": origin, "nonce": nonce, "key": keyid}
    )
