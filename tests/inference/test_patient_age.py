"""A child is noticed however its age is written; what is malformed or unknown is no child."""

from typing import Any

import pytest

from inference.decode import read_radiograph
from inference.findings import Caution
from inference.patient_age import is_minor
from tests.inference.instances import instance, malformed, reread, smooth


def minor(**header: Any) -> bool:
    return is_minor(instance(smooth(), **header))


@pytest.mark.filterwarnings("ignore:Invalid value for VR AS")
@pytest.mark.parametrize("age", ["017Y", "000Y", "011M", "215M", "030W", "005D", "012", "17Y"])
def test_an_age_below_eighteen_is_a_minors(age: str) -> None:
    assert minor(PatientAge=age)


@pytest.mark.filterwarnings("ignore:Invalid value for VR AS")
@pytest.mark.parametrize("age", ["018Y", "066Y", "216M", "62", "099Y", "18Y"])
def test_an_age_from_eighteen_is_not(age: str) -> None:
    assert not minor(PatientAge=age)


@pytest.mark.filterwarnings("ignore:Invalid value for VR AS")
@pytest.mark.parametrize(
    "age", ["", "unknown", "Y", "-05Y", "1.5Y", "\u0661\u0662Y", ["012Y", "013Y"]]
)
def test_an_age_that_says_nothing_is_no_minors(age: object) -> None:
    assert not minor(PatientAge=age)


@pytest.mark.parametrize(
    ("taken", "expected"),
    [("20261124", True), ("20261125", False), ("20300101", False), ("20100101", True)],
)
def test_birth_and_study_date_tell_the_age(taken: str, expected: bool) -> None:
    assert minor(PatientBirthDate="20081125", StudyDate=taken) is expected


def test_the_age_that_is_stated_counts_before_the_dates() -> None:
    dates = {"PatientBirthDate": "20200101", "StudyDate": "20261125"}
    assert minor(**dates)
    assert not minor(PatientAge="040Y", **dates)


def test_the_day_it_was_taken_counts_before_the_day_of_the_study() -> None:
    header = {"PatientBirthDate": "20081125", "StudyDate": "20261125"}
    assert minor(AcquisitionDate="20261124", **header)
    assert minor(ContentDate="20261124", **header)


@pytest.mark.filterwarnings("ignore:Invalid value for VR DA")
@pytest.mark.parametrize(
    ("born", "taken"),
    [
        ("20200101", ""),
        ("", "20261125"),
        ("20300101", "20261125"),
        ("20201399", "20261125"),
        ("unknown", "20261125"),
        ("2020", "2026"),
    ],
)
def test_dates_that_say_nothing_are_no_minors(born: str, taken: str) -> None:
    assert not minor(PatientBirthDate=born, StudyDate=taken)


@pytest.mark.filterwarnings("ignore:Invalid value for VR DA")
def test_a_date_with_dots_is_read() -> None:
    assert minor(PatientBirthDate="2020.01.01", StudyDate="2026.11.25")


def test_a_minors_radiograph_says_so() -> None:
    child, adult = (
        read_radiograph(reread(instance(smooth(), PatientAge=age))) for age in ("009Y", "059Y")
    )
    assert Caution.UNDER_18 in child.cautions
    assert Caution.UNDER_18 not in adult.cautions


@pytest.mark.parametrize("keyword", ["PatientAge", "PatientBirthDate", "StudyDate"])
def test_bytes_that_are_no_text_stop_nothing(keyword: str) -> None:
    vr = "AS" if keyword == "PatientAge" else "DA"
    assert Caution.UNDER_18 not in read_radiograph(malformed(keyword, vr, b"\xff\x00\xfe")).cautions
