"""Makes what tests of maps share (`map_bench.py` here, `tests/fuzz/map_keys.py`) importable."""

import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "fuzz")]
