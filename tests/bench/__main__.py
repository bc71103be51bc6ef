"""`make bench`: the README's figures, measured on this machine and printed as its table."""

import os
import platform

from tests.bench.latency import latency_when_idle
from tests.bench.startup import startup_ratio
from tests.bench.writer import writer_times


def main() -> None:
    print(f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}\n")
    latency_when_idle()
    writer_times()
    startup_ratio()


if __name__ == "__main__":
    main()
