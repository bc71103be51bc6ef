"""DICOM files on disk, as received and as built: temporary file, fsync, rename, fsync of folder.

A file under its final name is whole and on the disk, whatever crashed when. On several hosts the
spool is a shared mount, so nothing here may assume that it is alone.
"""

import hashlib
import os
import re
import secrets
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from dicom_node.disk import BAD_SECTOR, Room, holds, make_folder, room_of, sync_folder
from dicom_node.errors import DamagedInSpool, SpoolUnavailable, SpoolUnreadable

#: A temporary file this old belongs to a process that has died, on whichever host: the longest
#: write is seconds.
LEFTOVER_AGE = timedelta(hours=1)

#: Of the installation's secret.
KEY_BYTES = 32

#: PS3.5 9.1: a UID has at most 64 characters.
_UID_LENGTH = 64
#: Digits of a file's SHA-256 in its name.
DIGEST_LENGTH = 12
#: Folders of what was sent here, and of what was fetched: the same file has the same name in both.
RECEIVED, FETCHED = "received", "fetched"
_MARK = "mark"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UNSAFE = re.compile(r"[^0-9A-Za-z.-]")
#: Patient data: for the node's own user alone, or for its group too. (folder, file)
_PRIVATE = (0o700, 0o600)
_GROUP_TOO = (0o770, 0o660)


@dataclass(frozen=True, slots=True)
class StoredFile:
    """Where the bytes lie, and what they are."""

    path: str  #: relative to the spool, so that the spool may be moved or mounted elsewhere
    sha256: str  #: 64 lower-case hex digits of the content
    size_bytes: int


@dataclass(frozen=True, slots=True)
class ReceivedFile:
    """What the name and the date of a received file tell."""

    path: str  #: relative to the spool
    uid: str  #: its SOP Instance UID, as `safe_name` has it
    digest: str  #: the first `DIGEST_LENGTH` digits of its SHA-256
    received_at: datetime


class Spool:
    """Keeps files under names made from their UID and content; storing twice is storing once."""

    def __init__(self, root: Path, *, group_access: bool = False, min_free_bytes: int = 0) -> None:
        """`min_free_bytes`: with less than that, nothing is received."""
        self._root = root.absolute()
        self._min_free_bytes = min_free_bytes
        self._temporary = self._root / "tmp"
        self._folder_mode, self._file_mode = _GROUP_TOO if group_access else _PRIVATE
        with _as_unavailable(f"spool {self._root}"):
            make_folder(self._temporary, self._folder_mode)

    def store_received(self, sop_instance_uid: str, content: bytes) -> StoredFile:
        """Keep an instance exactly as it came; when this returns, it survives a power cut.

        The room that is left then is for the results of what has been received.
        """
        self._refuse_without_room()
        return self._store(RECEIVED, sop_instance_uid, content, ".dcm")

    def store_fetched(self, sop_instance_uid: str, content: bytes) -> StoredFile:
        """The same of what nobody sent: apart, since a ledger that has forgotten it need not know
        it again, and must not send what is made of it.
        """
        self._refuse_without_room()
        return self._store(FETCHED, sop_instance_uid, content, ".dcm")

    def _refuse_without_room(self) -> None:
        room = self.room()
        if room.is_too_little(self._min_free_bytes):
            raise SpoolUnavailable(f"the disk of the spool has only {room} left")

    def store_output(self, sop_instance_uid: str, content: bytes) -> StoredFile:
        """Keep a SEG, SR or overlay exactly as it will be sent."""
        return self._store("outputs", sop_instance_uid, content, ".dcm")

    def quarantine(self, content: bytes, reason: str, name: str) -> Path:
        """Keep bytes that were refused, with the reason beside them, for a person to look at.

        They may come without an end: as with what is received, some room is left.
        """
        self._refuse_without_room()
        stored = self._store("quarantine", name, content, ".bin")
        path = self.resolve(stored.path)
        self._write(path.with_suffix(".txt"), f"{reason}\n".encode("utf-8", "replace"))
        return path

    def key(self) -> bytes:
        """The installation's secret, `KEY_BYTES` long: made once, the same on every host."""
        path = self._root / "key"
        with _as_unavailable("the installation's key"):
            try:
                key = path.read_bytes()
            except FileNotFoundError:
                key = self._make_key(path)
        if len(key) != KEY_BYTES:
            raise SpoolUnavailable(f"{path} is damaged: {KEY_BYTES} bytes were expected")
        return key

    def mark(self) -> str:
        """What the ledger has too, if the two belong together; "" where there is none."""
        with _as_unavailable("the spool's mark"):
            try:
                return (self._root / _MARK).read_text("ascii").strip()
            except FileNotFoundError:
                # Of a mount that is away, nothing is there.
                if not self._temporary.is_dir():
                    raise
                return ""

    def set_mark(self, token: str) -> None:
        self._write(self._root / _MARK, f"{token}\n".encode())

    def date(self, path: str, received_at: datetime) -> None:
        """Let a received file tell when it came, should the ledger ever have forgotten it: results
        built anew are then what they were.
        """
        at_ns = 1000 * ((received_at - _EPOCH) // timedelta(microseconds=1))
        with _as_unavailable(path):
            os.utime(self.resolve(path), ns=(at_ns, at_ns))

    def received(self) -> Iterator[ReceivedFile]:
        """All that was received and is there, in no order."""
        with _as_unavailable(f"spool {self._root}"):
            for folder in sorted((self._root / RECEIVED).glob("??")):
                with os.scandir(folder) as files:
                    yield from (_received(file) for file in files if file.name.endswith(".dcm"))

    def resolve(self, path: str) -> Path:
        """Where a stored file lies on this host."""
        resolved = Path(os.path.normpath(self._root / path))
        if not resolved.is_relative_to(self._root):
            raise SpoolUnavailable(f"{path} is not inside the spool")
        return resolved

    def read(self, path: str) -> bytes:
        with _as_unavailable(path):
            return self.resolve(path).read_bytes()

    def read_verified(self, path: str, sha256: str) -> bytes:
        """The bytes that were kept; raises DamagedInSpool where they are not there any more, and
        SpoolUnreadable where the disk cannot read this file.

        `sha256`: its first digits are enough.
        """
        with _as_unavailable(path):
            try:
                content = self.resolve(path).read_bytes()
            except FileNotFoundError:
                # Of a mount that is away, nothing is there.
                if not self._temporary.is_dir():
                    raise
                raise DamagedInSpool(f"{path} is missing from the spool") from None
            except IsADirectoryError:
                raise DamagedInSpool(f"{path} is a folder in the spool") from None
            except OSError as exc:
                if exc.errno not in BAD_SECTOR:
                    raise
                raise SpoolUnreadable(f"{path}: {exc.strerror}") from exc
        if not sha256 or not hashlib.sha256(content).hexdigest().startswith(sha256):
            raise DamagedInSpool(f"{path} is damaged in the spool (its SHA-256 differs)")
        return content

    def read_output(self, sop_instance_uid: str) -> bytes:
        """A result by its SOP Instance UID alone; raises DamagedInSpool where none is whole."""
        name = f"{safe_name(sop_instance_uid)}_*.dcm"
        with _as_unavailable(f"spool {self._root}"):
            found = sorted((self._root / "outputs").glob(f"??/{name}"))
        for path in found:
            digest = path.stem.rpartition("_")[2]
            with suppress(DamagedInSpool, SpoolUnreadable):
                return self.read_verified(str(path.relative_to(self._root)), digest)
        raise DamagedInSpool(f"{sop_instance_uid} is missing from the spool")

    @contextmanager
    def scratch(self, content: bytes) -> Iterator[Path]:
        """A file for as long as the block runs; not durable, and a crash's is a leftover."""
        with (
            _as_unavailable("scratch file"),
            tempfile.NamedTemporaryFile(dir=self._temporary) as file,
        ):
            file.write(content)
            file.flush()
            yield Path(file.name)

    def room(self) -> Room:
        """Of the disk that it is on."""
        with _as_unavailable(f"spool {self._root}"):
            return room_of(self._root)

    def has(self, path: str) -> bool:
        """Whether a file is there; not whether it is whole."""
        with _as_unavailable(path):
            return self.resolve(path).exists()

    def remove(self, paths: Collection[str]) -> None:
        """Remove stored files; one that has gone already is no matter."""
        for path in paths:
            with _as_unavailable(path):
                self.resolve(path).unlink(missing_ok=True)

    def remove_leftovers(self, now: datetime, older_than: timedelta = LEFTOVER_AGE) -> list[str]:
        """Remove temporary files that a crash left; their names."""
        removed = []
        with _as_unavailable(f"spool {self._root}"):
            for file in self._temporary.iterdir():
                with _already_gone():
                    if now - _modified(file) > older_than:
                        file.unlink()
                        removed.append(file.name)
        return removed

    def _store(self, kind: str, uid: str, content: bytes, suffix: str) -> StoredFile:
        digest = hashlib.sha256(content).hexdigest()
        path = self._root / kind / digest[:2] / f"{safe_name(uid)}_{digest[:DIGEST_LENGTH]}{suffix}"
        with _as_unavailable(uid):
            if holds(path, content):
                # Whoever renamed it may have died before the folder was synced.
                sync_folder(path.parent)
            else:
                self._write(path, content)
        return StoredFile(str(path.relative_to(self._root)), digest, len(content))

    def _make_key(self, path: Path) -> bytes:
        """Whole before it has its name; of two hosts that make one at once, the first one's."""
        made = self._temporary / f"key.{secrets.token_hex(8)}"
        self._write(made, secrets.token_bytes(KEY_BYTES))
        try:
            os.link(made, path)
            sync_folder(path.parent)
        except FileExistsError:
            pass
        finally:
            made.unlink()
        return path.read_bytes()

    def _write(self, path: Path, content: bytes) -> None:
        with _as_unavailable(path.name):
            # First, so that nothing is made where the spool's mount is away.
            descriptor, name = tempfile.mkstemp(dir=self._temporary)
            try:
                make_folder(path.parent, self._folder_mode)
                with os.fdopen(descriptor, "wb") as file:
                    file.write(content)
                    file.flush()
                    os.fchmod(descriptor, self._file_mode)
                    os.fsync(descriptor)
                self._put(Path(name), path)
            except BaseException:
                Path(name).unlink(missing_ok=True)
                raise
            sync_folder(path.parent)

    def _put(self, temporary: Path, path: Path) -> None:
        try:
            temporary.rename(path)
        except IsADirectoryError:
            # Nobody of ours made one there: out of the way, for a person to look at.
            aside = self._root / "quarantine" / f"{path.name}.{secrets.token_hex(4)}"
            make_folder(aside.parent, self._folder_mode)
            path.rename(aside)
            temporary.rename(path)


def safe_name(uid: str) -> str:
    """A file name part that any UID, hostile ones too, may become; still readable."""
    return _UNSAFE.sub("_", uid)[:_UID_LENGTH].lstrip(".") or "unnamed"


def _received(file: "os.DirEntry[str]") -> ReceivedFile:
    path = Path(file.path)
    uid, _, digest = path.stem.rpartition("_")
    microseconds = file.stat().st_mtime_ns // 1000
    received_at = _EPOCH + timedelta(microseconds=microseconds)
    return ReceivedFile(str(Path(*path.parts[-3:])), uid, digest, received_at)


def _modified(path: Path) -> datetime:
    return datetime.fromtimestamp(path.stat().st_mtime, UTC)


@contextmanager
def _as_unavailable(what: str) -> Iterator[None]:
    try:
        yield
    except OSError as exc:
        raise SpoolUnavailable(f"{what}: {exc.strerror or exc}") from exc


@contextmanager
def _already_gone() -> Iterator[None]:
    """Another process may be tidying up as well."""
    try:
        yield
    except FileNotFoundError:
        return
