"""Makes the modules of this folder importable; `tests/fuzz/run.py` gets that from being a script."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
