"""Who may read what the node writes: its own user, or its group where that is asked for."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from dicom_node.config import parse
from dicom_node.ops.privacy import keep_private, open_secrets
from dicom_node.spool import Spool


@pytest.fixture(autouse=True)
def _usual_umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_what_is_there_is_closed_to_others_and_what_comes_too(tmp_path: Path) -> None:
    state = tmp_path / "state"
    (state / "queue").mkdir(parents=True)
    (state / "ledger.sqlite").touch()
    assert mode(state) == 0o755
    keep_private(state, state / "spool", group_access=False)
    (state / "later").touch()
    assert [mode(path) for path in (state, state / "queue", state / "ledger.sqlite")] == [
        0o700, 0o700, 0o600,
    ]  # fmt: skip
    assert mode(state / "later") == 0o600


def test_a_folder_that_holds_other_things_too_stays_open_but_ours_in_it_do_not(
    tmp_path: Path,
) -> None:
    (tmp_path / "ledger.sqlite").touch()
    (tmp_path / "somebody's").touch()
    tmp_path.chmod(0o755)
    keep_private(tmp_path, tmp_path / "spool", group_access=False)
    assert mode(tmp_path) == 0o755
    assert mode(tmp_path / "ledger.sqlite") == 0o600
    assert mode(tmp_path / "somebody's") == 0o644


@pytest.mark.parametrize(("group", "modes"), [(False, (0o700, 0o600)), (True, (0o770, 0o660))])
def test_the_group_may_read_and_write_only_where_that_is_asked_for(
    group: bool, modes: tuple[int, int], tmp_path: Path
) -> None:
    state = tmp_path / "state"
    keep_private(state, state / "spool", group_access=group)
    spool = Spool(state / "spool", group_access=group)
    file = spool.resolve(spool.store_received("1.2.3", b"content").path)
    assert (mode(file.parent), mode(file)) == modes
    assert mode(state / "spool") == modes[0]
    (state / "run").mkdir()
    assert mode(state / "run") == modes[0]


def test_a_state_folder_that_is_not_there_yet_is_no_matter(tmp_path: Path) -> None:
    keep_private(tmp_path / "none", tmp_path / "none" / "spool", group_access=False)


def test_secrets_that_others_may_read_are_told_of(tmp_path: Path) -> None:
    key, url, secret = (tmp_path / name for name in ("node.key", "broker-url", "token"))
    for path in (key, url, secret):
        path.write_text("amqp://u:SECRET@h//")
        path.chmod(0o644)
    destination = {"kind": "dicomweb", "name": "web", "stow": "https://h/studies",
                   "auth": "bearer", "secret_file": str(secret)}  # fmt: skip
    config = parse(
        {
            "node": {"state": tmp_path / "state"},
            "tls": {"certificate": str(tmp_path / "node.pem"), "key": str(key)},
            "broker": {"url_file": str(url)},
            "destination": [destination],
        }
    )
    said = list(open_secrets(config))
    assert [one for path in (key, url, secret) for one in said if str(path) in one] == [
        said[1], said[0], said[2],
    ]  # fmt: skip
    for path in (key, url, secret):
        path.chmod(0o640)
    assert list(open_secrets(config)) == []
