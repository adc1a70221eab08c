"""Arrays of programs for bpf_tail_call: the slots hold numbers of programs of the object."""

from __future__ import annotations

from typing import Any

from .base import Lowering, MapShape
from .table_array import TableArray


class ProgArray(TableArray):
    type = 3
    name = "prog_array"
    summary = "programs of the object for `bpf_tail_call`; the host may switch slots among the programs built in"
    operations = frozenset({"tail_call"})

    def lower_program(self, b: Lowering, shape: MapShape, predicate: Any, index: Any) -> Any:
        return self.lower_number(b, shape, predicate, index)
