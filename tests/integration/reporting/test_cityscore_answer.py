"""`/v1/cityscore` beside the figures of the same position: what the peer's method would say, without its seven defects."""

from fractions import Fraction
from typing import Any

from integration.reporting.conftest import Service
from unit.reporting.city import KPIS, Contribution, ToyCity, count


def cut(value: Fraction) -> str:
    hundredths = value.numerator * 100 // value.denominator
    return f"{hundredths // 100}.{hundredths % 100:02}"


async def test_it_follows_from_the_figures_of_its_own_position(service: Service) -> None:
    """94.06 % is not 95 %, no incident is the best there is, a busy day weighs what it is, and five are five."""
    city, few = ToyCity(), {"polarity": "down", "zero_attainment": "1.5", "target": {"value": "4"}}
    kpis = [{**one, "target": {"value": "0.95"}} if one["id"] == "MC-01" else one for one in KPIS]
    day = city.today
    many = [count(f"UP-{number}", target={"value": "2"}) for number in range(1, 8)]
    await service.kpi.publish(
        city.define(),
        city.define({"kpis": [*kpis, count("IN-00", **few), *many]}),
        city.change([
            Contribution("MC-01", day, 9406, 10_000, "municipal-court"),
            Contribution("FIN-02", day, 3, 3), Contribution("FIN-02", day.replace(day=1), 1_500, 3_000),
            Contribution("IN-00", day, 0, 1), *(Contribution(one["id"], day, place, 0) for place, one in enumerate(many, 1)),
        ]),
    )  # fmt: skip
    await service.at(3)
    shown = {one["id"]: one for one in (await service.get("/v1/snapshot", as_of=3))["kpis"]}
    answer = await service.get("/v1/cityscore")
    scores = {one["id"]: one["score"] for one in answer["metrics"]}
    assert scores["MC-01"] == "0.99"
    assert scores["IN-00"] == "1.50"
    assert shown["FIN-02"]["numerator"] == 1_503, "and not the mean of two days"
    known: dict[str, Fraction] = {}
    for name, one in shown.items():
        attained: dict[str, Any] | None = one["attainment"]
        if attained is not None and one["status"] != "STALE":
            known[name] = Fraction(attained["numerator"], attained["denominator"])
    assert scores == {name: cut(known[name]) if name in known else None for name in shown}
    assert answer["score"] == cut(sum(known.values(), Fraction(0)) / len(known))
    best = sorted((one for one in known if known[one] >= 1), key=lambda name: (known[name], name), reverse=True)
    assert len(best) > 5
    assert answer["exceeding"] == best[:5]
    again = await service.get("/v1/cityscore")
    assert again == answer, "looking changes nothing"
