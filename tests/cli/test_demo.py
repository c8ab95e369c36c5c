from PIL import Image

SMALL = [
    f"--{field}"
    for field in (
        "model.channels=4", "model.blocks=1", "model.residuals=1", "model.key=2", "model.value=2",
        "trainer.max_steps=2", "trainer.accelerator=cpu", "run.samples=0", "run.validate=0",
    )
]  # fmt: skip


def test_the_demo_leaves_three_pictures_and_prints_one_table(pixelsnail, source, tmp_path):
    out = tmp_path / "demo"
    line = ("demo", "--out", out, *SMALL, f"--data.source={source}", "--count", 4)
    outcome = pixelsnail(*line)
    assert outcome.status == 0
    rows = dict(line.split(maxsplit=1) for line in outcome.out.splitlines())
    assert rows["images"].startswith("11 (npz:")
    assert "+-" in rows["nats/image"]
    assert "bits/dim" in rows
    assert all(f"{phase} " in rows["seconds"] for phase in ("training", "evaluation", "samples", "completions"))
    for name in ("samples.png", "completions.png", "surprise.png"):
        assert str(out / name) in rows["pictures"]
        with Image.open(out / name) as picture:
            picture.load()
    assert f"Next: pixelsnail info {out}\n" in outcome.err
    outcome = pixelsnail(*line)
    assert outcome.status == 1
    assert "replace it with --overwrite" in outcome.err
    assert pixelsnail(*line, "--overwrite", "--quiet").err == ""


def test_the_packaged_model_stands_beside_a_demo_on_digits(pixelsnail, tmp_path):
    out = tmp_path / "demo"
    outcome = pixelsnail("demo", "--out", out, *SMALL, "--count", 2, "--limit", 4)
    assert outcome.status == 0
    rows = dict(line.split("   ", 1) for line in outcome.out.splitlines())
    assert rows["packaged mnist"].endswith(" nats/image on the same images")
    assert str(out / "mnist-samples.png") in rows["pictures"]
    assert "packaged mnist" in rows["seconds"]
    with Image.open(out / "mnist-samples.png") as picture:
        picture.load()
