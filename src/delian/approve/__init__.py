"""Proposal, silence, voices and the decision they give.

Everything here is a pure function of signed documents and one clock reading. The room knows no
figure and no table: what is agreed to is a digest of exact bytes.
"""
