"""What a decoder reduces in silence is converted by a stated rule, or refused by name: the same in every way in."""

import struct
import zlib

import numpy as np
import pytest
import torch
from PIL import Image, ImageCms

from pixelsnail import data

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:datasets", "ignore::FutureWarning:datasets")

GREY = np.arange(20, dtype=np.uint8).reshape(4, 5) * 12
COLOUR = np.stack([GREY, GREY[::-1], 255 - GREY], -1)
DEEP = GREY.astype(np.uint16) * 256 + 77


def png(levels: np.ndarray, depth: int, colour: int) -> bytes:
    """A PNG file of a depth that Pillow does not write. Levels are (H, W * samples)."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    samples = {0: 1, 2: 3, 4: 2, 6: 4}[colour]
    header = struct.pack(">IIBBBBB", levels.shape[1] // samples, len(levels), depth, colour, 0, 0, 0)
    if depth == 16:
        rows = [row.astype(">u2").tobytes() for row in levels]
    else:
        bits = (levels[:, :, None] >> np.arange(depth)[::-1]) & 1
        rows = [np.packbits(row.reshape(-1)).tobytes() for row in bits.astype(np.uint8)]
    content = zlib.compress(b"".join(b"\0" + row for row in rows))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", content) + chunk(b"IEND", b"")


def ways(path, tmp_path, **options) -> dict:
    """Every way in that reads image files, as functions that open the file at `path`."""

    def hub():
        library = pytest.importorskip("datasets")
        features = library.Features({"image": library.Image()})
        rows = library.Dataset.from_dict({"image": [{"bytes": path.read_bytes(), "path": None}]}, features=features)
        rows.save_to_disk(tmp_path / "rows")
        return data.open(f"hf:{tmp_path / 'rows'}", "all", **options)

    return {
        "files": lambda: data.from_files([path], **options),
        "folder": lambda: data.open(f"folder:{path.parent}", "all", **options),
        "hub": hub,
    }


@pytest.fixture(params=["files", "folder", "hub"])
def read(request, tmp_path):
    """read(path) opens a file in one of the ways, and gives the images."""
    return lambda path, **options: ways(path, tmp_path, **options)[request.param]()


@pytest.fixture
def place(tmp_path):
    """A folder for one file."""
    (tmp_path / "files").mkdir()
    return tmp_path / "files"


def levels_of(images: data.Images) -> np.ndarray:
    return images.batch(range(len(images))).numpy()


# Depth


@pytest.mark.parametrize("suffix", ["png", "tif", "pgm", "jp2"])
def test_of_16_bits_the_upper_8_are_kept_or_all_that_are_asked_for(read, place, suffix):
    path = place / f"deep.{suffix}"
    Image.fromarray(DEEP).save(path)
    images = read(path)
    assert images.levels == 256
    assert np.array_equal(levels_of(images)[0, 0], GREY)
    whole = read(path, levels=65536)
    assert (whole.levels, whole.batch([0]).dtype) == (65536, torch.int64)
    assert np.array_equal(levels_of(whole)[0, 0], DEEP)
    shifted = whole.as_like((1, 4, 5), 256)
    assert np.array_equal(levels_of(shifted)[0, 0], GREY)
    assert "the upper 8 of 16 bits kept" in str(shifted.read)
    with pytest.raises(ValueError, match=r"holds level \d+, but levels is 4096; expected 0 \.\.\. 4095"):
        read(path, levels=4096).batch([0])


def test_files_of_16_bits_are_said(place):
    Image.fromarray(DEEP).save(place / "deep.png")
    Image.fromarray(GREY).save(place / "plain.png")
    assert "of more than 8 bits the upper 8 kept (1 of 2)" in str(data.open(f"folder:{place}", "all").read)


def test_a_model_of_16_bits_is_not_given_8(place):
    Image.fromarray(DEEP).save(place / "deep.png")
    with pytest.raises(
        ValueError, match=r"of which the upper 8 were read, but this model has L = 65536; open .*=65536"
    ):
        data.open(f"folder:{place}", "all").as_like((1, 4, 5), 65536)
    whole = data.from_files([place / "deep.png"], like=((1, 4, 5), 65536))
    assert np.array_equal(levels_of(whole)[0, 0], DEEP)


def test_12_bits_in_files_of_16_are_said(place):
    Image.fromarray(DEEP >> 4).save(place / "deep.png")
    images = data.from_files([place / "deep.png"])
    assert "none of these above 14 of 255: levels 3840 keeps all bits" in str(images.read)
    assert np.array_equal(levels_of(data.from_files([place / "deep.png"], levels=3840))[0, 0], DEEP >> 4)


def test_colour_of_16_bits_gives_its_upper_8_and_never_pretends_more(read, place):
    path = place / "deep.png"
    path.write_bytes(png(COLOUR.reshape(4, -1).astype(np.uint16) * 256 + 77, 16, 2))
    assert np.array_equal(levels_of(read(path))[0], COLOUR.transpose(2, 0, 1))
    with pytest.raises(ValueError, match="has 16 bits a channel, of which a decoder here gives 8"):
        read(path, levels=65536).batch([0])


@pytest.mark.parametrize("depth", [1, 2, 4])
def test_fewer_bits_are_scaled_to_the_whole_range_and_said(place, depth):
    path = place / "few.png"
    few = np.arange(20).reshape(4, 5) % 2**depth
    path.write_bytes(png(few, depth, 0))
    images = data.from_files([path])
    assert np.array_equal(levels_of(images)[0, 0], few * (255 // (2**depth - 1)))
    assert "fewer than 8 bits scaled to 0 ... 255" in str(images.read)


def test_another_largest_value_of_pgm_is_said(place):
    (place / "a.pgm").write_bytes(b"P5\n# made by hand\n2 1 100\n\x00\x64")
    images = data.from_files([place / "a.pgm"])
    assert levels_of(images).tolist() == [[[[0, 255]]]]
    assert "scaled to 0 ... 255" in str(images.read)
    (place / "b.ppm").write_bytes(b"P6 1 1 1000\n" + struct.pack(">3H", 0, 500, 1000))
    assert "of more than 8 bits the upper 8 kept" in str(data.from_files([place / "b.ppm"]).read)


@pytest.mark.parametrize(
    ("mode", "says"),
    [
        ("F", "is in 32-bit floats"),
        ("I", "holds signed integers"),
        ("CMYK", "is in CMYK"),
        ("LAB", r"is in CIE L\*a\*b\*"),
        ("YCbCr", "is in YCbCr"),
    ],
)
def test_other_numbers_and_colour_spaces_are_refused_by_name(read, place, mode, says):
    Image.new(mode, (5, 4)).save(place / "a.tif")
    with pytest.raises(ValueError, match=f"{says}; expected .*Convert it first"):
        read(place / "a.tif").batch([0])


def test_a_jpeg_of_cmyk_is_refused_by_name(read, place):
    Image.new("CMYK", (5, 4)).save(place / "a.jpg")
    with pytest.raises(ValueError, match="is in CMYK; expected grey or RGB"):
        read(place / "a.jpg").batch([0])


def test_tiffs_that_a_decoder_misreads_are_refused(place):
    tifffile = pytest.importorskip("tifffile")
    many = np.zeros((20, 30, 6), np.uint8)
    tifffile.imwrite(place / "many.tif", many, photometric="rgb", planarconfig="contig")
    tifffile.imwrite(place / "white.tif", DEEP, photometric="miniswhite")
    tifffile.imwrite(place / "signed.tif", DEEP.astype(np.int16))
    for name, says in (("many", "has 6 channels, of which"), ("white", "white is 0"), ("signed", "signed integers")):
        with pytest.raises(ValueError, match=says):
            data.from_files([place / f"{name}.tif"])


def test_high_bit_depth_of_avif_is_found_in_its_header(place):
    Image.fromarray(COLOUR).save(place / "a.avif", quality=100)
    content = bytearray((place / "a.avif").read_bytes())
    at = content.find(b"av1C")
    at, depths = content.find(b"av1C"), content.find(b"pixi")
    assert "upper 8" not in str(data.from_files([place / "a.avif"]).read)
    content[at + 6] |= 0x40
    content[depths + 9 : depths + 12] = b"\x0a\x0a\x0a"
    (place / "a.avif").write_bytes(bytes(content))
    assert "of more than 8 bits the upper 8 kept" in str(data.open(f"folder:{place}", "all").read)


# Transparency


def transparent(kind: str) -> tuple[Image.Image, dict]:
    if kind in ("RGBA", "LA"):
        alpha = Image.fromarray(GREY)
        return Image.merge(kind, [Image.fromarray(GREY)] * (len(kind) - 1) + [alpha]), {}
    if kind == "palette":
        image = Image.fromarray(GREY).quantize(20)
        return image, {"transparency": image.getpixel((0, 0))}
    if kind == "palette of alphas":
        image = Image.fromarray(GREY).quantize(20)
        return image, {"transparency": bytes([100] * 20)}
    if kind == "16 bits":
        return Image.fromarray(DEEP), {"transparency": int(DEEP[1, 1])}
    if kind == "grey":
        return Image.fromarray(GREY), {"transparency": 12}
    return Image.fromarray(COLOUR), {"transparency": tuple(int(v) for v in COLOUR[1, 1])}


KINDS = ["RGBA", "LA", "palette", "palette of alphas", "16 bits", "grey", "RGB"]


@pytest.mark.parametrize("kind", KINDS)
def test_transparency_is_refused_however_the_file_says_it(read, place, kind):
    image, options = transparent(kind)
    image.save(place / "a.png", **options)
    with pytest.raises(ValueError, match="has transparent pixels; expected grey or RGB"):
        read(place / "a.png").batch([0])


@pytest.mark.parametrize(("suffix", "kind"), [("gif", "palette"), ("webp", "RGBA"), ("tif", "RGBA"), ("tga", "RGBA")])
def test_so_it_is_in_other_formats(read, place, suffix, kind):
    image, options = transparent(kind)
    image.save(place / f"a.{suffix}", **({"lossless": True} if suffix == "webp" else options))
    with pytest.raises(ValueError, match="has transparent pixels"):
        read(place / f"a.{suffix}").batch([0])


def test_a_transparent_colour_that_no_pixel_has_hides_nothing(read, place):
    Image.fromarray(GREY).save(place / "a.png", transparency=13)
    assert np.array_equal(levels_of(read(place / "a.png"))[0, 0], GREY)


# Pages


@pytest.mark.parametrize("suffix", ["tif", "gif", "png", "webp"])
def test_every_page_of_a_file_is_an_image(place, suffix):
    pages = [GREY, GREY[::-1].copy(), GREY[:, ::-1].copy()]
    first, *others = (Image.fromarray(page) for page in pages)
    first.save(
        place / f"a.{suffix}", save_all=True, append_images=others, **({"lossless": True} if suffix == "webp" else {})
    )
    for images in (data.from_files([place / f"a.{suffix}"]), data.open(f"folder:{place}", "all")):
        assert len(images) == 3
        assert np.array_equal(levels_of(images.as_like((1, 4, 5), 256))[:, 0], np.stack(pages))
        assert [name.rpartition("/")[2] for name in images.files] == [f"a.{suffix}#{i}" for i in range(3)]
    assert data.splits_of(f"folder:{place}") == ("train", "validation", "test")


def test_a_stack_of_16_bits_is_its_slices(place):
    tifffile = pytest.importorskip("tifffile")
    tifffile.imwrite(place / "a.tif", np.stack([DEEP + i for i in range(7)]), photometric="minisblack")
    images = data.open(f"folder:{place}", "all", levels=65536)
    assert np.array_equal(levels_of(images)[:, 0], np.stack([DEEP + i for i in range(7)]).astype(np.int64))


def test_a_row_of_the_hub_is_one_image(place, tmp_path):
    Image.fromarray(GREY).save(place / "a.tif", save_all=True, append_images=[Image.fromarray(GREY)])
    with pytest.raises(ValueError, match=r"Image 0 of hf:.* holds 2 images; expected one a row"):
        ways(place / "a.tif", tmp_path)["hub"]()


def test_of_a_photograph_with_more_pictures_the_first_is_taken_and_that_is_said(read, place):
    Image.fromarray(COLOUR).save(place / "a.mpo", save_all=True, append_images=[Image.fromarray(COLOUR[:2])])
    (place / "a.mpo").rename(place / "a.jpg")
    assert len(read(place / "a.jpg")) == 1
    assert "of MPO photographs the first picture" in str(data.from_files([place / "a.jpg"]).read)


# Orientation


@pytest.mark.parametrize("suffix", ["png", "tif", "webp", "jpg"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_images_are_turned_as_exif_says(read, place, suffix, orientation):
    """A column of bright pixels at the left of the file is where a viewer shows it."""
    levels = np.zeros((32, 48, 3), np.uint8)
    levels[:, :16] = 255
    options = {"lossless": True} if suffix == "webp" else {}
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(levels).save(place / f"a.{suffix}", exif=exif, **options)
    shown = levels_of(read(place / f"a.{suffix}"))[0, 0] > 128
    bright = {1: np.s_[:, :16], 2: np.s_[:, 32:], 3: np.s_[:, 32:], 4: np.s_[:, :16]}
    bright |= {5: np.s_[:16], 6: np.s_[:16], 7: np.s_[32:], 8: np.s_[32:]}
    expected = np.zeros((32, 48) if orientation < 5 else (48, 32), bool)
    expected[bright[orientation]] = True
    assert np.array_equal(shown, expected)
    if orientation > 1:
        assert "turned as EXIF says" in str(data.from_files([place / f"a.{suffix}"]).read)


# Colour


def test_a_palette_of_greys_is_grey_and_another_is_colour(read, place):
    Image.fromarray(GREY).quantize(20).save(place / "a.png")
    assert read(place / "a.png").shape == (1, 4, 5)
    Image.fromarray(COLOUR).quantize(20).save(place / "a.png")
    assert read(place / "a.png").shape == (3, 4, 5)


def test_profiles_other_than_srgb_are_not_applied_and_that_is_said(place):
    for name, profile in (("sRGB", "sRGB"), ("other", "XYZ")):
        content = ImageCms.ImageCmsProfile(ImageCms.createProfile(profile)).tobytes()
        Image.fromarray(COLOUR).save(place / f"{name}.png", icc_profile=content)
        images = data.from_files([place / f"{name}.png"])
        assert np.array_equal(levels_of(images)[0], COLOUR.transpose(2, 0, 1))
        assert ("ICC profiles not applied" in str(images.read)) == (name == "other")


# Files of another kind


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"not a picture", "no known image format"),
        (b"%PDF-1.4 and more", "it is a PDF document"),
        (b"\x89HDF\r\n\x1a\n", "it is an HDF5 file"),
        (b"", "no known image format"),
    ],
)
def test_a_file_that_is_no_image_is_called_by_its_kind(place, content, says):
    (place / "a.png").write_bytes(content)
    with pytest.raises(ValueError, match=rf"a\.png cannot be read as an image \({says}\)"):
        data.from_files([place / "a.png"])


def test_arrays_among_images_are_told_how_they_are_read(place):
    np.savez(place / "a.npz", x=GREY[None])
    with pytest.raises(ValueError, match="it is an npz file: read it as npz:"):
        data.from_files([place / "a.npz"])
