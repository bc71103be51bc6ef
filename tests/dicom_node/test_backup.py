"""`cxr-node backup` and `restore`, as a nightly job and a person in trouble use them.

With a stream of radiographs and a lost ledger: tests/system/faults/test_restore.py.
"""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from dicom_node.__main__ import main
from dicom_node.ledger import HEAD, Kept, Ledger
from dicom_node.ops.liveness import Owner
from dicom_node.spool import Spool
from tests.dicom_node.ledger.records import PIPELINE, deliver, instance, output, to


@dataclass
class Site:
    """A state folder, a configuration, a disk for backups."""

    folder: Path
    capsys: pytest.CaptureFixture[str]
    ledger: Ledger = field(init=False)

    def __post_init__(self) -> None:
        self.config.write_text("[node]\nstate = 'state'\nno_destination = true\n")
        self.spool = Spool(self.state / "spool")
        self.spool.key()
        self.ledger = Ledger.open(self.url)

    @property
    def config(self) -> Path:
        return self.folder / "node.toml"

    @property
    def state(self) -> Path:
        return self.folder / "state"

    @property
    def url(self) -> str:
        return f"sqlite:///{self.state / 'ledger.sqlite'}"

    @property
    def disk(self) -> Path:
        return self.folder / "backup"

    def receive(self, number: int) -> Path:
        """A file in the spool, and its job; delivered."""
        stored = self.spool.store_received(f"1.2.3.{number}", b"image %d" % number)
        received = instance(number, sha256=stored.sha256, path=stored.path)
        job_id = self.ledger.jobs.accept(received, PIPELINE).job_id
        assert self.ledger.jobs.claim(job_id, PIPELINE, "w1", 60.0)
        self.ledger.handover.built(job_id, "w1", [output("SR", number)], to("PACS"))
        deliver(self.ledger)
        return Path(stored.path)

    def __call__(self, *words: str, code: int = 0) -> str:
        assert main([*words, "--config", str(self.config)]) == code
        said = self.capsys.readouterr()
        return said.err if code else said.out

    def back_up(self, *options: str, code: int = 0) -> str:
        return self("backup", str(self.disk), *options, code=code)

    def copied(self) -> set[Path]:
        return {path.relative_to(self.disk / "spool") for path in self.disk.rglob("*.dcm")}


@pytest.fixture
def site(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Site]:
    site = Site(tmp_path, capsys)
    with closing(site.ledger):
        yield site


def test_only_what_is_new_is_copied_and_what_was_purged_goes(site: Site) -> None:
    first = site.receive(1)
    assert "1 new file of the spool" in site.back_up()
    second = site.receive(2)
    assert "1 new file of the spool" in site.back_up()
    assert site.copied() == {first, second}
    for path in (first, second):
        received, copy = site.spool.resolve(str(path)), site.disk / "spool" / path
        assert copy.read_bytes() == received.read_bytes()
        # Results built anew are of the time that the file tells.
        assert copy.stat().st_mtime_ns == received.stat().st_mtime_ns
    later = site.ledger.now() + timedelta(days=1)
    site.ledger.pruning.forget(Kept(later, None), [1], site.spool.remove)
    # One that is lost, and not purged, is what a backup is for.
    site.spool.remove([str(second)])
    assert "1 purged file removed" in site.back_up()
    assert site.copied() == {second}


def test_a_backup_is_for_its_owner_alone_and_says_what_it_is_of(site: Site) -> None:
    site.receive(1)
    site.back_up()
    modes = {path.stat().st_mode & 0o077 for path in [site.disk, *site.disk.rglob("*")]
             if path.name not in (".lock", "backup.json")}  # fmt: skip
    assert modes == {0}
    told = json.loads((site.disk / "backup.json").read_text())
    assert (told["schema"], told["files"]) == (HEAD, 1)
    assert (site.disk / "node.toml").read_text() == site.config.read_text()
    assert (site.disk / "spool" / "key").read_bytes() == site.spool.key()


def test_as_many_copies_of_the_ledger_are_kept_as_was_asked(site: Site) -> None:
    old = site.disk / "ledger" / "2020-01-01T000000Z.sqlite"
    old.parent.mkdir(parents=True)
    old.touch()
    site.back_up("--keep", "2")
    assert old.exists()
    site.back_up("--keep", "1")
    assert not old.exists()
    assert len(list((site.disk / "ledger").iterdir())) == 1


def test_what_cannot_be_a_backup_is_refused(site: Site) -> None:
    assert "is no backup" in site("backup", str(site.state / "backup"), code=2)
    site.back_up()
    (site.state / "spool" / "key").write_bytes(bytes(32))
    assert "another spool, with another key" in site.back_up(code=2)
    (site.state / "spool").rename(site.folder / "away")
    assert "is it mounted?" in site.back_up(code=1)
    # The ledger alone all the same.
    assert "schema" in site.back_up("--no-spool")


def test_what_was_lost_comes_back_and_what_is_there_stays(site: Site) -> None:
    first = site.receive(1)
    site.back_up()
    second = site.receive(2)
    site.ledger.close()
    site.spool.remove([str(first)])
    said = site("restore", str(site.disk))
    assert "and 1 file of the spool; start the node" in said
    assert site.spool.has(str(first))
    assert site.spool.has(str(second))
    # A mark of no ledger's, so that the next worker looks for what this one has forgotten.
    assert site.spool.mark() == "restored"
    with closing(Ledger.open(site.url)) as ledger:
        assert ledger.jobs.of_instance("1.2.3.1")
        assert not ledger.jobs.of_instance("1.2.3.2")
    (aside,) = site.state.glob("ledger.sqlite.before-*Z")
    with closing(sqlite3.connect(aside)) as opened:
        assert opened.execute("SELECT count(*) FROM jobs").fetchone() == (2,)


def test_a_restore_that_cannot_be_changes_nothing(site: Site) -> None:
    site.receive(1)
    site.back_up()
    with Owner(site.state / "run", "work"):
        assert "the node runs" in site("restore", str(site.disk), code=2)
    damaged = site.folder / "damaged.sqlite"
    (copy,) = (site.disk / "ledger").iterdir()
    damaged.write_bytes(b"SQLite format 3\0" + bytes(50_000))
    assert "is damaged" in site("restore", str(site.disk), "--ledger", str(damaged), code=1)
    engine = create_engine(f"sqlite:///{copy}")
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0999'"))
        connection.execute(text("UPDATE compatibility SET oldest = '0999'"))
    engine.dispose()
    assert "too old for it" in site("restore", str(site.disk), code=2)
    assert list(site.state.glob("*before*")) == []
    assert site.ledger.jobs.of_instance("1.2.3.1")
    assert "holds no copy" in site("restore", str(site.folder), code=2)
