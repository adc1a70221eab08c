"""Map contents as JSON: both ways of writing bytes, and one clear line about every mistake."""

import json

import pytest
from hardpath.codegen.spec import MapSpec
from hardpath.hdl.errors import InputError
from hardpath.sim.mapfile import format_maps, load_maps, not_taken, parse_maps, save_maps
from hypothesis import given
from hypothesis import strategies as st

SPECS = {"ports": MapSpec("ports", 1, 2, 4, 8), "count": MapSpec("count", 2, 4, 8, 1)}

entries = st.dictionaries(st.binary(min_size=2, max_size=2), st.binary(min_size=4, max_size=4))


@given(entries)
def test_what_is_written_is_read_again(contents):
    assert parse_maps(format_maps({"ports": contents}), SPECS) == {"ports": contents}


@given(entries)
def test_bpftools_form_is_read(contents):
    def listed(data):
        return [f"0x{byte:02x}" for byte in data]

    document = {"ports": [{"key": listed(k), "value": listed(v)} for k, v in contents.items()]}
    assert parse_maps(document, SPECS) == {"ports": contents}


def test_programs_in_arrays_are_known_by_name():
    specs = SPECS | {"jumps": MapSpec("jumps", 3, 4, 4, 8)}
    document = {"jumps": [{"key": "01000000", "value": "feed"}, {"key": "02000000", "value": "07000000"}]}
    contents = parse_maps(document, specs, ["entry", "feed"])
    assert contents == {"jumps": {b"\1\0\0\0": b"\2\0\0\0", b"\2\0\0\0": b"\7\0\0\0"}}
    with pytest.raises(InputError, match="ports, entry 0, value"):
        parse_maps({"ports": [{"key": "0100", "value": "feed"}]}, specs, ["entry", "feed"])


def test_entries_are_sorted_by_key(tmp_path):
    save_maps(tmp_path / "maps.json", {"ports": {b"\2\0": bytes(4), b"\1\0": b"abcd"}})
    document = json.loads((tmp_path / "maps.json").read_text())
    assert document == {"ports": [{"key": "0100", "value": "61626364"}, {"key": "0200", "value": "00000000"}]}
    assert load_maps(tmp_path / "maps.json", SPECS)["ports"][b"\1\0"] == b"abcd"


def test_values_of_maps_without_keys_keep_their_order():
    """Positions are little-endian numbers, so in the file 256 comes before 1."""
    values = {i.to_bytes(4, "little"): bytes([i & 255]) for i in range(300)}
    read = parse_maps(format_maps({"queue": values}), {"queue": MapSpec("queue", 22, 0, 1, 300)})
    assert list(read["queue"].items()) == list(values.items())


@pytest.mark.parametrize(
    "document, message",
    [
        ([], "an object"),
        ({"none": []}, "no map none; the maps are count, ports"),
        ({"ports": {}}, "map ports: its entries are a list"),
        ({"ports": [5]}, "map ports, entry 0"),
        ({"ports": [{"key": "0000"}]}, "map ports, entry 0"),
        ({"ports": [{"key": "00", "value": "00000000"}]}, "entry 0, key: 1 bytes, must be 2"),
        ({"ports": [{"key": "0000", "value": "xyz"}]}, "entry 0, value: neither"),
        ({"ports": [{"key": [256, 0], "value": "00000000"}]}, "entry 0, key: neither"),
        ({"ports": [{"key": ["0x100", "0"], "value": "00000000"}]}, "entry 0, key: neither"),
        ({"ports": [{"key": None, "value": "00000000"}]}, "entry 0, key: neither"),
        ({"ports": [{"key": [True, 0], "value": "00000000"}]}, "entry 0, key: neither"),
        (
            {"ports": [{"key": key, "value": "00000000"} for key in ("0100", "0200", ["0x01", "0x00"])]},
            "ports, entry 2: entry 0 has the same key 0100",
        ),
        ({"ports": [{"key": 2, "value": "00000000"}]}, "entry 0, key: neither"),
        ({"ports": [{"key": {"a": 1}, "value": "00000000"}]}, "entry 0, key: neither"),
    ],
)
def test_mistakes_name_map_and_entry(tmp_path, document, message):
    path = tmp_path / "maps.json"
    path.write_text(json.dumps(document))
    with pytest.raises(InputError, match=message) as error:
        load_maps(path, SPECS)
    assert str(error.value).startswith(str(path))
    assert "\n" not in str(error.value)


def test_a_prefix_that_is_too_long_is_told_in_bits():
    says = str(not_taken(MapSpec("routes", 11, 8, 4, 16), bytes.fromhex("210000000a000000"), 22))
    assert says.endswith("key 210000000a000000: its prefix has 33 bits, and what is behind its length 32")


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[" * 100_000])
def test_what_is_no_json_is_one_clear_line(tmp_path, content):
    path = tmp_path / "maps.json"
    path.write_bytes(content)
    with pytest.raises(InputError, match="no JSON"):
        load_maps(path, SPECS)


def test_a_missing_file_is_one_clear_line(tmp_path):
    with pytest.raises(InputError, match="No such file"):
        load_maps(tmp_path / "none.json", SPECS)
