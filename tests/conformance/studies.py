"""The studies that archives and viewers are shown: each outcome there is, as files.

Phantoms are analysed by the shipped networks. On the real radiograph the findings are drawn, so
that it has known opacities in both lungs whatever a network thinks of it.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path

from pydicom import Dataset, dcmread
from pydicom.uid import DigitalXRayImageStorageForPresentation

from dicom_node.demo.phantom import Kind
from dicom_node.demo.phantom_dicom import as_dicom
from inference.analyze import Analysis, analyze
from inference.decode import read_radiograph
from inference.engines import Engine
from inference.findings import Decision, Findings
from inference.gray.quality import gray_statistics
from inference.pipeline import Pipeline
from inference.resize import fit
from sr_writer.identity import Issue, Reader, Reference, tracking_id
from sr_writer.kinds import USUAL
from sr_writer.results import Output, Results, write_results
from sr_writer.sr.notice import write_notice
from tests.phantoms import draw
from tests.readers import as_ohif
from tests.sr_writer.examples import CREATED, EQUIPMENT, findings, with_uid

#: Columns are no multiple of eight, rows times columns is: see test_ohif for why that counts.
ROWS, COLUMNS = 1018, 852
#: CR, MONOCHROME1 in JPEG Lossless, without a view position: the hardest of the real ones.
REAL = "chest/cr_mono1_jpeglossless_noview.dcm"


@dataclass(frozen=True, slots=True)
class Study:
    """A radiograph and what we send back of it."""

    name: str
    source: Path
    findings: Findings | None  #: None where it was not analysed
    results: dict[str, Path]

    @property
    def files(self) -> list[Path]:
        return [self.source, *self.results.values()]


def phantom_study(
    name: str,
    kind: Kind,
    seed: int,
    engine: Engine,
    folder: Path,
    *,
    columns: int = COLUMNS,
    roles: Collection[str] = USUAL,
) -> Study:
    """A phantom, and what the shipped networks find in it."""
    source = _drawn(name, kind, seed, columns, folder)
    analysis = analyze(source, engine)
    return _study(name, source, analysis, roles, folder)


def real_study(name: str, data: Path, roles: Collection[str], folder: Path) -> Study:
    """A real radiograph with drawn opacities in both lungs."""
    source = data / "dicom" / REAL
    radiograph = read_radiograph(source)
    rows, columns = radiograph.pixels.shape
    found = findings(Decision.POSITIVE, shape=(rows, columns), spacing_mm=radiograph.spacing_mm)
    gray = gray_statistics(fit(radiograph.pixels, radiograph.orientation, 256))
    analysis = Analysis(with_uid(found, radiograph.sop_instance_uid), radiograph, gray, 0.5)
    return _study(name, source, analysis, roles, folder)


def refused_study(name: str, seed: int, found: Findings, folder: Path) -> Study:
    """A lateral view: a notice says why it was not analysed; `found` names the networks."""
    source = _drawn(name, Kind.LATERAL, seed, COLUMNS, folder)
    header = dcmread(source, stop_before_pixels=True)
    notice = write_notice(
        header,
        header.SOPInstanceUID,
        Decision.NOT_ANALYSED,
        "View Position is LL: this is no frontal chest radiograph.",
        found.pipeline,
        EQUIPMENT,
        CREATED,
    )
    return Study(name, source, None, _saved(name, [notice], folder))


def header_of(path: Path) -> Dataset:
    return dcmread(path, stop_before_pixels=True)


def _drawn(name: str, kind: Kind, seed: int, columns: int, folder: Path) -> Path:
    path = folder / f"{name}-source.dcm"
    phantom = draw(kind, rows=ROWS, columns=columns, seed=seed)
    dataset = as_dicom(phantom, sop_class=DigitalXRayImageStorageForPresentation)
    dataset.save_as(path, enforce_file_format=True)
    return path


def _study(
    name: str, source: Path, analysis: Analysis, roles: Collection[str], folder: Path
) -> Study:
    radiograph, found = analysis.radiograph, analysis.findings
    outputs = write_results(radiograph.header, found, radiograph.pixels, EQUIPMENT, CREATED, roles)
    return Study(name, source, found, _saved(name, outputs, folder))


def _saved(name: str, outputs: Collection[Output], folder: Path) -> dict[str, Path]:
    files = {output.role: folder / f"{name}-{output.role}.dcm" for output in outputs}
    for output in outputs:
        files[output.role].write_bytes(output.content)
    return files


def corrected_study(name: str, kind: Kind, seed: int, engine: Engine, folder: Path) -> Study:
    """A phantom whose masks a reader has stored from OHIF, and our report of these."""
    source = _drawn(name, kind, seed, COLUMNS, folder)
    analysis = analyze(source, engine)
    found, radiograph = analysis.findings, analysis.radiograph
    labels = {tracking_id(one.task, one.laterality): one.mask for one in found.segments}
    scratch = folder / f"{name}.drawn"
    scratch.mkdir()
    seg = as_ohif(source, labels, scratch)
    drawn = Reference(
        seg.StudyInstanceUID, seg.SeriesInstanceUID, seg.SOPClassUID, seg.SOPInstanceUID
    )
    by_hand = replace(found, pipeline=Pipeline(()), certainty=None)
    issue = Issue(reader=Reader("Rontgen^Anna", drawn))
    written = Results(
        radiograph.header, by_hand, radiograph.pixels, EQUIPMENT, CREATED, issue
    ).write(["SR"])
    results = {"SEG": scratch / "ohif_seg.dcm", "SR": folder / f"{name}.sr.dcm"}
    results["SR"].write_bytes(written[0].content)
    return Study(name, source, found, results)
