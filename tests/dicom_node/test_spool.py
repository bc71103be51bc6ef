"""The spool: whole or not at all, whatever the UID, the disk or a crash does."""

import hashlib
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dicom_node.errors import DamagedInSpool, SpoolUnavailable, SpoolUnreadable
from dicom_node.spool import KEY_BYTES, LEFTOVER_AGE, Spool, StoredFile

CONTENT = b"DICM" * 1000
Store = Callable[[Spool, str, bytes], StoredFile]
DIGEST = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path / "spool")


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def test_an_instance_is_kept_byte_for_byte_under_a_readable_name(
    spool: Spool, tmp_path: Path
) -> None:
    stored = spool.store_received("1.2.840.1", CONTENT)
    assert stored.path == f"received/{DIGEST[:2]}/1.2.840.1_{DIGEST[:12]}.dcm"
    assert (stored.sha256, stored.size_bytes) == (DIGEST, 4000)
    assert spool.read(stored.path) == CONTENT
    assert spool.resolve(stored.path) == tmp_path / "spool" / stored.path


def test_outputs_and_received_instances_lie_apart(spool: Spool) -> None:
    received = spool.store_received("1.2.3", CONTENT)
    output = spool.store_output("1.2.3", CONTENT)
    assert received.path.startswith("received/")
    assert output.path.startswith("outputs/")


def test_storing_twice_is_storing_once(spool: Spool, tmp_path: Path) -> None:
    first = spool.store_received("1.2.3", CONTENT)
    inode = spool.resolve(first.path).stat().st_ino
    assert spool.store_received("1.2.3", CONTENT) == first
    assert spool.resolve(first.path).stat().st_ino == inode
    assert len(files(tmp_path / "spool")) == 1


def test_other_bytes_under_the_same_uid_do_not_replace_the_first(spool: Spool) -> None:
    first = spool.store_received("1.2.3", CONTENT)
    second = spool.store_received("1.2.3", CONTENT + b"!")
    assert spool.read(first.path) == CONTENT
    assert spool.read(second.path) == CONTENT + b"!"


def test_a_file_cut_short_by_the_disk_is_written_again(spool: Spool) -> None:
    stored = spool.store_received("1.2.3", CONTENT)
    os.truncate(spool.resolve(stored.path), 10)
    spool.store_received("1.2.3", CONTENT)
    assert spool.read(stored.path) == CONTENT


@pytest.mark.parametrize("store", [Spool.store_received, Spool.store_output])
def test_a_file_changed_by_the_disk_is_written_again(spool: Spool, store: Store) -> None:
    stored = store(spool, "1.2.3", CONTENT)
    spool.resolve(stored.path).write_bytes(b"d" + CONTENT[1:])
    assert store(spool, "1.2.3", CONTENT) == stored
    assert spool.read_verified(stored.path, stored.sha256) == CONTENT


@pytest.mark.parametrize(
    "content", [CONTENT[:-1], b"d" + CONTENT[1:], b""], ids=["cut short", "changed", "empty"]
)
def test_bytes_that_are_not_those_kept_are_never_given(spool: Spool, content: bytes) -> None:
    stored = spool.store_output("1.2.3", CONTENT)
    spool.resolve(stored.path).write_bytes(content)
    with pytest.raises(DamagedInSpool, match="is damaged in the spool"):
        spool.read_verified(stored.path, stored.sha256)


def test_a_file_that_is_gone_is_damage_but_not_where_all_the_spool_is(
    spool: Spool, tmp_path: Path
) -> None:
    stored = spool.store_output("1.2.3", CONTENT)
    (tmp_path / "spool").rename(tmp_path / "unmounted")
    with pytest.raises(SpoolUnavailable):
        spool.read_verified(stored.path, stored.sha256)
    with pytest.raises(SpoolUnavailable):
        spool.store_output("1.2.4", CONTENT)
    assert not (tmp_path / "spool").exists()
    (tmp_path / "unmounted").rename(tmp_path / "spool")
    spool.resolve(stored.path).unlink()
    with pytest.raises(DamagedInSpool, match="is missing from the spool"):
        spool.read_verified(stored.path, stored.sha256)


@pytest.mark.parametrize(
    "uid",
    ["../../../etc/passwd", "/etc/passwd", "..", "", ".", "\0", "a\nb", "1" * 500, "1.2\\..\\3",
     "é漢字", "\udcff", "CON", "-rf"],
)  # fmt: skip
def test_a_hostile_uid_becomes_a_safe_name_inside_the_spool(
    uid: str, spool: Spool, tmp_path: Path
) -> None:
    stored = spool.store_received(uid, CONTENT)
    path = spool.resolve(stored.path)
    assert path.parent == tmp_path / "spool" / "received" / DIGEST[:2]
    assert spool.read(stored.path) == CONTENT


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(uid=st.text(), content=st.binary(max_size=64))
def test_whatever_is_stored_can_be_read(uid: str, content: bytes, spool: Spool) -> None:
    assert spool.read(spool.store_received(uid, content).path) == content


def test_a_path_out_of_the_spool_is_not_followed(spool: Spool) -> None:
    with pytest.raises(SpoolUnavailable, match="not inside the spool"):
        spool.read("received/../../secret")


def test_a_file_that_is_gone_says_so(spool: Spool) -> None:
    with pytest.raises(SpoolUnavailable, match="No such file"):
        spool.read("received/aa/1.2.3_aaaaaaaaaaaa.dcm")


def test_quarantined_bytes_lie_beside_the_reason(spool: Spool) -> None:
    path = spool.quarantine(b"not DICOM", "no readable data set", "1.2.3")
    assert path.read_bytes() == b"not DICOM"
    assert path.with_suffix(".txt").read_text("utf-8") == "no readable data set\n"


def test_patient_data_is_for_the_nodes_user_alone(spool: Spool) -> None:
    path = spool.resolve(spool.store_received("1.2.3", CONTENT).path)
    assert path.stat().st_mode & 0o077 == 0
    assert path.parent.stat().st_mode & 0o077 == 0


@contextmanager
def full_disk() -> Iterator[None]:
    """No file may grow past 2,000 bytes: the kernel refuses the write, as a full disk would.

    Around the one call only: the limit is the process's, and pytest writes its report to a file.
    """
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_a_full_disk_is_named_and_leaves_nothing_behind(spool: Spool, tmp_path: Path) -> None:
    with full_disk(), pytest.raises(SpoolUnavailable, match=r"1\.2\.3.*File too large"):
        spool.store_received("1.2.3", CONTENT)
    assert files(tmp_path / "spool") == []


def test_a_folder_that_cannot_be_written_is_named_and_leaves_nothing_behind(
    spool: Spool, tmp_path: Path
) -> None:
    (tmp_path / "spool" / "received").write_text("in the way")
    with pytest.raises(SpoolUnavailable, match="Not a directory"):
        spool.store_received("1.2.3", CONTENT)
    assert files(tmp_path / "spool" / "tmp") == []


def test_a_spool_that_cannot_be_made_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(SpoolUnavailable):
        Spool(tmp_path / "file" / "spool")


_STORE_FOR_EVER = """
import sys
from pathlib import Path
from dicom_node.spool import Spool
spool = Spool(Path(sys.argv[1]))
for number in range(1_000_000):
    spool.store_received(str(number), number.to_bytes(4) * 500_000)
    print(number, flush=True)
"""


def test_a_kill_at_any_moment_leaves_only_whole_files(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _STORE_FOR_EVER, str(tmp_path)], stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        for _ in range(3):
            acknowledged = int(process.stdout.readline())
        process.send_signal(signal.SIGKILL)
    stored = files(tmp_path / "received")
    assert {path.name.split("_")[0] for path in stored} >= {str(n) for n in range(acknowledged)}
    for path in stored:
        assert path.stem.split("_")[1] == hashlib.sha256(path.read_bytes()).hexdigest()[:12]


def test_only_old_leftovers_are_removed(spool: Spool, tmp_path: Path) -> None:
    leftover = tmp_path / "spool" / "tmp" / "tmpabc"
    leftover.write_bytes(b"half")
    now = datetime.now(UTC)
    assert spool.remove_leftovers(now) == []
    assert spool.remove_leftovers(now + LEFTOVER_AGE + timedelta(minutes=1)) == ["tmpabc"]
    assert not leftover.exists()


def test_a_file_that_the_disk_cannot_read_is_unreadable_and_heals_when_it_comes_again(
    spool: Spool,
) -> None:
    stored = spool.store_received("1.2.3", b"content")
    path = spool.resolve(stored.path)
    path.unlink()
    # Of his own memory's first byte the kernel answers EIO, as it does over a bad sector.
    path.symlink_to("/proc/self/mem")
    with pytest.raises(SpoolUnreadable, match="Input/output error"):
        spool.read_verified(stored.path, stored.sha256)
    assert spool.store_received("1.2.3", b"content") == stored
    assert spool.read_verified(stored.path, stored.sha256) == b"content"


# The installation's secret


def test_all_that_open_a_spool_at_once_have_one_key(tmp_path: Path) -> None:
    def key(_: int) -> bytes:
        return Spool(tmp_path / "spool").key()

    with ThreadPoolExecutor(8) as pool:
        (made,) = set(pool.map(key, range(8)))
    assert len(made) == KEY_BYTES
    assert Spool(tmp_path / "spool").key() == made
    assert [path.name for path in files(tmp_path / "spool")] == ["key"]
    assert Spool(tmp_path / "another").key() != made


def test_a_key_that_is_cut_short_is_no_key(spool: Spool, tmp_path: Path) -> None:
    spool.key()
    (tmp_path / "spool" / "key").write_bytes(b"short")
    with pytest.raises(SpoolUnavailable, match="is damaged"):
        spool.key()
