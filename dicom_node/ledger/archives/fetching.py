"""Jobs of what was fetched from an archive: analysed last of all, so that others are compared with
it; nothing of it is sent.
"""

from datetime import datetime

from sqlalchemy import insert, select

from dicom_node.ledger.tables.database import Part
from dicom_node.ledger.tables.former import JOB
from dicom_node.ledger.tables.moves import record
from dicom_node.ledger.tables.priority import Priority
from dicom_node.ledger.tables.remains import fetched
from dicom_node.ledger.tables.schema import jobs
from dicom_node.ledger.tables.states import Event, JobState
from dicom_node.ledger.work.instances import StoredInstance, note_arrival
from dicom_node.ledger.work.jobs import insert_job
from dicom_node.ledger.work.pruning import name_after_purged
from dicom_node.ledger.work.rejecting import skip_if_rejected


class Fetching(Part):
    """The part of the ledger that keeps apart what nobody sent."""

    def state_of(self, sop_instance_uid: str, pipeline: str) -> JobState | None:
        """Of an instance's job by this pipeline, however it came; None: there is none."""
        this = (jobs.c.sop_instance_uid == sop_instance_uid) & (jobs.c.pipeline == pipeline)
        with self._database.read() as connection:
            state = connection.scalars(select(JOB[0]).where(this)).first()
        return None if state is None else JobState(state)

    def accept(
        self,
        instance: StoredInstance,
        pipeline: str,
        destination: str,
        why: str,
        received_at: datetime,
    ) -> int | None:
        """The job of an instance that `destination` gave; None where it has one already.

        One that was delivered and purged before is analysed again: its findings are wanted.
        """
        with self._database.write() as connection:
            job_id = insert_job(connection, instance, pipeline, Priority.LOW, received_at)
            if job_id is None:
                return None
            note_arrival(connection, received_at, instance)
            row = {
                "job_id": job_id,
                "destination": destination,
                "at": received_at,
                "path": instance.path,
            }
            connection.execute(insert(fetched).values(**row))
            detail = f"{Priority.LOW.name}: fetched from {destination}, {why}"
            subjects = [(job_id, None)]
            record(connection, received_at, Event.RECEIVED, JobState.RECEIVED, subjects,
                   detail=detail)  # fmt: skip
            skip_if_rejected(connection, received_at, job_id, instance)
            name_after_purged(connection, job_id, pipeline, instance.sop_instance_uid)
            return job_id
