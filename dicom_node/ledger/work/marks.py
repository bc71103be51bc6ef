"""Whether ledger and spool have been together all the time, and what the ledger has forgotten.

Both hold a mark, renewed together again and again. A copy of either, restored, has an older one: so
it is seen at the next look, whatever the copy was made with.
"""

import secrets
from collections.abc import Callable, Collection
from datetime import datetime

from sqlalchemy import Connection, select, update

from dicom_node.ledger.tables.database import Part
from dicom_node.ledger.tables.remains import marks, purged
from dicom_node.ledger.tables.schema import instances, jobs
from dicom_node.ledger.work.instances import StoredInstance

#: Of the event that a job begins with whose instance was found so.
FOUND = "found in the spool, unknown to the ledger"


class Marks(Part):
    """The part of the ledger that knows the spool again."""

    def renew(self, held: Callable[[], str], hold: Callable[[str], None]) -> bool:
        """Give both a new mark where they have the same; else False, and nothing is changed.

        `held`, `hold`: read and write the spool's, "" where it has none. Before any mark was made,
        a ledger without jobs counts as another's, and one with jobs as the spool's own.
        """
        with self._database.write() as connection:
            query = select(marks.c.token).with_for_update()
            token: str = connection.execute(query).scalar_one()
            is_same = token == held()
            if is_same and not token:
                is_same = connection.execute(select(jobs.c.id).limit(1)).first() is not None
            if is_same:
                _renew(connection, hold)
            return is_same

    def begin(self, hold: Callable[[str], None]) -> None:
        """From now on they belong together."""
        with self._database.write() as connection:
            connection.execute(select(marks.c.token).with_for_update())
            _renew(connection, hold)

    def known(self, sop_instance_uids: Collection[str]) -> set[tuple[str, str]]:
        """SOP Instance UID and SHA-256 of all bytes of these instances that the ledger knows."""
        with self._database.read() as connection:
            return {
                (row.sop_instance_uid, row.sha256)
                for table in (instances, jobs)
                for row in connection.execute(
                    select(table.c.sop_instance_uid, table.c.sha256).where(
                        table.c.sop_instance_uid.in_(sop_instance_uids)
                    )
                )
            }


def _renew(connection: Connection, hold: Callable[[str], None]) -> None:
    token = secrets.token_hex(16)
    connection.execute(update(marks).values(token=token))
    # Before the commit, while nobody else may do the same. A crash in between costs a search.
    hold(token)


def knows_it(connection: Connection, instance: StoredInstance, received_at: datetime) -> bool:
    """Whether the ledger knows these bytes, or what came, or was purged, after they had come.

    Not all that lies in the spool was accepted: where the ledger was away when it came, its sender
    was answered 0xA700, and may have sent something else since.
    """
    uid, sha256 = instance.sop_instance_uid, instance.sha256
    for table, is_known in (
        (instances, instances.c.sha256 == sha256),
        (jobs, (jobs.c.sha256 == sha256) | (jobs.c.received_at >= received_at)),
        (purged, purged.c.at >= received_at),
    ):
        query = select(table.c.sop_instance_uid).where(table.c.sop_instance_uid == uid, is_known)
        if connection.execute(query.limit(1)).first() is not None:
            return True
    return False
