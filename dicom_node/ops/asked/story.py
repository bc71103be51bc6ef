"""All that the ledger knows of one job."""

from dataclasses import dataclass
from typing import Self

from dicom_node.config import Config
from dicom_node.errors import NodeError
from dicom_node.ledger import (
    Assessment,
    Correction,
    Delivery,
    Entry,
    Failure,
    Filter,
    FindingsRecord,
    Inquiry,
    Job,
    JobLine,
    Ledger,
    Override,
)
from dicom_node.ops.outlook import Outlook
from sr_writer.progression import Progression


@dataclass(frozen=True, slots=True)
class Story:
    """One job, and all that happened to it."""

    job: Job
    at_a_glance: JobLine
    failure: Failure | None  #: None: it has not FAILED
    events: list[Entry]
    deliveries: list[Delivery]
    findings: FindingsRecord | None  #: None: not analysed
    outlook: Outlook
    progression: Progression | None  #: of earlier radiographs, what its reports tell
    corrections: list[
        Correction
    ]  #: what readers have drawn on it, or this one is; the latest first
    assessments: list[Assessment]  #: what readers said of its results on the page
    inquiries: list[Inquiry]  #: which archives were asked for earlier radiographs
    override: Override | None  #: a person asked that it be analysed although it was refused

    @classmethod
    def of(cls, config: Config, ledger: Ledger, job_id: int) -> Self:
        """Raises NodeError where there is no such job."""
        job = ledger.jobs.get(job_id)
        if job is None:
            raise NodeError(
                f"no job {job_id} here: cxr-node jobs lists them; of one that was purged, cxr-node"
                " find with the image's UID says when"
            )
        (at_a_glance,) = ledger.lookups.jobs(Filter(ids=[job_id]), 1)
        deliveries = ledger.deliveries.of_job(job_id)
        return cls(
            job,
            at_a_glance,
            ledger.reports.failure(job_id),
            ledger.reports.events(job_id),
            deliveries,
            ledger.findings.of_job(job_id),
            Outlook.of(config, ledger, deliveries),
            ledger.progressions.of_job(job_id),
            ledger.corrections.of_job(job_id),
            ledger.assessments.of_job(job_id),
            ledger.inquiries.of_job(job_id),
            ledger.requeue.override_of(job_id),
        )
