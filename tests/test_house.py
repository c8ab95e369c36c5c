"""The house: imports only point down, `import pixelsnail` is light, and what is public is named."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import pixelsnail
from pixelsnail import errors

SOURCE = Path(pixelsnail.__file__).parent

FLOORS = {
    "nn": 1,
    "distributions": 2,
    "engine": 3,
    "models": 4,
    "codec": 5,
    "data": 5,
    "checkpoints": 5,
    "pictures": 5,
    "evaluation": 6,
    "training": 7,
    "comparison": 8,
    "cli": 9,
}


def imports_of(file: Path) -> set[str]:
    """The floors that a file imports from, wherever in the file it does."""
    floors = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        names = []
        if isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names = [node.module + "." + alias.name for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        for name in names:
            parts = name.split(".")
            if parts[0] == "pixelsnail" and len(parts) > 1 and parts[1] in FLOORS:
                floors.add(parts[1])
    return floors


@pytest.mark.parametrize("floor", FLOORS)
def test_imports_only_point_down(floor):
    for file in (SOURCE / floor).rglob("*.py"):
        for other in imports_of(file) - {floor}:
            below = FLOORS[other] < FLOORS[floor]
            assert below, f"{file.relative_to(SOURCE)} imports from {other}, which is not below {floor}"


def test_every_folder_is_a_floor():
    assert {path.name for path in SOURCE.iterdir() if path.is_dir() and path.name != "__pycache__"} == set(FLOORS)


def loaded_by(code: str) -> set[str]:
    """The top-level modules that a fresh interpreter has loaded after running `code`."""
    script = f"import sys\n{code}\nprint(*{{name.split('.')[0] for name in sys.modules}})"
    output = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    return set(output.split())


HEAVY = {"lightning", "tensorboard", "matplotlib", "datasets", "pandas", "rich", "PIL"}


def test_import_is_light():
    assert not loaded_by("import pixelsnail") & (HEAVY | {"torch", "numpy"})
    assert (
        not loaded_by("import pixelsnail; pixelsnail.PixelSNAIL(channels=4, blocks=1).sample(1, size=(2, 2))") & HEAVY
    )


def test_the_check_of_lightness_can_fail():
    assert loaded_by("import matplotlib") & HEAVY


def test_every_public_name_is_there():
    for name in pixelsnail.__all__:
        assert getattr(pixelsnail, name) is not None
    assert dir(pixelsnail) == sorted(pixelsnail.__all__)
    with pytest.raises(AttributeError, match="its public names are"):
        pixelsnail.nothing  # noqa: B018


PYTHONS_OWN = {
    "ValueError",
    "TypeError",
    "IndexError",
    "OSError",
    "FileNotFoundError",
    "FileExistsError",
    "RuntimeError",
}


def test_what_a_user_did_is_told_from_a_fault_by_its_class():
    """`UserError` is the one mark of a sentence for the user; an error of Python's own raised by hand would lack it."""
    for file in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and isinstance(node.exc.func, ast.Name):
                assert node.exc.func.id not in PYTHONS_OWN, f"{file.relative_to(SOURCE)}:{node.lineno}"
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    assert len(kinds) > 10
    assert all(issubclass(kind, errors.UserError) for kind in kinds)


def test_judging_loads_no_compiler_and_no_client_of_the_hub():
    code = (
        "import torch, pixelsnail\n"
        "model = pixelsnail.PixelSNAIL((1, 3, 4), 2, channels=4, blocks=1, key=2, value=2)\n"
        "with torch.inference_mode(): model.log_prob(torch.zeros(1, 1, 3, 4, dtype=torch.uint8))\n"
        "model.sample(1)\n"
        "sys.modules = {name.replace('torch._dynamo', 'compiler'): m for name, m in sys.modules.items()}"
    )
    assert not loaded_by(code) & {"compiler", "huggingface_hub", "sympy"}
    assert loaded_by(code.replace("with torch.inference_mode(): ", "")) & {"compiler"}
