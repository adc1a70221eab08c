"""What tests of this folder share can be imported, also inside the simulator."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
