"""What is known of the functions of a program before it is explored: control flow, and what matters where."""

from __future__ import annotations

from dataclasses import dataclass, field

from ...hdl.helpers.base import CallingHelper
from ..isa import FunctionReference, Instruction
from ..spec import ProgramSpec
from .call import Environment
from .context import Context
from .failure import Category, Failure
from .flow import Flow, FlowFailure
from .iterator import kernel_function
from .join import Decisive
from .limits import Rejection
from .report import Reporter
from .stack_liveness import ALL, REGISTERS, StackLiveness
from .state import STACK_BYTES


@dataclass(frozen=True)
class Analyses:
    """What all attempts to verify a program share, by the slot at which a function begins: control flow, and which
    bytes of the stack matter."""

    flows: dict[int, Flow] = field(default_factory=dict)
    stacks: dict[int, StackLiveness] = field(default_factory=dict)


class Functions(Reporter):
    """The functions of a program; each is analysed when it is needed first."""

    def __init__(self, program: ProgramSpec, env: Environment, analyses: Analyses | None = None) -> None:
        self._program, self._env = program, env
        analyses = analyses or Analyses()
        self._flows, self._stack_live = analyses.flows, analyses.stacks
        self._arguments_of: set[int] = set()  # functions whose flow is being made, against recursion

    def _flow(self, entry: int, slot: int) -> Flow:
        """The flow of the function at ``entry``; ``slot`` is what needs it, for messages."""
        if entry in self._flows:
            return self._flows[entry]
        if entry not in self._program.functions:
            failure = Failure(Category.CALL, f"no function begins at instruction {entry}", "recompile the object")
            raise Rejection(self._error(failure, slot), True)
        instructions = self._program.instructions
        end = min((f for f in self._program.functions if f > entry), default=len(instructions))
        self._arguments_of.add(entry)
        try:
            flow = Flow(instructions, entry, end, self._argument_mask, self._repeats)
        except FlowFailure as failure:
            raise Rejection(self._error(failure, failure.slot), True) from None
        finally:
            self._arguments_of.discard(entry)
        self._flows[entry] = flow
        return flow

    def _argument_mask(self, i: Instruction, slot: int) -> int:
        """Registers that a call reads, as a bit set."""
        if i.is_helper_call:
            plugin = self._env.helpers.get(i.imm)
            return sum(1 << r for r in range(1, 6 if plugin is None else len(plugin.args) + 1))
        if (function := kernel_function(i)) is not None:
            return sum(1 << r for r in range(1, len(function.arguments) + 1))
        target = slot + 1 + i.imm
        if not i.is_local_call or target in self._arguments_of:
            return 0b111110
        flow = self._flow(target, slot)
        return flow.live[target] & 0b111110

    def _repeats(self, i: Instruction) -> CallingHelper | None:
        """The plug-in of a helper that calls a function, if the instruction calls one."""
        plugin = self._env.helpers.get(i.imm) if i.is_helper_call else None
        return plugin if isinstance(plugin, CallingHelper) else None

    def _check_functions(self) -> None:
        """All functions must be proper ones, and called (check_cfg). Those called have their flows by now."""
        program = self._program
        pointed_to = [i.reference.slot for i in program.instructions if isinstance(i.reference, FunctionReference)]
        for entry in (*program.members, *pointed_to):
            self._flow(entry, entry)
        for entry in program.functions:
            if entry not in self._flows:
                failure = FlowFailure(entry, "nothing calls this function")
                raise Rejection(self._error(failure, entry), True)

    def _live_stack(self, chain: list[Context], slot: int) -> tuple[int, Decisive]:
        """The stack addresses of all frames whose contents matter at a slot, as a bit set; and what decides there."""
        live = addresses = 0
        registers: set[int] = set()
        for depth, context in enumerate(chain):
            here = slot if depth == len(chain) - 1 else chain[depth + 1].call_slot
            liveness = self._liveness(context.flow)
            live |= liveness.live[here] << depth * STACK_BYTES
            decisive = liveness.decisive[here]
            addresses |= (decisive & ALL) << depth * STACK_BYTES
            registers.update(depth << 4 | r for r in range(11) if decisive >> REGISTERS + r & 1)
        return live, Decisive(frozenset(registers), addresses)

    def _liveness(self, flow: Flow) -> StackLiveness:
        found = self._stack_live.get(flow.entry)
        if found is None:
            found = self._stack_live[flow.entry] = StackLiveness(
                self._program.instructions,
                flow.successors,
                flow.entry,
                self._argument_mask,
                self._env.helpers,
                self._env.maps,
            )
        return found
