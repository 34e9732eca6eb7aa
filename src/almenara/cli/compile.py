"""`almenara compile`: compile the kernels now, so that the first run need not wait."""

from typing import Annotated

import typer

from almenara.cli._progress import progress_bar


def command(quiet: Annotated[bool, typer.Option("--quiet", help="No progress on standard error.")] = False) -> None:
    """Compile the kernels now, so that the first run need not wait.

    Example:  almenara compile

    Needed only where they are not there yet: in a checkout after an edit, or where Almenara was installed from a wheel
    made for other processors. The machine code is kept for later runs; what is there already is not made again.
    """
    import logging
    import time

    logging.getLogger("almenara.kernels").setLevel(logging.ERROR)  # who asks for it need not be told of it
    from almenara.kernels.warm_up import STEPS

    begun = time.perf_counter()
    with progress_bar(quiet) as report:
        for number, step in enumerate(STEPS):
            report("Compiling the kernels", number, len(STEPS))
            step()
    typer.echo(f"The kernels are compiled ({time.perf_counter() - begun:.0f} s).")
