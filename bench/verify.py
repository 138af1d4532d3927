"""One release of 32 nations, verified from nothing: every check, the whole metadata chain.

The reference is 32 raw Ed25519 verifications of a message as long as the statement, timed in
the same run. Both are the best of several passes on one thread.
"""

import time
from collections.abc import Callable, Collection

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from delian.release.verify import verify
from tests.release_world import NOW, released

PASSES = 25
NATIONS = 32


def run(only: Collection[str] | None = None) -> list[dict[str, object]]:
    """Figures ``{id, value, unit, reference, ratio}``.

    Args:
        only: Ids to measure, or None for all: verify_ms (24 products, 10 years, 3 tiers; all
            twenty checks but the deep one), verify_deep_ms (the files rendered again, too).
    """
    wanted = set(only or ("verify_ms", "verify_deep_ms"))
    made = released(NATIONS)
    message = bytes(len(made.statement.to_wire()))
    signers = [Ed25519PrivateKey.generate() for _ in range(NATIONS)]
    pairs = [(signer.public_key(), signer.sign(message)) for signer in signers]

    def reference() -> None:
        for public, signature in pairs:
            public.verify(signature, message)

    def whole(is_deep: bool) -> None:
        report = verify(made.folder, made.root, now_utc=NOW, state=b"", is_deep=is_deep)
        report.raise_for_failure()

    base = _best(reference, PASSES)
    steps: dict[str, Callable[[], None]] = {
        "verify_ms": lambda: whole(False),
        "verify_deep_ms": lambda: whole(True),
    }
    figures: list[dict[str, object]] = []
    for name, step in steps.items():
        if name in wanted:
            value = _best(step, PASSES if name == "verify_ms" else 5)
            figures.append(
                {"id": name, "value": value, "unit": "ms", "reference": base, "ratio": value / base}
            )
    return figures


def _best(step: Callable[[], None], passes: int) -> float:
    """Milliseconds of the fastest of *passes*."""
    best = float("inf")
    for _ in range(passes):
        start = time.perf_counter()
        step()
        best = min(best, time.perf_counter() - start)
    return best * 1e3
