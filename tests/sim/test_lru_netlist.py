"""An LRU map in the generated hardware: exact as long as it is not full, and always with room for one more."""

from __future__ import annotations

from pathlib import Path

import pytest
from agreement import agree
from c_programs import design_of, needs_clang, needs_headers, random_frames
from hardpath.sim.session import Session, engine
from hardpath.sim.toolchain import has_compiler

pytestmark = [
    needs_clang,
    needs_headers,
    pytest.mark.skipif(not has_compiler(), reason="Verilator needs a C++ compiler"),
]

LRU = """
MAP(flows, %s, __u32, __u64, 24);
SEC("xdp") int program(struct xdp_md *ctx)
{
    START;
    __u32 key = b[0] & %d;
    __u64 one = 1, *count = bpf_map_lookup_elem(&flows, &key);
    if (count) {
        *count += 1;
        *(__u64 *)(b + 8) = *count;
        return XDP_TX;
    }
    b[4] = bpf_map_update_elem(&flows, &key, &one, BPF_ANY);
    return XDP_PASS;
}
"""


def session_of(kind: str, mask: int, folder: Path) -> Session:
    """Keys are a frame's first byte under the mask; the map has 24 entries."""
    return Session(design_of(LRU % (kind, mask), folder))


def test_hardware_interpreter_and_linux_agree_on_a_map_with_room(tmp_path: Path) -> None:
    hardware = agree(session_of("LRU_HASH", 15, tmp_path), random_frames(600))
    assert len({result.verdict for result in hardware.results}) > 1


@pytest.mark.parametrize("kind", ["LRU_HASH", "LRU_PERCPU_HASH"])
def test_inserts_back_to_back_into_a_full_lru_map_all_succeed(kind: str, tmp_path: Path) -> None:
    """Which entries stay is not promised; that there are as many as there may be is, and that they are right."""
    session, sent = session_of(kind, 255, tmp_path), random_frames(600)
    hardware = session.hardware(engine("verilator"), sent)
    inserted: dict[int, int] = {}
    for frame, result in zip(sent, hardware.results, strict=True):
        if len(frame.data) < 20:
            continue
        key = frame.data[0]
        if int(result.verdict) == 2:
            assert result.out is not None and result.out[4] == 0
            inserted[key] = 1
        else:
            inserted[key] += 1  # found, so there is no error if this counts what was inserted last
            assert result.out is not None and int.from_bytes(result.out[8:16], "little") == inserted[key]
    entries = hardware.maps["flows"]
    assert len(entries) == 24
    for key, value in entries.items():
        assert int.from_bytes(value, "little") == inserted[int.from_bytes(key, "little")]
    whole = (result for frame, result in zip(sent, hardware.results, strict=True) if len(frame.data) >= 20)
    evictions = sum(int(result.verdict) == 2 for result in whole) - 24
    again, _ = session.run(engine("verilator"), sent, read_maps=False)
    pause = session.design.pipeline.pause("flows")
    assert evictions > 100 and evictions < again.stalls["flows host"] <= evictions * pause
