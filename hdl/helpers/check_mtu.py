"""bpf_check_mtu for XDP (bpf_xdp_check_mtu in net/core/filter.c)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..maps.linux import EINVAL, ENODEV
from . import fib
from .base import Arg, CallLowering, HelperPlugin, Machine, Outcome
from .fib import Device
from .tables import Table
from .words import U64, signed, unsigned

SUCCESS, FRAG_NEEDED = 0, 1
"""BPF_MTU_CHK_RET_*"""
U32 = (1 << 32) - 1


class CheckMtu(HelperPlugin):
    """Lengths are 32-bit numbers that wrap around, as in Linux. Interface 0 is the one where the frame came in."""

    id = 163
    name = "bpf_check_mtu"
    summary = "compare the frame's length, or a given one, with an interface's MTU (`fib.devices`)"
    args = (Arg.CTX, Arg.SCALAR, Arg.INOUT_U32, Arg.SCALAR, Arg.SCALAR)
    frame_access = False
    tables: tuple[Table, ...] = (fib.DEVICES,)

    def outcomes(self) -> Sequence[Outcome]:
        return (Outcome(-EINVAL, FRAG_NEEDED),)

    def reference(self, machine: Machine, args: Sequence[int]) -> int:
        if args[4]:
            return unsigned(-EINVAL)
        found = machine.table_entry(fib.DEVICES, fib.device_key(args[1] & U32 or machine.ifindex))
        if found is None:
            return unsigned(-ENODEV)
        device = Device.unpack(found)
        given = int.from_bytes(machine.read(args[2], 4), "little")
        length = given + device.header if given else machine.data_end - machine.data
        machine.write(args[2], device.mtu.to_bytes(4, "little"))
        return FRAG_NEEDED if signed(length + args[3], 32) > signed(device.mtu + device.header, 32) else SUCCESS

    def lower(self, call: CallLowering) -> Any:
        zero = call.const(0, 32)
        named = call.op("slice", 32, call.argument(2), attr=0)
        ifindex = call.op("mux", 32, call.op("eq", 1, named, zero), call.input("ifindex"), named)
        good = call.op("eq", 1, call.argument(5), call.const(0, 64))
        there, device = call.table_entry(fib.DEVICES, call.op("and", 1, call.predicate, good), ifindex)
        mtu = call.op("slice", 32, device, attr=8 * Device.MTU)
        header = call.op("zext", 32, call.op("slice", 16, device, attr=8 * Device.HEADER))
        given = call.memory(3, 4)
        frame = call.op("slice", 32, call.op("sub", 64, call.frame.data_end, call.frame.data), attr=0)
        length = call.op("mux", 32, call.op("eq", 1, given, zero), frame, call.op("add", 32, given, header))
        length = call.op("add", 32, length, call.op("slice", 32, call.argument(4), attr=0))
        over = call.op("slt", 1, call.op("add", 32, mtu, header), length)
        call.store_memory(3, mtu, [call.op("and", 1, good, there)] * 4)
        result = call.op("zext", 64, over)
        result = call.op("mux", 64, there, result, call.const(-ENODEV & U64, 64))
        return call.op("mux", 64, good, result, call.const(-EINVAL & U64, 64))
