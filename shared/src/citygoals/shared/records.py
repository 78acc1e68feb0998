"""Records: what people commit to, explain and publish. Each change of one is an entry of lane 0, like a definition.

An entry holds the changed records whole, and so does a changeset: unlike definitions, which are told in full, only
those that changed. Whoever reads the entries in order and keeps the last of each id has them all.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from citygoals.shared.commitment import Commitment
from citygoals.shared.model import Model
from citygoals.shared.narrative import Narrative
from citygoals.shared.publication import Publication
from citygoals.shared.statement import Statement

RECORDS: Mapping[str, type[Commitment | Narrative | Publication | Statement]] = {
    "commitments": Commitment,
    "narratives": Narrative,
    "publications": Publication,
    "statements": Statement,
}
"""The model of each part, by the name it has in entries, in changesets and in definitions."""

RECORD_CHANGED = {
    "commitments": "city.commitment.changed.v1",
    "narratives": "city.narrative.changed.v1",
    "publications": "city.publication.changed.v1",
    "statements": "city.statement.changed.v1",
}
"""The type of the entry that changes records of each part: its data is {part: [record, ...]}."""

Records = Mapping[str, Mapping[str, Any]]
"""Every record by part and id."""

NO_RECORDS: Records = {part: {} for part in RECORDS}


def with_records(before: Records, changed: Mapping[str, Any]) -> Records:
    """Return the records with the changed ones in the place of those that had their ids. `changed` may hold more.

    Parts without any are the very same.
    """
    read = {part: [model.model_validate(one) for one in changed.get(part) or ()] for part, model in RECORDS.items()}
    return {
        part: {**before[part], **{one.id: one for one in ones}} if ones else before[part] for part, ones in read.items()
    }


def changed_records(before: Records, after: Records) -> dict[str, list[dict[str, Any]]]:
    """Return the records that are new or different, as their models dump; only the parts that have some."""
    found = {
        part: [dump(one) for name, one in after[part].items() if before[part].get(name) != one] for part in RECORDS
    }
    return {part: changed for part, changed in found.items() if changed}


def dump(record: Model) -> dict[str, Any]:
    """Return a record as entries and changesets write it."""
    return record.model_dump(mode="json")


def all_of(records: Records, part: str) -> Iterable[Any]:
    """Return the records of a part, by id."""
    return (one for _, one in sorted(records[part].items()))
