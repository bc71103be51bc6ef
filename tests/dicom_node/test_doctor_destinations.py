"""`cxr-node doctor` on destinations that are not as they should be, each for a real reason."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydicom.uid import ImplicitVRLittleEndian

from dicom_node.cli.checks.check import Check, Key, Level
from dicom_node.cli.checks.destinations import destinations
from dicom_node.config import Config, parse
from dicom_node.demo.node import free_port
from dicom_node.demo.pacs import SOP_CLASSES, Pacs
from dicom_node.network.tls import Renewed
from tests.certificates import Authority
from tests.dicom_node.delivery.archive import Archive
from tests.dicom_node.delivery.web_archive import Reply, Request, WebArchive, web_archive
from tests.dicom_node.listening import Running


@pytest.fixture
def pacs(tmp_path: Path) -> Iterator[Pacs]:
    with Pacs(tmp_path / "pacs") as running_pacs:
        yield running_pacs


def config_of(folder: Path, *destinations: dict[str, Any], **sections: Any) -> Config:
    node = {"state": folder / "state"} | sections.pop("node", {})
    return parse({"node": node, "destination": list(destinations), **sections})


def to(pacs: Pacs, **keys: Any) -> dict[str, Any]:
    return {"name": "pacs", "aet": pacs.aet, "host": "127.0.0.1", "port": pacs.port, **keys}


def looked_at(config: Config) -> dict[str, Check]:
    return {check.name: check for check in destinations(config, network=True)}


def test_a_pacs_that_takes_all_is_well_in_all(tmp_path: Path, pacs: Pacs) -> None:
    found = looked_at(config_of(tmp_path, to(pacs)))
    assert {check.level for check in found.values()} == {Level.OK}
    assert found["destination pacs"].found.endswith("answered the echo with 0x0000")
    assert found["destination pacs, results"].found == "it accepts SEG, SR, SC"


def test_a_class_that_is_not_accepted_is_named_with_what_goes_instead(tmp_path: Path) -> None:
    old = [uid for uid in SOP_CLASSES if not uid.endswith(".88.34")]
    with Pacs(tmp_path / "pacs", sop_classes=old) as pacs:
        check = looked_at(config_of(tmp_path, to(pacs)))["destination pacs, results"]
    assert check.level is Level.WARNING
    assert check.found == "it does not accept SR: it gets SEG, SR2D for SR, SC"
    assert check.key == Key("destination", "preset", 0)


def test_what_neither_it_nor_its_next_best_is_accepted_is_a_fault(tmp_path: Path) -> None:
    images = [uid for uid in SOP_CLASSES if uid.endswith(".4.1.1.7")]
    with Pacs(tmp_path / "pacs", sop_classes=images) as pacs:
        entry = to(pacs, outputs=["SEG", "SR", "SC"], next_best=False)
        check = looked_at(config_of(tmp_path, entry))["destination pacs, results"]
    assert check.level is Level.FAULT
    assert check.found == ("it accepts neither SEG, nor SR nor what would go instead; it gets SC")
    assert check.key == Key("destination", "outputs", 0)


def test_a_transfer_syntax_that_is_not_accepted_counts_as_its_class(tmp_path: Path) -> None:
    with Pacs(tmp_path / "pacs", transfer_syntaxes=[ImplicitVRLittleEndian]) as pacs:
        entry = to(pacs, transfer_syntaxes=["explicit"])
        check = looked_at(config_of(tmp_path, entry))["destination pacs, results"]
    assert check.level is Level.FAULT


@pytest.mark.parametrize(
    ("keys", "said", "key"),
    [
        ({"aet": "ANOTHER"}, "Called AE title not recognised", Key("destination", "aet", 0)),
        ({"port": 1}, "connection refused", Key("destination", "port", 0)),
        ({"host": "nobody.invalid"}, "is unknown", Key("destination", "host", 0)),
    ],
)
def test_what_keeps_it_from_being_reached_names_its_key(
    keys: dict[str, Any], said: str, key: Key, tmp_path: Path
) -> None:
    # A node's own listener knows its title; the small PACS takes any.
    there = Running(tmp_path)
    try:
        entry = {"name": "pacs", "aet": "CXRNODE", "host": "127.0.0.1",
                 "port": there.listener.port} | keys  # fmt: skip
        if entry["port"] == 1:
            entry["port"] = free_port()
        check = looked_at(config_of(tmp_path, entry))["destination pacs"]
    finally:
        there.close()
    assert check.level is Level.FAULT
    assert said in check.found
    assert check.key == key


@pytest.mark.parametrize(
    ("verify", "level"), [("none", Level.OK), ("commitment", Level.FAULT), ("query", Level.FAULT)]
)
def test_a_pacs_that_confirms_nothing_is_a_fault_where_it_is_to(
    verify: str, level: Level, tmp_path: Path, pacs: Pacs
) -> None:
    check = looked_at(config_of(tmp_path, to(pacs, verify=verify)))[
        "destination pacs, confirmation"
    ]
    assert check.level is level
    assert "it offers nothing" in check.found
    assert (check.key == Key("destination", "verify", 0)) is (level is Level.FAULT)


# --- TLS, spoken by a listener of this node ------------------------------------------------------


def secured(folder: Path, fault: str) -> dict[str, Check]:
    """A destination over TLS that has this fault; "": none."""
    ours, strange = Authority(folder / "ours"), Authority(folder / "strange")
    life = {"expired": timedelta(days=-1), "ends soon": timedelta(days=9)}
    issued = ours.issue("pacs", valid=life.get(fault, timedelta(days=300)))
    there = Running(folder, tls=Renewed(issued.files, mutual=True))
    entry = {
        "name": "pacs", "aet": "CXRNODE", "host": "127.0.0.1", "port": there.listener.port,
        "tls": fault != "no TLS",
    } | ({"tls_name": "pacs.example"} if fault == "another name" else {})  # fmt: skip
    mine = ours.issue("node")
    trusted = strange.issue("x").trusted if fault == "unknown issuer" else mine.trusted
    tls = {"certificate": mine.certificate, "key": mine.key, "trusted": trusted}
    if fault == "no certificate":
        tls = {"trusted": mine.trusted}
    try:
        return looked_at(config_of(folder, entry, tls=tls))
    finally:
        there.close()


def test_a_good_certificate_is_believed_and_its_end_is_said(tmp_path: Path) -> None:
    check = secured(tmp_path, "")["destination pacs, certificate"]
    assert check.level is Level.OK
    assert check.found.startswith("believed; it ends on 20")


def test_a_certificate_that_ends_soon_is_a_warning(tmp_path: Path) -> None:
    check = secured(tmp_path, "ends soon")["destination pacs, certificate"]
    assert (check.level, "in 8 days" in check.found) == (Level.WARNING, True)


@pytest.mark.parametrize(
    ("fault", "said", "key"),
    [
        ("expired", "certificate has expired", "trusted"),
        ("unknown issuer", "its certificate was refused", "trusted"),
        ("another name", "its certificate was refused: Hostname mismatch", "tls_name"),
        ("no certificate", "it wants a certificate to be shown", "certificate"),
        ("no TLS", "does it speak DICOM without TLS", "tls"),
    ],
)
def test_what_keeps_tls_from_being_spoken_names_its_key(
    fault: str, said: str, key: str, tmp_path: Path
) -> None:
    check = secured(tmp_path, fault)["destination pacs"]
    assert check.level is Level.FAULT
    assert said in check.found
    assert check.key == Key("destination", key, 0)


# --- DICOMweb ------------------------------------------------------------------------------------


def web(server: WebArchive, **keys: Any) -> dict[str, Any]:
    return {"kind": "dicomweb", "name": "cloud", "stow": server.stow, **keys}


def test_a_server_that_lets_the_node_search_and_store_is_well(tmp_path: Path) -> None:
    with web_archive() as server:
        usual = server.answer
        # As PS3.18 10.5.1 has it for a request without a payload.
        server.answer = lambda asked: Reply(400) if asked.method == "POST" else usual(asked)
        found = looked_at(config_of(tmp_path, web(server, verify="query")))
        stored = [request for request in server.requests if request.method == "POST"]
    assert {check.level for check in found.values()} == {Level.OK}
    assert "a store of nothing" in found["destination cloud"].found
    assert (len(stored), server.held) == (1, {})


#: But for GET and 404: a search for what nobody has may be answered so.
DECLINED = [
    (method, status)
    for method in ("GET", "POST")
    for status in (401, 403, 404, 503)
    if (method, status) != ("GET", 404)
]


@pytest.mark.parametrize(("method", "status"), DECLINED)
def test_a_server_that_lets_it_do_only_one_of_both_is_a_fault(
    method: str, status: int, tmp_path: Path
) -> None:
    with web_archive() as server:
        usual = server.answer

        def answer(request: Request) -> Reply | None:
            return Reply(status) if request.method == method else usual(request)

        server.answer = answer
        check = looked_at(config_of(tmp_path, web(server)))["destination cloud"]
    assert check.level is Level.FAULT
    assert f"HTTP {status}" in check.found


def test_a_wrong_password_names_where_the_secret_is(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("wrong")
    with web_archive() as server:
        server.answer = lambda _: Reply(401)
        entry = web(server, auth="basic", user="cxr", secret_file=secret)
        check = looked_at(config_of(tmp_path, entry))["destination cloud"]
    assert check.level is Level.FAULT
    assert check.key == Key("destination", "secret_file", 0)
    assert "wrong" not in json.dumps(check.found)


@pytest.mark.parametrize(
    ("verify", "level"), [("commitment", Level.WARNING), ("query", Level.FAULT)]
)
def test_an_archive_that_offers_a_query_and_lets_nobody_ask_is_found_out(
    verify: str, level: Level, tmp_path: Path
) -> None:
    """Orthanc aborts the association of whom it does not know, at the C-FIND."""
    with Archive() as archive:
        to_archive = {"name": "pacs", "aet": "ARCHIVE", "host": "127.0.0.1", "port": archive.port}
        found = config_of(tmp_path, to_archive | {"verify": verify})
        assert looked_at(found)["destination pacs, confirmation"].level is Level.OK
        archive.on_find = 0x0124
        check = looked_at(found)["destination pacs, confirmation"]
    assert check.level is level
    assert "but a query fails: pacs: answered C-FIND with 0x0124" in check.found
    assert check.key == Key("destination", "verify", 0)
