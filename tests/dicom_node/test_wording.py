"""What came from elsewhere, on a terminal."""

import pytest

from dicom_node.ops.wording import age, line


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain, Größe 3 µm", "plain, Größe 3 µm"),
        ("\x1b]0;owned\x07\x1b[2Jgone", "?]0;owned??[2Jgone"),
        ("first\r\nFAILED second\ttab", "first FAILED second tab"),
        ("abc\u202egnp.exe\u2066", "abc?gnp.exe?"),
        ("\u2028\x85\x00\x9b31m", "??31m"),
        ("\ud800 lone", "? lone"),
    ],
)
def test_nothing_is_left_that_a_terminal_obeys(text: str, shown: str) -> None:
    assert line(text) == shown


def test_what_is_long_is_cut_and_says_so() -> None:
    assert line("x" * 10_000_000, 50) == 49 * "x" + "…"
    assert line(5_000 * " " + "after", 50).endswith("…")
    assert line("x" * 50, 50) == "x" * 50


def test_an_age_is_said_in_words() -> None:
    assert [age(12.4), age(185), age(90_000)] == ["12 s", "0:03:05", "1 day, 1:00:00"]
