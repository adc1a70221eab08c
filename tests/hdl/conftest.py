"""Makes what tests of maps share (`tests/fuzz/map_keys.py`) importable."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "fuzz"))
