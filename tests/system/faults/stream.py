"""A PACS that routes radiographs: one after the other, each until it is answered Success."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from pydicom import Dataset
from pydicom.uid import generate_uid

from dicom_node.demo.modality import send
from dicom_node.demo.pacs import Pacs
from dicom_node.demo.phantom import Kind
from dicom_node.demo.phantom_dicom import as_dicom
from dicom_node.errors import OUT_OF_RESOURCES, SUCCESS, DestinationUnavailable
from tests.phantoms import draw
from tests.system.beside import Beside
from tests.system.waiting import wait_until

SEG, SR, SC = (
    "1.2.840.10008.5.1.4.1.1.66.4",
    "1.2.840.10008.5.1.4.1.1.88.34",
    "1.2.840.10008.5.1.4.1.1.7",
)
#: What a destination without a preset gets of each radiograph.
RESULTS = sorted((SEG, SR, SC))
#: Seconds from the last disturbance, or result, to the next: on a machine that has much else to do.
#: That nothing waited for a lease is told by the ledger, not by the clock.
ARRIVES_WITHIN_S = 120.0
#: Seconds for a few radiographs to be accepted, on such a machine.
ACCEPTED_WITHIN_S = 180.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What one C-STORE was answered."""

    status: int | None  #: None: no answer, or no association
    at: float  #: monotonic, when it came
    took_s: float


@dataclass
class Stream(Beside):
    """Sends a new radiograph every `every_s` in a thread until the block ends, retries included."""

    port: int
    every_s: float = 1.0
    retry_s: float = 1.0
    #: Whether what has been accepted is enough for now.
    has_enough: Callable[[Sequence[Dataset]], bool] = lambda _accepted: False
    host: str = "127.0.0.1"
    accepted: list[Dataset] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    given_up: list[Dataset] = field(default_factory=list)  #: unanswered when it ended

    def __post_init__(self) -> None:
        super().__init__()

    def wait_for(self, count: int, timeout_s: float = ACCEPTED_WITHIN_S) -> None:
        """Until `count` more have been accepted."""
        wanted = len(self.accepted) + count
        asked = len(self.answers)
        try:
            wait_until(lambda: len(self.accepted) >= wanted, timeout_s, f"{count} accepted")
        except AssertionError as error:
            raise AssertionError(f"{error}; answered: {self.answers[asked:]}") from error

    @property
    def refused(self) -> list[Answer]:
        return [answer for answer in self.answers if answer.status == OUT_OF_RESOURCES]

    @property
    def slowest_s(self) -> float:
        return max(answer.took_s for answer in self.answers)

    def _run(self) -> None:
        while not self._stop.is_set():
            radiograph = new_radiograph()
            while not self._is_accepted(radiograph):
                if self._stop.wait(self.retry_s):
                    self.given_up.append(radiograph)
                    return
            self.accepted.append(radiograph)
            while not self._stop.wait(self.every_s) and self.has_enough(self.accepted):
                pass

    def _is_accepted(self, radiograph: Dataset) -> bool:
        started = time.monotonic()
        try:
            (sent,) = send([radiograph], self.host, self.port)
            status = sent.status
        except DestinationUnavailable:
            status = None
        at = time.monotonic()
        self.answers.append(Answer(status, at, at - started))
        return status == SUCCESS


def new_radiograph() -> Dataset:
    """Small, and an instance of a study of its own."""
    return renamed(as_dicom(draw(Kind.LEFT_OPACITY, rows=191, columns=159, seed=1)))


def renamed(dataset: Dataset) -> Dataset:
    """As another instance, of a study of its own."""
    for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"):
        setattr(dataset, keyword, generate_uid())
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    return dataset


@dataclass(frozen=True, slots=True)
class Verdict:
    """Of all that was accepted and all that arrived."""

    accepted: int
    lost: int  #: results that are not there
    doubled: int  #: results beyond one of each class, under UIDs of their own
    strange: int  #: arrivals of no accepted radiograph
    repeated: int  #: the same instance once more, after an answer that a fault swallowed

    def __str__(self) -> str:
        said = f"accepted {self.accepted}, lost {self.lost}, doubled {self.doubled}"
        return f"{said}, strange {self.strange} (sent once more: {self.repeated})"

    @property
    def is_clean(self) -> bool:
        return not (self.lost or self.doubled or self.strange)


def judge(accepted: Sequence[Dataset], pacs: Pacs, others: Sequence[Dataset] = ()) -> Verdict:
    """`others`: radiographs of which something else is to arrive, which is not judged here."""
    held: dict[str, dict[str, str]] = {}
    arrivals = pacs.stored
    for arrival in arrivals:
        study = arrival.path.parent.name
        held.setdefault(study, {})[arrival.sop_instance_uid] = arrival.sop_class_uid
    lost = doubled = 0
    for radiograph in accepted:
        classes = sorted(held.pop(radiograph.StudyInstanceUID, {}).values())
        lost += sum(wanted not in classes for wanted in RESULTS)
        doubled += sum(max(0, classes.count(one) - 1) for one in set(classes))
        doubled += sum(one not in RESULTS for one in classes)
    for other in others:
        held.pop(other.StudyInstanceUID, None)
    distinct = len({arrival.sop_instance_uid for arrival in arrivals})
    return Verdict(len(accepted), lost, doubled, len(held), len(arrivals) - distinct)


def assert_each_once(
    accepted: Sequence[Dataset],
    pacs: Pacs,
    since: float | None = None,
    others: Sequence[Dataset] = (),
) -> None:
    """Every accepted radiograph's results are there; says how long after `since` (default: now)."""
    since = time.monotonic() if since is None else since
    missing, deadline = 0, time.monotonic() + ARRIVES_WITHIN_S
    while (left := judge(accepted, pacs).lost) and time.monotonic() < deadline:
        if left != missing:
            missing, deadline = left, time.monotonic() + ARRIVES_WITHIN_S
        time.sleep(0.1)
    took_s = time.monotonic() - since
    verdict = judge(accepted, pacs, others)
    print(f"{verdict}, the last {took_s:.0f} s after the fault")
    assert verdict.accepted
    assert verdict.is_clean, str(verdict)
