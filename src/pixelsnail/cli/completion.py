"""`pixelsnail completion`."""

from typing import Annotated, Literal

from cyclopts import App, Parameter

from pixelsnail.cli.terminal import Terminal

EXAMPLES = (
    "pixelsnail completion bash > ~/.local/share/bash-completion/completions/pixelsnail",
    "pixelsnail completion zsh > ~/.zfunc/_pixelsnail",
    "pixelsnail completion fish > ~/.config/fish/completions/pixelsnail.fish",
)


def completion(
    shell: Annotated[Literal["bash", "zsh", "fish"], Parameter(help="the shell: bash, zsh or fish")],
    /,
    *,
    terminal: Terminal = Terminal(),
) -> None:
    """Prints a script with which a shell completes the commands, their options and the words that options take. The
    examples put it where each shell looks for it; zsh needs ~/.zfunc among its `fpath`. New shells know it.
    """
    from pixelsnail.cli.commands import COMMANDS, load

    app = App(name="pixelsnail", default_parameter=Parameter(negative=()), version_flags=["--version"])
    for name, (_, meaning) in COMMANDS.items():
        app.command(load(name).function, name=name, help=meaning)
    print(app.generate_completion(shell=shell))
