"""A ledger with the images of a device, of this week and of the weeks before."""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from statistics import NormalDist

from dicom_node.ledger import FindingsRecord, Ledger, Origin
from tests.dicom_node.ledger.records import PIPELINE, Clock, instance, output, to


@dataclass
class Filling:
    """Writes into the ledger at `url`; `now`: by which days are counted back."""

    url: str
    now: datetime
    pipeline: str = PIPELINE
    numbers: "count[int]" = field(default_factory=lambda: count(1))

    def __post_init__(self) -> None:
        # From then on it is known who came before.
        self.put(60, Origin(station_name="-"), [negative()])

    def put(self, days_ago: float, origin: Origin, found: Sequence[FindingsRecord | None]) -> None:
        """An image for each, of a patient each; None: it was not to be analysed."""
        clock = Clock()
        clock.now = self.now - timedelta(days=days_ago)
        with closing(Ledger.open(self.url, clock)) as ledger:
            for one, number in zip(found, self.numbers, strict=False):
                arrived = ledger.jobs.accept(instance(number, origin=origin), self.pipeline)
                assert ledger.jobs.claim(arrived.job_id, self.pipeline, "w1", 60)
                if one is None:
                    ledger.handover.skipped(arrived.job_id, "w1", "not a frontal view")
                else:
                    built = [output("A", number)]
                    ledger.handover.built(arrived.job_id, "w1", built, to("PACS"), one)


def negative(
    brightness: float | None = None, sharpness: float | None = None, strange: float | None = None
) -> FindingsRecord:
    contrast = None if brightness is None else 0.17
    return FindingsRecord(
        "negative", "", 0.0, 0.0, 0.0, (), brightness, contrast, sharpness, strange
    )


def around(middle: float, many: int) -> list[float]:
    """Values of a normal distribution, whose deviation is 0.1."""
    spread = NormalDist(middle, 0.1)
    return [spread.inv_cdf((number + 0.5) / many) for number in range(many)]
