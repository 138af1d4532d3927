"""One file per port to the world outside."""
