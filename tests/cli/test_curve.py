import json

import pytest
from PIL import Image

from pixelsnail.training.history import Row, draw_history

HEADER = "step,epoch,split,nats,bits_per_dim,images_per_second,lr,seconds\n"


@pytest.fixture
def trained(tmp_path):
    """Twenty rows of 10 steps and 5 seconds, a pause of an hour before the 11th, a validation at the end."""
    rows = [(10 * i, "train", 200 - 5 * i, 5 * i + 3600 * (i > 10)) for i in range(1, 21)]
    rows.append((200, "validation", 99.0, 3709))
    lines = [f"{step},0,{split},{nats},0.1,10,0.001,{seconds}\n" for step, split, nats, seconds in rows]
    (tmp_path / "metrics.csv").write_text(HEADER + "".join(lines) + "210,0,tra")
    return tmp_path


def test_the_table_has_a_line_for_each_time_and_the_end_without_pauses(pixelsnail, trained):
    outcome = pixelsnail("curve", trained, "--out", trained / "curve.png")
    assert outcome.status == 0
    lines = [line.split("  ") for line in outcome.out.splitlines()]
    assert [[word.strip() for word in line if word.strip()] for line in lines] == [
        ["after", "steps", "training nats", "validation nats"],
        ["1 min 0 s", "120", "142.50"],  # steps 110 and 120 are the last tenth of 120 steps
        ["1 min 49 s", "200", "102.50", "99.00"],
    ]
    with Image.open(trained / "curve.png") as picture:
        picture.load()


def test_json_has_the_same_numbers(pixelsnail, trained):
    last = json.loads(pixelsnail("curve", trained, "--json").out)["rows"][-1]
    assert last == {"seconds": 109.0, "step": 200, "train": 102.5, "validation": 99.0}


@pytest.mark.parametrize(
    ("nats", "cut"),
    [
        ([500.0, *[120.0] * 10, *[100.0] * 29], 120),  # what all but the first twentieth of the time needs
        ([500.0, *[100.0] * 39], 110),
        ([500.0, *[400.0] * 10, *[100.0] * 29], 150),
    ],
)
def test_the_picture_leaves_the_fall_of_the_beginning_out(tmp_path, nats, cut):
    draw_history([Row(i, "train", n, float(i)) for i, n in enumerate(nats, 1)], tmp_path / "curve.svg")
    assert f"above {cut}: not shown" in (tmp_path / "curve.svg").read_text()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "metrics.csv is missing; expected the folder of a run"),
        ("a,b\n", "does not begin with step,epoch,split"),
        (HEADER, "holds no row yet"),
    ],
)
def test_what_is_no_training_is_one_sentence(pixelsnail, tmp_path, text, words):
    if text is not None:
        (tmp_path / "metrics.csv").write_text(text)
    outcome = pixelsnail("curve", tmp_path)
    assert (outcome.status, outcome.err.count("\n")) == (1, 1)
    assert words in outcome.err
