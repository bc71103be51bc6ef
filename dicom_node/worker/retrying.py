"""When a job that raised is tried again: by the class of what it raised (see errors.py)."""

import random

from dicom_node.backoff import BASE_S, Retry, backoff_s
from dicom_node.errors import MEMORY_RETRY_S, OutOfMemory, is_away

#: Seconds until a job comes back that nothing was wrong with: what it stands on was away.
AWAY_RETRY_S = 4.0


def retry_of(error: Exception, attempts: int, reason: str) -> Retry:
    """`attempts`: of the job, the one that raised `error` too."""
    is_try = not is_away(error)
    base_s = MEMORY_RETRY_S if isinstance(error, OutOfMemory) else BASE_S
    failures, base_s = (attempts, base_s) if is_try else (1, AWAY_RETRY_S)
    return Retry(reason, backoff_s(failures, random.random(), base_s=base_s), is_try)
