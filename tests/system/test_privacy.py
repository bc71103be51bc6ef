"""What a real node writes: for its own user alone; no patient's name or ID outside the spool."""

import os
import stat
from pathlib import Path

import pytest
from pydicom import Dataset
from pydicom.uid import generate_uid

from dicom_node.demo.modality import send
from dicom_node.demo.node import RunningNode
from dicom_node.demo.pacs import Pacs
from dicom_node.demo.phantom import Kind
from dicom_node.demo.phantom_dicom import as_dicom
from dicom_node.ledger import JobState
from tests.phantoms import draw
from tests.system.waiting import ended_job, run_cli

#: Not to be met with anywhere by chance.
NAME = "Zwetschgenbaum^Xaverine"
SECRETS = (b"Zwetschgenbaum", b"Xaverine", b"QX77-4242-ZZ", b"19410203", b"Quittengasse")


def of_a_patient(seed: int) -> Dataset:
    dataset = as_dicom(draw(Kind.HEALTHY, rows=382, columns=318, seed=seed))
    dataset.PatientName = NAME
    dataset.PatientID = "QX77-4242-ZZ"
    dataset.PatientBirthDate = "19410203"
    dataset.PatientAddress = "Quittengasse 7"
    dataset.OtherPatientIDsSequence = []
    return dataset


def sent() -> list[Dataset]:
    """One that is analysed, one that fails, one that is skipped, one that cannot be indexed."""
    good, cut, lateral, lost = (of_a_patient(seed) for seed in range(70, 74))
    cut.PixelData = cut.PixelData[:1000]
    lateral.ViewPosition = "LL"
    lost.StudyInstanceUID = ""
    for dataset in (good, cut, lateral, lost):
        dataset.PatientComments = NAME
        dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    return [good, cut, lateral, lost]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A state folder that a node worked in under a umask that forbids nothing, and its log."""
    folder = tmp_path_factory.mktemp("node")
    state = folder / "state"
    before = os.umask(0)
    try:
        with Pacs(folder / "pacs") as pacs:
            node = RunningNode(state, [f"{pacs.aet}@{pacs.host}:{pacs.port}"])
            with node:
                datasets = sent()
                for dataset in datasets:
                    send([dataset], "127.0.0.1", node.port)
                states = [ended_job(state, one.SOPInstanceUID).state for one in datasets[:3]]
                commands = [run_cli(*words, "--state", str(state)).stdout for words in
                            (["status"], ["status", "--json"], ["jobs"])]  # fmt: skip
    finally:
        os.umask(before)
    assert states == [JobState.BUILT, JobState.FAILED, JobState.SKIPPED]
    return state, "".join([*node.log, *commands])


def test_neither_log_nor_status_name_a_patient(run: tuple[Path, str]) -> None:
    assert "analysed" in run[1]
    assert [secret for secret in SECRETS if secret in run[1].encode()] == []


def test_neither_ledger_nor_broker_nor_any_other_file_names_a_patient(
    run: tuple[Path, str],
) -> None:
    state, _ = run
    files = [path for path in state.rglob("*") if path.is_file()]
    spooled = [path for path in files if path.is_relative_to(state / "spool")]
    # They are there: the grep finds what it looks for.
    assert any(SECRETS[0] in path.read_bytes() for path in spooled)
    others = set(files) - set(spooled)
    assert {"ledger.sqlite"} <= {path.name for path in others}
    naming = {path for path in others if any(one in path.read_bytes() for one in SECRETS)}
    assert naming == set()


def test_all_of_it_is_for_its_own_user_alone(run: tuple[Path, str]) -> None:
    state, _ = run
    paths = [state, *state.rglob("*")]
    open_to_others = {
        str(path.relative_to(state)) for path in paths if stat.S_IMODE(path.stat().st_mode) & 0o077
    }
    assert len(paths) > 20
    assert open_to_others == set()
