"""Every Patient Orientation turns the image upright, and back exactly."""

import numpy as np
import pytest

from inference.orientation import UNKNOWN, Orientation, parse

#: The four corners of an upright frontal image, as (patient's side, end of the body).
UPRIGHT = np.array([["RH", "LH"], ["RF", "LF"]])

FRONTAL = ["L\\F", "R\\F", "L\\H", "R\\H", "F\\L", "F\\R", "H\\L", "H\\R"]


def stored_as(row: str, column: str) -> np.ndarray:
    """The four corners as an image with these directions stores them."""
    opposite = {"L": "R", "R": "L", "H": "F", "F": "H"}
    corners = [
        "".join(sorted(along_row + along_column, key="RLHF".index))
        for along_column in (opposite[column], column)
        for along_row in (opposite[row], row)
    ]
    return np.array(corners).reshape(2, 2)


@pytest.mark.parametrize("value", FRONTAL)
def test_an_image_is_turned_upright(value: str) -> None:
    row, column = value.split("\\")
    orientation = parse([row, column])
    assert orientation.known
    np.testing.assert_array_equal(orientation.upright(stored_as(row, column)), UPRIGHT)


@pytest.mark.parametrize("value", FRONTAL)
def test_a_mask_is_turned_back_exactly(value: str) -> None:
    orientation = parse(value.split("\\"))
    stored = np.arange(12).reshape(3, 4)
    np.testing.assert_array_equal(orientation.stored(orientation.upright(stored)), stored)


@pytest.mark.parametrize(
    ("compound", "plain"),
    [
        (["LH", "F"], ["L", "F"]),
        (["L", "FA"], ["L", "F"]),
        (["AL", "F"], ["L", "F"]),
        (["HL", "LF"], ["H", "L"]),
        (["RHA", "FR"], ["R", "F"]),
        (["l ", "f"], ["L", "F"]),
    ],
)
def test_the_principal_direction_of_a_compound_value_decides(
    compound: list[str], plain: list[str]
) -> None:
    assert parse(compound) == parse(plain)


@pytest.mark.parametrize(
    "value",
    [None, "", "L", [], ["L"], ["", ""], ["A", "F"], ["P", "H"], ["L", "R"], ["H", "F"],
     ["L", "F", "A"], ["?", "!"]],
    ids=str,
)  # fmt: skip
def test_a_value_that_gives_no_frontal_image_is_unknown(value: object) -> None:
    assert parse(value) is UNKNOWN
    assert Orientation(known=False) == UNKNOWN


def test_unknown_is_taken_as_upright() -> None:
    np.testing.assert_array_equal(UNKNOWN.upright(UPRIGHT), UPRIGHT)
