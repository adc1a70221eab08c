"""``hardpath verify``: is a program safe?"""

from __future__ import annotations

import click
from rich.console import Console

from ..codegen.flow import maps_of
from ..codegen.verify import verify
from . import options as shared
from .options import Chosen
from .progress import Steps
from .settings import Settings


@click.command()
@shared.program_options
@click.pass_obj
def command(settings: Settings, chosen: Chosen) -> None:
    """Prove a program safe, or say where and why it is not."""
    spec = chosen.load()
    program = chosen.select(spec)
    with Steps() as steps:
        steps("verify")
        verified = verify(program, maps_of(program, spec.maps))
    size, points = len(program.instructions), len(verified.points)
    remarks = {str(program.place(slot)): remark for slot, remark in verified.remarks.items()}

    def show(console: Console) -> None:
        console.print(f"{program.name}: safe ({size} instructions, {points} after inlining and unrolling)")
        for place, remark in remarks.items():
            console.print(f"  Note: {remark}\n    At: {place}", markup=False, highlight=False)

    settings.answer(
        {"program": program.name, "verdict": "safe", "instructions": size, "unrolled": points}
        | ({"remarks": [{"at": place, "remark": remark} for place, remark in remarks.items()]} if remarks else {}),
        show,
    )
