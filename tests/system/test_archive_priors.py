"""A patient's earlier radiographs that only the archive has, beside a real one: a node asks for
them, the worker and who asks are killed meanwhile, and the report is made anew, once.
"""

import re
from typing import Any

import pytest
from pydicom.uid import ExplicitVRLittleEndian, RLELossless

from tests.conftest import missing
from tests.system.orthanc import DICOMWEB, run_in_own_network

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", params=["dicom", "move", "dicomweb"])
def happened(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Any]:
    if request.param == "dicomweb" and not DICOMWEB.exists():
        missing("orthanc-dicomweb is not installed")
    folder = tmp_path_factory.mktemp("archive-priors")
    arguments = ("tests.system.archive_priors_scenario", str(folder), request.param)
    answer: dict[str, Any] = run_in_own_network(*arguments)
    return answer


def test_the_first_report_waits_for_nothing_and_one_more_compares(happened: dict[str, Any]) -> None:
    assert happened["first report compares"] == []
    assert happened["reports"] == 2
    assert happened["predecessors"] == [happened["first report"]]
    # Nobody has reports of these: only the images are referred to.
    assert happened["compares"] == happened["fetched"]


def test_what_was_fetched_is_analysed_once_and_last_and_nothing_of_it_is_sent(
    happened: dict[str, Any],
) -> None:
    jobs = happened["jobs"]
    assert jobs.pop("first") == jobs.pop("second") == [["BUILT", "LOW", True]]
    assert set(map(str, jobs.values())) == {"[]"}
    assert happened["sent of them"] == []
    # Each image alone in its study, as it was.
    assert happened["in their studies"] == 9


def test_only_radiographs_of_this_patient_within_the_window_are_looked_at(
    happened: dict[str, Any],
) -> None:
    became = happened["became"]
    assert {*became.pop("first"), *became.pop("second")} <= {"fetched", "known"}
    assert became == {
        "too old": [],
        "stranger": ["other_patient"],
        "another issuer's": [],
        "lateral": ["not_eligible"],
        "hand": ["not_eligible"],
        "somebody's": [],
        "later": [],
    }


def test_what_was_asked_for_and_why_it_was_not_compared_is_said(happened: dict[str, Any]) -> None:
    told = happened["told"]
    assert [one["taken"][:10] for one in told["priors"]] == ["2026-03-02", "2026-03-09"]
    assert [(one["taken"], one["why"]) for one in told["omitted"]] == [
        ("2026-03-11", "other_patient")
    ]
    assert "not compared: birth date or sex differ under this Patient ID" in happened["lines"]
    assert "asked an archive for earlier radiographs (orthanc: " in happened["lines"]
    # Who was killed between may have fetched one, both, or none of them.
    (said,) = re.findall(r"radiographs \(orthanc: (.*)\)", happened["lines"])
    counted = {what: int(count) for count, what in re.findall(r"(\d+) ([a-z ]+)", said)}
    assert counted.pop("fetched", 0) + counted.pop("known", 0) == 2
    assert counted == {"not eligible": 2, "other patient": 1}


def test_who_was_asked_about_a_patient_is_in_the_audit_trail(happened: dict[str, Any]) -> None:
    # Who is killed loses what was recorded within its last second.
    assert 1 <= happened["audited"] <= happened["attempts"]


def test_neither_log_nor_ledger_says_who_was_asked_about(happened: dict[str, Any]) -> None:
    assert happened["said of whom"] == []


def test_an_image_comes_as_the_archive_keeps_it(happened: dict[str, Any]) -> None:
    assert happened["syntaxes"] == [ExplicitVRLittleEndian, RLELossless]
