"""Refusals of helpers say what to do instead; what is there has the kernel's names."""

import pytest
from hardpath.codegen.helper_names import HELPER_NAMES
from hardpath.codegen.isa import CALL, EXIT, Instruction
from hardpath.codegen.map_names import MAP_TYPE_NAMES
from hardpath.codegen.spec import ProgramSpec
from hardpath.codegen.verify import verify
from hardpath.hdl.errors import Refused
from hardpath.hdl.helpers.registry import HELPERS
from hardpath.hdl.maps.registry import MAP_TYPES


@pytest.mark.parametrize(
    "helper, name, remedy", [(6, "bpf_trace_printk", "debug output"), (163, "bpf_check_mtu", "MTU")]
)
def test_a_helper_without_hardware_is_refused_by_name_with_its_own_remedy(helper, name, remedy):
    code = Instruction(CALL, 0, 0, 0, helper), Instruction(EXIT, 0, 0, 0, 0)
    program = ProgramSpec("p", "xdp", code, {0: "p"})
    with pytest.raises(Refused) as refused:
        verify(program, {})
    assert name in refused.value.reason
    assert remedy in refused.value.remedy
    assert refused.value.place is not None and refused.value.place.slot == 0


def test_plugins_have_the_kernels_numbers_and_names():
    assert {number: helper.name for number, helper in HELPERS.items()}.items() <= HELPER_NAMES.items()
    assert {number: plugin.name for number, plugin in MAP_TYPES.items()}.items() <= MAP_TYPE_NAMES.items()
