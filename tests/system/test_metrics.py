"""`/metrics` of a whole node: scraped as Prometheus does, past a restart of all of it."""

import urllib.request
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from dicom_node.demo.modality import send
from dicom_node.demo.node import RunningNode, free_port
from dicom_node.demo.pacs import Pacs
from dicom_node.demo.phantom import Kind
from dicom_node.demo.phantom_dicom import as_dicom
from dicom_node.ledger.watching.counting import STEPS, Stage
from tests.phantoms import draw
from tests.system.waiting import ended_job, wait_until

Told = dict[tuple[str, str], float]


def scrape(monitor: str) -> Told:
    """Name and the values of its labels, to the sample; what has buckets by its count."""
    with urllib.request.urlopen(f"http://{monitor}/metrics", timeout=20) as answer:
        assert answer.headers["Content-Type"].startswith("text/plain; version=")
        text = answer.read().decode()
    return {
        (sample.name, " ".join(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if not sample.name.endswith("_bucket")
    }


def test_a_node_tells_prometheus_what_it_has_done_and_forgets_nothing(tmp_path: Path) -> None:
    monitor = f"127.0.0.1:{free_port()}"
    drawn = draw(Kind.LEFT_OPACITY, rows=764, columns=636, seed=11)
    lateral = as_dicom(draw(Kind.LATERAL, rows=764, columns=636, seed=7))
    with Pacs(tmp_path / "pacs") as pacs:
        name = f"{pacs.aet}@{pacs.host}:{pacs.port}"
        with RunningNode(tmp_path / "state", [name], monitor=monitor) as node:
            source = as_dicom(drawn)
            send([source, lateral], "127.0.0.1", node.port)
            for one in (source, lateral):
                ended_job(node.state, one.SOPInstanceUID)
            told = scrape(monitor)
            assert told["cxr_ledger_up", ""] == 1
            assert told["cxr_arrivals_instances_total", "new"] == 2
            assert told["cxr_outcomes_jobs_total", "analysed"] == 1
            assert told["cxr_outcomes_jobs_total", "skipped"] == 1
            assert told["cxr_skips_jobs_total", "lateral"] == 1
            assert told["cxr_deliveries_outputs_total", f"{name} stored"] == 3
            assert told["cxr_breaker_state", f"{name} reached"] == 1
            assert told["cxr_engine_processes", "OpenvinoEngine cpu"] == 1
            for part in ("listen", "work", "send"):
                assert told["cxr_workers_processes", part] == 1
            for stage in (Stage.WAITING, Stage.ANALYSIS):
                assert told["cxr_stage_seconds_count", stage] == 2
            for stage in (Stage.DELIVERY, Stage.TURNAROUND):
                assert told["cxr_stage_seconds_count", stage] == 3
            # Each step that a worker times is known here, and takes its time.
            timed = {step for step in STEPS if told["cxr_step_seconds_sum", step] > 0}
            assert timed >= set(STEPS) - {"reserves"}
            sizes = (
                path.stat().st_size for path in (node.state / "spool" / "received").rglob("*.dcm")
            )
            assert told["cxr_spool_bytes", "received"] == sum(sizes)
        with RunningNode(tmp_path / "state", [name], monitor=monitor):
            wait_until(
                lambda: scrape(monitor)["cxr_workers_processes", "work"] == 1, 60, "a worker"
            )
            again = scrape(monitor)
    counts = [key for key in told if key[0].endswith(("_total", "_count"))]
    assert {key: again[key] for key in counts} == {key: told[key] for key in counts}
    assert source.PatientID not in str(told)
