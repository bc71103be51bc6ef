"""Connections of browsers and monitors: whoever opens one asks within a moment, or loses it.

A browser opens some ahead and never uses them; of a laptop that has left, nobody hears. Neither
they nor who means harm may take the place of those who ask, be it a supervisor after health.
"""

import asyncio
from collections import Counter
from collections.abc import Iterator
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

#: Seconds for all of a request; after an answer uvicorn itself waits five for the next.
PATIENCE_S = 10.0
#: At one time; a browser keeps six. More, and one that has not asked yet makes room.
MOST = 200


class Connection(H11Protocol):
    """One, over TLS or not."""

    _opened_at = 0.0
    _patience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._opened_at = self.loop.time()
        self._wait()
        if len(self.connections) > MOST and (longest := self._longest_waiting()):
            self.connections.discard(longest)
            longest.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._wait_no_longer()

    def handle_events(self) -> None:
        super().handle_events()
        if self._asks():
            self._wait_no_longer()
        else:
            self._wait()

    def _asks(self) -> bool:
        """A request is there as a whole, and not answered yet."""
        cycle = self.cycle
        return cycle is not None and not cycle.more_body and not cycle.response_complete

    def _wait(self) -> None:
        if self._patience is None:
            self._patience = self.loop.call_later(PATIENCE_S, self._end)

    def _wait_no_longer(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _end(self) -> None:
        self._patience = None
        # Between two requests uvicorn looks after it.
        if not self._asks() and self.timeout_keep_alive_task is None:
            self.transport.abort()

    def _longest_waiting(self) -> "Connection | None":
        """Of those who do not ask, the oldest of the address with the most."""
        waiting = [one for one in self._all() if not one._asks()]
        by_address = Counter(one._address for one in waiting)
        return min(
            waiting, key=lambda one: (-by_address[one._address], one._opened_at), default=None
        )

    def _all(self) -> Iterator["Connection"]:
        return (one for one in self.connections if isinstance(one, Connection))

    @property
    def _address(self) -> Any:
        return self.client[0] if self.client else None
