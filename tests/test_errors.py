"""What another library says is never passed on unread."""

import json
import re
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

import pixelsnail
from pixelsnail import checkpoints
from pixelsnail.errors import UserError, reason
from pixelsnail.training.fitting import AtomicCheckpoints
from tiny import MODELS


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("no such layer", "no such layer"),
        ("\x1b[1;31mred\x1b[0m and\n\n  more.\t", "red and more"),
        ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\ \x07", "link"),
        ("", "RuntimeError"),
        ("\n", "RuntimeError"),
        (
            "Odd file: GLOBAL a.B was found. Set weights_only=False.",
            "it holds a.B, which is neither a tensor nor a plain value",
        ),
        ("Or use allow_pickle.", "it holds something, which is neither a tensor nor a plain value"),
        ("word " * 100, "word " * 32 + "..."),
        ("x" * 500, "x" * 160 + " ..."),
    ],
)
def test_a_reason_is_one_short_line_of_plain_text_without_advice(text, expected):
    assert reason(RuntimeError(text)) == expected


def test_a_checkpoint_with_objects_in_it_is_refused_in_our_own_words(tmp_path):
    file = tmp_path / "vqvae.pt"
    torch.save({"model": {"weight": torch.zeros(2)}, "args": SimpleNamespace(channel=256)}, file)
    for read in (lambda: checkpoints.import_file(file, "pytorch-generative"), lambda: read_checkpoint(file)):
        with pytest.raises(ValueError, match=r"types\.SimpleNamespace") as refused:
            read()
        check_sentence(str(refused.value))


def read_checkpoint(file: Path):
    return AtomicCheckpoints().load_checkpoint(file)


@pytest.mark.parametrize(
    ("name", "content"), [("config.json", b"{"), ("config.json", b"\xff"), ("model.safetensors", b"\x1b[31m" * 9)]
)
def test_a_damaged_model_is_one_sentence(name, content, tmp_path):
    MODELS["PixelCNN"]((1, 3, 4), 2).save(tmp_path)
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError) as refused:
        pixelsnail.load(tmp_path)
    check_sentence(str(refused.value))


def test_a_configuration_that_a_model_does_not_take_names_the_argument(tmp_path):
    MODELS["PixelCNN"]((1, 3, 4), 2).save(tmp_path)
    known = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(known | {"chanels": 3}))
    with pytest.raises(ValueError, match=r"PixelCNN has no argument 'chanels'; did you mean 'channels'\?"):
        pixelsnail.load(tmp_path)


def check_sentence(text: str) -> None:
    assert text.isprintable()
    assert len(text) < 500
    assert not re.search(r"weights_only|trusted source|http", text)
    assert text.endswith(".")


def test_no_sentence_takes_a_librarys_words_but_through_reason():
    """A caught error in an f-string or in str(), outside the floors that say so in another way."""
    source = Path(pixelsnail.__file__).parent
    pasted = re.compile(r"\{error\}|\{' '\.join\(str\(error\)|splitlines\(\)\[0\]|= str\(error\)|error\.problem\b")
    ours = {
        "session.py": "{error}; training stopped",
        "scan.py": "Among images",
        "laws.py": "found[law]",
        "rules.py": "In {where}, {error}",
        "parameters.py": "expected {error}",
        "parsing.py": "See pixelsnail",
        "train.py": "{error} Next: {command}",
    }
    for file in sorted(source.rglob("*.py")):
        for line in file.read_text(encoding="utf-8").splitlines():
            if pasted.search(line):
                assert file.name in ours, f"{file.name}: {line.strip()}"
                assert ours[file.name] in line
