"""What a worker hands over: outputs and who gets them, a few at a time, each try the same."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, select, update

from dicom_node.ledger.sending.stand_ins import build_what_is_missing, may_be_wanted
from dicom_node.ledger.tables.database import Part, insert_once
from dicom_node.ledger.tables.ending import end, lose_damaged, report
from dicom_node.ledger.tables.moves import Condition, move_deliveries
from dicom_node.ledger.tables.records import BuiltOutput, Route
from dicom_node.ledger.tables.schema import deliveries, outputs
from dicom_node.ledger.tables.states import DeliveryState, Event
from dicom_node.ledger.work.findings import FindingsRecord, keep_findings

#: Outputs recorded, and the way each is to go.
Built = Sequence[BuiltOutput]
Routes = Sequence[Route]


class HandOver(Part):
    """The part of the ledger that a worker reports to. Each method gives the outputs' ids."""

    def are_stand_ins_wanted(self, routes: Routes) -> bool:
        """Whether what stands in for what is not accepted is to be built before it is asked for."""
        with self._database.read() as connection:
            return any(may_be_wanted(connection, route) for route in routes)

    def handed_over(self, job_id: int, owner: str, built: Built, routes: Routes) -> list[int]:
        """These may leave at once; the worker goes on with the job."""
        now = self._database.now()
        with self._database.write() as connection:
            job = report(connection, now, job_id, owner, Event.HANDED_OVER)
            return _record(connection, now, job, built, routes)

    def built(
        self,
        job_id: int,
        owner: str,
        built: Built,
        routes: Routes,
        findings: FindingsRecord | None = None,
        detail: str = "",
    ) -> list[int]:
        """These are the last, with what was found: the analysis has ended well; `detail`: how long
        each step of it took.
        """
        now = self._database.now()
        with self._database.write() as connection:
            job = end(connection, now, job_id, owner, Event.BUILT, None, detail)
            output_ids = _record(connection, now, job, built, routes)
            if findings is not None:
                keep_findings(connection, now, job, findings)
            # Those as well that were found damaged after they had been built again just now.
            _mend(connection, now, DeliveryState.DAMAGED, deliveries.c.job_id == job_id)
            build_what_is_missing(connection, now, job_id, routes)
            return output_ids

    def skipped(
        self, job_id: int, owner: str, reason: str, built: Built = (), routes: Routes = ()
    ) -> list[int]:
        """End a job whose instance is not to be analysed; what it has built says so."""
        now = self._database.now()
        with self._database.write() as connection:
            job = end(connection, now, job_id, owner, Event.SKIPPED, reason)
            output_ids = _record(connection, now, job, built, routes)
            lose_damaged(connection, now, [job_id], reason)
            return output_ids

    def failed(
        self,
        job_id: int,
        owner: str,
        reason: str,
        detail: str = "",
        built: Built = (),
        routes: Routes = (),
    ) -> list[int]:
        """End a job for good; what it has built says so, `detail` (a traceback) its events."""
        now = self._database.now()
        with self._database.write() as connection:
            job = end(connection, now, job_id, owner, Event.FAILED, reason, detail)
            output_ids = _record(connection, now, job, built, routes)
            lose_damaged(connection, now, [job_id], reason)
            return output_ids


def _record(
    connection: Connection, now: datetime, job: Row[Any], built: Built, routes: Routes
) -> list[int]:
    ids = {output.role: _output_id(connection, job, output) for output in built}
    studies = {output.role: output.study_instance_uid for output in built}
    rows = [
        _delivery(job, output_id, route, role, now, studies[role])
        for role, output_id in ids.items()
        for route in routes
        if role in route.roles or role in route.reserves
    ]
    if rows:
        statement = insert_once(connection, deliveries, "output_id", "destination")
        connection.execute(statement, rows)
        for lost in (DeliveryState.DAMAGED, DeliveryState.DEAD):
            _mend(connection, now, lost, deliveries.c.output_id.in_(ids.values()))
        _step_in(connection, now, job.id)
    return list(ids.values())


def _output_id(connection: Connection, job: Row[Any], output: BuiltOutput) -> int:
    """Of the row made now, or by an earlier try of the same job."""
    columns = ("role", "sop_class_uid", "sop_instance_uid", "series_instance_uid",
               "transfer_syntax_uid", "path", "sha256", "size_bytes")  # fmt: skip
    values = {column: getattr(output, column) for column in columns}
    connection.execute(
        insert_once(connection, outputs, "job_id", "sop_instance_uid").values(
            job_id=job.id, issue=job.issue, **values
        )
    )
    this = (outputs.c.job_id == job.id) & (outputs.c.sop_instance_uid == output.sop_instance_uid)
    # Another release may write the same instance in other bytes: those are now what is sent.
    connection.execute(
        update(outputs).where(this, outputs.c.sha256 != output.sha256).values(**values)
    )
    output_id: int = connection.execute(select(outputs.c.id).where(this)).scalar_one()
    return output_id


def _delivery(
    job: Row[Any], output_id: int, route: Route, role: str, now: datetime, study: str
) -> dict[str, Any]:
    is_sent = role in route.roles
    sent = DeliveryState.HELD if route.is_silent else DeliveryState.WAITING
    return {
        "job_id": job.id,
        "output_id": output_id,
        "destination": route.destination,
        "study_instance_uid": study or job.study_instance_uid,
        "priority": job.priority,
        "state": sent if is_sent else DeliveryState.RESERVE,
        "stands_in_for": None if is_sent else route.reserves[role],
        "attempts": 0,
        "due_at": now,
        "updated_at": now,
        "waits_since": now,
    }


def _mend(
    connection: Connection, now: datetime, state: DeliveryState, condition: Condition
) -> None:
    """What has been built again may leave."""
    move_deliveries(connection, now, state, Event.REBUILT, condition, due_at=now)


def _step_in(connection: Connection, now: datetime, job_id: int) -> None:
    """Let go what had not been built yet when the destination did not accept its original."""
    for destination, role in _substituted(connection, job_id):
        move_deliveries(connection, now, DeliveryState.RESERVE, Event.STEPPED_IN,
                        deliveries.c.job_id == job_id, deliveries.c.destination == destination,
                        deliveries.c.stands_in_for == role, waits_since=now)  # fmt: skip


def _substituted(connection: Connection, job_id: int) -> list[tuple[str, str]]:
    """(destination, role) of what is not accepted there."""
    query = (
        select(deliveries.c.destination, outputs.c.role)
        .join(outputs, deliveries.c.output_id == outputs.c.id)
        .where(deliveries.c.job_id == job_id, deliveries.c.state == DeliveryState.SUBSTITUTED)
    )
    return [(row.destination, row.role) for row in connection.execute(query)]
