"""Delian tells industry what to build without anyone learning who needs it."""

__version__ = "0.1.0"
