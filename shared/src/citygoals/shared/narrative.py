"""Narratives: what a number does not say itself, of one KPI in one period, written, reviewed and approved. Pure.

draft -> submitted -> approved. A reviewer returns one with a reason. The public reads the text that was approved last,
also while a new one is being written; what is withdrawn it reads no more. A record holds every earlier text.
"""

from types import MappingProxyType
from typing import Annotated, Any, Literal

from pydantic import StringConstraints, model_validator

from citygoals.shared.model import KPI_ID_PATTERN, KpiId, Model
from citygoals.shared.moves import Act, Illegal, Legal, Person, check_move, check_room, is_said_again

State = Literal["draft", "submitted", "approved", "withdrawn"]

LEGAL: Legal = MappingProxyType(
    {
        "draft": ("submitted", "withdrawn"),
        "submitted": ("approved", "draft", "withdrawn"),
        "approved": ("draft", "withdrawn"),
        "withdrawn": ("draft",),
    }
)

NEEDS_REASON = frozenset({"draft", "withdrawn"})
"""What is returned, withdrawn or taken up again says why."""

PERIOD_PATTERN = r"^([0-9]{4}-(0[1-9]|1[0-2])|FY[0-9]{4}(-(Q[1-4]|H[12]))?)$"

NarrativeId = Annotated[str, StringConstraints(pattern=KPI_ID_PATTERN, max_length=60)]
NarrativePeriod = Annotated[str, StringConstraints(pattern=PERIOD_PATTERN)]
Prose = Annotated[str, StringConstraints(min_length=1, max_length=5000, strip_whitespace=True)]


class NarrativeText(Model):
    """A text in English, in Spanish, or in both; a plain string is English. No markup: an empty line between two paragraphs."""

    en: Prose | None = None
    es: Prose | None = None

    @model_validator(mode="before")
    @classmethod
    def _plain_is_english(cls, value: Any) -> Any:
        return {"en": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _says_something(self) -> "NarrativeText":
        if self.en is None and self.es is None:
            raise ValueError("a text in `en`, in `es` or in both")
        return self


class NarrativeAct(Act):
    """One line of a narrative's history: what was done, the state after it, and the text where it was written anew."""

    what: Literal["written", "moved"]
    state: State
    text: NarrativeText | None = None


class Narrative(Model):
    """What is said of one KPI in one period; `sample` says that it illustrates and that nobody in charge has written it."""

    id: NarrativeId
    kpi: KpiId
    period: NarrativePeriod
    state: State
    sample: bool = False
    text: NarrativeText
    history: tuple[NarrativeAct, ...]

    @property
    def version(self) -> int:
        """The number of acts so far: whoever changes it says which version was seen."""
        return len(self.history)

    @property
    def author(self) -> Person:
        """Who wrote the text that it has now."""
        return _last_written(self.history).by

    @property
    def approval(self) -> NarrativeAct | None:
        """The approval that makes a text public; None where there is none, or where it was withdrawn."""
        decided = (
            act for act in reversed(self.history) if act.what == "moved" and act.state in {"approved", "withdrawn"}
        )
        last = next(decided, None)
        return last if last is not None and last.state == "approved" else None

    @property
    def approved(self) -> NarrativeAct | None:
        """The writing of the text that the public reads, None where there is none."""
        approval = self.approval
        return None if approval is None else _last_written(self.history[: self.history.index(approval)])


def narrative_id(kpi: str, period: str) -> str:
    """Return the id of the narrative of a KPI in a period: there is one."""
    return f"{kpi}-{period}"


def drafted(kpi: str, period: str, text: NarrativeText, act: Act, *, sample: bool = False) -> Narrative:
    """Return a new narrative."""
    first = _act(act, what="written", state="draft", text=text)
    return Narrative(
        id=narrative_id(kpi, period), kpi=kpi, period=period, state="draft", sample=sample, text=text, history=(first,)
    )


def rewritten(narrative: Narrative, text: NarrativeText, act: Act) -> Narrative:
    """Return the narrative with another text, itself when it is the same. Raises Illegal unless it is a draft."""
    if narrative.state != "draft":
        detail = f"a text is changed while it is a draft, and it is {narrative.state}: return it to draft first"
        raise Illegal(detail, state=narrative.state, legal=LEGAL[narrative.state])
    if narrative.text == text:
        return narrative
    return _with(narrative, _act(act, what="written", state="draft", text=text), text=text)


def moved(narrative: Narrative, to: State, act: Act) -> Narrative:
    """Return the narrative in another state, itself when this is the last move sent again.

    Raises Illegal, and ValueError where the move needs a reason and has none.
    """
    last = narrative.history[-1]
    if narrative.state == to and last.what == "moved" and is_said_again(last, act):
        return narrative
    check_move(LEGAL, narrative.state, to)
    if to in NEEDS_REASON and act.reason is None:
        raise ValueError(f"what becomes {to} says why")
    return _with(narrative, _act(act, what="moved", state=to), state=to)


def _with(narrative: Narrative, act: NarrativeAct, **update: object) -> Narrative:
    check_room(narrative.history, state=narrative.state)
    return narrative.model_copy(update={**update, "history": (*narrative.history, act)})


def _act(act: Act, **more: object) -> NarrativeAct:
    return NarrativeAct.model_validate({**act.model_dump(), **more})


def _last_written(history: tuple[NarrativeAct, ...]) -> NarrativeAct:
    return next(act for act in reversed(history) if act.what == "written")
