"""Package, statement, repository, verification and withdrawal."""
