"""What goes on beside a test, in a thread of its own, until its block ends."""

import threading
from abc import ABC, abstractmethod
from types import TracebackType
from typing import Self


class Beside(ABC):
    """A context manager: `_run` begins with the block and looks at `_stop`, which its end sets."""

    def __init__(self) -> None:
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=type(self).__name__.lower())

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Let it end, and wait for that."""
        self._stop.set()
        self._thread.join()

    @abstractmethod
    def _run(self) -> None:
        """In the thread."""
