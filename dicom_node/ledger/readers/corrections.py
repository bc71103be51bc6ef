"""Corrections: what a reader has drawn on a radiograph, how far the node agrees, which counts."""

import json
from collections.abc import Collection
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, delete, insert, select

from dicom_node.ledger.readers.table import corrections
from dicom_node.ledger.tables.database import Part
from dicom_node.ledger.tables.schema import jobs, outputs
from dicom_node.ledger.tables.states import JobState
from dicom_node.skipping import REJECTED
from sr_writer.progression import Reference


@dataclass(frozen=True, slots=True)
class Counted:
    """Percentages, 0..100, as in `FindingsRecord`; Dice, 0..1, between the reader's masks and the
    node's. None where one of the two does not say, or both are empty.
    """

    percent_left: float | None = None  #: infected, of that lung, as the reader has drawn it
    percent_right: float | None = None
    percent_both: float | None = None
    node_left: float | None = None  #: as the node had found by then
    node_right: float | None = None
    node_both: float | None = None
    dice_lung_left: float | None = None
    dice_lung_right: float | None = None
    dice_infection: float | None = None  #: of both lungs together


@dataclass(frozen=True, slots=True)
class Correction:
    """A reader's Segmentation of a radiograph."""

    job_id: int  #: of the Segmentation
    image_job_id: int  #: of the radiograph
    image_uid: str  #: its SOP Instance UID
    segmentation_uid: str
    sha256: str  #: of the Segmentation's file
    author: str  #: as the Segmentation names who drew it; "" where it does not
    drawn_at: str  #: ISO 8601, local; "" where the Segmentation does not say
    algorithm: str  #: MANUAL or SEMIAUTOMATIC
    predecessor: str  #: SOP Instance UID of the Segmentation it says it was made from; "" of none
    kept_at: datetime
    counted: Counted
    before: tuple[Reference, ...] = ()  #: reports that its own report takes the place of

    @property
    def is_judged(self) -> bool:
        """Whether the reader said what is infected, be it nothing."""
        counted = self.counted
        return counted.percent_left is not None or counted.percent_right is not None


class Corrections(Part):
    """The part of the ledger that has what readers drew. Of several the latest drawn counts."""

    def keep(self, correction: Correction) -> None:
        """Instead of what was kept of other bytes of the same Segmentation; a retry changes nothing
        but what is found now.
        """
        said = {name: getattr(correction, name) for name in _OWN} | asdict(correction.counted)
        before = json.dumps([asdict(one) for one in correction.before])
        this = corrections.c.job_id == correction.job_id
        with self._database.write() as connection:
            connection.execute(delete(corrections).where(this))
            connection.execute(insert(corrections).values(**said, before=before))

    def of_segmentation(self, sop_instance_uid: str) -> Correction | None:
        found = self._find(corrections.c.segmentation_uid == sop_instance_uid)
        return found[0] if found else None

    def of_image(self, sop_instance_uid: str) -> list[Correction]:
        """All that were drawn on a radiograph; the first is the one that counts."""
        return self._find(corrections.c.image_uid == sop_instance_uid)

    def of_job(self, job_id: int) -> list[Correction]:
        """Of a Segmentation's job the one, of a radiograph's all that were drawn on it."""
        image = select(jobs.c.sop_instance_uid).where(jobs.c.id == job_id).scalar_subquery()
        return self._find((corrections.c.job_id == job_id) | (corrections.c.image_uid == image))

    def latest(self, image_uids: Collection[str] = ()) -> list[Correction]:
        """The one that counts of each radiograph, or of these, in the order they were kept.

        None of a radiograph that was rejected.
        """
        within = [corrections.c.image_uid.in_(image_uids)] if image_uids else []
        counting: dict[str, Correction] = {}
        for one in self._find(~_is_rejected(corrections.c.image_job_id), *within):
            counting.setdefault(one.image_uid, one)
        return sorted(counting.values(), key=lambda one: (one.kept_at, one.job_id))

    def drawn_on(self, image_uids: Collection[str]) -> list[str]:
        """SOP Instance UIDs of all Segmentations of these radiographs, rejected ones too."""
        query = select(corrections.c.segmentation_uid).where(
            corrections.c.image_uid.in_(image_uids)
        )
        with self._database.read() as connection:
            return list(connection.scalars(query.order_by(corrections.c.job_id)))

    def is_ours(self, sop_instance_uid: str) -> bool:
        """Whether the node itself has built an instance of this UID."""
        query = select(outputs.c.id).where(outputs.c.sop_instance_uid == sop_instance_uid)
        with self._database.read() as connection:
            return connection.execute(query.limit(1)).first() is not None

    def _find(self, *conditions: ColumnElement[bool]) -> list[Correction]:
        query = select(corrections).where(~_is_rejected(corrections.c.job_id), *conditions)
        newest = query.order_by(corrections.c.drawn_at.desc(), corrections.c.job_id.desc())
        with self._database.read() as connection:
            return [_correction(row) for row in connection.execute(newest)]


def _is_rejected(job_id: ColumnElement[int]) -> ColumnElement[bool]:
    """By a rejection note that named it."""
    skipped = (jobs.c.state == JobState.SKIPPED) & jobs.c.reason.startswith(f"{REJECTED}:")
    return select(jobs.c.id).where(jobs.c.id == job_id, skipped).exists()


_COUNTED = [field.name for field in fields(Counted)]
_OWN = [one.name for one in fields(Correction) if one.name not in ("counted", "before")]


def _correction(row: Row[Any]) -> Correction:
    own = {name: getattr(row, name) for name in _OWN}
    counted = Counted(**{name: getattr(row, name) for name in _COUNTED})
    before = tuple(Reference(**one) for one in json.loads(row.before))
    return Correction(**own, counted=counted, before=before)
