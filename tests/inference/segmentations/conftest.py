"""A radiograph, and what a reader draws on it."""

import pytest
from pydicom import Dataset

from tests.dicom_node.radiographs import radiograph


@pytest.fixture(scope="module")
def image() -> Dataset:
    return radiograph()
