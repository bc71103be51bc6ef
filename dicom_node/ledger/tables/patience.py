"""A connection to PostgreSQL that does not wait for ever for a server that has fallen silent.

One that is frozen, or whose storage hangs, keeps its connections, and its kernel acknowledges what
comes: neither `tcp_user_timeout` nor keepalives notice, and psycopg has no time-out of its own.
"""

import time
from typing import Any, TypeVar

import psycopg
from psycopg.abc import PQGen

_Answer = TypeVar("_Answer")


class ImpatientConnection(psycopg.Connection[Any]):
    """Raises OperationalError, and is closed, where an answer takes longer than `patience_s`.

    Whether what was asked for has been done, a commit perhaps, nobody knows then.
    """

    patience_s: float | None = None  #: None: as long as it takes

    def wait(self, gen: PQGen[_Answer], *args: Any, **kwargs: Any) -> _Answer:
        """Everything that psycopg waits for on an open connection passes here."""
        return super().wait(self._limited(gen), *args, **kwargs)

    def _limited(self, gen: PQGen[_Answer]) -> PQGen[_Answer]:
        """`gen`, which is asked to go on ten times a second even where nothing has come."""
        patience_s, asked_at = self.patience_s, time.monotonic()
        ready: Any = None
        while True:
            try:
                wanted = gen.send(ready)
            except StopIteration as answered:
                answer: _Answer = answered.value
                return answer
            ready = yield wanted
            if not ready and patience_s is not None and time.monotonic() - asked_at > patience_s:
                # Nobody could make sense of what still comes.
                self.pgconn.finish()
                raise psycopg.OperationalError(f"no answer within {patience_s:g} s")
