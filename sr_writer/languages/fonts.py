"""Bitstream Vera, in which languages besides English are written; reportlab brings it.

What is at hand without it has no umlauts: Pillow's own face none at all, PDF's standard ones only
where the reader's computer has them.
"""

from importlib.util import find_spec
from pathlib import Path

# Found, and not loaded: only who makes a page pays for reportlab.
_REPORTLAB = find_spec("reportlab")
assert _REPORTLAB is not None
assert _REPORTLAB.origin is not None
_FOLDER = Path(_REPORTLAB.origin).parent / "fonts"
REGULAR = _FOLDER / "Vera.ttf"
BOLD = _FOLDER / "VeraBd.ttf"
