"""Proposal, silence, voices and the decision they give."""
