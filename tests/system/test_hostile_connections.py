"""Hostile connections by the hundreds: honest senders get in, and nothing is left behind."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from dicom_node.intake.refusals import refusals_in
from tests.certificates import Authority
from tests.conftest import missing
from tests.system.storm import (
    Footprint,
    Honest,
    Listening,
    drawn,
    listener,
    section,
    settled,
    showing,
    warm,
)
from tests.system.storms import STORMS, Storm, tls_storms

COUNT = 600


@pytest.fixture(scope="module")
def radiograph(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("storescu") is None:
        missing("DCMTK is not installed")
    return drawn(tmp_path_factory.mktemp("radiograph"))


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("hospital"))


@pytest.fixture(scope="module")
def node(
    tmp_path_factory: pytest.TempPathFactory, radiograph: Path
) -> Iterator[tuple[Path, Listening, Footprint]]:
    folder = tmp_path_factory.mktemp("node")
    with listener(folder, network_timeout_s=2.0) as listening:
        yield folder, listening, warm(listening, radiograph)


@pytest.fixture(scope="module")
def secured(
    tmp_path_factory: pytest.TempPathFactory, radiograph: Path, authority: Authority
) -> Iterator[tuple[Listening, Footprint]]:
    folder, options = tmp_path_factory.mktemp("secured"), showing(authority.issue("pacs"))
    with listener(folder, section(authority.issue("node")), network_timeout_s=2.0) as listening:
        yield listening, warm(listening, radiograph, options)


def weathers(node: Listening, before: Footprint, storm: Storm, honest: Honest) -> None:
    with honest:
        storm(node.port, COUNT)
    assert honest.answers
    assert set(honest.answers) == {0}
    after = settled(node.pid, before, within_s=30)
    assert after.is_like(before), (before, after)
    assert node.errors == []


@pytest.mark.parametrize("storm", STORMS)
def test_a_storm_keeps_no_sender_out_and_leaves_nothing_behind(
    storm: str, node: tuple[Path, Listening, Footprint], radiograph: Path
) -> None:
    _, listening, before = node
    weathers(listening, before, STORMS[storm], Honest(listening.port, radiograph))


@pytest.mark.parametrize(
    "storm", ["no TLS to a port with it", "ClientHello byte by byte", "ClientHello alone",
              "handshake alone", "byte by byte within TLS"]
)  # fmt: skip
def test_nor_does_one_on_a_listener_that_speaks_tls(
    storm: str, secured: tuple[Listening, Footprint], radiograph: Path, authority: Authority
) -> None:
    listening, before = secured
    pacs = authority.issue("pacs")
    honest = Honest(listening.port, radiograph, showing(pacs))
    weathers(listening, before, tls_storms(pacs)[storm], honest)


def test_who_was_refused_is_counted(node: tuple[Path, Listening, Footprint]) -> None:
    folder, listening, before = node
    STORMS["rejected"](listening.port, 5)
    settled(listening.pid, before, within_s=5)
    rows = [row for row in refusals_in(folder / "state") if row.called_aet == "WRONG"]
    assert [(row.host, row.calling_aet) for row in rows] == [("127.0.0.2", "STRANGER")]
    assert rows[0].count >= 5
