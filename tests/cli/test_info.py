import json


def test_the_table_says_what_a_user_must_know(pixelsnail, run):
    outcome = pixelsnail("info", run)
    assert outcome.status == 0
    assert outcome.err == f"Next: pixelsnail sample {run} --count 64 --out samples.png\n"
    rows = {line[: line.index("   ")].strip(): line[line.index("   ") :].strip() for line in outcome.out.splitlines()}
    assert rows["images"] == "6 x 5, grey"
    assert rows["levels"] == "2 (Bernoulli head)"
    assert rows["context"] == "none (unconditional)"
    assert rows["steps trained"] == "1,200"
    assert rows["time trained"] == "1 min 15 s"
    assert rows["validation nats"] == "19.50 an image"
    assert rows["licence"] == "not stated"
    assert {"model", "parameters", "data", "binarisation"} < set(rows)


def test_json_holds_the_configuration_and_all_that_the_run_tells(pixelsnail, run):
    found = json.loads(pixelsnail("info", run, "--json").out)
    assert (found["model"], found["shape"], found["levels"]) == ("PixelSNAIL", [1, 6, 5], 2)
    assert found["configuration"]["channels"] == 4
    assert found["about"]["validation_nats"] == 19.5
    assert isinstance(found["parameters"], int)


def test_the_latest_weights_are_named(pixelsnail, run):
    assert "last weights" in pixelsnail("info", run, "--weights", "last").out
