"""Command lines that cannot be meant: exit status 2, one line that says what was seen and what was expected."""

import pytest

OUT = ["--out", "x.png"]

WRONG = {
    "smaple run": "did you mean 'sample'?",
    "--quiet sample run": "--quiet comes before the command",
    "sample": "sample needs RUN, --out; for example: pixelsnail sample",
    "sample run": "sample needs --out",
    "sample run --out": "--out",
    "sample run extra --out x.png": "'extra' is one argument too many",
    "sample run --cuont 3 --out x.png": "There is no option --cuont; did you mean --count?",
    "sample run --coun 3 --out x.png": "did you mean --count?",
    "sample run --count -3 --out x.png": "--count is '-3'; expected a whole number of at least 1",
    "sample run --count 1.5 --out x.png": "--count is '1.5'",
    "sample run --temperature -1 --out x.png": "--temperature is '-1'; expected a number of at least 0",
    "sample run --temperature nan --out x.png": "--temperature is 'nan'",
    "sample run --seed -1 --out x.png": "--seed is '-1'; expected a whole number of at least 0",
    "sample run --engine nave --out x.png": "--engine is 'nave'; did you mean 'naive'?",
    "sample run --device gpu --out x.png": "--device is 'gpu'; did you mean",
    "sample run --weights bset --out x.png": "did you mean 'best'?",
    "sample run --precision float16 --out x.png": "--precision is 'float16'",
    "sample run --size 28 --out x.png": "--size is '28'; expected HxW, such as 28x28",
    "sample run --batch 0 --out x.png": "--batch is '0'",
    "sample run --out x.jpg": "x.jpg ends in .jpg; expected .png or .npz",
    "sample run --out x": "x has no suffix",
    "sample run --count 5000 --out x.png": "write x.npz instead",
    "score run --out x.png": "x.png ends in .png; expected .csv",
    "evaluate run --split tests": "did you mean 'test'?",
    "evaluate run --limit 0": "--limit is '0'",
    "evaluate run --binarizations 0": "--binarizations is '0'",
    "evaluate run --binarize dynamc": "did you mean 'dynamic'?",
    "complete run --out x": "complete needs --known",
    "demo --out no-run --model.classes 10": "classes conditions the model",
    "score run --out x.csv --data mnist-mini --images a.png": "not allowed with",
    "import x.ckpt --project pytorch --out x": "did you mean 'pytorch-generative'?",
    "import x.ckpt --project pytorch-generative --out x --config channels": "expected KEY=VALUE",
    "import x.ckpt --project pytorch-generative --out x --shape 28x28": "expected CxHxW, such as 1x28x28",
    "import x.ckpt --project pytorch-generative --out x --levels 1": "at least 2",
    "train demo --out x --resume --overwrite": "not allowed with",
    "train demo --out x --resume --init y": "--init and --resume contradict",
    "train demo --out x --optimizer.lrr 3": "did you mean 'optimizer.lr'?",
    "train demo --out x --optimizer.lr fast": "optimizer.lr is 'fast'; expected a number",
    "train demo --out x --optimizer.lr": "--optimizer.lr has no value",
    "train demo --out x --optimizer.lr --seed 3": "--optimizer.lr has no value",
    "train demo --out x --trainer.max_stepz 3": "did you mean 'trainer.max_steps'?",
    "train demo --out x --model.name PixelSNALE": "did you mean 'PixelSNAIL'?",
    "train demo --out x --model.chanels 3": "did you mean 'model.channels'?",
    "train demo --out x --data.batch 0": "data.batch is 0; expected at least 1",
    "demo --out x --run.lgo 3": "did you mean 'run.log'?",
}


@pytest.mark.parametrize("line", WRONG)
def test_wrong_usage_is_one_line_and_status_2(pixelsnail, tmp_path, monkeypatch, line):
    monkeypatch.chdir(tmp_path)
    outcome = pixelsnail(*line.split())
    assert WRONG[line] in outcome.err
    assert (outcome.status, outcome.out, outcome.err.count("\n")) == (2, "", 1)
    assert outcome.err.startswith("pixelsnail: ")
    assert list(tmp_path.iterdir()) == []


def test_a_mask_word_that_is_none_is_wrong_usage(pixelsnail, run, tmp_path):
    outcome = pixelsnail("complete", run, "--known", "tpo", "--out", tmp_path / "out")
    assert outcome.status == 2
    assert "--known is 'tpo'; did you mean 'top'? Expected top, bottom, left, right or a mask image" in outcome.err


def test_images_that_nobody_named_are_wrong_usage(pixelsnail, bare):
    outcome = pixelsnail("evaluate", bare)
    assert outcome.status == 2
    assert "say which images: --data mnist-mini" in outcome.err
