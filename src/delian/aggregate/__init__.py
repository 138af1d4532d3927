"""The hosts' run over everything that has arrived."""
