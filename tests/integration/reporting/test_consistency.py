"""Readers under load: no answer ever mixes two positions, and no connection ever goes back.

Every node that is published is recomputed here from the figures of its own answer, by the contract's words and not by
the code's: weighted mean of capped attainments, children by their published decimals, coverage, half-even, 12 places.
"""

import asyncio
import json
from collections import Counter
from collections.abc import Iterator
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from fractions import Fraction
from random import Random
from typing import Any

import httpx
from integration.reporting.conftest import Service
from patience import PATIENCE_S
from unit.reporting.city import ToyCity

READERS = 4
POSITIONS = 400
READS_AT_LEAST = 400
PATHS = ("/v1/snapshot", "/v1/snapshot?period=2026-11", "/v1/snapshot?period=last-10d", "/v1/plan", "/v1/nodes/city")


def decimal(value: Fraction) -> str:
    """A fraction with 12 places, half-even."""
    with localcontext() as context:
        context.prec = 400
        quotient = Decimal(value.numerator) / Decimal(value.denominator)
        return format(quotient.quantize(Decimal(10) ** -12, ROUND_HALF_EVEN), "f")


def faults(body: dict[str, Any]) -> list[str]:
    """Return every node that does not follow from the figures and nodes of the same answer."""
    answer = Recomputed(body)
    return [fault for name in answer.nodes for fault in answer.faults(name)]


class Recomputed:
    """The nodes of an answer, from its figures."""

    def __init__(self, body: dict[str, Any]) -> None:
        self.figures = {one["id"]: one["attainment"] for one in body["kpis"]}
        self.nodes = {one["id"]: one for one in body["nodes"]}
        self.cap = Fraction(body["plan"]["cap"])

    def faults(self, name: str) -> list[str]:
        node = self.nodes[name]
        parts = [*self.links(node), *self.children(node)]
        total = sum((weight for weight, _ in parts), Fraction(0))
        covered = sum((weight for weight, part in parts if part is not None), Fraction(0))
        expected = None
        if covered and covered * 2 >= total:
            expected = decimal(
                sum((weight * part for weight, part in parts if part is not None), Fraction(0)) / covered
            )
        coverage = node["coverage"]
        found = [] if node["attainment"] == expected else [f"{name}: {node['attainment']} is not {expected}"]
        if total and Fraction(coverage["numerator"], coverage["denominator"]) != covered / total:
            found.append(f"{name}: coverage {coverage} is not {covered}/{total}")
        return found

    def links(self, node: dict[str, Any]) -> Iterator[tuple[Fraction, Fraction | None]]:
        for link in node["links"]:
            attainment = self.figures.get(link["kpi"])
            yield Fraction(link["weight"]), min(self.cap, Fraction(**attainment)) if attainment else None

    def children(self, node: dict[str, Any]) -> Iterator[tuple[Fraction, Fraction | None]]:
        for child in node["children"]:
            if self.is_measured(child["node"]):
                attainment = self.nodes[child["node"]]["attainment"]
                yield Fraction(child["weight"]), None if attainment is None else Fraction(attainment)

    def is_measured(self, name: str) -> bool:
        node = self.nodes[name]
        return bool(node["links"]) or any(self.is_measured(child["node"]) for child in node["children"])


async def read(service: Service, stop: asyncio.Event, number: int, seen: Counter[str]) -> list[str]:
    """Read on one connection until told to stop; return everything that was wrong."""
    wrong: list[str] = []
    last = 0
    headers = {"Authorization": f"Bearer {service.keys['analyst']}"} if number % 2 else {}
    async with httpx.AsyncClient(base_url=service.url, headers=headers, timeout=PATIENCE_S) as http:
        while not stop.is_set():
            path = PATHS[seen.total() % len(PATHS)]
            answer = await http.get(path)
            assert answer.status_code == 200, answer.text
            body = json.loads(answer.content)
            position = body["as_of"]["position"]
            if position < last:
                wrong.append(f"{path}: position {position} after {last}")
            if answer.headers["x-citygoals-position"] != str(position):
                wrong.append(f"{path}: header says {answer.headers['x-citygoals-position']}, body {position}")
            if path.startswith("/v1/snapshot"):
                wrong += [f"{path} at {position}: {fault}" for fault in faults(body)]
            last = position
            seen[path] += 1
    return wrong


async def test_no_reader_ever_sees_a_mixture(service: Service) -> None:
    random, city = Random(11), ToyCity()
    await service.kpi.publish(city.define(), *[city.random(random) for _ in range(10)])
    await service.at(city.position)
    stop, seen = asyncio.Event(), Counter[str]()
    readers = [asyncio.create_task(read(service, stop, number, seen)) for number in range(READERS)]
    recorded = {}
    while city.position < POSITIONS or seen.total() < READS_AT_LEAST:
        await service.kpi.publish(city.random(random))
        if city.position % 40 == 0:
            recorded[city.position] = True
        await asyncio.sleep(0.002)
        for reader in readers:
            if reader.done():
                await reader
    await service.at(city.position)
    stop.set()
    wrong = [fault for faults_of_one in await asyncio.gather(*readers) for fault in faults_of_one]
    assert wrong == []
    assert seen.total() >= READS_AT_LEAST, "an oracle that looked at nothing proves nothing"
    for position in recorded:
        for key in (None, "analyst"):
            body = await service.get("/v1/snapshot", key=key, as_of=position)
            assert body["as_of"]["position"] == position
            assert faults(body) == []


def test_the_oracle_sees_a_mixture() -> None:
    body: dict[str, Any] = {
        "plan": {"cap": "1.25"},
        "kpis": [{"id": "A", "attainment": {"numerator": 1, "denominator": 1}}],
        "nodes": [
            {"id": "n", "links": [{"kpi": "A", "weight": "2"}], "children": [], "attainment": "1.000000000000",
             "coverage": {"numerator": 2, "denominator": 2}},
        ],
    }  # fmt: skip
    assert faults(body) == []
    body["kpis"][0]["attainment"] = {"numerator": 4159, "denominator": 4160}
    assert len(faults(body)) == 1
