"""The secretariat's process: the node behind its door."""

import logging
from pathlib import Path

from delian.adapters.http_server import Door, serve
from delian.nodes.secretariat import Secretariat
from delian.nodes.settings import split_address

LOG = logging.getLogger("delian")


def run_secretariat(home: Path) -> None:
    """Serve the secretariat in *home* until the process ends."""
    office = Secretariat.open(home)
    host, port = split_address(office.desk.settings.listen)
    LOG.info("secretariat ready at port %d", port)
    serve(
        Door(office, office.desk.code),
        host=host,
        port=port,
        certificate=str(home / "keys" / "tls.pem"),
        key=str(home / "keys" / "tls.key"),
        started=office.desk.say_ready,
    )
