"""A rehearsal calls everything a run calls, and a machine that miscomputes fails it."""

import numpy as np
import pytest

from delian.shares import execute_numba, kernels_numba
from delian.shares.execute_numba import NumbaExecutor
from delian.shares.execute_numpy import NumpyExecutor
from delian.shares.kernels_numba import NumbaKernels, is_supported
from delian.shares.kernels_numpy import NumpyKernels
from delian.shares.rehearsal import RehearsalError, rehearse

# What the executor and the kernels call from Python; the rest is compiled into these.
ENTRIES = {
    execute_numba: ("_run", "_run_logged", "_take_off"),
    kernels_numba: (
        *("_multiply", "_cube", "_reduced", "_weigh_gates", "_weigh_products"),
        *("_fold_rows", "_product_sums", "_fold"),
    ),
}


@pytest.mark.parametrize("mode", ["malicious", "semi-honest"])
def test_the_portable_machine_passes(mode):
    rehearse(NumpyExecutor(), NumpyKernels(), mode, stall_s=30)


def test_every_compiled_function_has_been_called():
    kernels = NumbaKernels() if is_supported() else NumpyKernels()
    rehearse(NumbaExecutor(), kernels, "malicious", stall_s=110)
    rehearse(NumbaExecutor(), kernels, "semi-honest", stall_s=110)
    for module in ENTRIES if is_supported() else (execute_numba,):
        cold = [name for name in ENTRIES[module] if not getattr(module, name).signatures]
        assert not cold


class Lying(NumpyExecutor):
    """Flips one bit of the first gate of every round."""

    def run_logged(self, program, start, stop, first_term, own, nxt, log):
        super().run_logged(program, start, stop, first_term, own, nxt, log)
        for step in program.rounds:
            if step.stop == stop and step.n_gates:
                own[step.first_register, 0] ^= np.uint64(1)


def test_a_machine_that_miscomputes_fails():
    with pytest.raises(RehearsalError):
        rehearse(Lying(), NumpyKernels(), "malicious", stall_s=5)
