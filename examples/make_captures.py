"""Write the capture and the map contents of every example: ``python examples/make_captures.py [NAME ...]``.

Each folder's ``capture.py`` has ``frames()``, which reach every branch of the program (a test looks at that), and
``MAPS`` if some map is not empty at first. Frames that say on which port they came in (``sniffed_on``; the first ones
are from ports 2, 3 ... in this order) make a pcapng. The results are in the tree; the output is the same on every run.
"""

from __future__ import annotations

import json
import runpy
import sys
from pathlib import Path

from scapy.utils import PcapNgWriter, PcapWriter

HERE = Path(__file__).parent


def main(names: list[str]) -> None:
    """Write ``capture.pcap`` (or ``.pcapng``) and ``maps.json`` beside each ``capture.py``, or beside those of
    ``names``. A frame comes every microsecond."""
    for recipe in sorted(HERE.glob("*/capture.py")):
        if names and recipe.parent.name not in names:
            continue
        content = runpy.run_path(str(recipe))
        frames = list(content["frames"]())
        if any(getattr(frame, "sniffed_on", None) for frame in frames):
            with PcapNgWriter(str(recipe.with_name("capture.pcapng"))) as ports:
                for number, frame in enumerate(frames):
                    frame.time = 1_700_000_000 + number / 1_000_000
                    ports.write(frame)
        else:
            with PcapWriter(str(recipe.with_name("capture.pcap")), linktype=1) as writer:
                writer.write_header(None)
                for number, frame in enumerate(frames):
                    seconds, microseconds = divmod(number, 1_000_000)
                    writer.write_packet(frame, sec=1_700_000_000 + seconds, usec=microseconds)
        recipe.with_name("maps.json").write_text(json.dumps(content.get("MAPS", {}), indent=1) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
