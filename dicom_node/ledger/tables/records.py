"""What goes into the ledger and what comes out. No patient's name or ID is in any of it."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from dicom_node.errors import NodeError
from dicom_node.ledger.tables.priority import Priority
from dicom_node.ledger.tables.progress import Progress
from dicom_node.ledger.tables.states import DeliveryState, JobState

#: The role of a rejection note of ours: it takes results back and is none.
REJECTION_NOTE = "rejection note"


class LeaseLost(NodeError):
    """Whoever reports no longer holds the job or delivery: another has it, or has finished it."""


@dataclass(frozen=True, slots=True)
class Acceptance:
    """What the ledger made of a received instance."""

    job_id: int
    is_new: bool  #: False: the same instance came before and this is its job
    state: JobState
    other_bytes: bool  #: the same UID came before with another SHA-256
    is_reopened: bool = False  #: it waits for a worker again


@dataclass(frozen=True, slots=True)
class Job:
    """The work on one instance with one pipeline (which models, which settings)."""

    id: int
    pipeline: str
    state: JobState
    attempts: int  #: how often a worker has claimed it
    deaths: int  #: how many of these workers vanished
    owner: str | None  #: who holds it
    lease_until: datetime | None  #: after this anybody may free it
    due_at: datetime  #: not to be claimed before
    received_at: datetime
    updated_at: datetime
    reason: str | None  #: why it was last released, skipped or failed
    sop_class_uid: str
    sop_instance_uid: str
    study_instance_uid: str
    series_instance_uid: str
    transfer_syntax_uid: str
    calling_aet: str
    path: str  #: of the received instance, relative to the spool
    sha256: str
    size_bytes: int
    issue: int  #: of the results: 0, then one more for other bytes that matter
    priority: Priority
    #: Why its bytes were not to be analysed, where a person asked that they be all the same.
    overridden: str = ""
    #: Nobody sent its instance: it was fetched, so that others are compared with it.
    is_fetched: bool = False


@dataclass(frozen=True, slots=True)
class Override:
    """That a person wants a job's bytes analysed although they were refused."""

    refusal: str  #: one sentence for people: why they were
    by: str  #: user@host, or as the page has it
    why: str  #: as they said
    at: datetime


@dataclass(frozen=True, slots=True)
class Source:
    """Bytes that a job was once about."""

    issue: int
    standing: bool  #: all results of them were built, and nothing has replaced these
    reason: str | None  #: why there was no result
    study_instance_uid: str
    path: str  #: relative to the spool
    sha256: str
    overridden: str  #: as `Job.overridden`


@dataclass(frozen=True, slots=True)
class Arrived:
    """An output that a destination has."""

    delivery_id: int
    destination: str
    role: str
    sop_class_uid: str
    sop_instance_uid: str
    series_instance_uid: str
    study_instance_uid: str
    path: str  #: relative to the spool
    sha256: str
    retracted_by: str | None  #: SOP Instance UID of the rejection note that is to take it back


@dataclass(frozen=True, slots=True)
class Earlier:
    """What there was of a job before its present issue."""

    sources: tuple[Source, ...] = ()  #: what was made of, the oldest first
    arrived: tuple[Arrived, ...] = ()  #: what destinations have of it
    may_leave: bool = False  #: more of it may still get somewhere


@dataclass(frozen=True, slots=True)
class BuiltOutput:
    """A result that has been built and spooled."""

    role: str  #: of a kind of output, or `REJECTION_NOTE`
    sop_class_uid: str
    sop_instance_uid: str
    series_instance_uid: str
    transfer_syntax_uid: str
    path: str  #: relative to the spool
    sha256: str
    size_bytes: int
    study_instance_uid: str = ""  #: default: its job's


@dataclass(frozen=True, slots=True)
class Route:
    """What one destination is to get of a job's outputs."""

    destination: str  #: name of a configured destination
    roles: Collection[str]  #: sent
    #: Kept ready: role to the role that it stands in for.
    reserves: Mapping[str, str] = field(default_factory=dict)
    is_silent: bool = False  #: all of it is held


@dataclass(frozen=True, slots=True)
class Delivery:
    """One output on its way to one destination."""

    id: int
    job_id: int
    output_id: int
    destination: str  #: name of a configured destination
    state: DeliveryState
    attempts: int  #: how often a sender has taken it
    owner: str | None
    due_at: datetime  #: not to be sent before
    dimse_status: int | None  #: the last answer (PS3.7 Annex C); None where there was none
    #: Why it was last refused or is to be sent again; of what is there, the SOP Instance UID of the
    #: rejection note that is to take it back, or has.
    reason: str | None
    stands_in_for: str | None  #: a role; None: it is sent for its own sake
    in_doubt: bool  #: an attempt ended without an answer: it may be there
    verify_by: datetime | None  #: of what is SENT: until when that it is kept is to be confirmed
    checks: int  #: how often the destination was asked for that
    verification: str | None  #: what came of it last, for people; None: nothing yet
    priority: Priority  #: its job's
    role: str
    sop_class_uid: str
    sop_instance_uid: str
    series_instance_uid: str
    study_instance_uid: str
    transfer_syntax_uid: str
    path: str  #: of the output, relative to the spool
    sha256: str


@dataclass(frozen=True, slots=True)
class Verify:
    """That a destination is to confirm that it keeps what it stored."""

    after_s: float  #: seconds until it is first asked
    within_s: float  #: seconds until that is no longer waited for


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the append-only record of a job and its deliveries."""

    at: datetime
    event: str  #: one of `Event`; text, since an older or newer version may have written it
    state: str  #: after the event
    job_id: int
    delivery_id: int | None  #: None where it concerns the job
    owner: str | None
    detail: str  #: reason, traceback, DIMSE status: for people


@dataclass(frozen=True, slots=True)
class Failure:
    """A job that ended FAILED, and why."""

    job_id: int
    sop_instance_uid: str
    at: datetime
    reason: str
    event: str  #: what ended it: one of `Event`
    error: str  #: name of the exception, where one did; else empty


@dataclass(frozen=True, slots=True)
class Refusal:
    """Outputs of a job that a destination refused for good, or that were lost on the way there."""

    job_id: int
    sop_instance_uid: str  #: of the image that they were made from
    destination: str
    at: datetime
    reason: str
    outputs: int
    is_lost: bool  #: their files are damaged, and cannot be built again
    is_given_up: bool = False  #: it could not be delivered for too long
    is_note: bool = False  #: what was refused is a rejection note: what it takes back lies there


@dataclass(frozen=True, slots=True)
class Unverified:
    """Outputs of a job that a destination stored, as it said, and never confirmed to keep."""

    job_id: int
    sop_instance_uid: str  #: of the image that they were made from
    destination: str
    at: datetime
    reason: str
    outputs: int


@dataclass(frozen=True, slots=True)
class Skipped:
    """Instances that were not to be analysed, by reason."""

    reason: str
    count: int
    last_at: datetime


@dataclass(frozen=True, slots=True)
class Standing:
    """How a destination stands: may it be sent to, and if not, why and until when."""

    name: str
    reachable: bool = True
    since: datetime | None = None  #: of `reachable`; None: nothing was sent there yet
    failures: int = 0  #: in a row
    resting_until: datetime | None = None  #: after failures it is left alone for a while
    last_error: str | None = None
    last_error_at: datetime | None = None
    paused_at: datetime | None = None  #: a person asked that nothing be sent there
    paused_until: datetime | None = None  #: None: until it is resumed
    paused_by: str | None = None
    paused_why: str | None = None

    def is_paused(self, now: datetime) -> bool:
        if self.paused_at is None:
            return False
        return self.paused_until is None or self.paused_until > now

    def is_resting(self, now: datetime) -> bool:
        return self.resting_until is not None and self.resting_until > now

    def opens_at(self, now: datetime) -> datetime | None:
        """When something may be sent; None: when a person says so."""
        if self.is_paused(now) and self.paused_until is None:
            return None
        return max(now, self.resting_until or now, self.paused_until or now)


@dataclass(frozen=True, slots=True)
class DestinationEntry:
    """One line of the append-only record of a destination."""

    at: datetime
    destination: str
    event: str  #: one of `DestinationEvent`
    owner: str | None  #: who did it, or saw it
    detail: str


@dataclass(frozen=True, slots=True)
class Silence:
    """A destination reports on no storage commitment that is requested of it."""

    requests: int
    since: datetime  #: the first of them


@dataclass(frozen=True, slots=True)
class DestinationRecord:
    """What the ledger holds of one destination."""

    name: str
    counts: Mapping[DeliveryState, int]  #: deliveries; only states that occur
    last_delivered_at: datetime | None
    oldest_waiting_at: datetime | None  #: when the image was received whose results wait longest
    standing: Standing
    silence: Silence | None = None


@dataclass(frozen=True, slots=True)
class Substitution:
    """What a destination does not accept, and what it is sent instead."""

    what: str  #: a sentence for people
    count: int  #: of outputs
    last_at: datetime


@dataclass(frozen=True, slots=True)
class Change:
    """Results that a newer issue replaced, or that were withdrawn, and why."""

    sop_instance_uid: str  #: of the image that they were made from
    at: datetime
    what: str  #: a sentence for people


@dataclass(frozen=True, slots=True)
class Line:
    """Instances of one class that wait for a worker."""

    count: int
    oldest_s: float  #: since the one came that came first


@dataclass(frozen=True, slots=True)
class Summary:
    """The health of the node at a glance."""

    counts: Mapping[JobState, int]  #: every state, 0 too
    progress: Mapping[Progress, int]  #: of those BUILT; every member, 0 too
    oldest_waiting_age_s: float | None  #: of what no worker has finished; None: nothing waits
    waiting: Mapping[Priority, Line]  #: only classes in which any waits, the most urgent first
    deliveries_waiting: Mapping[str, int]  #: destination to count, only where some wait
    oldest_delivery_age_s: Mapping[str, float]  #: the same destinations: since it was received
    substitutions: tuple[Substitution, ...]  #: newest first
    skipped: tuple[Skipped, ...]  #: the most frequent reason first
    failures: tuple[Failure, ...]  #: newest first
    refusals: tuple[Refusal, ...]  #: newest first
    unverified: tuple[Unverified, ...]  #: newest first
    changes: tuple[Change, ...] = ()  #: newest first
