"""In which steps a job's outputs are built, and which of them is the last."""

from collections.abc import Iterator, Sequence

from dicom_node.config.profiles import RESERVES, Profile, Step, steps
from dicom_node.errors import LedgerUnavailable
from dicom_node.ledger import Ledger, Route
from sr_writer.kind import Kind


class Steps:
    """Each step with whether it is the last, found out when its turn comes.

    What is kept in reserve is the last only where a destination may want it: see `stand_ins`.
    """

    def __init__(
        self, profiles: Sequence[Profile], kinds: Sequence[Kind], routes: Sequence[Route],
        ledger: Ledger,
    ) -> None:  # fmt: skip
        self._all = steps(profiles, kinds)
        self._routes, self._ledger = routes, ledger

    def __iter__(self) -> Iterator[tuple[Step, bool]]:
        for step, later in zip(self._all, (*self._all[1:], None), strict=True):
            is_last = later is None or (later.name == RESERVES and not self._are_wanted())
            yield step, is_last
            if is_last:
                return

    def _are_wanted(self) -> bool:
        try:
            return self._ledger.handover.are_stand_ins_wanted(self._routes)
        except LedgerUnavailable:
            # Nobody knows, and the analysis is not to be done again for that.
            return True
