"""The readable executor: one numpy expression per row. The reference for the fast one."""

from delian.shares.gatelog import LANES, ROWS, GateLog
from delian.shares.program import AND, LINEAR, XOR2, XOR3, Ints, Program, Words


class NumpyExecutor:
    """Runs rows with numpy; needs nothing compiled."""

    name = "numpy"

    def run(self, program: Program, start: int, stop: int, own: Words, nxt: Words) -> None:
        """Runs rows ``start..stop``."""
        for op, d, p, q, r, t in program.code[start:stop].tolist():
            if op in (XOR2, XOR3):
                _xor_row(op, (d, p, q, r), own, nxt)
                continue
            if op == LINEAR:
                own[d] ^= own[p] ^ own[q]
                continue
            x, x_next = own[p] ^ own[q], nxt[p] ^ nxt[q]
            y, y_next = own[r] ^ own[t], nxt[r] ^ nxt[t]
            product = (x & (y ^ y_next)) ^ (x_next & y)
            own[d] = product if op == AND else own[d] ^ product

    def run_logged(
        self,
        program: Program,
        start: int,
        stop: int,
        first_term: int,
        own: Words,
        nxt: Words,
        log: GateLog,
    ) -> None:
        """Runs rows ``start..stop`` and logs the operands of every term."""
        chunks = own.shape[1] // LANES
        places = [a.reshape(-1, chunks, ROWS, LANES) for a in (log.xa, log.ya, log.xb, log.yb)]
        term = first_term
        for op, d, p, q, r, t in program.code[start:stop].tolist():
            if op in (XOR2, XOR3):
                _xor_row(op, (d, p, q, r), own, nxt)
                continue
            if op == LINEAR:
                own[d] ^= own[p] ^ own[q]
                continue
            x, x_next = own[p] ^ own[q], nxt[p] ^ nxt[q]
            y, y_next = own[r] ^ own[t], nxt[r] ^ nxt[t]
            layer, row = divmod(int(program.slot_of_term[term]), ROWS)
            for place, words in zip(places, (x, y, x_next, y_next), strict=True):
                place[layer, :, row] = words.reshape(chunks, LANES)
            product = (x & (y ^ y_next)) ^ (x_next & y)
            own[d] = product if op == AND else own[d] ^ product
            term += 1

    def take_off(self, summands: Ints, nxt: Words, z: Words) -> None:
        """Removes the sender's share of free summands from received bits."""
        for gate, p, q in summands.tolist():
            z[gate] ^= nxt[p] ^ nxt[q]


def _xor_row(op: int, row: tuple[int, int, int, int], own: Words, nxt: Words) -> None:
    d, p, q, r = row
    for share in (own, nxt):
        share[d] = share[p] ^ share[q] if op == XOR2 else share[p] ^ share[q] ^ share[r]
