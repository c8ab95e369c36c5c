"""The command line, `pixelsnail COMMAND ...`: arguments, tables and progress. All work is done by the floors below."""

from pixelsnail.cli.commands import main

__all__ = ["main"]
