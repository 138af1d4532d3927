"""Markings, their lattice, their wire forms and the policies behind them."""
