import json
import re
import shlex
import subprocess
import sys
from importlib import import_module

import pytest

from pixelsnail.checkpoints import PROJECTS
from pixelsnail.cli.commands import COMMANDS
from pixelsnail.engine import ENGINES

HEAVY = {"torch", "numpy", "lightning", "matplotlib", "rich", "datasets", "huggingface_hub"}

every_command = pytest.mark.parametrize("command", COMMANDS)


def test_the_overview_names_every_command(pixelsnail):
    outcome = pixelsnail("--help")
    assert outcome.status == 0
    assert outcome.out.startswith("Example:\n  pixelsnail ")
    assert all(re.search(rf"^  {command} ", outcome.out, re.MULTILINE) for command in COMMANDS)


def test_without_a_command_the_overview_is_on_stderr(pixelsnail):
    outcome = pixelsnail()
    assert (outcome.status, outcome.out) == (2, "")
    assert "Commands:" in outcome.err


def test_version(pixelsnail):
    assert re.fullmatch(r"pixelsnail \d+\.\d+\.\d+\n", pixelsnail("--version").out)


@every_command
def test_help_opens_with_an_example(pixelsnail, command):
    outcome = pixelsnail(command, "--help")
    assert (outcome.status, outcome.err) == (0, "")
    assert re.match(rf"Examples?:\n  pixelsnail {command} ", outcome.out)


@every_command
def test_every_argument_has_a_meaning_and_a_default(pixelsnail, command):
    text = " ".join(pixelsnail(command, "--help").out.split())
    parser = import_module(COMMANDS[command][0]).parser()
    for action in parser._actions:
        assert action.help, action.dest
        assert "  " not in action.help
    described = text.count("(default: ") + text.count("(required)")
    assert described >= len(parser._actions) - 1  # all but --help


@every_command
def test_every_example_is_a_command_line_that_is_understood(command):
    parser = import_module(COMMANDS[command][0]).parser()
    for example in parser.examples:
        words = shlex.split(example)
        assert words[:2] == ["pixelsnail", command]
        parser.parse(words[2:])


def test_help_of_a_recipe_lists_its_fields_with_their_values(pixelsnail, recipe):
    assert "--model.NAME VALUE" in pixelsnail("train", "--help").out
    text = " ".join(pixelsnail("train", recipe, "--help").out.split())
    assert "--model.channels VALUE width of the residual stream: a whole number (default: 4)" in text
    assert "--data.batch VALUE images a step, over all devices: a whole number (default: 8)" in text
    assert "--trainer.NAME VALUE" in text


def test_help_is_quick_because_it_imports_nothing_heavy():
    lines = "\n".join(f"main([{command!r}, '--help'])" for command in COMMANDS)
    script = f"import json, sys\nfrom pixelsnail.cli import main\n{lines}\nprint(json.dumps(list(sys.modules)))"
    output = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    loaded = {name.split(".")[0] for name in json.loads(output.splitlines()[-1])}
    assert not loaded & HEAVY


def test_words_that_help_knows_without_imports_are_those_of_the_floors_below():
    words = {
        action.option_strings[-1]: action.type.__closure__[0].cell_contents
        for command in ("sample", "import")
        for action in import_module(COMMANDS[command][0]).parser()._actions
        if action.option_strings[-1:] in (["--engine"], ["--project"])
    }
    assert words["--engine"] == ENGINES
    assert words["--project"] == tuple(PROJECTS)
