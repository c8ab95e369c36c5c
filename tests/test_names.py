"""What a mistyped name brings: what was meant by letters or by meaning, else nothing that misleads."""

import pytest

from pixelsnail.names import MEANT, instead, nearest

OPTIONS = ["--count", "--batch", "--context", "--out", "--device", "--size", "--help", "--known", "--overwrite"]
FIELDS = ["optimizer.lr", "optimizer.eps", "data.batch", "model.channels", "trainer.max_steps", "trainer.max_epochs"]


@pytest.mark.parametrize(
    ("name", "valid", "meant"),
    [
        ("--cuont", OPTIONS, "--count"),
        ("--coun", OPTIONS, "--count"),
        ("--class", OPTIONS, "--context"),
        ("--labels", OPTIONS, "--context"),
        ("--gpu", OPTIONS, "--device"),
        ("--batch-size", OPTIONS, "--batch"),
        ("--mask", OPTIONS, "--known"),
        ("--lr", OPTIONS, None),
        ("--epochs", OPTIONS, None),
        ("--top-k", OPTIONS, None),
        ("lr", FIELDS, "optimizer.lr"),
        ("--learning-rate", FIELDS, "optimizer.lr"),
        ("optimizer.learning_rate", FIELDS, "optimizer.lr"),
        ("epochs", FIELDS, "trainer.max_epochs"),
        ("steps", FIELDS, "trainer.max_steps"),
        ("max_steps", FIELDS, "trainer.max_steps"),
        ("batch_size", FIELDS, "data.batch"),
        ("pixelcnn", ["PixelRNN", "PixelCNN"], "PixelCNN"),
        ("rosinality", ["pytorch-generative", "official"], None),
        ("pytorch", ["pytorch-generative", "official"], "pytorch-generative"),
        ("gpu", ["auto", "cpu", "cuda"], "cuda"),
    ],
)
def test_what_was_meant(name, valid, meant):
    assert nearest(name, valid) == meant


def test_a_sentence_ends_with_what_was_meant_or_with_all_that_is_right():
    assert instead("cunt", ["count", "size"]) == "did you mean 'count'?"
    assert instead("foo", ["count", "size"]) == "expected one of count, size."


def test_words_of_other_programs_are_not_near_themselves():
    """A meaning is needed only where letters would mislead or find nothing."""
    for word, meant in MEANT.items():
        assert nearest(word, meant) == meant[0]
