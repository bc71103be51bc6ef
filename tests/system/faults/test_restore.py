"""A backup during a stream, more that comes after it, the ledger lost: each image's results once.

Real processes, real commands; on SQLite with the embedded broker, and on PostgreSQL by pg_dump.
"""

import hashlib
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from dicom_node.demo.node import RunningNode, free_port
from dicom_node.demo.pacs import Pacs
from dicom_node.ledger import Ledger
from tests.conftest import POSTGRES
from tests.system.faults.stream import Stream, assert_each_once
from tests.system.waiting import run_cli, wait_until

pytestmark = pytest.mark.long


#: A machine four times slower, with other work, draws a radiograph in seconds.
PATIENCE_S = 240.0


@pytest.fixture
def another_database() -> Iterator[str]:
    name = f"cxr_test_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(POSTGRES, autocommit=True, connect_timeout=3) as server:
        server.execute(f"CREATE DATABASE {name}")
        yield f"{POSTGRES.rpartition('/')[0]}/{name}"
        server.execute(f"DROP DATABASE {name} WITH (FORCE)")


def configuration(folder: Path, pacs: Pacs, url: str) -> Path:
    file = folder / "node.toml"
    file.write_text(
        f"""
        [node]
        state = "{folder / "state"}"
        port = {free_port()}
        [ledger]
        url = "{url}"
        [[destination]]
        name = "pacs"
        aet = "{pacs.aet}"
        host = "{pacs.host}"
        port = {pacs.port}
        """,
        "utf-8",
    )
    return file


def run(*arguments: str) -> str:
    ran = run_cli(*arguments)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def held(pacs: Pacs) -> dict[str, str]:
    """SHA-256 of each result there, by SOP Instance UID."""
    return {one.sop_instance_uid: hashlib.sha256(one.path.read_bytes()).hexdigest()
            for one in pacs.stored}  # fmt: skip


def test_each_accepted_image_has_its_results_once_after_an_older_ledger_was_put_back(
    tmp_path: Path, ledger_url: str, request: pytest.FixtureRequest
) -> None:
    is_sqlite = ledger_url.startswith("sqlite")
    state, backup = tmp_path / "state", tmp_path / "backup"
    url = f"sqlite:///{state / 'ledger.sqlite'}" if is_sqlite else ledger_url
    with Pacs(tmp_path / "pacs") as pacs:
        config = configuration(tmp_path, pacs, url)
        node = RunningNode(state, config_file=config)
        with node, Stream(node.port, every_s=1.0) as stream:
            stream.wait_for(3, PATIENCE_S)
            print(run("backup", str(backup), "--config", str(config)))
            stream.wait_for(4, PATIENCE_S)
            stream.stop()
            # Of some of what came since, the results are at the archive already.
            after = {one.StudyInstanceUID for one in stream.accepted[5:]}
            wait_until(
                lambda: bool({one.path.parent.name for one in pacs.stored} & after),
                PATIENCE_S,
                "a result of what came after the backup",
            )
            # A node that still ends is one that runs: `restore` would say so.
            node.stop()
        before = held(pacs)
        if is_sqlite:
            for file in state.glob("ledger.sqlite*"):
                file.unlink()
        else:
            # Into a database of its own: what is there is not overwritten.
            refused = run_cli("restore", str(backup), "--config", str(config))
            assert (refused.returncode, "make another" in refused.stderr) == (2, True)
            url = request.getfixturevalue("another_database")
            config.write_text(config.read_text().replace(ledger_url, url))
        print(run("restore", str(backup), "--config", str(config)))
        # The broker's folder is in no backup, and nobody misses it.
        shutil.rmtree(state / "queue")
        known = Ledger.open(url)
        forgotten = [one for one in stream.accepted
                     if not known.jobs.of_instance(one.SOPInstanceUID)]  # fmt: skip
        known.close()
        assert len(forgotten) >= 2
        with RunningNode(state, port=node.port, config_file=config) as again:
            assert again.wait_for_log(lambda line: '"instances": ' in line, PATIENCE_S)
            assert_each_once(stream.accepted, pacs)
        # What the archive held was sent again, if at all, in the bytes that it had.
        now = held(pacs)
        assert {uid: now[uid] for uid in before} == before
        # Of each result there is one file: built again, it was the same.
        names = [path.name.partition("_")[0] for path in (state / "spool/outputs").rglob("*.dcm")]
        assert len(names) == len(set(names))
