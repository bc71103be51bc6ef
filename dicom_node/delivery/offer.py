"""What a destination offers of what the node needs of it, asked before anything is sent."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Offer:
    """Of one destination that is there."""

    answer: str  #: what it said when it was asked whether it is there
    #: Whether it takes each output that is built for it; None: only sending would tell.
    takes: Mapping[str, bool] | None = None
    #: Ways of confirming that it keeps something (values of `verify`); None: not known.
    confirms: Collection[str] | None = None
    certificate_ends_at: datetime | None = None  #: None: no TLS
    #: Why it does not answer a query, though it offers one; "": it does, or was not asked.
    query_fails: str = ""
