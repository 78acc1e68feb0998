"""What a draft changes is its own, what only others changed stays, and what both changed is named."""

from typing import Any

import pytest
from citygoals.kpi.definitions import CATALOGUE_APPLIED, Definitions
from citygoals.kpi.merging import Clashing, Wish
from citygoals.shared.kpi import CatalogueDef
from unit.kpi.samples import kpi

COUNT = {"kind": "count", "event": "city.payment.settled.v1"}
BY_PHONE = COUNT | {"where": "data.channel == 'phone'"}
ZOO, MUSEUM = ({"id": name, "title": {"en": name}} for name in ("zoo", "museum"))


def file_of(measure: dict[str, Any] = COUNT, *, departments: tuple[Any, ...] = (), **more: Any) -> dict[str, Any]:
    """The data of a catalogue with one KPI, as an entry has it."""
    catalogue = CatalogueDef.model_validate({"kpis": [kpi("A", measure, **more)], "departments": departments})
    return catalogue.model_dump(mode="json", exclude={"note"})


def holding(*files: dict[str, Any]) -> Definitions:
    known = Definitions()
    for position, data in enumerate(files, start=1):
        known = known.after(CATALOGUE_APPLIED, data, position)
    return known


def test_a_draft_for_which_others_wait_has_the_last_word() -> None:
    data = file_of(BY_PHONE)
    assert Wish(data).onto(holding(file_of(title={"en": "Newer"}))).data == data


def test_where_nobody_changed_anything_it_is_as_asked() -> None:
    data, base = file_of(BY_PHONE, decimals=0), holding(file_of())
    assert Wish(data, base).onto(base) == (data, ())


def test_only_what_the_draft_changed_is_brought() -> None:
    base, known = holding(file_of()), holding(file_of(title={"en": "Newer"}, target={"value": "9"}))
    merged = Wish(file_of(BY_PHONE, decimals=0), base).onto(known)
    assert merged == (file_of(BY_PHONE, title={"en": "Newer"}, target={"value": "9"}, decimals=0), ())


def test_the_formula_of_the_draft_holds_whatever_others_counted_meanwhile() -> None:
    base, known = holding(file_of()), holding(file_of(COUNT | {"where": "data.channel == 'web'"}))
    assert Wish(file_of(BY_PHONE), base).onto(known) == (file_of(BY_PHONE), ())
    (kept,) = Wish(file_of(decimals=0), base).onto(known).data["kpis"]
    assert "'web'" in kept["measure"]["where"], "this draft has another look and no other formula"


def test_what_both_changed_is_named_unless_they_mean_the_same() -> None:
    base, known = holding(file_of()), holding(file_of(unit="euros", decimals=1))
    wish = Wish(file_of(BY_PHONE, unit="cents", decimals=1), base)
    (clash,) = wish.onto(known).clashes
    assert clash == ("kpis", "A", "unit", "cents", "euros")
    with pytest.raises(Clashing, match=r"changed unit of A since .*give this draft up"):
        wish.settled_onto(known)


def test_a_kpi_that_others_brought_in_is_no_less_theirs() -> None:
    clashes = Wish(file_of(BY_PHONE, unit="cents"), Definitions()).onto(holding(file_of(unit="euros"))).clashes
    assert [clash.field for clash in clashes] == ["unit"]


def test_what_others_retired_comes_back_only_by_a_word() -> None:
    base, known = holding(file_of()), holding(file_of(), file_of(retired=True))
    (clash,) = Wish(file_of(BY_PHONE), base).onto(known).clashes
    assert (clash.id, clash.field, clash.asked, clash.now) == ("A", "retired", False, True)
    assert Wish(file_of(), base).onto(known) == (file_of() | {"kpis": []}, ()), "it was in the file by the way"
    assert Wish(file_of(retired=True), base).onto(known).clashes == ()


def test_everything_else_of_a_catalogue_is_merged_as_well() -> None:
    base = holding(file_of(departments=(ZOO, MUSEUM)))
    known = holding(file_of(departments=(ZOO | {"title": {"en": "The zoo"}}, MUSEUM)))
    merged = Wish(file_of(departments=(ZOO, MUSEUM | {"note": "on Mondays"})), base).onto(known)
    titles = {one["id"]: one["title"]["en"] for one in merged.data["departments"]}
    assert (titles, merged.clashes) == ({"zoo": "The zoo", "museum": "museum"}, ())
