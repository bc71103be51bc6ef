"""How long to wait before trying again: one rule for jobs, deliveries and processes."""

BASE_S = 1.0
CAP_S = 300.0


def backoff_s(attempt: int, random_unit: float, *, base_s: float = BASE_S) -> float:
    """Seconds to wait after the `attempt`-th failure (from 1): doubling, capped, half jitter.

    `random_unit` is in 0..1; jitter keeps many nodes from knocking at a recovered PACS at once.
    """
    ceiling = min(CAP_S, base_s * 2.0 ** min(attempt - 1, 30))
    return ceiling * (0.5 + random_unit / 2)
