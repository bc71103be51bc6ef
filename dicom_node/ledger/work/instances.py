"""What arrived: each instance as often as it came with other bytes, and whose and whence it is."""

from collections.abc import Collection
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row, select

from dicom_node.ledger.readers.table import DRAWN
from dicom_node.ledger.tables.database import Part, insert_once
from dicom_node.ledger.tables.schema import RADIOGRAPH, instances


class InstanceKind(StrEnum):
    """What the SOP Class of an instance makes of it here."""

    #: Of a class that may hold a chest radiograph.
    RADIOGRAPH = RADIOGRAPH
    #: A Key Object Selection: it may reject instances.
    CORRECTION = "CORRECTION"
    #: A Segmentation, where those of readers are taken: one may have corrected ours.
    SEGMENTATION = DRAWN
    #: Kept, and nothing done with it.
    OTHER = "OTHER"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where an instance comes from and whose it is; "" or None where the header does not say."""

    accession_number: str = ""
    patient_hash: str = ""  #: of Patient ID and its issuer, with the installation's key
    patient_id_hash: str = ""  #: of Patient ID alone: who searches seldom knows the issuer
    acquired_at: str = ""  #: ISO 8601; the modality's local time where it has no offset
    manufacturer: str = ""
    model_name: str = ""
    station_name: str = ""
    kvp: float | None = None  #: kilovolts, peak


@dataclass(frozen=True, slots=True)
class StoredInstance:
    """An instance that has been received and spooled."""

    sop_class_uid: str
    sop_instance_uid: str
    study_instance_uid: str
    series_instance_uid: str
    transfer_syntax_uid: str
    calling_aet: str  #: AE title of whoever sent it
    path: str  #: relative to the spool
    sha256: str  #: 64 lower-case hex digits of the file
    size_bytes: int
    kind: InstanceKind = InstanceKind.RADIOGRAPH
    origin: Origin = Origin()


@dataclass(frozen=True, slots=True)
class Instance:
    """Bytes that arrived, as the ledger keeps them."""

    id: int
    received_at: datetime  #: for the first time
    stored: StoredInstance


@dataclass(frozen=True, slots=True)
class Search:
    """Which instances are meant: those that meet all that is given; of each, any of its values."""

    accession_numbers: Collection[str] = ()
    patient_hashes: Collection[str] = ()
    study_instance_uids: Collection[str] = ()
    series_instance_uids: Collection[str] = ()
    sop_instance_uids: Collection[str] = ()
    since: datetime | None = None  #: received at or after this


class Instances(Part):
    """The part of the ledger that people search."""

    def find(self, search: Search, limit: int = 1000) -> list[Instance]:
        """The instances that are meant, the newest first; `ledger.jobs.of_instance` has more."""
        query = select(*instances.c).order_by(instances.c.id.desc()).limit(limit)
        for column, values in (
            (instances.c.accession_number, search.accession_numbers),
            (instances.c.patient_hash, search.patient_hashes),
            (instances.c.study_instance_uid, search.study_instance_uids),
            (instances.c.series_instance_uid, search.series_instance_uids),
            (instances.c.sop_instance_uid, search.sop_instance_uids),
        ):
            if values:
                query = query.where(column.in_(values))
        if search.since is not None:
            query = query.where(instances.c.received_at >= search.since)
        with self._database.read() as connection:
            return [_instance(row) for row in connection.execute(query)]


def note_arrival(connection: Connection, now: datetime, stored: StoredInstance) -> None:
    """Keep what arrived; nothing where the same bytes came before."""
    values = {name: getattr(stored, name) for name in _OWN} | asdict(stored.origin)
    once = insert_once(connection, instances, "sop_instance_uid", "sha256")
    connection.execute(once, values | {"received_at": now})


_ORIGIN = [field.name for field in fields(Origin)]
_OWN = [field.name for field in fields(StoredInstance) if field.name != "origin"]


def _instance(row: Row[Any]) -> Instance:
    own = {name: getattr(row, name) for name in _OWN} | {"kind": InstanceKind(row.kind)}
    origin = Origin(**{name: getattr(row, name) for name in _ORIGIN})
    return Instance(row.id, row.received_at, StoredInstance(**own, origin=origin))
