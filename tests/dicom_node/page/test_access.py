"""Who comes in, what they may, and that nobody else does it in their name."""

import re
from contextlib import closing
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pytest
from pydicom.uid import SecondaryCaptureImageStorage

from dicom_node.audit import Trail
from dicom_node.config import parse
from dicom_node.demo.phantom import Kind
from dicom_node.demo.phantom_dicom import as_dicom
from dicom_node.errors import ConfigError, UsageError
from dicom_node.page.access.passwords import hash_of, is_right
from dicom_node.page.access.sessions import Sessions
from dicom_node.page.site.audit import Audit
from tests.dicom_node.ledger.records import built, claimed, output, to
from tests.dicom_node.page.visiting import HERE, PASSWORD, USERS, Site, cheap_hash
from tests.phantoms import draw

OPEN = {"listen": "10.1.2.3:9112"}


def faults(**sections: object) -> str:
    with pytest.raises(ConfigError) as refused:
        parse({"node": {"state": "/s"}} | sections)
    return str(refused.value)


def test_off_this_host_there_is_no_page_without_a_login() -> None:
    assert "[monitor] listen 10.1.2.3:9112 shows images of patients to whoever calls" in faults(
        monitor=OPEN
    )
    for enough in (
        {"monitor": OPEN, "user": USERS},
        {"monitor": OPEN | {"proxy": "10.1.2.4"}},
        {"monitor": OPEN | {"pages": False}},
    ):
        parse({"node": {"state": "/s"}} | enough)


@pytest.mark.parametrize(
    ("monitor", "said"),
    [
        ({"listen": "9112"}, "[monitor] listen '9112' is not HOST:PORT"),
        ({"listen": "127.0.0.1:0"}, "[monitor] listen 0 is not between 1 and 65535"),
        ({"proxy": "proxy.example"}, "is not an IP address"),
        ({"proxy_role": "god"}, "[monitor] proxy_role must be"),
        ({"proxy": "::1", "proxy_header": "a b"}, "is no name of a header"),
        ({"tls": True}, "[monitor] tls needs [tls] certificate"),
    ],
)
def test_what_cannot_be_is_said(monitor: dict[str, object], said: str) -> None:
    assert said in faults(monitor=monitor)


def test_a_password_that_is_written_in_clear_is_refused_and_not_repeated() -> None:
    told = faults(user=[{"name": "a", "role": "view", "password": "geheim-geheim"}])
    assert "is no hash of a password: cxr-node page password makes one" in told
    assert "geheim" not in told


def test_a_hash_is_of_its_password_alone_and_another_each_time() -> None:
    first, second = hash_of(PASSWORD), hash_of(PASSWORD)
    assert first != second
    assert is_right(PASSWORD, first)
    assert not is_right(PASSWORD + "x", first)
    assert not is_right(PASSWORD, "scrypt$nonsense")
    with pytest.raises(UsageError, match="at least 10 characters"):
        hash_of("short")


def test_without_a_word_of_who_it_is_one_sees_how_the_node_stands_and_of_no_patient(
    site: Site,
) -> None:
    job_id = built(site.ledger, "PACS")
    (first, *_) = site.ledger.deliveries.claim("PACS", "s1", 60, 10)
    site.ledger.deliveries.refused(first.id, "s1", 0xC000, "SEG 2.25.1: answered 0xc000")
    browser = site.browser()
    page = browser.page("/")
    assert "Log in" in page
    assert "PACS" in page
    assert not re.search(r"1\.2\.3\.1|2\.25\.1|/jobs", page.replace('href="/jobs"', ""))
    for path in ("/jobs", f"/jobs/{job_id}", f"/jobs/{job_id}/picture", "/audit"):
        assert browser.get(path).headers["location"] == "/login"
    for path in ("/destinations/pause", "/jobs/confirm", "/jobs/act", "/find"):
        assert browser.post(path).headers["location"] == "/login"


def test_each_role_may_what_it_says_and_no_more(site: Site) -> None:
    job_id = built(site.ledger, "PACS")
    may = {
        name: [
            site.as_(name).get(f"/jobs/{job_id}").status_code,
            "403" if "Not for you" in _submit(site, name, "/destinations/pause") else "done",
            site.as_(name).get("/audit").status_code,
        ]
        for name in ("vera", "otto", "ada")
    }
    assert may == {
        "vera": [200, "403", 403],
        "otto": [200, "done", 403],
        "ada": [200, "done", 200],
    }
    assert "role does not allow" in _submit(site, "otto", "/jobs/confirm", action="withdraw")


def _submit(site: Site, name: str, path: str, **form: str) -> str:
    browser = site.as_(name)
    browser.get("/")
    answer = browser.post(path, **({"name": "PACS", "hours": "1"} | form))
    return answer.text


def test_a_wrong_password_and_an_unknown_name_are_answered_alike(site: Site) -> None:
    wrong = site.browser().post("/login", name="vera", password="wrong password")
    unknown = site.browser().post("/login", name="nobody", password=PASSWORD)
    assert wrong.status_code == unknown.status_code == 403
    assert wrong.text == unknown.text
    assert "set-cookie" not in wrong.headers
    assert [one.what for one in Audit(site.folder, Trail.off()).latest(5)] == ["was refused"] * 2


def test_the_cookie_is_kept_from_scripts_and_other_sites(site: Site) -> None:
    answer = site.browser().post("/login", name="vera", password=PASSWORD)
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie


def test_who_has_logged_out_is_nobody_with_the_same_cookie_too(site: Site) -> None:
    browser = site.as_("vera")
    browser.page("/jobs")
    cookie = browser.client.cookies["cxr_page"]
    browser.post("/logout")
    browser.client.cookies.set("cxr_page", cookie)
    assert browser.get("/jobs").headers["location"] == "/login"


def test_with_another_password_the_sessions_of_the_former_one_are_over(tmp_path: Path) -> None:
    first = parse({"node": {"state": tmp_path}, "user": USERS})
    other = [one | {"password": cheap_hash("another password")} for one in USERS]
    second = parse({"node": {"state": tmp_path}, "user": other})
    cookie = Sessions.of(first).begin("vera")
    assert Sessions.of(first).visitor(cookie) is not None
    assert Sessions.of(second).visitor(cookie) is None


@pytest.mark.parametrize("forged", ["", ".", "e30=.00", "ey.ey", "\u00e9.x", "W1tb" * 9000])
def test_a_cookie_that_was_not_made_here_is_nobodys(tmp_path: Path, forged: str) -> None:
    sessions = Sessions.of(parse({"node": {"state": tmp_path}, "user": USERS}))
    real = sessions.begin("vera")
    other = Sessions(b"another key", (), "").begin("vera")
    for cookie in (forged, other, real[:-1], real.replace(".", "A."), real + "0"):
        assert sessions.visitor(cookie) is None


def test_a_link_lets_in_whoever_can_read_the_nodes_files_once(site: Site) -> None:
    link = Sessions.of(site.node.config).link("root@host").removeprefix(HERE)
    first, second = site.browser(), site.browser()
    assert first.get(link).headers["location"] == "/"
    assert "root@host" in first.page("/audit")
    assert second.get(link).status_code == 403
    assert second.get("/enter?with=nonsense").status_code == 403
    # The key is the node's user's alone.
    assert (site.folder / "page.key").stat().st_mode & 0o077 == 0


def test_a_form_of_another_site_changes_nothing(site: Site) -> None:
    browser = site.as_("otto")
    browser.page("/")
    form = {"name": "PACS", "hours": "1"}
    path = "/destinations/pause"
    assert browser.post(path, origin="https://evil.example", **form).status_code == 403
    assert browser.client.post(path, data=form).status_code == 403  # no origin
    assert browser.post(path, token="0" * 64, **form).status_code == 403
    assert browser.post(path, token="", **form).status_code == 403
    assert site.as_("otto").token != browser.token
    assert site.ledger.breakers.of("PACS").paused_at is None
    assert browser.post("/destinations/pause", **form).status_code == 303
    assert site.ledger.breakers.of("PACS").paused_by == "otto on the page"


def test_what_no_browser_sends_is_refused_in_words(site: Site) -> None:
    browser = site.as_("otto")
    assert browser.post("/find", origin="https://[::1", text="x").status_code == 403
    assert browser.get(f"/jobs/{'9' * 5000}").status_code == 404


def test_nobody_comes_in_of_whom_no_record_can_be_kept(site: Site) -> None:
    (site.folder / "page.audit.jsonl").mkdir()
    link = Sessions.of(site.node.config).link("root@host").removeprefix(HERE)
    browser = site.browser()
    for answer in (browser.post("/login", name="vera", password=PASSWORD), browser.get(link)):
        assert answer.status_code == 503
        assert "takes no record of who comes in" in answer.text
        assert "set-cookie" not in answer.headers


def test_a_form_is_short_and_nothing_but_get_and_post_is_heard(site: Site) -> None:
    browser = site.as_("otto")
    assert browser.post("/find", text="x" * 70_000).status_code == 413
    assert browser.client.put("/").status_code == 405


def test_a_browser_is_told_to_run_and_load_nothing_that_is_not_ours(site: Site) -> None:
    browser = site.as_("ada")
    for path in ("/", "/jobs", "/audit", "/login", "/nothing", "/assets/page.js"):
        headers = browser.get(path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert headers["x-content-type-options"] == "nosniff"
    assert browser.get("/jobs").headers["cache-control"] == "no-store"


def test_no_page_has_script_or_style_within_or_from_elsewhere(site: Site) -> None:
    job_id = built(site.ledger, "PACS")
    browser = site.as_("ada")
    for path in ("/", "/jobs", f"/jobs/{job_id}", "/audit", "/login"):
        page = browser.page(path)
        assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:|https?://", page), path
        assert re.findall(r"<script[^>]*>", page) in ([], ['<script src="/assets/page.js" defer>'])


def test_two_whom_a_proxy_names_are_each_told_of_what_they_did(behind_proxy: Site) -> None:
    with closing(behind_proxy) as site:
        first, second = (site.browser("10.1.2.4", "https://cxr.example") for _ in range(2))
        otto, other = {"x-remote-user": "otto"}, {"x-remote-user": "vera"}
        page = first.get("/", **otto)
        headers = {"origin": "https://cxr.example"} | otto
        form = {"token": first.token, "name": "PACS", "hours": "1"}
        assert first.client.post("/destinations/pause", data=form, headers=headers)
        assert page.status_code == 200
        assert "PACS: paused" not in second.get("/", **other).text
        assert "PACS: paused" in first.get("/", **otto).text


def with_picture(site: Site) -> int:
    file = BytesIO()
    drawn = draw(Kind.HEALTHY, rows=64, columns=52, seed=1)
    as_dicom(drawn, bits_stored=8).save_as(file, enforce_file_format=True)
    stored = site.node.spool.store_output("2.25.1.SC", file.getvalue())
    made = replace(output("SC"), sop_class_uid=SecondaryCaptureImageStorage, path=stored.path,
                   sha256=stored.sha256)  # fmt: skip
    job = claimed(site.ledger)
    site.ledger.handover.built(job.id, "w1", [made], to("PACS", roles=["SC"]))
    return job.id


@pytest.fixture
def behind_proxy(tmp_path: Path) -> Site:
    monitor = OPEN | {"proxy": "10.1.2.4", "names": ["cxr.example"]}
    return Site(tmp_path, {"monitor": monitor, "user": [USERS[1]]})


def test_a_proxys_word_is_taken_for_who_somebody_is_and_nobody_elses(behind_proxy: Site) -> None:
    with closing(behind_proxy) as site:
        here = "https://cxr.example"
        of_proxy, stranger = site.browser("10.1.2.4", here), site.browser("10.1.2.5", here)
        for browser, header, answer in (
            (of_proxy, {"x-remote-user": "somebody"}, 200),
            (of_proxy, {}, 303),
            (stranger, {"x-remote-user": "somebody"}, 303),
        ):
            assert browser.get("/jobs", **header).status_code == answer
        assert "<small>view</small>" in of_proxy.get("/", **{"x-remote-user": "somebody"}).text
        assert "<small>operate</small>" in of_proxy.get("/", **{"x-remote-user": "otto"}).text


def test_who_looked_at_whose_images_is_on_record_and_who_did_what(site: Site) -> None:
    job_id = built(site.ledger, "PACS")
    site.as_("vera").page(f"/jobs/{job_id}")
    site.as_("otto").submit("/destinations/pause", name="PACS", hours="1", why="upgrade")
    latest = Audit(site.folder, Trail.off()).latest(10)
    told = [(one.who, one.what, one.about) for one in reversed(latest)]
    assert told == [
        ("vera", "logged in", ""),
        ("vera", "looked at", f"job {job_id}"),
        ("otto", "logged in", ""),
        ("otto", "pause", "PACS"),
    ]
    page = site.as_("ada").page("/audit")
    assert "upgrade" in page
    assert (site.folder / "page.audit.jsonl").stat().st_mode & 0o077 == 0


def test_who_looks_is_on_record_however_they_ask(site: Site) -> None:
    job_id = with_picture(site)
    vera, otto = site.as_("vera"), site.as_("otto")
    for _ in range(3):
        assert vera.get(f"/jobs/{job_id}", **{"x-live": "1"}).status_code == 200
        assert otto.get(f"/jobs/{job_id}/picture").headers["content-type"] == "image/png"
    latest = Audit(site.folder, Trail.off()).latest(10)
    looked = [(one.who, one.about) for one in reversed(latest) if one.what == "looked at"]
    assert looked == [("vera", f"job {job_id}"), ("otto", f"job {job_id}")]


def test_who_looked_is_told_to_whoever_keeps_the_hospitals_record(tmp_path: Path) -> None:
    kept = tmp_path / "audit.xml"
    with closing(Site(tmp_path, {"audit": {"file": str(kept)}})) as site, site.node.trail:
        job_id = built(site.ledger, "PACS")
        site.browser().post("/login", name="vera", password="wrong password")
        site.as_("vera").page(f"/jobs/{job_id}")
        site.as_("otto").submit("/destinations/pause", name="PACS", hours="1", why="upgrade")
    told = kept.read_text("utf-8")
    assert told.count('csd-code="110122"') == 2 + 1  # logins, one of them in vain
    assert "1.2.9" in told  # the study that was looked at
    assert "pause PACS upgrade" in told
