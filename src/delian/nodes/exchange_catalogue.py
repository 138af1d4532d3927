"""Answers questions for the catalogue, each peer seeing what it may."""

from dataclasses import dataclass

from delian.adapters.json_ld import is_plain, normalise
from delian.exchange.catalogue_filter import Cursor, read_filter, read_token, write_token
from delian.exchange.errors import NotFoundHereError
from delian.exchange.messages import CatalogRequest, read
from delian.exchange.plain import read_object, to_bytes
from delian.exchange.reactions import Participant
from delian.nodes.exchange_ports import Visibility
from delian.nodes.exchange_shelf import DatasetShelf, catalog_bytes


@dataclass(frozen=True, slots=True)
class CatalogueDesk:
    """The catalogue of one connector.

    Args:
        shelf: What is published.
        visibility: Who may see which dataset.
        participant: Our identifier.
        address: Where our protocol endpoints begin.
    """

    shelf: DatasetShelf
    visibility: Visibility
    participant: str
    address: str

    def page(
        self, body: bytes, token: str | None, who: Participant
    ) -> tuple[int, bytes, tuple[tuple[bytes, bytes], ...]]:
        """Status, body and headers of one page.

        Raises:
            MessageError: the request breaks its form.
            FilterError: the filter or the token is not ours.
        """
        plain = read_object(body)
        message = read(CatalogRequest, plain if is_plain(plain) else normalise(plain))
        cursor = Cursor(read_filter(message.filter)) if token is None else read_token(token)
        page = self.shelf.page(cursor, who, self.visibility)
        links = [
            b'<%s/catalog/request?page=%s>; rel="%s"'
            % (self.address.encode(), write_token(place).encode(), name)
            for place, name in ((page.next, b"next"), (page.previous, b"previous"))
            if place is not None
        ]
        found = catalog_bytes(
            f"{self.address}/catalog", self.participant, self.address, page.datasets
        )
        return 200, found, ((b"link", b", ".join(links)),) if links else ()

    def dataset(self, name: str, who: Participant) -> bytes:
        """One dataset.

        Raises:
            NotFoundHereError: it is not there for *who*.
        """
        published = self.shelf.get(name)
        found = None if published is None else self.visibility.shown(published, who)
        if found is None:
            raise NotFoundHereError("no such dataset")
        return to_bytes(found.to_plain(with_context=True))
