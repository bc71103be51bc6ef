"""Memory: kept from one image to the next; and where it has run out, whether it is the image that
asks too much, or others have it all.
"""

import ctypes
import logging
import threading
from collections.abc import Callable
from traceback import clear_frames
from typing import TypeVar

import numpy as np

from dicom_node.errors import MemoryUnavailable, NodeError, OutOfMemory
from inference.engines import Engine
from inference.memory import causes, is_out_of_memory, lack_of_memory

logger = logging.getLogger(__name__)

#: Seconds between two looks whether there is memory again.
LOOK_S = 2.0

#: Bytes that the smallest radiographs take beside what the networks keep for themselves.
_SMALL_IMAGE = 64 * 2**20

#: Of glibc's `mallopt` (malloc.h), what is not to happen below a gigabyte: that a block is asked of
#: the kernel by itself, that what is free at the heap's end is given back. And one heap for all.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8
_KEPT = ((_M_MMAP_THRESHOLD, 2**30), (_M_TRIM_THRESHOLD, 2**30), (_M_ARENA_MAX, 1))

_Had = TypeVar("_Had")


def keep_freed_memory() -> None:
    """Have the C library keep what is freed for the next image, instead of asking the kernel for
    the same tens of megabytes again, page by page: a fourteenth of the processor's work on eight
    megapixels. A library that is not glibc goes on as it does.
    """
    library = ctypes.CDLL(None)
    if hasattr(library, "mallopt"):
        for parameter, value in _KEPT:
            library.mallopt(parameter, value)


def _give_back() -> None:
    """What is free, to the kernel: somebody else may wait for it."""
    library = ctypes.CDLL(None)
    if hasattr(library, "malloc_trim"):
        library.malloc_trim(0)


def as_memory_fault(error: Exception, engine: Engine) -> Exception:
    """`error`, or what it says of memory where it says that there was too little."""
    lack = lack_of_memory(error)
    if lack is None or isinstance(error, MemoryUnavailable | OutOfMemory):
        return error
    said = _first_line(lack)
    for cause in causes(error):
        # What had been computed by then is held by the frames, and would be missing.
        clear_frames(cause.__traceback__)
    if _has_memory(engine):
        fault: NodeError = OutOfMemory(
            f"memory ran out while it was analysed, though there is enough for others: {said}"
        )
    else:
        fault = MemoryUnavailable(f"there is no memory to work with: {said}")
    fault.__cause__ = error
    return fault


def wait_for_memory(engine: Engine, stop: threading.Event, on_wait: Callable[[], None]) -> None:
    """Until a blank image can be read again, or `stop`; `on_wait` is called at every look."""
    logger.warning("waits for memory")
    _give_back()
    while not stop.wait(LOOK_S):
        on_wait()
        if _has_memory(engine):
            logger.info("has memory again")
            return


def once_there_is_memory(use: Callable[[], _Had], stop: threading.Event) -> _Had:
    """What `use` gives, which may raise MemoryUnavailable; raises it where `stop` comes first."""
    said = ""
    while True:
        try:
            return use()
        except MemoryUnavailable as exc:
            if said != str(exc):
                said = str(exc)
                logger.warning("waits for memory", extra={"reason": said})
            if stop.wait(LOOK_S):
                raise


def _has_memory(engine: Engine) -> bool:
    """Whether a small image could be analysed: some engines keep all that they ever need."""
    try:
        np.ones(_SMALL_IMAGE, np.uint8)
        engine.segment(np.zeros((1, engine.size, engine.size), np.float32))
    except Exception as exc:
        if not is_out_of_memory(exc):
            raise
        return False
    return True


def _first_line(error: BaseException) -> str:
    said = str(error).strip().partition("\n")[0]
    return f"{type(error).__name__}: {said}" if said else type(error).__name__
