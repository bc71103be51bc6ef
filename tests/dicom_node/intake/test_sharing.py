"""Several listeners on one port, and one that stops: nobody who has come is sent away."""

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from pydicom import Dataset
from pydicom.uid import DigitalXRayImageStorageForPresentation

from dicom_node.cli.node.parts import Part
from dicom_node.cli.node.preflight import check, fault_of_address
from dicom_node.config import Config, parse
from dicom_node.demo.node import free_port
from dicom_node.errors import SUCCESS, ConfigError
from dicom_node.intake.refusals import refusals_in
from dicom_node.ledger import Ledger, Process
from tests.dicom_node import wire
from tests.dicom_node.listening import Running, Start
from tests.dicom_node.wire import Wire, connections
from tests.system.waiting import wait_until

pytestmark = pytest.mark.slow


@contextmanager
def stopping(node: Running) -> Iterator[None]:
    """It has been told to stop; at the end it has."""
    thread = threading.Thread(target=node.listener.stop)
    thread.start()
    try:
        yield
    finally:
        thread.join()


def test_the_kernel_shares_connections_out_and_who_is_left_has_all(
    running: Start, radiograph: Dataset
) -> None:
    first = running(share_port=True, association_timeout_s=600.0)
    port = first.listener.port
    second = running(port=port, share_port=True, association_timeout_s=600.0)
    # That all of 24 came to one of them: once in eight millions.
    with connections(port, 24):
        wait_until(
            lambda: first.listener.connections() + second.listener.connections() == 24, 20, "all in"
        )
        assert first.listener.connections()
        assert second.listener.connections()
    first.listener.stop()
    for _ in range(5):
        assert second.send(radiograph) == [SUCCESS]


def test_who_has_connected_gets_in_though_the_listener_is_told_to_stop(
    running: Start, radiograph: Dataset
) -> None:
    node = running(drain_s=60.0)
    port = node.listener.port
    asked, silent = Wire(port), Wire(port)
    with closing(asked), closing(silent):
        with stopping(node):
            wait_until(lambda: not listens(port), 20, "the port to be closed")
            accepted = asked.associate(DigitalXRayImageStorageForPresentation)
            assert accepted.type == wire.ACCEPTED
            # Whoever says nothing is not waited for.
            assert silent.is_closed_by_the_node()
            answer = asked.store(radiograph, radiograph.SOPInstanceUID.encode())
            assert wire.status_of(answer) == SUCCESS
            assert asked.release().type == wire.RELEASED
        (job,) = node.ledger.jobs.of_instance(radiograph.SOPInstanceUID)
        assert job.received_at


def listens(port: int) -> bool:
    return bool(list(fault_of_address("127.0.0.1", port)))


def test_an_association_that_does_not_end_in_time_is_aborted(running: Start) -> None:
    node = running(drain_s=1.0)
    with closing(Wire(node.listener.port)) as lasting:
        lasting.associate(DigitalXRayImageStorageForPresentation)
        node.listener.stop()
        assert lasting.is_closed_by_the_node()


def test_a_sender_in_the_middle_of_an_instance_is_told_that_it_is_aborted(
    running: Start, radiograph: Dataset
) -> None:
    node = running(drain_s=1.0)
    with closing(Wire(node.listener.port)) as lasting:
        lasting.associate(radiograph.SOPClassUID)
        values = wire.store_values(radiograph)
        message = b"".join(wire.data_pdu(control, content) for control, content in values)
        lasting.send(message[: len(message) // 2])
        node.listener.stop()
        assert lasting.receive().type == wire.ABORTED
    assert not list(node.spool.received())


def test_listeners_of_one_host_count_whom_they_refuse_together(
    running: Start, tmp_path: Path
) -> None:
    nodes = [running() for _ in range(2)]
    for node in nodes:
        with closing(Wire(node.listener.port)) as stranger:
            refused = stranger.associate(DigitalXRayImageStorageForPresentation, called=b"SOMEBODY")
            assert refused.type == wire.REJECTED
    for node in nodes:
        node.listener.stop()
    (row,) = refusals_in(tmp_path)
    assert (row.called_aet, row.count) == ("SOMEBODY", 2)


# --- what a start by mistake is told ---


def configured(folder: Path, port: int, *, share: bool = True) -> Config:
    node = {"state": folder, "port": port, "share_port": share, "no_destination": True}
    return parse({"node": node})


def faults(config: Config, *parts: Part) -> str:
    try:
        check(config, set(parts))
    except ConfigError as exc:
        return str(exc)
    return ""


def test_up_has_its_port_for_itself(running: Start, tmp_path: Path) -> None:
    config = configured(tmp_path / "another", free_port())
    assert "share_port is for `cxr-node listen`" in faults(config, *Part)
    # Nor does one that shares nothing get on a port that is shared.
    port = running(share_port=True).listener.port
    not_shared = configured(tmp_path / "another", port, share=False)
    assert "in use by another program" in faults(not_shared, *Part)


def test_a_listener_of_another_ledger_does_not_get_on_the_port_by_mistake(
    running: Start, tmp_path: Path
) -> None:
    port = running(share_port=True).listener.port
    other, same = configured(tmp_path / "other", port), configured(tmp_path, port)
    assert "is no listener of this ledger" in faults(other, Part.LISTEN)
    with closing(Ledger.open(same.ledger_url)) as ledger:
        # As every `cxr-node listen` says of itself.
        me = Process("listener", Part.LISTEN, socket.gethostname(), os.getpid(), "1.0")
        ledger.workers.beat(me)
    assert faults(same, Part.LISTEN) == ""


def test_a_port_that_another_program_has_cannot_be_shared(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        config = configured(tmp_path, other.getsockname()[1])
        assert "does not share it" in faults(config, Part.LISTEN)
