"""Package, statement, repository, verification and withdrawal.

Which door to take: a node renders with ``package.render``, puts ``statement.build_statement`` to
the nations, checks with ``agent_check.check_release`` before it signs, bundles with
``bundle.release_folder`` and publishes with ``repository.publish``. A reader needs ``verify``
alone.
"""
