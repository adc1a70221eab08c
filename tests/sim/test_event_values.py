"""Records shown by the types of their program, and wishes that cannot be met."""

import json
import struct
from dataclasses import replace
from pathlib import Path

import pytest
from hardpath.cli.main import main
from hardpath.codegen.elf import load
from hardpath.hdl.errors import InputError
from hardpath.hdl.helpers.records import Record
from hardpath.sim.event_values import event_types
from hardpath.sim.events import decode_file, read_events

OBJECT = Path(__file__).parents[2] / "examples/telemetry/telemetry.o"
LAYOUT = "<Q 4s4sHHI QQQ II"


@pytest.fixture(scope="module")
def spec():
    return load(OBJECT)


def record(time_ns):
    return struct.pack(LAYOUT, time_ns, b"\x0a\x01\x02\x03", bytes(4), 1, 2, 17, 7, 1, 60, 1, 3)


def test_a_record_is_shown_by_its_type(spec, tmp_path):
    recorded, shown = tmp_path / "recorded", tmp_path / "shown"
    beats = [{"frame": n, "site": n, "data": record(1000 + n).hex()} for n in range(2)]
    recorded.write_text("\n".join(map(json.dumps, beats)))
    size = len(record(0))
    kinds = [Record("events", size), Record("other", size)]
    decode_file(recorded, shown, kinds, 64, event_types(spec, [("events", "struct event")]))
    known, other = map(json.loads, shown.read_text().splitlines())
    assert known["value"] == {
        "time_ns": 1000,
        "flow": {
            "source": 0x0302010A, "destination": 0, "source_port": 1, "destination_port": 2, "protocol": 17,
        },
        "counters": {"first_ns": 7, "frames": 1, "bytes": 60},
        "kind": 1,
        "interface": 3,
    }
    assert "value" not in other
    assert [event.text for _, event in read_events(shown)] == [beat["data"] for beat in beats]


def test_what_is_shorter_than_its_type_has_no_value_and_what_is_longer_has(spec):
    found = event_types(spec, [("events", "event")])["events"]
    assert found.value(record(5)[:-1]) is None
    assert found.value(record(5) + bytes(4)) == found.value(record(5))


@pytest.mark.parametrize(
    "wanted, reason",
    [
        (("flows", "event"), "flows is no buffer for events in .*; it has events"),
        (("nothing", "event"), "nothing is no buffer"),
        (("events", "no_such"), "no type no_such in its BTF"),
    ],
)
def test_wishes_that_cannot_be_met_are_named(spec, wanted, reason):
    with pytest.raises(InputError, match=reason):
        event_types(spec, [wanted])


def test_without_types_there_are_no_values(spec):
    with pytest.raises(InputError, match="compile it with -g"):
        event_types(replace(spec, btf=None), [("events", "event")])


@pytest.mark.parametrize("given, reason", [("events", "is not MAP=TYPE"), ("flows=event", "is no buffer")])
def test_the_command_says_so_before_it_compiles(given, reason, capsys):
    command = ["sim", str(OBJECT), "--traffic", "64b", "--count", "1", "--event-type", given]
    assert main(command) == 2
    assert reason in capsys.readouterr().err
