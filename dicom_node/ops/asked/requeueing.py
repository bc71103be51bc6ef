"""Jobs that begin again, or whose results do, as a person asked."""

from collections.abc import Collection
from dataclasses import dataclass

from dicom_node.ledger import Candidate, Ledger, Selection
from dicom_node.ops.wording import numbered


@dataclass(frozen=True, slots=True)
class Begun:
    """What has begun again."""

    jobs: int = 0  #: analysed again
    deliveries: int = 0  #: sent again
    left_out: int = 0  #: jobs whose image has another of today's pipeline

    @property
    def words(self) -> str:
        said = f"requeued {self._both}"
        if self.left_out:
            said += f"; left out {self.left_out} whose image has a job of today's pipeline"
        return said

    @property
    def planned(self) -> str:
        """The same of what has only been looked for."""
        return f"would requeue {self._both}"

    @property
    def _both(self) -> str:
        analysed = numbered(self.jobs, "job", "jobs")
        return f"{analysed} and {numbered(self.deliveries, 'delivery', 'deliveries')}"

    def __add__(self, other: "Begun") -> "Begun":
        return Begun(
            self.jobs + other.jobs,
            self.deliveries + other.deliveries,
            self.left_out + other.left_out,
        )


def begin_again(
    ledger: Ledger, found: Collection[Candidate], selection: Selection, pipeline: str, by: str
) -> Begun:
    """Let those of `found` that `selection` means begin again, by today's `pipeline`."""
    to_analyse = [one.job_id for one in found if not one.is_built]
    again = ledger.requeue.repeat(to_analyse, pipeline, by)
    built = [one.job_id for one in found if one.is_built]
    sent = ledger.repairs.redeliver(built, by, selection)
    return Begun(len(again), sent, len(to_analyse) - len(again))


def would_begin(ledger: Ledger, found: Collection[Candidate], selection: Selection) -> Begun:
    """What `begin_again` would; nothing is changed, and a pipeline not looked at."""
    built = [one.job_id for one in found if one.is_built]
    return Begun(len(found) - len(built), ledger.repairs.count_redelivered(built, selection))
