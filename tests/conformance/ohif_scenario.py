"""Run by test_ohif in a network of its own: files in Orthanc, opened in OHIF by headless Chromium.

    python -m tests.conformance.ohif_scenario PLAN.json FILE...

Prints what `viewers/ohif.mjs` prints; its pictures lie beside the plan.
"""

import subprocess
import sys
from pathlib import Path

from tests.system.orthanc import running_orthanc, storescu

VIEWERS = Path(__file__).parent / "viewers"


def main(plan: Path, files: list[Path]) -> None:
    with running_orthanc(plan.parent) as orthanc:
        for path in files:
            storescu(path, "ORTHANC", orthanc.dicom_port).check_returncode()
        command = ["node", str(VIEWERS / "ohif.mjs"), str(orthanc.http_port), str(plan)]
        subprocess.run(command, check=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), [Path(argument) for argument in sys.argv[2:]])
