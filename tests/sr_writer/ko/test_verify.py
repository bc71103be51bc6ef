"""Whatever is wrong with a key object selection is named, and it does not leave."""

import pytest
from pydicom import Dataset

from inference.findings import Decision
from sr_writer.kinds import KO
from sr_writer.verify import InvalidResult
from tests.sr_writer.altering import (
    Change,
    assert_refused,
    check,
    name_another_device,
    name_another_segmentation,
)
from tests.sr_writer.examples import all_results, findings


def select_one_object_less(dataset: Dataset) -> None:
    del dataset.ContentSequence[-1]


CASES = [
    (name_another_segmentation, "its evidence is not"),
    (select_one_object_less, "does not select"),
    (name_another_device, "1.2.3 is not in the Contributing"),
    (lambda dataset: setattr(dataset.ConceptNameCodeSequence[0], "CodeValue", "113037"), "title"),
]


@pytest.mark.parametrize(("change", "message"), CASES)
def test_a_wrong_key_object_selection_is_refused_by_name(change: Change, message: str) -> None:
    assert_refused(KO, change, message)


def test_a_key_object_selection_of_a_negative_radiograph_is_refused() -> None:
    content = all_results()["KO"].content
    with pytest.raises(InvalidResult, match="decision is negative"):
        check(KO, content, findings(Decision.NEGATIVE))
