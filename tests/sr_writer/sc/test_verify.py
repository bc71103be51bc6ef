"""Whatever is wrong with an overlay is named, and it does not leave."""

import pytest

from sr_writer.kinds import SC
from tests.sr_writer.altering import Change, assert_refused, set_to, without

CASES = [
    (set_to(Rows=1), "rows x columns x RGB"),
    (set_to(BurnedInAnnotation="NO"), "burned in"),
    (without("SourceImageSequence"), "SourceImageSequence"),
]


@pytest.mark.parametrize(("change", "message"), CASES)
def test_a_wrong_overlay_is_refused_by_name(change: Change, message: str) -> None:
    assert_refused(SC, change, message)
