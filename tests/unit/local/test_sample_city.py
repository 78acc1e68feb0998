"""The sample goes to a city that has nothing, in an order that works, and never over what a city has of its own."""

from typing import Any

import pytest
from citygoals.local.sample_city import load_sample_city
from citygoals.shared.sample import CATALOGUE_FILES, DEPARTMENT_FILES, PLAN_FILES, load_plans


class Asked:
    """A kpi service that answers with what it was told to have, and notes what it is given."""

    def __init__(self, **items: list[dict[str, str]]) -> None:
        self.items: dict[str, list[dict[str, str]]] = {"departments": [], "kpis": [], "plan": [], **items}
        self.given: list[tuple[str, str]] = []

    def ask(self, _service: str, path: str, *, method: str = "GET", **more: Any) -> dict[str, Any]:
        name = path.removeprefix("/v1/")
        if method == "GET":
            return {"items": self.items[name]}
        self.given.append((name, more["params"]["file"]))
        return {"applied": True}


OURS = [{"id": plan.id, "version": plan.version} for plan in load_plans()]
ALL = (*DEPARTMENT_FILES, *CATALOGUE_FILES, *PLAN_FILES)


def load(city: Asked) -> list[str]:
    done = load_sample_city(city)  # type: ignore[arg-type]  # only `ask` is asked of it
    assert [name for _, name in city.given] == done
    return done


def test_a_new_city_gets_everything_in_an_order_that_works() -> None:
    city = Asked()

    assert load(city) == [*ALL]
    assert [path for path, _ in city.given] == ["departments", *["kpis"] * 5, *["plan"] * 3]
    assert ALL.index("kpis.yaml") > ALL.index("duties.yaml") > ALL.index("calendars.yaml")


@pytest.mark.parametrize(
    "known", [OURS, OURS[-1:], [*OURS, {"id": "own", "version": "1"}], [{"id": "own", "version": "1"}]]
)
def test_a_city_with_plans_of_its_own_or_the_last_of_ours_keeps_them(known: list[dict[str, str]]) -> None:
    assert load(Asked(plan=known)) == [*DEPARTMENT_FILES, *CATALOGUE_FILES]


def test_a_city_that_was_stopped_half_way_gets_the_rest() -> None:
    departments, plans = [{"id": "fire"}], OURS[:1]

    assert load(Asked(departments=departments, plan=plans)) == [*CATALOGUE_FILES, *PLAN_FILES[1:]]
    assert load(Asked(departments=departments, kpis=[{"id": "MY-01"}], plan=OURS)) == []
