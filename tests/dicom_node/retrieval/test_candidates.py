"""Which studies are looked into, of what an archive shows; it may show what nobody asked for."""

from typing import Any

import pytest
from pydicom import Dataset

from dicom_node.retrieval.archive import ImageMatch, StudyMatch, study_of
from dicom_node.retrieval.candidates import Wanted, candidates, contradiction_of, may_be_analysed
from sr_writer.progression import Omission

OF = {"PatientID": "P1", "IssuerOfPatientID": "HOSPITAL", "PatientBirthDate": "19700101",
      "PatientSex": "F"}  # fmt: skip


def dataset(**attributes: Any) -> Dataset:
    made = Dataset()
    for keyword, value in attributes.items():
        setattr(made, keyword, value)
    return made


WANTED = Wanted(dataset(**OF), "hash", "2026-03-04T08:00:00", "1.9", days=30, most=5)


def study(uid: str, date: str, **changes: Any) -> StudyMatch:
    said = {"StudyInstanceUID": uid, "StudyDate": date, "ModalitiesInStudy": ["DX"]} | OF | changes
    return study_of(dataset(**said))


def looked_into(*shown: StudyMatch) -> list[str]:
    return [one.study_instance_uid for one in candidates(shown, WANTED)]


def test_the_last_come_first_of_the_days_that_are_compared_this_one_too() -> None:
    shown = [
        study("1.1", "20260201"),
        study("1.2", "20260202"),
        study("1.3", "20260304"),
        study("1.4", "20260305"),
        study("1.5", "20260220"),
        study("1.9", "20260304"),
    ]
    assert WANTED.since == "2026-02-02"
    assert looked_into(*shown) == ["1.3", "1.5", "1.2"]


@pytest.mark.parametrize(
    ("changes", "is_looked_into"),
    [
        ({"PatientID": "P10"}, False),
        ({"IssuerOfPatientID": "ELSEWHERE"}, False),
        ({"IssuerOfPatientID": None}, True),
        ({"ModalitiesInStudy": ["CT", "SR"]}, False),
        ({"ModalitiesInStudy": ["CT", "CR"]}, True),
        ({"ModalitiesInStudy": None}, True),
        ({"StudyDate": ""}, True),
    ],
    ids=["another", "another issuer", "no issuer", "CT", "CR too", "no modality", "no date"],
)
def test_what_the_archive_says_of_a_study_counts(
    changes: dict[str, Any], is_looked_into: bool
) -> None:
    assert bool(looked_into(study("1.1", "20260301", **changes))) is is_looked_into


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({}, None),
        ({"PatientBirthDate": "19700102"}, Omission.OTHER_PATIENT),
        ({"PatientSex": "M"}, Omission.OTHER_PATIENT),
        # The image may say it.
        ({"PatientBirthDate": ""}, None),
    ],
    ids=["the same", "birth date", "sex", "no birth date"],
)
def test_a_stranger_is_known_before_anything_is_fetched(
    changes: dict[str, Any], why: Omission | None
) -> None:
    assert contradiction_of(study("1.1", "20260301", **changes), WANTED) is why


def test_reports_and_masks_are_not_fetched() -> None:
    classes = {"1.2.840.10008.5.1.4.1.1.1.1": True, "1.2.840.10008.5.1.4.1.1.66.4": False, "": True}
    for sop_class, wanted in classes.items():
        assert may_be_analysed(ImageMatch("1", "2", sop_class, "3")) is wanted
