"""One Part 10 file to its results, in memory: the join of the three packages."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from pydicom import Dataset

from dicom_node.errors import InvalidResult, NotDicom, Undecodable
from dicom_node.intake.eligibility import Verdict, judge
from dicom_node.skipping import PASSABLE, Refusal
from inference.analyze import Analysis, analyze
from inference.decode import UndecodableImage
from inference.decoding.part10 import read_part10
from inference.engines import Engine
from inference.header import value_of
from inference.pipeline import STANDARD, Settings
from sr_writer.equipment import Equipment
from sr_writer.identity import FIRST_ISSUE, Issue
from sr_writer.kinds import KINDS, Kind
from sr_writer.painting import Painting
from sr_writer.progression import Prior
from sr_writer.results import Output, Results
from sr_writer.verify import InvalidResult as InvalidDicomResult


@dataclass(frozen=True, slots=True)
class Processed:
    """What became of one instance: results, or the verdict that refused it."""

    sop_instance_uid: str
    verdict: Verdict
    analysis: Analysis | None  #: None where the header already refused
    results: Results | None  #: None where the instance is refused

    def write(self, roles: Collection[str]) -> tuple[Output, ...]:
        """These of its results, built and verified; raises InvalidResult."""
        if self.results is None:
            return ()
        try:
            return self.results.write(roles)
        except InvalidDicomResult as exc:
            raise InvalidResult(str(exc)) from exc


def process(
    content: bytes,
    engine: Engine,
    equipment: Equipment,
    created: datetime,
    settings: Settings = STANDARD,
    issue: Callable[[], Issue] = lambda: FIRST_ISSUE,
    kinds: Sequence[Kind] = KINDS,
    refusal: str = "",
    earlier: Callable[[Prior], Painting | None] = lambda _: None,
) -> Processed:
    """Analyse one Part 10 file; raises Permanent where that cannot be done.

    `created` becomes the results' content date and time, so that a retry builds the same bytes.
    `issue` is asked which issue of the results this is once there is something to write down,
    and `kinds` is all that may be. `refusal`: why it was not to be analysed before a person asked
    that it be all the same; what is no radiograph that could be stays refused. `earlier` gives the
    pictures of what the results tell of as earlier.
    """
    dataset = read_dataset(content)
    uid = value_of(dataset, "SOPInstanceUID")
    if not len(dataset):
        raise NotDicom("the file ends within its header: send it again")
    if not isinstance(uid, str):
        raise NotDicom("the data set has no SOP Instance UID: the sender must give it one")
    verdict = judge(dataset, PASSABLE if refusal else ())
    if verdict.refusal is not None:
        return Processed(uid, verdict, None, None)
    try:
        analysis = analyze(dataset, engine, settings, refusal)
    except UndecodableImage as exc:
        raise Undecodable(str(exc)) from exc
    findings, radiograph = analysis.findings, analysis.radiograph
    lung_pixels = findings.left.lung_pixels + findings.right.lung_pixels
    if not lung_pixels and not verdict.says_chest and not refusal:
        refused = Verdict(Refusal.NO_LUNGS, findings.reason, says_chest=False)
        return Processed(uid, refused, analysis, None)
    try:
        results = Results(
            radiograph.header, findings, radiograph.pixels, equipment, created, issue(), kinds,
            earlier,
        )  # fmt: skip
    except InvalidDicomResult as exc:
        raise InvalidResult(str(exc)) from exc
    return Processed(uid, verdict, analysis, results)


def read_dataset(content: bytes, *, header_only: bool = False) -> Dataset:
    """The data set in a Part 10 file; raises NotDicom."""
    try:
        return read_part10(content, header_only=header_only)
    except Exception as exc:
        # pydicom raises a dozen unrelated types on bytes that are no data set.
        raise NotDicom(f"no readable DICOM data set ({exc})") from exc
