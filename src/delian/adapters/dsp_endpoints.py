"""Every endpoint of the Dataspace Protocol that a connector serves, in one table."""

from dataclasses import dataclass
from typing import Any

from delian.exchange.errors import ErrorKind
from delian.exchange.messages import (
    AgreementVerification,
    CatalogRequest,
    ContractAgreement,
    ContractOffer,
    ContractRequest,
    NegotiationEvent,
    NegotiationTermination,
    TransferCompletion,
    TransferRequest,
    TransferStart,
    TransferSuspension,
    TransferTermination,
)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One line of the table.

    Args:
        name: What it is for.
        method: Of HTTP.
        path: Below the base; ``{pid}`` is a process or dataset.
        kind: Which error object answers.
        message: The message it takes; None for a GET.
        is_first: The message opens a process and is answered 201.
    """

    name: str
    method: str
    path: str
    kind: ErrorKind
    message: Any = None
    is_first: bool = False


_N, _T = ErrorKind.NEGOTIATION, ErrorKind.TRANSFER
ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint("catalog", "POST", "/catalog/request", ErrorKind.CATALOG, CatalogRequest),
    Endpoint("dataset", "GET", "/catalog/datasets/{pid}", ErrorKind.CATALOG),
    Endpoint("request", "POST", "/negotiations/request", _N, ContractRequest, True),
    Endpoint("offers", "POST", "/negotiations/offers", _N, ContractOffer, True),
    Endpoint("negotiation", "GET", "/negotiations/{pid}", _N),
    Endpoint("counter", "POST", "/negotiations/{pid}/request", _N, ContractRequest),
    Endpoint("counter-offer", "POST", "/negotiations/{pid}/offers", _N, ContractOffer),
    Endpoint("event", "POST", "/negotiations/{pid}/events", _N, NegotiationEvent),
    Endpoint("agreement", "POST", "/negotiations/{pid}/agreement", _N, ContractAgreement),
    Endpoint(
        "verification",
        "POST",
        "/negotiations/{pid}/agreement/verification",
        _N,
        AgreementVerification,
    ),
    Endpoint("end", "POST", "/negotiations/{pid}/termination", _N, NegotiationTermination),
    Endpoint("transfer-request", "POST", "/transfers/request", _T, TransferRequest, True),
    Endpoint("transfer", "GET", "/transfers/{pid}", _T),
    Endpoint("start", "POST", "/transfers/{pid}/start", _T, TransferStart),
    Endpoint("completion", "POST", "/transfers/{pid}/completion", _T, TransferCompletion),
    Endpoint("suspension", "POST", "/transfers/{pid}/suspension", _T, TransferSuspension),
    Endpoint("transfer-end", "POST", "/transfers/{pid}/termination", _T, TransferTermination),
)
