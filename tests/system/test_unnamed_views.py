"""A lateral that no header names: the networks run, and what they make of it is no verdict."""

from datetime import UTC, datetime
from io import BytesIO

import numpy as np
import pytest

from dicom_node.demo.phantom import Kind
from dicom_node.worker import process
from inference.engines import Engine
from inference.findings import Decision
from sr_writer.equipment import Equipment
from tests.inference.instances import instance
from tests.phantoms import draw


# Inverted and on its side: that way drawn laterals look most like a chest (0.898 and 0.899).
@pytest.mark.parametrize(("seed", "quarter_turns"), [(0, 0), (1, 2), (27, 3), (28, 3)])
@pytest.mark.parametrize("is_inverse", [False, True])
def test_a_lateral_that_no_header_names_is_undetermined(
    seed: int, quarter_turns: int, is_inverse: bool, engine: Engine
) -> None:
    rows, columns = ((382, 318), (400, 400), (318, 382), (500, 410))[seed % 4]
    image = draw(Kind.LATERAL, rows=rows, columns=columns, seed=seed).image
    gray = np.rint(255 * np.rot90(1 - image if is_inverse else image, quarter_turns))
    content = BytesIO()
    dataset = instance(gray.astype(np.uint8), Modality="DX", BodyPartExamined="CHEST")
    dataset.save_as(content, enforce_file_format=True)
    done = process(content.getvalue(), engine, Equipment(), datetime(2026, 11, 25, tzinfo=UTC))
    assert done.analysis is not None
    assert done.analysis.findings.decision is Decision.UNDETERMINED
    assert done.analysis.findings.reason
