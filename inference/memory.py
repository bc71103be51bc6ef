"""Whether an exception says that memory ran out: what nobody may take for a fault of the image."""

import errno
import re
from collections.abc import Iterator

#: How libraries say it that have no exception for it: torch of the CPU's and the GPU's, cuBLAS and
#: cuDNN, C++, numpy in the words of a library that caught it, the kernel about threads.
_SAID = re.compile(
    r"out of memory|not enough memory|(?:can't|[Cc]annot|[Uu]nable to) allocate|bad_alloc"
    r"|_ALLOC_FAILED|can't start new thread"
)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether `error`, or what it was raised from, is memory that could not be had."""
    return lack_of_memory(error) is not None


def lack_of_memory(error: BaseException) -> BaseException | None:
    """The first of `error` and what it was raised from that says so."""
    return next(filter(_says_so, causes(error)), None)


def causes(error: BaseException) -> Iterator[BaseException]:
    """It and what it was raised from; each once, since they may form a ring."""
    seen: list[BaseException] = []
    cause: BaseException | None = error
    while cause is not None and cause not in seen:
        seen.append(cause)
        yield cause
        cause = cause.__cause__ or cause.__context__


def _says_so(error: BaseException) -> bool:
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError) and bool(_SAID.search(str(error)))
    )
