"""From a nation's sheet to one sealed, signed file, its receipt, and the list that is run.

The room in the order of a round:

- ``template`` and ``check`` (with ``columns``, ``rows``, ``workbook``, ``delimited``, ``judge``,
  ``findings``): the sheet, on the nation's own machine.
- ``agreed``: terms with every nation's consent, without which nothing below happens.
- ``preview``, ``split``: what would leave, and the file that leaves. Nation only.
- ``contribution``, ``manifest``, ``shape``: that file, what is signed, and the sizes.
- ``arrival``, ``receipt``: the secretariat. ``held``: one host.
- ``absence``, ``closing``, ``closing_rules``: one list per round.

``split`` and ``held`` use ``shares``; the other modules do not, so that the secretariat, which
needs them, never holds code that can combine shares.
"""
