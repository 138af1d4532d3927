"""From a nation's sheet to one sealed, signed envelope and its receipt."""
