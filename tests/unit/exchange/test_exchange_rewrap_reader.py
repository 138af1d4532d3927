"""The reader's half of a rewrap: it takes one answer, to its own question, and nothing else."""

import base64
import json
import pickle
from typing import Any

import pytest

from delian.crypto.tdf_keys import KeyAccess
from delian.exchange.key_access_errors import KeyAnswerError, KeyDeniedError, KeyRequestError
from delian.exchange.rewrap_reader import Asking, ReaderKey, denied
from delian.exchange.session_keys import Session, load_public

SHARE = bytes(range(32))
ACCESS = KeyAccess("wrapped", "https://kas.example", "r1", "", b"w" * 256, "", b"b" * 32, "YmJi")


def answer(asking: Asking, **changes: Any) -> dict[str, Any]:
    """A true answer to *asking*, with members of its one result or of its policy changed."""
    session = Session(load_public(json.loads(asking.body)["clientPublicKey"]), bytes)
    sealed = base64.b64encode(session.seal(SHARE)).decode()
    policy = changes.pop("policyId", "policy")
    entry = {"keyAccessObjectId": "kao-0", "status": "permit", "kasWrappedKey": sealed} | changes
    return {
        "responses": [{"policyId": policy, "results": [entry]}],
        "sessionPublicKey": session.public,
    }


def test_a_true_answer_opens() -> None:
    asking = Asking(ACCESS, "cG9saWN5")
    assert asking.open(answer(asking)) == SHARE


@pytest.mark.parametrize(
    "changes",
    [
        {"keyAccessObjectId": "kao-1"},
        {"keyAccessObjectId": None},
        {"policyId": "other"},
        {"policyId": None},
        {"status": "denied"},
        {"status": None},
    ],
)
def test_a_sealed_key_under_another_name_is_not_taken(changes: dict[str, Any]) -> None:
    asking = Asking(ACCESS, "cG9saWN5")
    with pytest.raises(KeyAnswerError):
        asking.open(answer(asking, **changes))


def test_more_than_one_result_is_not_taken() -> None:
    asking = Asking(ACCESS, "cG9saWN5")
    plain = answer(asking)
    plain["responses"][0]["results"] *= 2
    with pytest.raises(KeyAnswerError, match="not about what was asked"):
        asking.open(plain)
    plain = answer(asking)
    with pytest.raises(KeyAnswerError, match="not about what was asked"):
        asking.open({**plain, "responses": plain["responses"] * 2})


def test_an_answer_to_another_question_does_not_open() -> None:
    first, second = Asking(ACCESS, "cG9saWN5"), Asking(ACCESS, "cG9saWN5")
    with pytest.raises(KeyAnswerError, match="does not open"):
        second.open(answer(first))


def test_the_request_says_what_the_file_says() -> None:
    body = json.loads(Asking(ACCESS, "cG9saWN5").body)
    (item,) = body["requests"]
    assert item["policy"]["body"] == "cG9saWN5"
    assert item["keyAccessObjects"][0]["keyAccessObject"] == {
        "type": "wrapped",
        "url": "https://kas.example",
        "protocol": "kas",
        "wrappedKey": base64.b64encode(b"w" * 256).decode(),
        "policyBinding": {"alg": "HS256", "hash": "YmJi"},
        "kid": "r1",
    }
    with pytest.raises(KeyRequestError):
        Asking(ACCESS, "A" * 70_000)


def test_a_refusal_in_our_words() -> None:
    broken = denied("rpc error: code = InvalidArgument desc = bad request")
    assert isinstance(broken, KeyAnswerError)
    told = denied("rpc error: code = PermissionDenied desc = forbidden: not held\x00\n")
    assert isinstance(told, KeyDeniedError)
    assert told.message == "the key is not given: not held"
    assert "no reason" in denied("").message


def test_a_readers_keys_do_not_travel() -> None:
    key = ReaderKey.make()
    assert repr(key) == "ReaderKey()"
    for kept in (key, Asking(ACCESS, "cG9saWN5")):
        with pytest.raises(TypeError):
            pickle.dumps(kept)
