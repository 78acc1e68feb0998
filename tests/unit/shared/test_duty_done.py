"""What shows that a duty is done: signatures, approved narratives, what staff says."""

from dataclasses import replace
from datetime import datetime, timedelta

from citygoals.shared import commitment, narrative
from citygoals.shared.commitment import Commitment, CommittedTarget
from citygoals.shared.duties import Duty, duties
from citygoals.shared.moves import Act
from citygoals.shared.narrative import Narrative, NarrativeText
from citygoals.shared.plan import load_catalogue
from citygoals.shared.rosters import Roster
from citygoals.shared.statement import Statement
from unit.shared.a_city_with_duties import CITY, OFFICES, City, a_city, at

NOW = at("2027-12-31T12:00")
MARCH, JUNE = at("2027-03-10T12:00"), at("2027-06-10T12:00")
REPORT, PROMISE = "report:court:FY2027-H1", "promise:court:FY2028"


def act(when: datetime) -> Act:
    return Act(at=when, by="Ana", key="staff", reason="because")


def duty(city: City, name: str) -> Duty:
    return next(one for one in duties(city, CITY, NOW) if one.id == name)


def approved(kpi: str, when: datetime, period: str = "FY2027-H1") -> Narrative:
    draft = narrative.drafted(kpi, period, NarrativeText(en="Fewer cases came in."), act(when - timedelta(days=2)))
    submitted = narrative.moved(draft, "submitted", act(when - timedelta(days=1)))
    return narrative.moved(submitted, "approved", act(when))


def signed(year: str, when: datetime, *kpis: str) -> Commitment:
    targets = tuple(CommittedTarget(kpi=kpi, value="5") for kpi in kpis)
    found = commitment.proposed("court", year, targets, act(when - timedelta(days=2)))
    return commitment.moved(commitment.moved(found, "reviewed", act(when - timedelta(days=1))), "signed", act(when))


def test_a_report_is_made_when_the_last_public_kpi_has_its_approved_narrative() -> None:
    one = a_city().with_records(narratives=[approved("C-1", MARCH)])
    assert duty(one, REPORT).done is None
    both = one.with_records(narratives=[approved("C-2", MARCH + timedelta(days=1))])
    done = duty(both, REPORT).done
    assert done is not None
    assert (done.how, done.at, done.by) == ("narratives", MARCH + timedelta(days=1), None)
    assert not duty(both, REPORT).is_late
    assert duty(both, "report:court:FY2027-H2").done is None
    assert duty(both, "report:police:FY2027-H1").done is None, "where there is no KPI, only staff can say so"


def test_approval_after_the_due_day_is_late() -> None:
    city = a_city().with_records(narratives=[approved("C-1", MARCH), approved("C-2", JUNE)])
    assert duty(city, REPORT).is_late


def test_a_narrative_that_is_written_better_later_makes_no_report_late() -> None:
    again = narrative.moved(narrative.moved(approved("C-2", MARCH), "draft", act(JUNE)), "submitted", act(JUNE))
    for second in (again, narrative.moved(again, "approved", act(JUNE))):
        city = a_city().with_records(narratives=[approved("C-1", MARCH), second])
        done = duty(city, REPORT).done
        assert done is not None
        assert done.at == MARCH


def test_a_narrative_that_is_withdrawn_reports_nothing() -> None:
    gone = narrative.moved(approved("C-2", MARCH), "withdrawn", act(JUNE))
    city = a_city().with_records(narratives=[approved("C-1", MARCH), gone])
    assert duty(city, REPORT).done is None


def test_the_report_is_on_what_was_committed_to() -> None:
    city = a_city().with_records(narratives=[approved("C-1", MARCH)], commitments=[signed("FY2027", MARCH, "C-1")])
    done = duty(city, REPORT).done
    assert done is not None
    assert done.how == "narratives"


def test_a_commitment_is_made_by_its_signature() -> None:
    whole = signed("FY2028", JUNE, "C-1")
    reviewed = whole.model_copy(update={"state": "reviewed", "history": whole.history[:-1]})
    assert duty(a_city().with_records(commitments=[reviewed]), PROMISE).done is None
    found = duty(a_city().with_records(commitments=[whole]), PROMISE)
    assert found.done is not None
    assert (found.done.how, found.done.at, found.done.by, found.is_late) == ("commitment", JUNE, "Ana", False)


def test_what_shows_it_first_counts() -> None:
    said = Statement(id=REPORT, by="Ben", key="staff", at=MARCH - timedelta(days=1), reason="on paper")
    city = a_city().with_records(
        statements=[said], narratives=[approved("C-1", MARCH), approved("C-2", JUNE)]
    )  # fmt: skip
    done = duty(city, REPORT).done
    assert done is not None
    assert (done.how, done.by, done.reason) == ("statement", "Ben", "on paper")


def amended(found: Commitment, when: datetime, *kpis: str, dropped: tuple[str, ...] = ()) -> Commitment:
    return commitment.amended(found, [CommittedTarget(kpi=kpi, value="5") for kpi in kpis], dropped, act(when))


DUE = at("2027-03-29T23:00")  # twenty business days after the half, one of them Good Friday


def test_what_the_catalogue_becomes_after_it_was_due_asks_nothing_of_a_report() -> None:
    city = a_city().with_records(narratives=[approved("C-1", MARCH), approved("C-2", MARCH)])
    (made, *_) = load_catalogue(OFFICES, "city.yaml").kpis
    added = made.model_copy(update={"id": "C-9"})
    assert duty(city, REPORT).due == DUE
    later = city.with_kpis(JUNE, made, added)  # C-2 has gone to nobody, C-9 has come
    assert duty(later, REPORT).done == duty(city, REPORT).done is not None
    soon = city.with_kpis(DUE, made, added)
    assert duty(soon, REPORT).done is None, "what is asked at the due instant itself is asked"
    assert duty(city.with_kpis(DUE + timedelta(microseconds=1), made, added), REPORT).done is not None
    assert duty(soon.with_records(narratives=[approved("C-9", DUE)]), REPORT).is_late is False


def test_a_city_that_has_begun_since_is_judged_by_the_first_catalogue_that_it_had() -> None:
    city = a_city()
    young = replace(city, rosters=(Roster(JUNE, city.rosters[0].kpis),))
    done = duty(young.with_records(narratives=[approved("C-1", JUNE), approved("C-2", JUNE)]), REPORT)
    assert done.done is not None
    assert done.is_late


def test_what_is_signed_or_amended_after_it_was_due_asks_nothing_of_a_report() -> None:
    narratives = [approved("C-1", MARCH)]
    late = a_city().with_records(narratives=narratives, commitments=[signed("FY2027", JUNE, "C-1")])
    assert duty(late, REPORT).done is None, "nothing was signed when it was due: both KPIs were asked"
    whole = signed("FY2027", MARCH, "C-1")
    more = a_city().with_records(narratives=narratives, commitments=[amended(whole, JUNE, "C-2")])
    assert duty(more, REPORT).done is not None
    both = signed("FY2027", MARCH, "C-1", "C-2")
    fewer = a_city().with_records(narratives=narratives, commitments=[amended(both, JUNE, dropped=("C-2",))])
    assert duty(fewer, REPORT).done is None
    in_time = a_city().with_records(narratives=narratives, commitments=[amended(both, DUE, dropped=("C-2",))])
    assert duty(in_time, REPORT).done is not None
    gone = commitment.moved(whole, "withdrawn", act(JUNE))
    assert duty(a_city().with_records(narratives=narratives, commitments=[gone]), REPORT).done is not None


def test_what_was_withdrawn_and_is_public_again_counts_from_then() -> None:
    gone = narrative.moved(approved("C-2", MARCH), "withdrawn", act(MARCH + timedelta(days=1)))
    back = narrative.moved(narrative.moved(gone, "draft", act(JUNE)), "submitted", act(JUNE))
    city = a_city().with_records(narratives=[approved("C-1", MARCH), narrative.moved(back, "approved", act(JUNE))])
    assert duty(city, REPORT).is_late
