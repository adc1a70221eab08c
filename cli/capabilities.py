"""The capability table of the documentation, made from what the plug-ins declare."""

from __future__ import annotations

from ..codegen.map_names import MAP_TYPE_NAMES
from ..hdl.helpers.registry import HELPERS
from ..hdl.kernel_functions.registry import KERNEL_FUNCTIONS
from ..hdl.maps.registry import MAP_TYPES


def markdown() -> str:
    """docs/capabilities.md."""
    missing = [name for number, name in MAP_TYPE_NAMES.items() if number and number not in MAP_TYPES]
    lines = [
        "# What there is hardware for",
        "",
        "Made from the plug-ins in `hdl/maps`, `hdl/helpers` and `hdl/kernel_functions` by "
        "`python -m hardpath.cli.capabilities`; do not edit.",
        "A program that needs anything else is refused, with the instruction and the source line that need it.",
        "",
        "## Map types",
        "",
        "| type | number | |",
        "|---|---|---|",
        *(f"| {plugin.name} | {number} | {plugin.summary} |" for number, plugin in sorted(MAP_TYPES.items())),
        "",
        f"Not yet: {', '.join(missing)}.",
        "",
        "## Helpers",
        "",
        "| helper | number | arguments | |",
        "|---|---|---|---|",
    ]
    for number, helper in sorted(HELPERS.items()):
        arguments = "; ".join(argument.value for argument in helper.args) or "none"
        lines.append(f"| `{helper.name}` | {number} | {arguments} | {helper.summary} |")
    lines += ["", "## Kernel functions", "", "| function | arguments | |", "|---|---|---|"]
    for function in KERNEL_FUNCTIONS.values():
        lines.append(f"| `{function.name}` | {'; '.join(function.arguments)} | {function.summary} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(markdown(), end="")
