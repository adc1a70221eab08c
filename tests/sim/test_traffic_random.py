"""Random frames: reproducible, of all sizes, and mostly real."""

from collections import Counter
from itertools import pairwise

from hardpath.sim.traffic_random import random_frames


def test_the_same_seed_gives_the_same_frames():
    assert list(random_frames(5, 300)) == list(random_frames(5, 300))
    assert list(random_frames(5, 300)) != list(random_frames(6, 300))


def test_sizes_stay_in_bounds_and_reach_both_ends():
    sizes = Counter(len(frame) for frame in random_frames(1, 5000))
    assert min(sizes) == 14 and max(sizes) == 1514
    assert sum(count for size, count in sizes.items() if size % 2) > 1000
    assert max(len(frame) for frame in random_frames(1, 500, longest=200)) == 200


def test_protocols_and_lies_are_all_there():
    frames = list(random_frames(2, 3000))
    ethertypes = Counter(frame[12:14] for frame in frames)
    for ethertype in ("0800", "86dd", "0806", "8100", "88a8"):
        assert ethertypes[bytes.fromhex(ethertype)] > 20, ethertype
    ipv4 = [frame for frame in frames if frame[12:14] == b"\x08\0" and len(frame) >= 34]
    protocols = Counter(frame[23] for frame in ipv4)
    assert min(protocols[1], protocols[6], protocols[17]) > 50
    assert len({frame[14] & 15 for frame in ipv4}) == 16
    assert any(int.from_bytes(frame[16:18], "big") > len(frame) for frame in ipv4)


def test_frames_like_others_are_among_them_whole_and_damaged():
    model = bytes(range(200))
    frames = list(random_frames(4, 1000, like=[model]))
    assert frames.count(model) > 100
    assert any(frame != model and frame[40:64] == model[40:64] for frame in frames)


def test_frames_repeat_so_that_maps_see_the_same_keys():
    frames = list(random_frames(3, 1000))
    assert sum(a == b for a, b in pairwise(frames)) > 5
    assert len(set(frames)) > 500
