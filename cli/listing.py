"""What of a program runs where: the design's stages beside the source lines, and its graph."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from ..codegen.disassemble import disassemble
from ..codegen.flow import Design
from ..codegen.graph.ir import Node
from ..codegen.schedule import StageReport, report
from ..codegen.spec import ProgramSpec, SourceLine


def stages(design: Design) -> list[dict[str, Any]]:
    """Every stage with its source lines for JSON; work that no line stands for (joins of paths) has line None."""
    plan = report(design.graph, design.schedule, design.target)
    return [_stage(design.program, stage) for stage in plan.stages]


def _stage(program: ProgramSpec, stage: StageReport) -> dict[str, Any]:
    groups: dict[tuple[str, int] | None, tuple[SourceLine | None, list[Node]]] = {}
    for node in sorted(stage.work, key=lambda node: (node.slot is None, node.slot or 0)):
        source = None if node.slot is None else program.line_of(node.slot)
        line = None if source is None else (source.file, source.line)  # whatever the column
        groups.setdefault(line, (source, []))[1].append(node)
    return {
        "stage": stage.number,
        "ns": round(stage.ns, 3),
        "register_bits": stage.register_bits,
        "lines": [_line(program, source, nodes) for source, nodes in groups.values()],
    }


def _line(program: ProgramSpec, source: SourceLine | None, nodes: list[Node]) -> dict[str, Any]:
    slots = sorted({node.slot for node in nodes if node.slot is not None})
    return {
        "file": source.file if source else None,
        "line": source.line if source else None,
        "source": source.text.strip() if source else None,
        "instructions": [{"slot": s, "text": disassemble(program.instructions[s], s)} for s in slots],
        "operations": dict(Counter(map(_operation, nodes))),
    }


def _operation(node: Node) -> str:
    return f"{node.attr.unit}.{node.attr.kind.name}" if node.op == "site" else node.op


def stages_text(design: Design) -> Iterator[str]:
    """The listing, line by line."""
    for stage in stages(design):
        yield f"stage {stage['stage']}: {stage['ns']:.2f} ns, {stage['register_bits']} register bits behind it"
        for each in stage["lines"]:
            work = ", ".join(name if n == 1 else f"{n} {name}" for name, n in each["operations"].items())
            if each["line"] is not None:
                yield f"  {each['file']}:{each['line']}: {each['source']}"
            for instruction in each["instructions"]:
                yield f"    {instruction['slot']:>5}: {instruction['text']}"
            yield f"    {'=> ' if each['instructions'] else 'joins of paths => '}{work}"
        yield ""


def graph(design: Design) -> list[dict[str, Any]]:
    """Every node for JSON."""
    return [
        {
            "id": node.id,
            "operation": _operation(node),
            "width": node.width,
            "arguments": [argument.id for argument in node.args],
            "attribute": None if node.op == "site" else node.attr,
            "stage": design.schedule.issue(node),
            "instruction": node.slot,
        }
        for node in design.graph.nodes
    ]


def graph_text(design: Design) -> Iterator[str]:
    """One line a node, then the outputs."""
    for node in design.graph.nodes:
        attribute = "" if node.op == "site" or node.attr is None else f" {_attribute(node)}"
        arguments = ", ".join(f"n{argument.id}" for argument in node.args)
        text = f"n{node.id}:{node.width} = {_operation(node)}{attribute}({arguments})"
        source = None if node.slot is None else design.program.line_of(node.slot)
        where = "" if source is None else f"  # {source.file}:{source.line}: {source.text.strip()}"
        yield f"{text:<48}{where}" if where else text
    for name, node in design.graph.outputs.items():
        yield f"output {name} = n{node.id}"


def _attribute(node: Node) -> str:
    return hex(node.attr) if node.op == "const" else str(node.attr)
