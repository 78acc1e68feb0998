"""Who wants to be told of what: a YAML file, read with its line numbers, every mistake named at once."""

from collections.abc import Iterator, Sequence
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, get_args

from pydantic import Field, StringConstraints

from citygoals.notify.mail import ADDRESS
from citygoals.notify.news import FACETS, Reason, Stage, Status, Task, Topic
from citygoals.notify.wording import Language
from citygoals.shared.definition_file import DefinitionFile, InvalidFile, Problem
from citygoals.shared.model import KebabId, Model

SAMPLE = "subscriptions.yaml"
SUBSCRIPTIONS_MAX = 100_000

Value = Annotated[str, StringConstraints(min_length=1, max_length=255)]

_CHOICES: dict[Topic, dict[str, tuple[str, ...]]] = {
    "crossing": {"kind": ("kpi", "node"), "before": get_args(Status), "after": get_args(Status)},
    "closing": {"reason": get_args(Reason)},
    "duty": {"kind": get_args(Task), "stage": get_args(Stage)},
}


class Subscription(Model):
    """One person's wish: to be told, at this address, of news of this topic whose facets are among those listed.

    `staff`: the operator says that this is somebody of the city's staff, who may be told of internal KPIs as well.
    """

    id: KebabId
    to: Annotated[str, StringConstraints(max_length=254)]
    language: Language = "en"
    on: Topic
    staff: bool = False
    when: dict[str, tuple[Value, ...]] = Field(default_factory=dict)

    @property
    def mailbox(self) -> str:
        """The address in the form in which two spellings of one mailbox are the same."""
        return self.to.casefold()


class SubscriptionsDef(Model):
    """A subscriptions file."""

    subscriptions: Annotated[tuple[Subscription, ...], Field(max_length=SUBSCRIPTIONS_MAX)]


def load_subscriptions(text: str, name: str) -> tuple[Subscription, ...]:
    """Read a subscriptions file. Raises InvalidFile with every mistake and its line."""
    file = DefinitionFile(text, name)
    return file.validate(SubscriptionsDef, _problems(file.data.get("subscriptions"))).subscriptions


def read_subscriptions(path: Path | None) -> tuple[Subscription, ...]:
    """Read the file, or the sample's where none is named. Raises InvalidFile, also for a file that cannot be read."""
    if path is None:
        sample = resources.files("citygoals.notify") / "sample" / SAMPLE
        return load_subscriptions(sample.read_text(encoding="utf-8"), SAMPLE)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise InvalidFile([{"file": str(path), "line": 0, "pointer": "", "reason": reason}]) from error
    return load_subscriptions(text, str(path))


def _problems(items: Any) -> Iterator[Problem]:
    """Find what the models cannot see, in the raw data: addresses, facets by topic, ids given twice."""
    seen: dict[str, int] = {}
    for index, item in enumerate(items if isinstance(items, list) else []):
        if not isinstance(item, dict):
            continue
        path = ("subscriptions", index)
        name, address = item.get("id"), item.get("to")
        if isinstance(name, str) and seen.setdefault(name, index) != index:
            yield Problem((*path, "id"), f"`{name}` is the id of an earlier subscription too")
        if isinstance(address, str) and not ADDRESS.fullmatch(address):
            yield Problem((*path, "to"), "expected one plain mail address, for example head@example.org")
        if item.get("on") in FACETS and isinstance(item.get("when"), dict):
            yield from _facet_problems(item["on"], item["when"], (*path, "when"))


def _facet_problems(topic: Topic, when: dict[str, Any], path: tuple[str | int, ...]) -> Iterator[Problem]:
    for facet, values in when.items():
        if facet not in FACETS[topic]:
            yield Problem((*path, facet), f"a {topic} has no `{facet}`; it has {', '.join(FACETS[topic])}")
            continue
        if values == []:
            yield Problem((*path, facet), f"an empty list matches nothing: leave `{facet}` out")
        choices = _CHOICES[topic].get(facet)
        for index, value in enumerate(values if choices and isinstance(values, Sequence) else []):
            if isinstance(value, str) and value not in (choices or ()):
                yield Problem((*path, facet, index), f"expected one of {', '.join(choices or ())}")
