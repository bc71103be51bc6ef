"""What a disk is asked: how much it still takes, and to keep what it has through a power cut."""

import errno
import os
from dataclasses import dataclass
from pathlib import Path

#: What a disk, or the checksums of a file system, says of a file that cannot be read.
BAD_SECTOR = (errno.EIO, errno.EBADMSG, errno.EUCLEAN)


@dataclass(frozen=True, slots=True)
class Room:
    """How much a disk still takes."""

    free_bytes: int  #: for whoever is not root
    size_bytes: int

    def is_too_little(self, min_free_bytes: int, times: int = 1) -> bool:
        """Whether less than so many times that is free; of a small disk, a tenth is enough."""
        return self.free_bytes < times * min(min_free_bytes, self.size_bytes // 10)

    def __str__(self) -> str:
        return f"{self.free_bytes / 1e6:.0f} MB"


def room_of(folder: Path) -> Room:
    """Of the disk that a folder is on; raises OSError."""
    disk = os.statvfs(folder)
    return Room(disk.f_bavail * disk.f_frsize, disk.f_blocks * disk.f_frsize)


def holds(path: Path, content: bytes) -> bool:
    """Whether the file is there and whole: a disk may have cut it short, or changed a bit of it."""
    try:
        return path.stat().st_size == len(content) and path.read_bytes() == content
    except (FileNotFoundError, IsADirectoryError):
        return False
    except OSError as exc:
        # Written anew, under a name of its own first, it lies elsewhere on the disk.
        if exc.errno in BAD_SECTOR:
            return False
        raise


def make_folder(folder: Path, mode: int) -> None:
    """Make it and its parents, each durable in its own parent."""
    if folder.is_dir():
        return
    make_folder(folder.parent, mode)
    folder.mkdir(mode, exist_ok=True)
    sync_folder(folder.parent)


def sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
