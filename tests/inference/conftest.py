"""The real chest radiographs."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

CHESTS = (
    "cr_mono1_jpeglossless_noview.dcm",
    "cr_pa_mono1_explicit_440.dcm",
    "sc_cr_pa_mono1_mislabelled_jpegbaseline.dcm",
    "sc_cr_pa_mono2_jpegbaseline.dcm",
    "sc_dx_mono2_implicit_noview.dcm",
    "sc_dx_mono2_implicit_noview_2.dcm",
)


@pytest.fixture(params=CHESTS)
def chest(request: pytest.FixtureRequest, shared_data: Path) -> Path:
    """Each of the real chest radiographs."""
    name: str = request.param
    return shared_data / "dicom" / "chest" / name


def gray_png(path: Path) -> NDArray[np.uint8]:
    return np.asarray(Image.open(path).convert("L"))
