"""Each image that a device sent, and what was found in it: to compare weeks of images by."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, select

from dicom_node.ledger.reading.devices import DEVICE, Device
from dicom_node.ledger.tables.database import Part
from dicom_node.ledger.tables.remains import is_fetched, was_asked_for
from dicom_node.ledger.tables.schema import RADIOGRAPH, findings, instances, jobs
from dicom_node.ledger.tables.states import JobState

#: Rows that are in memory at once.
_AT_ONCE = 2000
_NO_CAUTION = "[]"


@dataclass(frozen=True, slots=True)
class Examined:
    """One image, and what its present issue found; None: was not analysed, or not measured."""

    received_at: datetime
    acquired_at: str  #: as `Origin` has it
    device: Device
    patient: str  #: a hash; "": the header does not say
    decision: str | None = None
    has_caution: bool = False
    percent_both: float | None = None
    gray_brightness: float | None = None
    gray_contrast: float | None = None
    gray_sharpness: float | None = None
    strangeness: float | None = None


class Examinations(Part):
    """The part of the ledger that the drift of devices is told by."""

    def since(self, when: datetime, pipeline: str) -> Iterator[Examined]:
        """What came since then for this pipeline and has been seen to, in the order in which it
        came; of what a reader has drawn nothing. What a person had analysed although it was refused
        counts as not analysed.
        """
        known: dict[tuple[str, ...], Device] = {}
        with self._database.snapshot() as connection:
            rows = connection.execution_options(yield_per=_AT_ONCE).execute(_query(when, pipeline))
            for row in rows:
                key = tuple(row[: len(DEVICE)])
                device = known.get(key) or known.setdefault(key, Device(*key))
                yield _examined(device, *row[len(DEVICE) :])

    def reaches_back_to(self, when: datetime, pipeline: str) -> bool:
        """Whether anything came before then for this pipeline, and is still known."""
        query = select(jobs.c.id).where(jobs.c.received_at < when, jobs.c.pipeline == pipeline)
        with self._database.read() as connection:
            newest = query.order_by(jobs.c.received_at.desc()).limit(1)
            return connection.execute(newest).first() is not None


def _query(when: datetime, pipeline: str) -> "Select[Any]":
    query = (
        select(
            *DEVICE,
            jobs.c.received_at,
            instances.c.acquired_at,
            instances.c.patient_hash,
            findings.c.decision,
            findings.c.cautions,
            findings.c.percent_both,
            findings.c.gray_brightness,
            findings.c.gray_contrast,
            findings.c.gray_sharpness,
            findings.c.strangeness,
        )
        .where(
            jobs.c.received_at >= when,
            jobs.c.pipeline == pipeline,
            jobs.c.state.not_in([JobState.RECEIVED, JobState.ANALYZING]),
        )
        .order_by(jobs.c.received_at, jobs.c.id)
    )
    return of_devices(query)


def of_devices(query: "Select[Any]") -> "Select[Any]":
    """`query` of jobs, their instances and their present findings, for radiographs that devices
    sent: not what readers drew or selected, nor what was fetched, which is of another time. What a
    person had analysed although it was refused has no findings here.
    """
    return (
        query.select_from(jobs)
        .join(
            instances,
            (instances.c.sop_instance_uid == jobs.c.sop_instance_uid)
            & (instances.c.sha256 == jobs.c.sha256),
        )
        .outerjoin(
            findings,
            (findings.c.job_id == jobs.c.id)
            & (findings.c.issue == jobs.c.issue)
            & ~was_asked_for(),
        )
        .where(instances.c.kind == RADIOGRAPH, ~is_fetched())
    )


def _examined(
    device: Device,
    received_at: datetime,
    acquired_at: str,
    patient: str,
    decision: str | None,
    cautions: str | None,
    *measured: float | None,
) -> Examined:
    has_caution = cautions is not None and cautions != _NO_CAUTION
    return Examined(received_at, acquired_at, device, patient, decision, has_caution, *measured)
