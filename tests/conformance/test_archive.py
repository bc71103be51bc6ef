"""Orthanc: what its DICOMweb gives back is what was stored, and its search finds our series.

Not covered: that it may change the transfer syntax on its way out, if it is asked to.
"""

from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmread

from dicom_node.demo.phantom import Kind
from inference.engines import Engine
from tests.conformance.studies import Study, header_of, phantom_study, real_study
from tests.conftest import missing
from tests.sr_writer.examples import ROLES
from tests.system.orthanc import DICOMWEB, run_in_own_network

EVERYTHING = ROLES


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("archive")


@pytest.fixture(scope="module")
def studies(engine: Engine, shared_data: Path, folder: Path) -> list[Study]:
    """A phantom and a real radiograph, both positive, with every output there is."""
    phantom = phantom_study(
        "phantom", Kind.BILATERAL_OPACITIES, 4, engine, folder, roles=EVERYTHING
    )
    return [phantom, real_study("real", shared_data, EVERYTHING, folder)]


@pytest.fixture(scope="module")
def happened(studies: list[Study], folder: Path) -> dict[str, Any]:
    if not DICOMWEB.exists():
        missing(f"Orthanc's DICOMweb is not at {DICOMWEB}")
    files = [str(path) for study in studies for path in study.files]
    answer: dict[str, Any] = run_in_own_network(
        "tests.conformance.archive_scenario", str(folder), *files, timeout_s=120
    )
    return answer


def test_storescu_stores_every_output(studies: list[Study], happened: dict[str, Any]) -> None:
    files = [path.name for study in studies for path in study.files]
    assert len(files) == 2 * (1 + len(EVERYTHING))
    assert happened["storescu"] == dict.fromkeys(files, "")


def test_dicomweb_gives_back_every_data_set_as_it_was_stored(
    studies: list[Study], happened: dict[str, Any], folder: Path
) -> None:
    assert happened
    for study in studies:
        for path in study.files:
            stored = dcmread(path)
            retrieved = dcmread(folder / f"{stored.SOPInstanceUID}.dcm")
            assert retrieved.file_meta.TransferSyntaxUID == stored.file_meta.TransferSyntaxUID
            assert retrieved == stored, path.name
            assert retrieved.get("PixelData") == stored.get("PixelData"), path.name


def test_search_finds_every_series_by_its_number_and_description(
    studies: list[Study], happened: dict[str, Any]
) -> None:
    for study in studies:
        headers = [header_of(path) for path in study.files]
        expected = [
            {
                "uid": header.SeriesInstanceUID,
                "modality": header.Modality,
                "number": header.SeriesNumber,
                "description": header.get("SeriesDescription") or None,
            }
            for header in headers
        ]
        found = happened["series"][headers[0].StudyInstanceUID]
        assert sorted(found, key=str) == sorted(expected, key=str)
        assert {one["number"] for one in found} >= {100, 200, 210, 300, 400, 500, 600}
