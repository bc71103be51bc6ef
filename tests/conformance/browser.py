"""What a person at the node's own page needs: Chromium, and the scripts that lead it."""

import os
import shutil

from tests.conformance.ohif_scenario import VIEWERS as VIEWERS
from tests.conftest import missing


def look_for_chromium() -> None:
    for program in ("node", os.environ.get("CHROMIUM", "/usr/bin/chromium")):
        if shutil.which(program) is None:
            missing(f"{program} is not installed")
    if not (VIEWERS / "node_modules" / "puppeteer-core").is_dir():
        missing("the viewers are not installed: make viewers")
