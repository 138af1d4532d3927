"""The only door: what may be opened, and the attack on what was."""
