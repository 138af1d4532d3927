"""Composition roots: one module per machine."""
