"""What a URL asks for: which jobs; and the same as the next URL."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from urllib.parse import urlencode

from dicom_node.errors import UsageError
from dicom_node.ledger import JOB_STATES, OF_RESULTS, Filter

#: Of a page of jobs.
PAGE = 50
#: `since` as a person chooses it, in hours.
SINCE = {"": "any time", "1": "the last hour", "24": "24 hours", "168": "7 days", "720": "30 days"}
_MOST_DIGITS = 18
_LONGEST = 128


@dataclass(frozen=True, slots=True)
class Search:
    """The filters of the page of jobs."""

    state: str = ""
    accession: str = ""
    study: str = ""
    patient: str = ""  #: a keyed hash, never an ID
    aet: str = ""
    device: str = ""
    decision: str = ""
    destination: str = ""  #: of a result: only with a state of results
    reason: str = ""  #: part of why that stands as it does, likewise
    since: str = ""  #: hours
    before: str = ""  #: jobs up to this id: an earlier page, or what a person has seen

    @classmethod
    def of(cls, given: Mapping[str, str]) -> "Search":
        """Of a query or a form; raises UsageError where a value is none."""
        found = cls(**{key: _printable(given.get(key, "")) for key in cls.__slots__})
        if found.state and found.state not in JOB_STATES:
            raise UsageError(f"there is no state {found.state!r}")
        if (found.destination or found.reason) and not found.is_of_results:
            raise UsageError("destination and reason are of results: choose a tab of these")
        if found.since not in SINCE:
            raise UsageError(f"{found.since!r} is none of the times to choose from")
        if found.before and not (found.before.isdecimal() and len(found.before) <= _MOST_DIGITS):
            raise UsageError(f"{found.before!r} is no number of a job")
        return found

    def meant(self, now: datetime) -> Filter:
        def one(value: str) -> tuple[str, ...]:
            return (value,) if value else ()

        return Filter(
            states=one(self.state),
            accession_numbers=one(self.accession),
            study_instance_uids=one(self.study),
            since=now - timedelta(hours=int(self.since)) if self.since else None,
            calling_aets=one(self.aet),
            patient_hashes=one(self.patient),
            decisions=one(self.decision),
            devices=one(self.device),
            up_to=int(self.before) if self.before else None,
            destinations=one(self.destination),
            reason=self.reason,
        )

    @property
    def is_of_results(self) -> bool:
        """Whether the state is one that results are in."""
        return self.state in OF_RESULTS

    def in_state(self, state: str) -> "Search":
        """The same from its newest page, as far as it can be asked of that state."""
        asked = self.with_(state=state, before="")
        return asked if asked.is_of_results else asked.with_(destination="", reason="")

    def with_(self, **changes: str) -> "Search":
        return replace(self, **changes)

    @property
    def pairs(self) -> list[tuple[str, str]]:
        return [(key, value) for key in self.__slots__ if (value := getattr(self, key))]

    @property
    def query(self) -> str:
        """As a URL has it, with its question mark; "" where nothing is asked."""
        return f"?{urlencode(self.pairs)}" if self.pairs else ""

    @property
    def words(self) -> str:
        """The filters, for whoever is to confirm something."""
        said = [f"{key} {self._shown(key, value)}" for key, value in self.pairs]
        return ", ".join(said) or "all jobs"

    def _shown(self, key: str, value: str) -> str:
        if key == "since":
            return SINCE[value]
        return f"{value[:12]}…" if key == "patient" else value


def _printable(text: str) -> str:
    """What a person can have meant: no control, no override that turns a line around."""
    return "".join(letter for letter in text[:_LONGEST] if letter.isprintable()).strip()
