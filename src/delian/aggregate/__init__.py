"""The hosts' run over everything that has arrived: bits and totals on request, never a figure.

``backend`` says what every way of computing offers to ``delian.protect``; ``replicated`` is the
circuit on three hosts, ``plain`` the accredited enclave of a round with collection "trusted".
"""
