"""A small radiograph to send to a listener."""

import pytest
from pydicom import Dataset

from dicom_node.demo.phantom import Kind
from dicom_node.demo.phantom_dicom import as_dicom
from tests.phantoms import draw


@pytest.fixture(scope="module")
def radiograph() -> Dataset:
    return as_dicom(draw(Kind.HEALTHY, rows=256, columns=208, seed=1))
