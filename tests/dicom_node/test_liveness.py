"""Who is alive: a lock that the kernel lets go of, however its process ended."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from dicom_node.ops.liveness import Owner, dead_owners, forget_owners, living_processes, main

_OWN = """
import sys, time
from pathlib import Path
from dicom_node.ops.liveness import Owner
with Owner(Path(sys.argv[1]), "work") as owner:
    print(owner.name, flush=True)
    sys.stdin.read()
"""


def own_in_another_process(folder: Path) -> tuple[subprocess.Popen[str], str]:
    """A process that holds an owner's lock until its standard input ends, and the owner's name."""
    process = subprocess.Popen(
        [sys.executable, "-c", _OWN, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    return process, process.stdout.readline().strip()


def test_an_owner_is_alive_while_it_runs_and_leaves_no_trace(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    with Owner(folder, "work") as owner:
        assert dead_owners(folder) == []
        assert [file.name for file in folder.iterdir()] == [owner.name]
        assert (folder / owner.name).read_text() == f"{os.getpid()}\n"
    assert list(folder.iterdir()) == []


def test_owners_are_never_called_the_same(tmp_path: Path) -> None:
    assert len({Owner(tmp_path, "work").name for _ in range(100)}) == 100


def test_a_killed_owner_is_known_to_be_dead_at_once(tmp_path: Path) -> None:
    process, name = own_in_another_process(tmp_path)
    with process, Owner(tmp_path, "send"):
        assert dead_owners(tmp_path) == []
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert dead_owners(tmp_path) == [name]
        # Until somebody has freed what it held, it stays known.
        assert dead_owners(tmp_path) == [name]
        forget_owners(tmp_path, [name])
        assert dead_owners(tmp_path) == []


def test_the_living_of_a_role_are_known_by_their_process(tmp_path: Path) -> None:
    process, _ = own_in_another_process(tmp_path)
    with process, Owner(tmp_path, "send"):
        assert living_processes(tmp_path, "work") == [process.pid]
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert living_processes(tmp_path, "work") == []
    assert living_processes(tmp_path / "none", "work") == []


def test_an_owner_that_stops_by_itself_is_not_among_the_dead(tmp_path: Path) -> None:
    process, _ = own_in_another_process(tmp_path)
    process.communicate("")
    assert process.returncode == 0
    assert dead_owners(tmp_path) == []


def test_without_a_folder_nobody_is_dead(tmp_path: Path) -> None:
    assert dead_owners(tmp_path / "nowhere") == []
    forget_owners(tmp_path, ["nobody"])


def test_a_probe_is_told_by_the_exit_code_which_parts_live(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    process, _ = own_in_another_process(tmp_path / "run")
    with process:
        assert main([str(tmp_path), "work"]) == 0
        assert capsys.readouterr().out == ""
        assert main([str(tmp_path), "listen", "work", "send"]) == 1
        assert capsys.readouterr().out == "not alive: listen, send\n"
        process.kill()
        process.wait()
    assert main([str(tmp_path), "work"]) == 1
