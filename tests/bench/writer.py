"""What the results cost at full size: built, written and verified, against their limits."""

import statistics
import time
from datetime import UTC, datetime

from dicom_node.demo.phantom import Kind, draw
from dicom_node.demo.phantom_dicom import as_dicom
from inference.analyze import Analysis, analyze
from inference.engines.loading import load_engine
from sr_writer.equipment import Equipment
from sr_writer.kinds import USUAL
from sr_writer.results import Results
from sr_writer.warmup import warm_up
from tests.bench.latency import COLUMNS, ROWS
from tests.sr_writer.examples import ROLES

RUNS = 15
CREATED = datetime(2026, 11, 25, tzinfo=UTC)
#: Milliseconds that each may take, verification included, though only the last must include it.
LIMITS_MS = {("SEG",): 100, ("SR",): 120, ("SC",): 250, USUAL: 500}


def writer_times() -> None:
    """Print, for each kind of result and for all, the fastest and the median run."""
    phantom = draw(Kind.BILATERAL_OPACITIES, rows=ROWS, columns=COLUMNS, seed=1)
    analysis = analyze(as_dicom(phantom, bits_stored=16), load_engine(device="cpu"))
    warm_up()
    print(f"results of a {COLUMNS} x {ROWS} DX, built, written and verified, {RUNS} runs")
    for roles in (*LIMITS_MS, *((role,) for role in ROLES if (role,) not in LIMITS_MS)):
        runs_ms = [_write_ms(analysis, roles) for _ in range(RUNS)]
        limit = f"(limit {LIMITS_MS[roles]} ms)" if roles in LIMITS_MS else ""
        fastest, median = min(runs_ms), statistics.median(runs_ms)
        print(f"  {', '.join(roles):<20} {fastest:5.0f} to {median:.0f} ms {limit}")


def _write_ms(analysis: Analysis, roles: tuple[str, ...]) -> float:
    """From findings to bytes; nothing is kept from one run to the next."""
    radiograph = analysis.radiograph
    started = time.perf_counter()
    results = Results(radiograph.header, analysis.findings, radiograph.pixels, Equipment(), CREATED)
    results.write(roles)
    return 1000 * (time.perf_counter() - started)


if __name__ == "__main__":
    writer_times()
