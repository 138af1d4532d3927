"""The check of every AND as a slow, obvious model over a small field, with rules that can be cut.

It restates docs/security/check.md and shares no code with the product. Three hosts, one block,
dot gates with several terms, ideal keystreams, one corrupt host that may lie wherever it can.
Values are plain integers; a vector is a list; everything is a loop.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import product

MODULUS = {2: 0b111, 4: 0b10011, 8: 0b100011011}
INFINITY = 2


class Field:
    """GF(2^degree) by multiplication table."""

    def __init__(self, degree: int) -> None:
        self.degree, self.size = degree, 1 << degree
        self.table = [[self._slow(a, b) for b in range(self.size)] for a in range(self.size)]
        self.inverse = [0] + [row.index(1) for row in self.table[1:]]
        self.root = [self._square_root(1 << lane) for lane in range(degree)]

    def _slow(self, a: int, b: int) -> int:
        total = 0
        for bit in range(self.degree):
            if b >> bit & 1:
                total ^= a << bit
        for bit in reversed(range(self.degree, 2 * self.degree)):
            if total >> bit & 1:
                total ^= MODULUS[self.degree] << (bit - self.degree)
        return total

    def _square_root(self, a: int) -> int:
        return next(b for b in range(self.size) if self._slow(b, b) == a)

    def mul(self, *factors: int) -> int:
        result = 1
        for factor in factors:
            result = self.table[result][factor]
        return result

    def eq(self, point: Sequence[int], bits: Sequence[int]) -> int:
        """The multilinear polynomial that is 1 at ``bits`` and 0 at all other bit strings."""
        return self.mul(*(p if b else 1 ^ p for p, b in zip(point, bits, strict=True)))

    def inner(self, u: Sequence[int], v: Sequence[int]) -> int:
        total = 0
        for a, b in zip(u, v, strict=True):
            total ^= self.table[a][b]
        return total

    def quadratic(self, at_zero: int, at_one: int, at_infinity: int, r: int) -> int:
        return self.mul(at_zero, 1 ^ r) ^ self.mul(at_one, r) ^ self.mul(at_infinity, r, r ^ 1)

    def quartic(self, values: Sequence[int], r: int) -> int:
        """From values at 0, 1, X, X + 1 and the coefficient of T^4, by Lagrange."""
        nodes = (0, 1, 2, 3)
        total = self.mul(values[4], *(r ^ node for node in nodes))
        for node, value in zip(nodes, values, strict=False):
            weight = 1
            for other in nodes:
                if other != node:
                    weight = self.mul(weight, r ^ other, self.inverse[node ^ other])
            total ^= self.mul(weight, value)
        return total


@dataclass(frozen=True)
class Rules:
    """The rules of the specification; each can be cut to see what it is good for."""

    masks: bool = True  # step 5: f and h carry masks
    separate_masks: bool = True  # mask-u and mask-v are different keystreams
    last_coin_outside_bits: bool = True  # r is neither 0 nor 1
    coin_after_message: bool = True  # L releases a coin only when it holds the message
    compare_coins: bool = True  # 6b before 6c
    done: bool = True  # 6a before 6b
    all_verdicts: bool = True  # a host also heeds the verdicts of the two others


@dataclass(frozen=True)
class Shape:
    """One block: 2^row_variables rows, columns of words of ``lanes`` bits, ``terms`` per gate."""

    row_variables: int = 1
    columns: int = 1
    terms: int = 2
    lanes: int = 2

    @property
    def rows(self) -> list[tuple[int, ...]]:
        return list(product((0, 1), repeat=self.row_variables))

    @property
    def steps(self) -> int:
        return (self.terms * self.columns * self.lanes - 1).bit_length()

    def gates(self) -> list[tuple[int, int, int]]:
        return list(product(range(len(self.rows)), range(self.columns), range(self.lanes)))


Gate = tuple[int, int, int]
Bits = dict[tuple[int, Gate], int]  # (term, gate) -> bit


@dataclass
class Lies:
    """What the corrupt host does; the defaults are honest."""

    host: int = 0
    z: dict[Gate, int] = field(default_factory=dict)
    coins: dict[int, int] = field(default_factory=dict)  # coin number -> error in what it sends
    cheat: "Cheat | None" = None
    answer: Callable[["View"], tuple[int, int, int]] | None = None  # errors in 6c, rushing
    verdict: int | None = None


@dataclass
class View:
    """What the corrupt host sees, in order, and what it can compute on the way."""

    seen: list[object] = field(default_factory=list)
    answer_of_left: tuple[int, int, int] | None = None
    last_coin: int = 0
    fold: Callable[[Sequence[int]], int] | None = None


class Tape:
    """Ideal keystreams: one random value per (key, purpose, position), any of them fixable.

    Args:
        rng: The randomness.
        fixed: Values by (key, purpose, position).
        targets: Values that masked prover messages under ``target_key`` shall take: the pad is
            then what makes it so. As the pad is uniform and used once, this is a bijection.
    """

    def __init__(self, rng: random.Random, size: int, fixed=None, targets=None, target_key=-1):
        self.rng, self.size = rng, size
        self.values = dict(fixed or {})
        self.targets, self.target_key = targets, target_key

    def get(self, key: int, purpose: str, position: object, size: int = 0) -> int:
        where = (key, purpose, position)
        if where not in self.values:
            self.values[where] = self.rng.randrange(size or self.size)
        return self.values[where]

    def pad(self, key: int, position: object, message: int) -> int:
        if self.targets is not None and key == self.target_key:
            return self.targets[position] ^ message
        return self.get(key, "proof", position)


class Cheat:
    """The best cheating prover we know: it spends every root it may have at every step."""

    def __init__(self, f: Field, shape: Shape, rng: random.Random) -> None:
        self.f, self.shape, self.rng = f, shape, rng
        self.off = 0  # by how much the present claim is false
        self.known: int | None = None  # a coin known before the message is bound

    def cube(self, false_by: int, tau: Sequence[int]) -> Callable[[Sequence[int]], int]:
        """D with sum eq(tau, s) D(s) = false_by and as many zeros as its degree allows."""
        f = self.f
        self.roots = []
        scale = false_by
        for t in tau:
            for attempt in range(10**6):
                a, b = self.rng.sample(range(f.size), 2)
                if self.known is not None and attempt < 50:  # at t in {0, 1} it may be impossible
                    a = self.known
                weight = f.mul(1 ^ t, a, b) ^ f.mul(t, 1 ^ a, 1 ^ b)
                if weight and a != b:
                    break
            self.roots.append((a, b))
            scale = f.mul(scale, f.inverse[weight])
        self.scale = scale
        return lambda point: f.mul(
            scale,
            *(
                1 if p == INFINITY else f.mul(p ^ a, p ^ b)
                for p, (a, b) in zip(point, self.roots, strict=True)
            ),
        )

    def bind_rows(self, rho: Sequence[int]) -> None:
        f = self.f
        self.off = f.mul(
            self.scale, *(f.mul(p ^ a, p ^ b) for p, (a, b) in zip(rho, self.roots, strict=True))
        )

    def step(self) -> tuple[int, int]:
        """Errors of g(1) and g(infinity); g gets two roots."""
        f = self.f
        while True:
            a, b = self.rng.sample(range(f.size), 2)
            if self.known is not None:
                a = self.known
            if a != b and a ^ b != 1:
                break
        lead = f.mul(self.off, f.inverse[1 ^ a ^ b])
        self.curve = lambda t: f.mul(lead, t ^ a, t ^ b)
        return self.curve(1), lead

    def bind(self, r: int) -> None:
        self.off = self.curve(r)

    def last(self) -> tuple[int, int, int, int]:
        """Errors of g at 1, X, X + 1, infinity; g gets four roots outside {0, 1}."""
        f = self.f
        while True:
            roots = self.rng.sample(range(2, f.size), 4)
            if self.known is not None and self.known not in roots:
                roots[0] = self.known
            weight = f.mul(*roots) ^ f.mul(*(1 ^ a for a in roots))
            if weight and 0 not in roots and 1 not in roots:
                break
        lead = f.mul(self.off, f.inverse[weight])
        self.curve = lambda t: f.mul(lead, *(t ^ a for a in roots))
        return self.curve(1), self.curve(2), self.curve(3), lead


@dataclass
class Outcome:
    """How a run ended: ``accepted`` by host, at which point it broke off, what was seen."""

    accepted: list[bool]
    stopped_at: str
    view: View
    coins: list[list[int]]


class Run:
    """One run of the check. ``x[i], y[i]`` are the shares number i, bits by (term, gate)."""

    def __init__(
        self,
        f: Field,
        shape: Shape,
        x: list[Bits],
        y: list[Bits],
        tape: Tape,
        lies: Lies | None = None,
        rules: Rules | None = None,
        provers: Sequence[int] = (0, 1, 2),
    ) -> None:
        self.f, self.shape, self.x, self.y, self.tape = f, shape, x, y, tape
        self.lies, self.rules, self.provers = lies or Lies(host=-1), rules or Rules(), provers
        self.view = View()
        self.n_coins = 0
        self.used: list[list[int]] = [[], [], []]

    # -- coins (section 2) -------------------------------------------------------------------

    def toss(self) -> list[int]:
        """One element, as each host gets it. P_j lacks c_{j-1}; it comes from P_{j-1}."""
        parts = [self.tape.get(i, "coin", self.n_coins) for i in range(3)]
        as_seen = [parts[0] ^ parts[1] ^ parts[2]] * 3
        liar = self.lies.host
        as_seen[(liar + 1) % 3] ^= self.lies.coins.get(self.n_coins, 0)
        self.n_coins += 1
        for host in range(3):
            self.used[host].append(as_seen[host])
        self.view.seen.append(("coin", as_seen[liar]))
        return as_seen

    def peek(self, ahead: int = 0) -> int:
        """The coin that comes next: only a broken rule lets a prover know it."""
        parts = [self.tape.get(i, "coin", self.n_coins + ahead) for i in range(3)]
        return parts[0] ^ parts[1] ^ parts[2]

    # -- messages ----------------------------------------------------------------------------

    def share(self, prover: int, position: str, elements: Sequence[int]) -> tuple[list[int], ...]:
        """R's share is the keystream of k_{i+1}; L gets the difference."""
        key = (prover + 1) % 3
        right = [self.tape.pad(key, (position, n), e) for n, e in enumerate(elements)]
        left = [e ^ p for e, p in zip(elements, right, strict=True)]
        if self.lies.host == (prover - 1) % 3:
            self.view.seen.append((position, tuple(left)))
        return left, right

    # -- the statement -----------------------------------------------------------------------

    def evaluate(self) -> None:
        """z_i for every gate: one bit, however many terms; the corrupt host may err."""
        self.z: list[dict[Gate, int]] = []
        for i in range(3):
            z = {}
            for gate in self.shape.gates():
                bit = self.tape.get(i, "and", gate, 2) ^ self.tape.get((i + 1) % 3, "and", gate, 2)
                for term in range(self.shape.terms):
                    own, nxt = (self.x[i], self.y[i]), (self.x[(i + 1) % 3], self.y[(i + 1) % 3])
                    at = (term, gate)
                    bit ^= (
                        own[0][at] & own[1][at] ^ own[0][at] & nxt[1][at] ^ nxt[0][at] & own[1][at]
                    )
                if i == self.lies.host:
                    bit ^= self.lies.z.get(gate, 0)
                z[gate] = bit
            self.z.append(z)
        if self.lies.host >= 0:
            self.view.seen.append(("z", tuple(self.z[(self.lies.host + 1) % 3].items())))

    def row_sum(self, prover: int, side: str, row: int, weights: list[int]) -> int:
        """E(s): the sum of A X^lane e over one row, e_L or e_R."""
        total = 0
        for gate in self.shape.gates():
            if gate[0] != row:
                continue
            if side == "R":
                bit = self.tape.get((prover + 1) % 3, "and", gate, 2)
            else:
                bit = self.z[prover][gate] ^ self.tape.get(prover, "and", gate, 2)
                for term in range(self.shape.terms):
                    bit ^= self.x[prover][term, gate] & self.y[prover][term, gate]
            if bit:
                total ^= self.f.mul(weights[gate[1]], 1 << gate[2])
        return total

    def extended(self, bits: Bits, term: int, column: int, lane: int, point) -> int:
        """The value of a row polynomial at {0, 1, infinity}: a sum of bits, so a bit."""
        total = 0
        for number, row in enumerate(self.shape.rows):
            if all(p in (INFINITY, b) for p, b in zip(point, row, strict=True)):
                total ^= bits[term, (number, column, lane)]
        return total

    def cube(self, i: int, weights: list[int], point) -> int:
        """G(t), summed over columns, lanes and all terms of each gate."""
        total, nxt = 0, (i + 1) % 3
        for term, column, lane in product(
            range(self.shape.terms), range(self.shape.columns), range(self.shape.lanes)
        ):
            at = (term, column, lane, point)
            bit = self.extended(self.x[i], *at) & self.extended(self.y[nxt], *at)
            bit ^= self.extended(self.y[i], *at) & self.extended(self.x[nxt], *at)
            if bit:
                total ^= self.f.mul(weights[column], 1 << lane)
        return total

    def vector(self, bits: Bits, rho: Sequence[int], scales: Sequence[int]) -> list[int]:
        """Rows folded at rho, scaled by v sqrt(X^lane), zero-padded to 2^m."""
        out = []
        for term, column, lane in product(
            range(self.shape.terms), range(self.shape.columns), range(self.shape.lanes)
        ):
            value = 0
            for number, row in enumerate(self.shape.rows):
                if bits[term, (number, column, lane)]:
                    value ^= self.f.eq(rho, row)
            out.append(self.f.mul(value, scales[column], self.f.root[lane]))
        return out + [0] * ((1 << self.shape.steps) - len(out))

    # -- the protocol ------------------------------------------------------------------------

    def run(self) -> Outcome:  # noqa: C901 - one run, read from top to bottom
        f, shape, rules, liar = self.f, self.shape, self.rules, self.lies.host
        cheat = self.lies.cheat
        self.evaluate()
        # Step 0.
        scales = [list(c) for c in zip(*(self.toss() for _ in range(shape.columns)), strict=True)]
        taus = (
            list(zip(*(self.toss() for _ in range(shape.row_variables)), strict=True)) or [()] * 3
        )
        weights = [[f.mul(v, v) for v in scales[host]] for host in range(3)]
        # Step 1.
        points = list(product((0, 1, INFINITY), repeat=shape.row_variables))
        cubes, checks = {}, {}
        for i in self.provers:
            values = [self.cube(i, weights[i], point) for point in points]
            if cheat and i == liar:
                false_by = 0
                for gate, error in self.lies.z.items():
                    word = f.mul(
                        f.eq(taus[i], shape.rows[gate[0]]), weights[i][gate[1]], 1 << gate[2]
                    )
                    false_by ^= word if error else 0
                if not rules.coin_after_message and shape.row_variables:
                    cheat.known = self.peek()
                change = cheat.cube(false_by, taus[i])
                cheat.known = None
                values = [v ^ change(p) for v, p in zip(values, points, strict=True)]
            cubes[i] = self.share(i, "cube", values)
            # Step 2.
            for side, host, mine in (("L", (i - 1) % 3, 0), ("R", (i + 1) % 3, 1)):
                total = 0
                for number, row in enumerate(shape.rows):
                    value = cubes[i][mine][points.index(row)]
                    value ^= self.row_sum(i, side, number, weights[host])
                    total ^= f.mul(f.eq(taus[host], row), value)
                checks[i, side] = total
        # Step 3.
        rhos = (
            list(zip(*(self.toss() for _ in range(shape.row_variables)), strict=True)) or [()] * 3
        )
        claims = {}
        for i in self.provers:
            for side, host, mine in (("L", (i - 1) % 3, 0), ("R", (i + 1) % 3, 1)):
                claims[i, side] = self._cube_at(cubes[i][mine], rhos[host])
        if cheat:
            cheat.bind_rows(rhos[liar])
        # vectors[host, share] = (x part, y part), each host folding what it holds with its coins
        vectors = {
            (host, share): [
                self.vector(self.x[share], rhos[host], scales[host]),
                self.vector(self.y[share], rhos[host], scales[host]),
            ]
            for host in range(3)
            for share in (host, (host + 1) % 3)
        }
        folded_at: list[list[int]] = [[], [], []]
        # Step 4.
        for number in range(shape.steps):
            messages = {}
            half = 1 << (shape.steps - number - 1)
            for i in self.provers:
                (xa, ya), (xb, yb) = vectors[i, i], vectors[i, (i + 1) % 3]
                one = f.inner(xa[half:], yb[half:]) ^ f.inner(ya[half:], xb[half:])
                inf = 0
                for u, v in ((xa, yb), (ya, xb)):
                    for k in range(half):
                        inf ^= f.mul(u[k] ^ u[k + half], v[k] ^ v[k + half])
                if cheat and i == liar:
                    if not rules.coin_after_message:
                        cheat.known = self.peek()
                    change = cheat.step()
                    cheat.known = None
                    one, inf = one ^ change[0], inf ^ change[1]
                messages[i] = self.share(i, f"step {number}", [one, inf])
            r = self.toss()
            for i in self.provers:
                for side, host, mine in (("L", (i - 1) % 3, 0), ("R", (i + 1) % 3, 1)):
                    one, inf = messages[i][mine]
                    zero = claims[i, side] ^ one
                    claims[i, side] = f.quadratic(zero, one, inf, r[host])
            if cheat:
                cheat.bind(r[liar])
            for (host, _), pair in vectors.items():
                for part in (0, 1):
                    low, high = pair[part][:half], pair[part][half:]
                    pair[part] = [a ^ f.mul(r[host], a ^ b) for a, b in zip(low, high, strict=True)]
            for host in range(3):
                folded_at[host].append(r[host])
        # Step 5.
        u_masks, v_masks = self._masks()
        messages = {}
        for i in self.provers:
            (xa, ya), (xb, yb) = vectors[i, i], vectors[i, (i + 1) % 3]
            values = [
                f.mul(self._line(xa, ya, u_masks[i], t), self._line(yb, xb, v_masks[i], t))
                for t in (1, 2, 3)
            ] + [f.mul(u_masks[i], v_masks[i])]
            if cheat and i == liar:
                if not (rules.coin_after_message and rules.done):
                    # Without DONE, R's hash over all coins reaches P_i before P_i's last message
                    # has reached L; trying all r against the hash gives r.
                    cheat.known = self._usable(self.peek(), self.peek(1))
                values = [v ^ e for v, e in zip(values, cheat.last(), strict=True)]
                cheat.known = None
            messages[i] = self.share(i, "last", values)
        pair = [self.toss(), self.toss()]
        r = [self._usable(pair[0][host], pair[1][host]) for host in range(3)]
        if None in r:
            return self._stop("last coin")
        for i in self.provers:
            for side, host, mine in (("L", (i - 1) % 3, 0), ("R", (i + 1) % 3, 1)):
                values = messages[i][mine]
                zero = claims[i, side] ^ values[0]
                claims[i, side] = f.quartic([zero, *values], r[host])
        # Step 6a, 6b: both honest hosts compare all their coins with each other.
        honest = [host for host in range(3) if host != liar]
        if rules.compare_coins and any(self.used[h] != self.used[honest[0]] for h in honest):
            return self._stop("6b")
        # Step 6c, 6d; the corrupt host speaks last.
        answers = {}
        for i in self.provers:
            left = (i - 1) % 3
            line = self._line(
                vectors[left, i][0][0:1], vectors[left, i][1][0:1], u_masks[i], r[left]
            )
            answers[i] = (checks[i, "L"], claims[i, "L"], line)
        view = self.view
        if liar >= 0 and (liar - 1) % 3 in answers:
            view.answer_of_left = answers[(liar - 1) % 3]
            view.seen.append(("answer", view.answer_of_left))
        view.last_coin = r[liar]
        if self.lies.answer and (liar + 1) % 3 in answers:
            errors = self.lies.answer(view)
            old = answers[(liar + 1) % 3]
            answers[(liar + 1) % 3] = tuple(a ^ e for a, e in zip(old, errors, strict=True))
        verdicts = [True] * 3
        for i in self.provers:
            right = (i + 1) % 3
            check, claim, line = answers[i]
            h = self._line(vectors[right, right][1], vectors[right, right][0], v_masks[i], r[right])
            ok = check == checks[i, "R"] and f.mul(line, h) == claim ^ claims[i, "R"]
            verdicts[right] = (
                bool(self.lies.verdict) if right == liar and self.lies.verdict is not None else ok
            )
        view.seen.append(("verdicts", tuple(verdicts[host] for host in honest)))
        accepted = [all(verdicts)] * 3 if rules.all_verdicts else verdicts
        return Outcome(accepted, "", view, self.used)

    def _cube_at(self, values: Sequence[int], rho: Sequence[int]) -> int:
        values = list(values)
        for coordinate in rho:
            third = len(values) // 3
            values = [
                self.f.quadratic(values[k], values[k + third], values[k + 2 * third], coordinate)
                for k in range(third)
            ]
        return values[0]

    def _masks(self) -> tuple[list[int], list[int]]:
        """rho_u of proof i from k_i, rho_v from k_{i+1}."""
        if not self.rules.masks:
            return [0] * 3, [0] * 3
        other = "mask-v" if self.rules.separate_masks else "mask-u"
        u = [self.tape.get(i, "mask-u", 0) for i in range(3)]
        return u, [self.tape.get((i + 1) % 3, other, 0) for i in range(3)]

    def _line(self, first: Sequence[int], second: Sequence[int], mask: int, t: int) -> int:
        a, b = first[0], second[0]
        return a ^ self.f.mul(a ^ b, t) ^ self.f.mul(mask, t, t ^ 1)

    def _usable(self, first: int, second: int) -> int | None:
        if not self.rules.last_coin_outside_bits:
            return first
        return next((r for r in (first, second) if r > 1), None)

    def _stop(self, where: str) -> Outcome:
        self.view.seen.append(("stopped", where))
        return Outcome([False] * 3, where, self.view, self.used)


def random_shares(shape: Shape, rng: random.Random) -> tuple[list[Bits], list[Bits]]:
    """Three random shares of random operands."""
    places = list(product(range(shape.terms), shape.gates()))
    make = lambda: [{place: rng.randrange(2) for place in places} for _ in range(3)]  # noqa: E731
    return make(), make()


def predicted(f: Field, shape: Shape) -> float:
    """How often the cheat of ``Cheat`` wins against all rules."""
    q = f.size
    miss = (1 - 1 / q) ** (shape.row_variables + 1)
    miss *= (1 - 2 / q) ** (shape.row_variables + shape.steps)
    unusable = (2 / q) ** 2
    return (1 - miss * (1 - 4 / (q - 2))) * (1 - unusable)


def cheat_once(f: Field, shape: Shape, rules: Rules, rng: random.Random) -> bool:
    """One run against the cheating prover P_1 with one wrong bit; whether it got through."""
    x, y = random_shares(shape, rng)
    gate = rng.choice(shape.gates())
    lies = Lies(host=1, z={gate: 1}, cheat=Cheat(f, shape, rng))
    run = Run(f, shape, x, y, Tape(rng, f.size), lies, rules, provers=(1,))
    return all(run.run().accepted)
