"""Sign, seal, wrap in DSSE, and keep an append-only Merkle ledger."""
