"""All that one radiograph's results are made from, and what several of them share."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset

from inference.findings import Findings
from sr_writer.identity import Identity
from sr_writer.source import Source

_Shared = TypeVar("_Shared")


@dataclass(frozen=True, slots=True)
class Case:
    """One radiograph, as every builder and every verifier gets it; not to be altered."""

    header: Dataset  #: the source's as received, without pixels
    source: Source  #: what of it the results repeat
    findings: Findings
    pixels: NDArray[np.float32]  #: (rows, columns), 0..1, bright = dense
    identity: Identity
    _made: dict[Callable[["Case"], Any], Any] = field(default_factory=dict, repr=False)

    def shared(self, make: Callable[["Case"], _Shared]) -> _Shared:
        """What `make` gives of this case, made when it is first asked for."""
        if make not in self._made:
            self._made[make] = make(self)
        made: _Shared = self._made[make]
        return made
