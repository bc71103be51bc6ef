"""The radiographs that the demo draws."""

from pathlib import Path

import pytest
from pydicom import dcmread

from dicom_node.demo.round_trip import draw_cases

pytestmark = pytest.mark.slow


def test_each_study_has_an_accession_number_of_its_own(tmp_path: Path) -> None:
    """`cxr-node find` is to show one radiograph for each."""
    draw_cases(folder := tmp_path / "radiographs")
    headers = [dcmread(path, stop_before_pixels=True) for path in folder.iterdir()]
    assert len(headers) > 1
    for keyword in ("AccessionNumber", "StudyInstanceUID"):
        assert len({header[keyword].value for header in headers}) == len(headers)
