"""The version before, as far as a ledger knows it: what it wrote, in the columns that it had."""

from datetime import UTC, datetime, timedelta
from typing import Any

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, MetaData, create_engine, insert, select, update

from dicom_node.ledger import BuiltOutput, StoredInstance
from dicom_node.ledger.tables.migrate import MIGRATIONS

#: Its schema.
VERSION = "0003"
#: When it did it.
AT = datetime.now(UTC) - timedelta(minutes=10)


def sqlalchemy_url(ledger_url: str) -> str:
    return ledger_url.replace("postgresql://", "postgresql+psycopg://")


def upgrade(connection: Connection, version: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    command.upgrade(config, version)


class OldVersion:
    """A process of the version before: it made the ledger, and may go on after the migration."""

    def __init__(self, ledger_url: str, pipeline: str) -> None:
        self._engine = create_engine(sqlalchemy_url(ledger_url))
        self._pipeline = pipeline
        # As it knew them: a statement of its own names no column that came later.
        before = MetaData()
        with self._engine.begin() as connection:
            upgrade(connection, VERSION)
        with self._engine.begin() as connection:
            before.reflect(connection)
        self.tables = before.tables

    def close(self) -> None:
        self._engine.dispose()

    def accept(self, instance: StoredInstance, **values: Any) -> int:
        """A new job and its event; `values` of what became of it by now."""
        names = ("sop_class_uid", "sop_instance_uid", "study_instance_uid", "series_instance_uid",
                 "transfer_syntax_uid", "calling_aet", "path", "sha256", "size_bytes")  # fmt: skip
        times = dict.fromkeys(("due_at", "received_at", "updated_at", "published_at"), AT)
        job = {name: getattr(instance, name) for name in names} | times | {
            "pipeline": self._pipeline, "state": "RECEIVED", "attempts": 0, "deaths": 0,
        }  # fmt: skip
        job_id = self.insert("jobs", **job | values)
        self.event(job_id, "received", "RECEIVED")
        return job_id

    def hand_over(
        self, job_id: int, built: BuiltOutput, study: str, state: str, **values: Any
    ) -> int:
        """An output, and its delivery in `state`; the delivery's id."""
        names = ("role", "sop_class_uid", "sop_instance_uid", "series_instance_uid",
                 "transfer_syntax_uid", "path", "sha256", "size_bytes")  # fmt: skip
        output = {name: getattr(built, name) for name in names}
        output_id = self.insert("outputs", job_id=job_id, issue=0, **output)
        delivery = {"job_id": job_id, "output_id": output_id, "destination": "pacs",
                    "study_instance_uid": study, "state": state, "attempts": 0,
                    "due_at": AT, "updated_at": AT}  # fmt: skip
        return self.insert("deliveries", **delivery | values)

    def event(self, job_id: int, event: str, state: str, detail: str = "") -> None:
        self.insert("events", at=AT, job_id=job_id, event=event, state=state, detail=detail)

    def insert(self, table: str, **values: Any) -> int:
        into = self.tables[table]
        with self._engine.begin() as connection:
            made: int = connection.execute(
                insert(into).values(**values).returning(into.c.id)
            ).scalar_one()
        return made

    def claim(self, job_id: int, owner: str) -> bool:
        """As its worker did."""
        return self._move(job_id, "RECEIVED", "ANALYZING", "claimed", owner=owner,
                          attempts=1, lease_until=AT + timedelta(hours=1))  # fmt: skip

    def built(self, job_id: int) -> bool:
        return self._move(job_id, "ANALYZING", "BUILT", "built", owner=None, lease_until=None)

    def failed(self, job_id: int, reason: str) -> bool:
        return self._move(job_id, "ANALYZING", "FAILED", "failed", reason=reason, owner=None)

    def all_delivered(self, job_id: int) -> bool:
        """As its sender ended a job."""
        return self._move(job_id, "BUILT", "DELIVERED", "all delivered")

    def not_all_delivered(self, job_id: int, reason: str) -> bool:
        return self._move(job_id, "BUILT", "FAILED", "not all delivered", reason=reason)

    def state(self, job_id: int) -> str:
        """As its own `status` shows it."""
        jobs = self.tables["jobs"]
        with self._engine.begin() as connection:
            found: str = connection.execute(
                select(jobs.c.state).where(jobs.c.id == job_id)
            ).scalar_one()
        return found

    def delivery(self, delivery_id: int, state: str, **values: Any) -> None:
        to = self.tables["deliveries"]
        with self._engine.begin() as connection:
            connection.execute(
                update(to).where(to.c.id == delivery_id).values(state=state, **values)
            )

    def _move(self, job_id: int, before: str, after: str, event: str, **values: Any) -> bool:
        jobs = self.tables["jobs"]
        moved = (
            update(jobs)
            .where(jobs.c.id == job_id, jobs.c.state == before)
            .values(state=after, updated_at=AT, **values)
            .returning(*jobs.c)
        )
        with self._engine.begin() as connection:
            found = connection.execute(moved).all()
        if found:
            self.event(job_id, event, after, values.get("reason", ""))
        return bool(found)
