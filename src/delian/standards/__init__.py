"""Standards, shared gradually: register, portions, tranches, redline, parameters, terms.

May touch: values. What a reader may not see leaves no trace in anything this room makes for them.
"""
