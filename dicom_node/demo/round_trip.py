"""`cxr-node demo`: a node and a small PACS, radiographs in, what came back shown to a person."""

import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image
from pydicom import Dataset, dcmread
from pydicom.misc import is_dicom

from dicom_node.config import parse
from dicom_node.demo.modality import Sent, send
from dicom_node.demo.node import RunningNode
from dicom_node.demo.outcome import Outcome
from dicom_node.demo.pacs import Arrival, Pacs
from dicom_node.demo.page import Words, write_page
from dicom_node.demo.phantom import Kind, draw
from dicom_node.demo.phantom_dicom import as_dicom
from dicom_node.demo.results import Percentages, count_segmentation, read_report
from dicom_node.errors import SUCCESS, UsageError
from dicom_node.ledger import Job, JobState, Ledger, Progress

#: Rows and columns of the radiographs drawn: a common detector's, halved so that drawing is quick.
DRAWN_SHAPE = (1528, 1272)
#: What is drawn: name in the table, kind, seed.
CASES = (
    ("healthy", Kind.HEALTHY, 5),
    ("opacity in the left lung", Kind.LEFT_OPACITY, 4),
    ("opacity in the right lung", Kind.RIGHT_OPACITY, 4),
    ("opacities in both lungs", Kind.BILATERAL_OPACITIES, 6),
    ("lungs that touch", Kind.TOUCHING_LUNGS, 9),
    ("lateral view", Kind.LATERAL, 5),
)
#: A radiograph takes about a second; a slow machine may need much longer.
RESULT_WITHIN_S = 60.0


@dataclass(frozen=True, slots=True)
class Case:
    """One radiograph to send."""

    name: str
    source: Path | Dataset
    sop_instance_uid: str


def demo(out: Path, folder: Path | None, words: Words) -> int:
    """Run the demo; 0 only if every result came back and SEG and SR agree."""
    out.mkdir(parents=True, exist_ok=True)
    cases = draw_cases(out / "radiographs") if folder is None else _found(folder)
    _tell("starting a node and a small PACS (the node loads its two networks) ...")
    with (
        tempfile.TemporaryDirectory(prefix="cxr-demo-") as state,
        Pacs(out / "pacs") as pacs,
        RunningNode(Path(state), [f"{pacs.aet}@{pacs.host}:{pacs.port}"]) as node,
    ):
        _tell(f"sending {len(cases)} radiographs, one at a time ...")
        ledger = Ledger.open(parse({"node": {"state": state}}).ledger_url)
        try:
            outcomes = [_run(case, node.port, ledger, pacs, out) for case in cases]
        finally:
            ledger.close()
    code = _show(outcomes)
    print(f"\nAll of it on one page: {write_page(outcomes, out, words)}")
    return code


def draw_cases(folder: Path) -> list[Case]:
    """Kept in `folder`, for whoever wants to send them elsewhere."""
    _tell("drawing radiographs ...")
    folder.mkdir(exist_ok=True)
    rows, columns = DRAWN_SHAPE
    cases = []
    for number, (name, kind, seed) in enumerate(CASES, start=1):
        # Two are of one patient, but of two studies: an accession number finds one.
        accession = f"DEMO{number:08d}"
        drawn = draw(kind, rows=rows, columns=columns, seed=seed)
        dataset = as_dicom(drawn, AccessionNumber=accession)
        path = folder / f"{kind.value}.dcm"
        dataset.save_as(path, enforce_file_format=True)
        cases.append(Case(name, path, str(dataset.SOPInstanceUID)))
    return cases


def _found(folder: Path) -> list[Case]:
    if not folder.exists():
        raise UsageError(f"{folder}: no such folder")
    files = sorted(folder.rglob("*")) if folder.is_dir() else [folder]
    cases = []
    for path in files:
        if path.is_file() and is_dicom(path):
            uid = dcmread(path, stop_before_pixels=True, specific_tags=["SOPInstanceUID"])
            cases.append(Case(path.name, path, str(uid.SOPInstanceUID)))
    if not cases:
        raise UsageError(f"{folder}: no DICOM files here")
    return cases


def _run(case: Case, port: int, ledger: Ledger, pacs: Pacs, out: Path) -> Outcome:
    """Send one radiograph, as a modality would, and see what becomes of it."""
    (sent,) = send([case.source], "127.0.0.1", port)
    job = _wait(ledger, case.sop_instance_uid) if sent.status == SUCCESS else None
    outcome = _outcome(case, sent, job, ledger, pacs, out)
    _tell(f"  {case.name}: {outcome.fault or outcome.decision or 'skipped'}")
    return outcome


def _tell(text: str) -> None:
    """At once, on a pipe as well: what is done next may take a while."""
    print(text, flush=True)


def _wait(ledger: Ledger, sop_instance_uid: str) -> Job:
    """The instance's job, when it has ended or time is up."""
    deadline = time.monotonic() + RESULT_WITHIN_S
    while True:
        job = ledger.jobs.of_instance(sop_instance_uid)[-1]
        if _has_ended(job, ledger) or time.monotonic() > deadline:
            return job
        time.sleep(0.02)


def _has_ended(job: Job, ledger: Ledger) -> bool:
    if job.state is not JobState.BUILT:
        return job.state in (JobState.SKIPPED, JobState.FAILED)
    return ledger.deliveries.progress([job.id])[job.id] is not Progress.WAITING


def _outcome(
    case: Case, sent: Sent, job: Job | None, ledger: Ledger, pacs: Pacs, out: Path
) -> Outcome:
    if job is None:
        status = "no answer" if sent.status is None else f"status {sent.status:#06x}"
        return Outcome(case.name, fault=f"not accepted: {status}")
    if job.state is JobState.SKIPPED:
        return Outcome(case.name, skipped=job.reason or "")
    arrived = {arrival.sop_instance_uid: arrival for arrival in pacs.stored}
    outputs = {
        delivery.role: arrived.get(delivery.sop_instance_uid)
        for delivery in ledger.deliveries.of_job(job.id)
    }
    missing = [role for role in ("SEG", "SR", "SC") if outputs.get(role) is None]
    if missing:
        return Outcome(case.name, fault=job.reason or f"{', '.join(missing)} did not come back")
    there = {role: arrival for role, arrival in outputs.items() if arrival}
    return _compare(case, sent, there, out)


def _compare(case: Case, sent: Sent, outputs: Mapping[str, Arrival], out: Path) -> Outcome:
    report = read_report(outputs["SR"].path)
    counted = count_segmentation(outputs["SEG"].path)
    said = report.percentages
    # Where signs are too faint to say, nothing is marked and no percentage is given.
    says_nothing = report.decision == "undetermined" and said == Percentages(None, None, None)
    agrees = says_nothing or said.agree(counted)
    fault = "" if agrees else f"SR says {said}, the SEG's pixels {counted}"
    if outputs["SR"].at_monotonic < sent.last_byte_at:
        fault = "the report came back before the image was sent"
    picture = out / f"{case.sop_instance_uid}.png"
    Image.fromarray(dcmread(outputs["SC"].path).pixel_array).save(picture)
    return Outcome(
        name=case.name,
        decision=report.decision,
        percentages=said,
        seconds=outputs["SR"].at_monotonic - sent.last_byte_at,
        fault=fault,
        picture=picture,
        segmentation=outputs["SEG"].path,
        report=outputs["SR"].path,
    )


def _show(outcomes: Sequence[Outcome]) -> int:
    head = ("radiograph", "decision", "% left", "% right", "% both", "s to SR")
    rows = [head, *map(_cells, outcomes)]
    name_width = max(len(row[0]) for row in rows)
    print()
    for name, decision, *figures in rows:
        cells = "".join(f"{figure:>9}" for figure in figures)
        print(f"{name:<{name_width}}  {decision:<13}{cells}".rstrip())
    print()
    faults = [f"{outcome.name}: {outcome.fault}" for outcome in outcomes if outcome.fault]
    if faults:
        print("\n".join(faults), file=sys.stderr)
        return 1
    returned = sum(outcome.seconds is not None for outcome in outcomes)
    skipped = len(outcomes) - returned
    print(f"{returned} results came back, each SEG and SR agree; {skipped} skipped, with reason.")
    print("Research use only, not for diagnosis.")
    return 0


def _cells(outcome: Outcome) -> Sequence[str]:
    """One line of the table."""
    if outcome.skipped:
        return outcome.name, f"skipped: {outcome.skipped}"
    said = outcome.percentages
    if said is None or outcome.seconds is None:
        return outcome.name, "no result"
    figures = ("-" if p is None else f"{p:.1f}" for p in (said.left, said.right, said.both))
    return outcome.name, outcome.decision, *figures, f"{outcome.seconds:.2f}"
