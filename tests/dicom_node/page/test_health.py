"""/healthz and /readyz: what a supervisor and a load balancer are told, and when."""

from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

from dicom_node.ledger import Ledger, Process
from tests.dicom_node.ledger.records import PIPELINE, instance
from tests.dicom_node.page.visiting import Site
from tests.system.waiting import wait_until


def not_well(site: Site) -> dict[str, str]:
    """What keeps it from being ready, by name."""
    answer = site.browser().get("/readyz")
    told = answer.json()
    bad = {one["name"]: one["found"] for one in told["checks"] if not one["is_well"]}
    assert (answer.status_code == 200) is told["ready"] is (not bad)
    return bad


def test_a_node_is_ready_where_all_its_parts_beat(site: Site) -> None:
    site.let_parts_beat()
    assert not_well(site) == {}


def test_a_node_is_not_ready_without_one_of_its_parts(site: Site) -> None:
    site.let_parts_beat("listen", "send")
    assert not_well(site) == {"work": "none is alive"}


def test_a_node_is_not_ready_without_its_broker(site: Site) -> None:
    site.let_parts_beat()
    site.broker_is_away = True
    assert not_well(site) == {"broker": "the broker did not answer: refused"}


def test_when_an_outage_is_over_it_is_ready_within_seconds(site: Site) -> None:
    site.let_parts_beat()
    # As one that hangs takes long.
    site.broker_is_away, site.broker_takes_s = True, 1.0
    assert "broker" in not_well(site)
    site.broker_is_away, site.broker_takes_s = False, 0.0
    wait_until(lambda: not_well(site) == {}, 4, "the node to be ready")


def test_a_worker_that_beats_and_does_not_get_on_is_not_ready(site: Site) -> None:
    a_while_ago = datetime.now(UTC) - timedelta(seconds=61)
    url = site.node.config.ledger_url
    with closing(Ledger.open(url, lambda: a_while_ago)) as then:
        job_id = then.jobs.accept(instance(), PIPELINE).job_id
        assert then.jobs.claim(job_id, PIPELINE, "work", 600)
    site.let_parts_beat("listen", "send")
    site.ledger.workers.beat(Process("work", "work", "host", 7, "1.0"), [job_id])
    assert not_well(site) == {"jobs get on": "host pid 7 has had job 1 for 61 s"}


def test_how_full_the_disk_is_is_said(site: Site) -> None:
    told = site.browser().get("/readyz").json()["checks"]
    assert [one["found"][-4:] for one in told if one["name"] == "disk"] == ["free"]


def test_health_is_that_the_process_answers_and_reaches_the_ledger(tmp_path: Path) -> None:
    site = Site(tmp_path)
    assert site.browser().get("/healthz").text == "ok\n"
    site.close()
    (tmp_path / "ledger.sqlite").write_bytes(b"no database at all" * 100)
    answer = site.browser().get("/healthz")
    assert (answer.status_code, "ledger" in answer.text) == (503, True)
    site.node.close()


def test_machines_are_answered_by_whatever_name_and_browsers_only_by_ours(site: Site) -> None:
    stranger = site.browser(at="http://rebound.example")
    assert stranger.get("/healthz").status_code == 200
    assert stranger.get("/").status_code == 421
    assert site.browser(at="http://localhost:9112").get("/").status_code == 200


def test_where_no_page_is_wanted_machines_are_answered_and_nobody_else(tmp_path: Path) -> None:
    monitor = {"listen": "0.0.0.0:9112", "pages": False}
    with closing(Site(tmp_path, {"monitor": monitor, "user": []})) as site:
        browser = site.browser("10.1.2.3", "http://0.0.0.0:9112")
        assert browser.get("/healthz").status_code == 200
        assert browser.get("/").status_code == 404
