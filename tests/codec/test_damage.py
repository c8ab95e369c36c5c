"""Files that are not what `compress` made: one sentence each, at once, never an image."""

import zlib

import pytest
import torch

import pixelsnail
from codec_files import changed_by, flipped, stamped
from pixelsnail import codec
from pixelsnail.codec.container import START
from pixelsnail.codec.fields import number
from pixelsnail.errors import WrongIndexError, WrongTypeError, WrongValueError
from tiny import pixelsnail as build
from tiny import pixelsnail_of_classes, random_levels


def refusal(model, data):
    """The sentence that refuses a file."""
    with pytest.raises(WrongValueError) as error:
        pixelsnail.decompress(model, data)
    return str(error.value)


def test_what_is_no_file_of_ours_is_said(model, data):
    assert refusal(model, b"") == (
        "This is no file of compressed images (it is empty); expected one that compress made."
    )
    assert "(it begins with 50 4b 03 04)" in refusal(model, b"PK\3\4" + bytes(100))
    assert refusal(model, data[:10]) == ("The file of compressed images is cut short: it has 10 bytes. Copy it again.")
    assert "has version 2 of the format; this pixelsnail reads version 1" in refusal(
        model, stamped(data[:4] + b"\2" + data[5:-4])
    )


def test_every_flipped_bit_and_every_truncation_is_found(model, data):
    for bit in range(8 * len(data)):
        assert refusal(model, flipped(data, bit))
    for length in range(len(data)):
        assert refusal(model, data[:length])
    assert "checksum" in refusal(model, data + b"\0")


def test_another_model_is_refused(model, data, images):
    assert torch.equal(pixelsnail.decompress(model, data), images)
    for weight in range(len(list(model.parameters()))):
        assert "with another model (fingerprint " in refusal(changed_by(model, weight, 1e-3), data)
    assert "with another model" in refusal(build((1, 4, 3), 2), data)
    assert "with another model" in refusal(build((1, 3, 4), 3), data)


def test_another_machine_is_refused_and_another_result_found(model, images):
    fast = pixelsnail.compress(model, images, numerics="fast")
    contents = codec.read(fast)
    contents.machine = bytes(8)
    assert "numerics='fast' on another machine" in refusal(model, contents.write())
    contents = codec.read(pixelsnail.compress(model, images))
    contents.checks[1] ^= 1
    assert refusal(model, contents.write()).startswith(
        "Image 1 or one that shares its stream did not come out as it went in"
    )


def test_what_a_header_says_is_checked_before_memory_is_taken(model, data):
    """Each number of a header in turn says what would take too much, or what the model is not; checksums are right."""
    contents = codec.read(data)
    head = data[: 4 + 2 + 16]
    body = [number(n) for n in (2, 1, 3, 1, 3, 4)]
    rest = data[START + sum(map(len, body)) : -4]
    assert data == stamped(head + b"".join(body) + rest)
    for place, wrong, said in (
        (0, 2**40, "levels is 1,099,511,627,776"),
        (0, 3, "3 levels and 1 channels, but the model has 2"),
        (1, 2**16, "2 levels and 65536 channels"),
        (2, 2**50, "images is"),
        (3, 65, "images of a stream is 65"),
        (4, 2**33, "height is"),
        (5, 2**20, "width is"),
        (4, 0, "height is 0"),
    ):
        other = list(body)
        other[place] = number(wrong)
        assert said in refusal(model, stamped(head + b"".join(other) + rest))
    assert "is damaged" in refusal(model, stamped(head[:5] + b"\x40" + data[6:-4]))
    many = stamped(head + b"\2\1" + number(2**40) + b"\1\3\4" + bytes(1000))
    assert "images is" in refusal(model, many)
    assert contents.names == ["a.png", "b/c.png", "ü.png"]


def test_names_that_would_fill_memory_are_refused(model):
    bomb = zlib.compress(bytes(2**26))
    body = b"\x89PSN\1\2" + bytes(16) + b"\2\1\1\1\3\4\0\0" + number(len(bomb)) + bomb + bytes(9)
    assert "names are not 1" in refusal(model, stamped(body))


def test_wrong_lists_are_refused(model, data):
    contents = codec.read(data)
    contents.names = None
    contents.listed[2] = {12: 1}
    assert "a symbol is listed that no image has" in refusal(model, contents.write())
    contents.listed[2] = {11: 2, 3: 1}
    contents.listed[0] = {0: 1}
    assert codec.read(contents.write()).listed == contents.listed


def test_a_context_that_the_model_does_not_take_is_refused():
    model = pixelsnail_of_classes((1, 3, 4), 2)
    x, labels = random_levels(2, (3, 1, 3, 4)), torch.tensor([0, 2, 1])
    contents = codec.read(pixelsnail.compress(model, x, labels))
    assert torch.equal(contents.context, labels)
    contents.context = torch.tensor([0, 3, 1])
    assert "label 3" in refusal(model, contents.write())
    contents.context = None
    assert "context is missing" in refusal(model, contents.write())
    contents.context = torch.zeros(3, 2, 2, dtype=torch.long)
    assert "context has shape" in refusal(model, contents.write())


def test_wrong_arguments_are_said_before_any_work(model, images, data):
    for wrong, error, said in (
        ({"numerics": "exact"}, WrongValueError, "There are no numerics 'exact'; expected one of portable, fast."),
        ({"names": ["a"]}, WrongValueError, "There are 1 names for 3 images"),
        ({"names": ["a", "b", "c\0"]}, WrongValueError, "cannot be the name of a file"),
        ({"batch": 0}, WrongValueError, "batch is 0"),
        ({"context": torch.zeros(3)}, WrongValueError, "unconditional"),
    ):
        with pytest.raises(error, match=said.replace("(", r"\(")):
            pixelsnail.compress(model, images, **wrong)
    for wrong, error in ((images.float(), WrongTypeError), (images + 2, WrongValueError), ("x", WrongTypeError)):
        with pytest.raises(error):
            pixelsnail.compress(model, wrong)
    with pytest.raises(WrongIndexError, match=r"There is no image 3; the file holds 3\."):
        pixelsnail.decompress(model, data, 3)
    with pytest.raises(WrongValueError, match="at most 1,048,576 pixels"):
        pixelsnail.compress(model, torch.zeros(1, 1, 1025, 1024, dtype=torch.uint8))


def test_a_model_without_numbers_is_said(images):
    model = build((1, 3, 4), 2)
    with torch.no_grad():
        next(model.parameters()).fill_(float("nan"))
    for numerics in ("portable", "fast"):
        with pytest.raises(RuntimeError, match="gives no probabilities"):
            pixelsnail.compress(model, images, numerics=numerics)
