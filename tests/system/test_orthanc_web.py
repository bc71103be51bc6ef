"""DICOMweb beside a real archive: senders are killed in mid-STOW, Orthanc has each result once."""

from typing import Any

import pytest

from tests.conftest import missing
from tests.system.orthanc import DICOMWEB, run_in_own_network

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", params=["http", "https"])
def happened(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Any]:
    if not DICOMWEB.exists():
        missing("orthanc-dicomweb is not installed")
    folder = tmp_path_factory.mktemp("orthanc-web")
    arguments = ("tests.system.web_scenario", str(folder), request.param)
    answer: dict[str, Any] = run_in_own_network(*arguments)
    return answer


def test_orthanc_has_each_seg_and_sr_once_and_shows_it_though_senders_died(
    happened: dict[str, Any],
) -> None:
    assert happened["held"] == happened["wanted"]
    assert happened["states"] == ["VERIFIED"]


def test_the_doctor_asks_it_with_the_secret_that_no_log_shows(happened: dict[str, Any]) -> None:
    # Its certificate is one of a day, which is warned of.
    answer, *_, confirmation = happened["doctor"]
    assert answer.startswith("ok ")
    assert "/dicom-web/studies answered a search with HTTP 200 OK" in answer
    assert confirmation.startswith("ok ")
    assert happened["logs with the secret"] == []
