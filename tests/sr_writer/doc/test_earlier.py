"""The page shows the last radiographs before, small, each above its date."""

import base64
import re
from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from itertools import pairwise

import numpy as np
import pytest
from PIL import Image

from inference.findings import Caution
from sr_writer.doc.printed import printed_in
from sr_writer.language import LANGUAGES
from sr_writer.languages import words_of
from sr_writer.painting import Painting
from sr_writer.progression import Prior, Progression
from tests.sr_writer.documents import lines
from tests.sr_writer.earlier import TWO, of_days, outlined, without_outlines, written
from tests.sr_writer.examples import findings
from tests.sr_writer.reading import read

Earlier = Callable[[Prior], Painting | None]
MOST_BYTES = 60_000


def page(told: Progression, earlier: Earlier, role: str = "DOC", found: object = None) -> bytes:
    result = read(written(told, role, found=found, earlier=earlier)[role])  # type: ignore[arg-type]
    return bytes(result.EncapsulatedDocument)


def pictures(content: bytes) -> list[bytes]:
    """The JPEG of each picture on the page, the smallest first."""
    streams = re.findall(rb"/DCTDecode \].*?stream\r?\n(.*?~>)", content, re.DOTALL)
    return sorted((base64.a85decode(b"<~" + one.strip(), adobe=True) for one in streams), key=len)


def places(content: bytes) -> list[tuple[float, float, float, float]]:
    """x, y, width and height of each picture, in points, the leftmost first."""
    drawn = re.findall(rb"q\s([\d.]+) 0 0 ([\d.]+) ([\d.]+) ([\d.]+) cm\s/FormXob", content)
    boxes = [tuple(float(number) for number in one) for one in drawn]
    return sorted((x, y, width, height) for width, height, x, y in boxes)


def test_the_last_three_are_shown_and_none_is_larger_than_it_needs_to_be() -> None:
    for count, shown in ((1, 1), (2, 2), (3, 3), (6, 3)):
        content = page(of_days(count), outlined)
        small = pictures(content)[:-1]
        assert len(small) == shown
        assert all(len(one) < MOST_BYTES for one in small)
        assert len(re.findall(rb"/Type /Page\b", content)) == 1


def test_each_has_its_outlines() -> None:
    small, *_ = pictures(page(of_days(1), outlined))
    image = np.asarray(Image.open(BytesIO(small)).convert("RGB")).astype(int)
    assert ((image[:, :, 0] - image[:, :, 2]) > 40).mean() > 0.01


@pytest.mark.parametrize("count", range(1, 7))
def test_they_lie_beside_each_other_within_the_page(count: int) -> None:
    small = [box for box in places(page(of_days(count), outlined)) if box[2] < 100]
    assert len(small) == min(count, 3)
    assert all(x >= 42 and x + width <= 595 - 42 for x, _, width, _ in small)
    for (left, _, width, _), (right, *_) in pairwise(small):
        assert left + width <= right


@pytest.mark.parametrize("language", LANGUAGES)
def test_one_without_outlines_is_said_to_be_so(language: str) -> None:
    role = "DOC" if language == "en" else f"DOC@{language}"
    words = words_of(language).with_letters("latin-1")
    said = words("progression.bare", dates="2026-11-01, 2026-11-02")
    assert said in printed_in(page(of_days(2), without_outlines, role))
    assert said not in printed_in(page(of_days(2), outlined, role))


def test_what_cannot_be_read_any_more_leaves_the_chart_alone() -> None:
    content = page(TWO, lambda _: None)
    assert len(pictures(content)) == 1
    assert "2026-11-02" in lines(content)


def test_where_the_page_is_full_the_radiograph_goes_before_the_earlier_ones() -> None:
    found = replace(findings(), cautions=tuple(Caution), reason="why " * 120)
    content = page(of_days(3), outlined, found=found)
    assert len(pictures(content)) == 1


def test_no_other_result_looks_for_them() -> None:
    def must_not(_: Prior) -> None:
        raise AssertionError

    written(TWO, "SEG", "SR", "SC", earlier=must_not)
