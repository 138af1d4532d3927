"""The two proofs that one host verifies: as L that of P_{i+1}, as R that of P_{i-1}.

Both verifiers compute the same linear functions of their shares, so both proofs are kept side by
side: index 0 is this host's share as L, index 1 its share as R.
"""

from typing import Final, NoReturn

import numpy as np

from delian.shares import field
from delian.shares.coins import Coins
from delian.shares.interpolate import cube_at, quadratic_at, quartic_at
from delian.shares.kernels import ROW_VARIABLES, Kernels
from delian.shares.keys import RunKeys
from delian.shares.program import Words

LEFT: Final = 0
RIGHT: Final = 1
BINARY_POINTS: Final = np.array(
    [sum((row >> k & 1) * 3**k for k in range(ROW_VARIABLES)) for row in range(1 << ROW_VARIABLES)],
    dtype=np.intp,
)
"""Where the points of {0, 1}^6 stand among those of {0, 1, infinity}^6."""


class Proof:
    """Sends this host's proof and receives the shares of the two others.

    R's share of every message is the keystream F_proof(k_{i+1}); L is sent the difference.
    """

    __slots__ = ("_as_prover", "_as_right", "_coins")

    def __init__(self, coins: Coins, keys: RunKeys, block: str) -> None:
        self._coins = coins
        self._as_prover = keys.stream(1, "proof", block)
        self._as_right = keys.stream(0, "proof", block)

    def share(self, elements: Words) -> Words:
        """Sends one prover message; returns this host's shares of the others', ``[2, n]``.

        Leaks:
            To L = P_{i-1} the elements under a keystream that it does not have, to R nothing.
        """
        masked = bytearray(field.to_bytes(elements))
        self._as_prover.xor_into(masked)
        left = self._coins.bind(bytes(masked))
        return np.stack([field.from_bytes(left), field.from_bytes(self._as_right.take(len(left)))])


class Shares:
    """Check value and claim of the two verified proofs, as shares ``[2]``."""

    __slots__ = ("_kernels", "_points", "check_values", "claims")

    def __init__(self, kernels: Kernels) -> None:
        self._kernels = kernels
        self._points = np.zeros((2, 0), dtype=np.uint64)
        self.check_values = np.zeros(2, dtype=np.uint64)
        self.claims = np.zeros(2, dtype=np.uint64)

    def take_cube(self, points: Words, row_sums: Words, tau: Words) -> None:
        """Step 2: the sum over s of eq(tau, s) (G(s) + E(s)), which L and R must agree on.

        Args:
            points: Shares of G, ``[2, 729]``.
            row_sums: E(s) by row, ``[2, 64]``.
            tau: Six elements.
        """
        terms = points[:, BINARY_POINTS] ^ row_sums
        weights = field.equality_weights(tau, self._kernels.multiply)[None, :]
        self._points = points
        self.check_values = np.bitwise_xor.reduce(self._kernels.multiply(terms, weights), axis=1)

    def bind_rows(self, rho: Words) -> None:
        """Step 3: the claim is G(rho)."""
        self.claims = cube_at(self._points, rho, self._kernels.multiply)

    def take_step(self, values: Words, r: int) -> None:
        """Step 4: from shares of g(1) and g(infinity), ``[2, 2]``, to the claim g(r)."""
        at_one, at_infinity = values[:, 0], values[:, 1]
        self.claims = quadratic_at(
            self.claims ^ at_one, at_one, at_infinity, r, self._kernels.multiply
        )

    def take_last(self, values: Words, r: int) -> None:
        """Step 5: from shares of g at 1, X, X + 1 and infinity, ``[2, 4]``, to the claim g(r)."""
        at_zero = self.claims ^ values[:, 0]
        all_values = np.concatenate([at_zero[:, None], values], axis=1)
        self.claims = quartic_at(all_values, r, self._kernels.multiply)

    def __reduce__(self) -> NoReturn:
        raise TypeError("shares of a proof are never pickled")
