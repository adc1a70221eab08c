"""bpf_get_numa_node_id (net/core/filter.c): the hardware is one CPU on node 0."""

from __future__ import annotations

from .get_smp_processor_id import GetSmpProcessorId


class GetNumaNodeId(GetSmpProcessorId):
    id = 42
    name = "bpf_get_numa_node_id"
    summary = "0: the hardware is one node"
