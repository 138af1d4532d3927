"""The words: parties and rosters, items, cells, terms of a round, digests, errors."""
