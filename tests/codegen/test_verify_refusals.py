"""Refusals of helpers say what to do instead; what is there has the kernel's names."""

import pytest
from hardpath.codegen.helper_names import HELPER_NAMES
from hardpath.codegen.isa import CALL, EXIT, Instruction
from hardpath.codegen.map_names import MAP_TYPE_NAMES
from hardpath.codegen.spec import MapSpec, ProgramSpec
from hardpath.codegen.verify import verify
from hardpath.codegen.verify.call import Environment
from hardpath.hdl.errors import Refused
from hardpath.hdl.helpers.registry import HELPERS
from hardpath.hdl.maps.registry import MAP_TYPES


@pytest.mark.parametrize(
    "helper, name, remedy", [(84, "bpf_sk_lookup_tcp", "sockets")]
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


@pytest.mark.parametrize("kind, fits", [(1, True), (2, True), (5, False), (6, False), (9, False), (10, False)])
def test_locks_are_in_hash_and_array_maps_only(kind, fits):
    environment = Environment({"m": MapSpec("m", kind, 4, 8, 4, lock=0)}, MAP_TYPES, HELPERS)
    if fits:
        environment.use_map("m")
        return
    with pytest.raises(Refused, match="bpf_spin_lock") as refused:
        environment.use_map("m")
    assert "hash or array" in refused.value.remedy
