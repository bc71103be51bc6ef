"""Files that the disk damaged while they waited: what leaves is what was built, once."""

import hashlib
import json
from contextlib import closing
from functools import partial
from pathlib import Path

from pydicom import dcmread

from dicom_node.config import parse
from dicom_node.demo.modality import send
from dicom_node.demo.node import RunningNode
from dicom_node.demo.pacs import Pacs
from dicom_node.demo.phantom import Kind
from dicom_node.demo.phantom_dicom import as_dicom
from dicom_node.errors import SUCCESS
from dicom_node.ledger import JobState, Ledger
from dicom_node.spool import Spool
from tests.dicom_node.delivery.damage import flip_a_bit, remove, truncate
from tests.phantoms import draw
from tests.system.waiting import ended_job, wait_until


def test_outputs_damaged_while_the_pacs_was_away_arrive_whole_and_once(tmp_path: Path) -> None:
    source = as_dicom(draw(Kind.LEFT_OPACITY, rows=382, columns=318, seed=900))
    other = as_dicom(draw(Kind.HEALTHY, rows=382, columns=318, seed=901))
    config = parse({"node": {"state": tmp_path / "state"}})
    with Pacs(tmp_path / "pacs") as pacs:
        pacs.stop()
        to = f"{pacs.aet}@{pacs.host}:{pacs.port}"
        with (
            RunningNode(config.node.state, [to]) as node,
            closing(Ledger.open(config.ledger_url)) as ledger,
        ):
            sent = send([source, other], "127.0.0.1", node.port)
            assert [one.status for one in sent] == [SUCCESS] * 2
            (job,), (second,) = (
                ledger.jobs.of_instance(each.SOPInstanceUID) for each in (source, other)
            )
            for each in (job.id, second.id):
                wait_until(partial(is_built, ledger, each), 90, "both to be built")
            spool = Spool(config.spool_folder)
            built = {d.role: spool.resolve(d.path) for d in ledger.deliveries.of_job(job.id)}
            damage = {"SEG": flip_a_bit, "SR": truncate, "SC": remove}
            for role, does_harm in damage.items():
                does_harm(built[role])
            pacs.start()
            assert ended_job(config.node.state, source.SOPInstanceUID).state is JobState.BUILT
            assert ended_job(config.node.state, other.SOPInstanceUID).state is JobState.BUILT
            outputs = {d.sop_instance_uid: d for d in ledger.deliveries.of_job(job.id)}
    arrivals = [arrival.sop_instance_uid for arrival in pacs.stored]
    assert len(arrivals) == len(set(arrivals)) == 6
    for arrival in pacs.stored:
        if expected := outputs.get(arrival.sop_instance_uid):
            whole = spool.resolve(expected.path)
            assert hashlib.sha256(whole.read_bytes()).hexdigest() == expected.sha256
            assert dcmread(arrival.path) == dcmread(whole)
    logged = [json.loads(line) for line in node.log]
    assert sorted(e["role"] for e in logged if e["event"] == "has an output built again") == [
        "SC", "SEG", "SR",
    ]  # fmt: skip


def is_built(ledger: Ledger, job_id: int) -> bool:
    job = ledger.jobs.get(job_id)
    return job is not None and job.state is JobState.BUILT
