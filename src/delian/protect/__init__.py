"""The only door: what may be opened, and the attack on what was.

``opened.open_table`` decides what a run opens, ``history`` what earlier rounds forbid, ``amend``
what a table may become afterwards, and ``attack`` tries to undo the releases.
"""
