"""Which jobs, and which of their deliveries, a person means who wants something to begin again."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

from sqlalchemy import Column, or_, select

from dicom_node.ledger.tables.moves import Condition
from dicom_node.ledger.tables.records import REJECTION_NOTE
from dicom_node.ledger.tables.schema import deliveries, jobs, outputs
from dicom_node.ledger.tables.states import ARRIVED, MISSING, DeliveryState, JobState

#: Asked for among the states of jobs, by their deliveries: some were refused for good, given up or
#: lost; were not confirmed in their time; have got there; were withdrawn with their destination;
#: are held, since that was silent.
REFUSED, UNVERIFIED, DELIVERED, WITHDRAWN = "REFUSED", "UNVERIFIED", "DELIVERED", "WITHDRAWN"
HELD = "HELD"
#: Of deliveries: what each of these means.
RESENDABLE: Mapping[str, Collection[DeliveryState]] = MappingProxyType(
    {
        REFUSED: MISSING,
        UNVERIFIED: (DeliveryState.UNVERIFIED,),
        DELIVERED: tuple(state for state in ARRIVED if state is not DeliveryState.UNVERIFIED),
        WITHDRAWN: (DeliveryState.WITHDRAWN,),
        HELD: (DeliveryState.HELD,),
    }
)
#: What nobody has to be asked for by name: it has ended, and not as it should have.
USUAL = (JobState.FAILED, JobState.SKIPPED, REFUSED, UNVERIFIED)


@dataclass(frozen=True, slots=True)
class Selection:
    """Which jobs are meant: those that meet all that is given."""

    job_ids: Collection[int] = ()
    sop_instance_uids: Collection[str] = ()
    study_instance_uids: Collection[str] = ()
    accession_numbers: Collection[str] = ()
    states: Collection[str] = USUAL
    since: datetime | None = None  #: ended, refused or delivered at or after this
    until: datetime | None = None  #: and before this
    destinations: Collection[str] = ()  #: deliveries to one of these; () means to any
    in_bulk: bool = False  #: what is named came from a search: nobody looked at each

    @property
    def resent(self) -> Collection[DeliveryState]:
        """The states of the deliveries that are meant."""
        return [state for one, states in RESENDABLE.items() if one in self.states
                for state in states]  # fmt: skip

    @property
    def is_by_name(self) -> bool:
        """Whether every job is named one by one: then rejected ones are meant too."""
        return bool(self.job_ids or self.sop_instance_uids) and not self.in_bulk

    @property
    def is_of_some(self) -> bool:
        """Whether images are named at all, be it by their study or order."""
        return bool(
            self.job_ids
            or self.sop_instance_uids
            or self.study_instance_uids
            or self.accession_numbers
        )

    @property
    def has_time(self) -> bool:
        return self.since is not None or self.until is not None


#: What was refused, given up or lost.
OF_REFUSED = Selection(states=(REFUSED,))


def deliveries_meant(selection: Selection) -> list[Condition]:
    """Of deliveries. What was replaced or taken back stays where it is, whatever is asked."""
    conditions = [
        deliveries.c.state.in_(selection.resent),
        # What is held and was replaced has been withdrawn.
        or_(deliveries.c.state.in_((*MISSING, DeliveryState.HELD)), _may_come_again()),
        *_within(selection, deliveries.c.updated_at),
    ]
    if selection.destinations:
        conditions.append(deliveries.c.destination.in_(selection.destinations))
    return conditions


def jobs_meant(selection: Selection) -> list[Condition]:
    """Of jobs that ended in a state that is meant; but for the state."""
    return _within(selection, jobs.c.updated_at)


def _within(selection: Selection, at: Column[datetime]) -> list[Condition]:
    conditions: list[Condition] = []
    if selection.since is not None:
        conditions.append(at >= selection.since)
    if selection.until is not None:
        conditions.append(at < selection.until)
    return conditions


def _may_come_again() -> Condition:
    """It is of the issue that its job has today. Of what got there: it is not to be taken back, and
    takes nothing back. Of what was withdrawn: only its destination can have been the reason.
    """
    its_output = outputs.c.id == deliveries.c.output_id
    is_note = select(outputs.c.id).where(its_output, outputs.c.role == REJECTION_NOTE).exists()
    of_today = (
        select(outputs.c.id)
        .join(jobs, outputs.c.job_id == jobs.c.id)
        .where(its_output, outputs.c.issue == jobs.c.issue)
    )
    is_wanted = of_today.where(jobs.c.state == JobState.BUILT).exists()
    arrived = deliveries.c.state.in_(ARRIVED) & deliveries.c.reason.is_(None) & of_today.exists()
    withdrawn = (deliveries.c.state == DeliveryState.WITHDRAWN) & is_wanted & ~is_reserve()
    return ~is_note & (arrived | withdrawn)


def is_reserve() -> Condition:
    """Of what was withdrawn: it had not stepped in for what it was kept ready for."""
    originals, theirs = deliveries.alias(), outputs.alias()
    replaced = (
        select(originals.c.id)
        .join(theirs, originals.c.output_id == theirs.c.id)
        .where(
            originals.c.job_id == deliveries.c.job_id,
            originals.c.destination == deliveries.c.destination,
            originals.c.state == DeliveryState.SUBSTITUTED,
            theirs.c.role == deliveries.c.stands_in_for,
        )
    )
    return deliveries.c.stands_in_for.is_not(None) & ~replaced.exists()
