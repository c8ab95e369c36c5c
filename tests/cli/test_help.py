import json
import re
import shlex
import subprocess
import sys
import typing

import pytest

from pixelsnail.checkpoints import PROJECTS
from pixelsnail.cli.commands import COMMANDS, load
from pixelsnail.cli.parsing import metavar
from pixelsnail.engine import ENGINES
from pixelsnail.training import packaged

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
    arguments = load(command).arguments
    for argument in arguments:
        assert argument.parameter.help, argument.name
        assert f" {argument.name} " in text or f" {metavar(argument)} " in text or f" {metavar(argument)}..." in text
    described = text.count("(default: ") + text.count("(required)")
    assert described >= len(arguments)


@every_command
def test_every_example_is_a_command_line_that_is_understood(command):
    for example in load(command).examples:
        words = shlex.split(example.partition(" > ")[0])
        assert words[:2] == ["pixelsnail", command]
        load(command).parse(words[2:])


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
        argument.name: typing.get_args(argument.hint)
        for name in ("sample", "import")
        for argument in load(name).arguments
    }
    assert words["--engine"] == ENGINES
    assert words["--project"] == tuple(PROJECTS)


def test_help_of_training_names_every_packaged_recipe(pixelsnail):
    text = pixelsnail("train", "--help").out.replace("\n", " ")
    assert len(packaged()) > 10
    assert all(name in text for name in packaged())


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_completions_of_a_shell_know_every_command_and_option(pixelsnail, shell):
    script = pixelsnail("completion", shell).out
    for command in COMMANDS:
        assert command in script
        for argument in load(command).arguments:
            if argument.name.startswith("--"):
                assert argument.name.removeprefix("--" if shell == "fish" else "") in script


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("pixelsnail sam", {"sample"}),
        ("pixelsnail sample run --temp", {"--temperature"}),
        ("pixelsnail sample run --engine n", {"naive"}),
        ("pixelsnail evaluate run --binarize thr", {"threshold"}),
    ],
)
def test_bash_completes(pixelsnail, tmp_path, line, words):
    script = pixelsnail("completion", "bash").out
    name = re.search(r"complete .*-F (\w+) pixelsnail", script)
    parts = line.split()
    ask = f"COMP_WORDS=({line}); COMP_CWORD={len(parts) - 1}; {name[1]} pixelsnail {parts[-1]} {parts[-2]}"
    found = subprocess.run(
        ["bash", "-c", f'{script}\n{ask}\nprintf "%s\n" "${{COMPREPLY[@]}}"'],
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert {word.strip() for word in found.stdout.splitlines()} == words, found.stderr
