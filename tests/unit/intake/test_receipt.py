import json

from citygoals.intake.gate import Admitted, Refused
from citygoals.intake.numbering import Outcome
from citygoals.intake.receipt import Receipt, receipt_for


def admitted(identity: str) -> Admitted:
    return Admitted(identity, "/systems/demo", "t", b"k", b"d", "r", b"{", None)


def refused(identity: str | None, errors: int = 1) -> Refused:
    faults = [{"pointer": f"/data/{number}", "detail": "is required"} for number in range(errors)]
    return Refused(identity, None, None, "schema", faults, None)


def test_places_are_those_of_the_request() -> None:
    verdicts: list[Admitted | Refused] = [refused(None), admitted("a"), admitted("b"), refused("c"), admitted("d")]
    receipt = receipt_for(verdicts, [Outcome.CONFLICT, Outcome.ACCEPTED, Outcome.DUPLICATE])
    assert (receipt.accepted, receipt.duplicates) == (1, 1)
    assert [(item["index"], item["id"], item["code"]) for item in receipt.rejected] == [
        *((0, None, "schema"), (1, "a", "conflict"), (3, "c", "schema"))
    ]
    assert list(json.loads(receipt.to_json())) == ["accepted", "duplicates", "rejected"]


def test_a_receipt_fits_through_the_door() -> None:
    receipt = Receipt()
    for index in range(50):
        receipt.reject(index, refused(f"e{index}", errors=100))
    whole, short = receipt.to_json(), receipt.to_json(20_000)
    assert len(short) <= 20_000 < len(whole)
    said = json.loads(short)["rejected"]
    assert [item["index"] for item in said] == list(range(50)), "every rejection is told"
    assert said[0]["errors"][-1]["detail"].endswith("more")
    assert receipt.to_json(10**9) == whole
