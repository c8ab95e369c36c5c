"""One digit through every way in and every file format gives equal levels, and its label where there is one."""

import gzip
import io
import pickle
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from pixelsnail import data

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:datasets", "ignore::FutureWarning:datasets")

LABEL = 7
Write = Callable[[Path, np.ndarray], str]


@pytest.fixture(scope="module")
def digit() -> np.ndarray:
    """(32, 32) levels of 256, the first seven of the package's test digits, with a margin."""
    images = data.open("mnist-mini", "test", binarize="none")
    seven = images.batch([images.labels.tolist().index(LABEL)])[0, 0].numpy()
    return np.pad(seven, 2)


def idx(array: np.ndarray) -> bytes:
    return bytes((0, 0, 8, array.ndim)) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def mnist(images: str, labels: str, turned: bool = False, compress: bool = False) -> Write:
    def write(folder: Path, digit: np.ndarray) -> str:
        contents = {images: idx((digit.T if turned else digit)[None].copy()), labels: idx(np.array([LABEL], np.uint8))}
        for name, content in contents.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(gzip.compress(content) if compress else content)
        return f"mnist:{folder}"

    return write


def npz(**make: Callable[[np.ndarray], np.ndarray]) -> Write:
    def write(folder: Path, digit: np.ndarray) -> str:
        np.savez(folder / "file.npz", **{name: function(digit) for name, function in make.items()})
        return f"npz:{folder / 'file.npz'}"

    return write


def npy(folder: Path, digit: np.ndarray) -> str:
    np.save(folder / "file.npy", digit[None])
    return f"npy:{folder / 'file.npy'}"


def tensor(make: Callable[[np.ndarray], object]) -> Write:
    def write(folder: Path, digit: np.ndarray) -> str:
        torch.save(make(digit), folder / "file.pt")
        return f"pt:{folder / 'file.pt'}"

    return write


def row(digit: np.ndarray) -> np.ndarray:
    return np.tile(digit.reshape(1, -1), 3)


class Python2(pickle._Pickler):
    """Writes bytes as Python 2 wrote its text: what the distributed files hold."""

    def save_bytes(self, content):
        self.write(pickle.BINSTRING + struct.pack("<i", len(content)) + content)
        self.memoize(content)

    dispatch = {**pickle._Pickler.dispatch, bytes: save_bytes}  # noqa: RUF012


def cifar_pickled(protocol: int, writer: type = pickle._Pickler) -> Write:
    def write(folder: Path, digit: np.ndarray) -> str:
        batch = {b"data": row(digit), b"labels": [LABEL], b"filenames": [b"seven.png"]}
        for name in (*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"):
            file = io.BytesIO()
            writer(file, protocol).dump(batch)
            (folder / name).write_bytes(file.getvalue().replace(b"cnumpy._core.", b"cnumpy.core."))  # as numpy 1 wrote
        return f"cifar10:{folder}"

    return write


def cifar_binary(folder: Path, digit: np.ndarray) -> str:
    folder = folder / "cifar-10-batches-bin"
    folder.mkdir()
    for name in (*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"):
        (folder / f"{name}.bin").write_bytes(bytes([LABEL]) + row(digit).tobytes())
    return f"cifar10:{folder.parent}"


def imagenet32(form: str) -> Write:
    def write(folder: Path, digit: np.ndarray) -> str:
        place = folder / "Imagenet32_val"
        place.mkdir()
        batch = {"data": row(digit), "labels": np.array([LABEL + 1])}
        if form == "npz":
            np.savez(place / "val_data.npz", **batch)
        else:
            (place / "val_data").write_bytes(pickle.dumps(batch))
        return f"imagenet32:{folder}"

    return write


def picture(suffix: str, make: Callable[[Image.Image], Image.Image] = lambda image: image, **options) -> Write:
    """A folder of one image in a folder for its class."""

    def write(folder: Path, digit: np.ndarray) -> str:
        (folder / str(LABEL)).mkdir()
        make(Image.fromarray(digit)).save(folder / str(LABEL) / f"seven.{suffix}", **options)
        for other in range(LABEL):
            (folder / str(other)).mkdir()
            Image.new("L", (32, 32), 9).save(folder / str(other) / "other.png")
        return f"folder:{folder}"

    return write


def deep(image: Image.Image) -> Image.Image:
    return Image.fromarray(np.asarray(image).astype(np.uint16) * 256 + 77)


def turned(image: Image.Image) -> Image.Image:
    """Such that EXIF's orientation 6 turns it back."""
    result = image.transpose(Image.Transpose.ROTATE_90)
    result.getexif()[0x0112] = 6
    return result


def opaque(image: Image.Image) -> Image.Image:
    return image.convert("RGBA")


def hub(make: Callable[[object, np.ndarray, bytes], tuple[dict, dict]]) -> Write:
    """Rows of a data set that was saved by its library."""

    def write(folder: Path, digit: np.ndarray) -> str:
        library = pytest.importorskip("datasets")
        Image.fromarray(digit).save(folder / "seven.png")
        columns, features = make(library, digit, (folder / "seven.png").read_bytes())
        rows = library.Dataset.from_dict(columns, features=library.Features(features))
        rows.save_to_disk(folder / "rows")
        return f"hf:{folder / 'rows'}"

    return write


def class_label(library) -> object:
    return library.ClassLabel(names=[str(i) for i in range(10)])


def declared(library, digit, content) -> tuple[dict, dict]:
    return (
        {"image": [{"bytes": content, "path": None}], "label": [LABEL]},
        {"image": library.Image(), "label": class_label(library)},
    )


def undecoded(library, digit, content) -> tuple[dict, dict]:
    return (
        {"img": [{"bytes": content, "path": None}], "target": [LABEL]},
        {"img": library.Image(decode=False), "target": library.Value("int32")},
    )


def undeclared(library, digit, content) -> tuple[dict, dict]:
    value = library.Value
    return (
        {"x": [{"bytes": content, "path": "seven.png"}], "label": [LABEL]},
        {"x": {"bytes": value("binary"), "path": value("string")}, "label": value("uint8")},
    )


def plain_bytes(library, digit, content) -> tuple[dict, dict]:
    return {"x": [content], "y": [LABEL]}, {"x": library.Value("binary"), "y": library.Value("int64")}


def array2d(library, digit, content) -> tuple[dict, dict]:
    return (
        {"pixels": [digit], "label": [LABEL]},
        {"pixels": library.Array2D((32, 32), "uint8"), "label": class_label(library)},
    )


def lists(library, digit, content) -> tuple[dict, dict]:
    return (
        {"pixels": [digit.tolist()], "label": [LABEL]},
        {"pixels": [[library.Value("uint8")]], "label": class_label(library)},
    )


def labelled(**make: Callable[[np.ndarray], np.ndarray]) -> Write:
    return npz(**make, labels=lambda _: np.array([LABEL]))


LABELLED: dict[str, Write] = {
    "mnist": mnist("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    "mnist-gzipped": mnist("train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz", compress=True),
    "mnist-dot": mnist("train-images.idx3-ubyte", "train-labels.idx1-ubyte"),
    "torchvision": mnist("FashionMNIST/raw/train-images-idx3-ubyte", "FashionMNIST/raw/train-labels-idx1-ubyte"),
    "emnist": mnist("emnist-mnist-train-images-idx3-ubyte", "emnist-mnist-train-labels-idx1-ubyte", turned=True),
    "npz-grey": labelled(x=lambda d: d[None]),
    "npz-channel-first": labelled(x=lambda d: d[None, None]),
    "npz-channel-last": labelled(x=lambda d: d[None, :, :, None]),
    "npz-rgb-first": labelled(x=lambda d: np.stack([d] * 3)[None]),
    "npz-rgb-last": labelled(x=lambda d: np.stack([d] * 3, -1)[None]),
    "npz-uint16": labelled(x=lambda d: d[None].astype(np.uint16)),
    "npz-uint64": labelled(x=lambda d: d[None].astype(np.uint64)),
    "npz-int8-halved": labelled(x=lambda d: d[None].astype(np.int16)),
    "npz-int64": labelled(x=lambda d: d[None].astype(np.int64)),
    "npz-float32": labelled(x=lambda d: d[None].astype(np.float32)),
    "npz-float64": labelled(x=lambda d: d[None].astype(np.float64)),
    "npz-keras": npz(x_train=lambda d: d[None], y_train=lambda _: np.array([[LABEL]], np.uint8)),
    "npz-medmnist": npz(train_images=lambda d: d[None], train_labels=lambda _: np.array([[LABEL]])),
    "npz-unnamed": npz(arr_0=lambda d: d[None], arr_1=lambda _: np.array([LABEL])),
    "pt-dictionary": tensor(lambda d: {"images": torch.tensor(d)[None], "labels": torch.tensor([LABEL])}),
    "pt-pair": tensor(lambda d: (torch.tensor(d)[None], torch.tensor([LABEL]))),
    "cifar10": cifar_pickled(2, Python2),
    "cifar10-python-2": cifar_pickled(2),
    "cifar10-python-3": cifar_pickled(4),
    "cifar10-python-5": cifar_pickled(5),
    "cifar10-binary": cifar_binary,
    "imagenet32-npz": imagenet32("npz"),
    "imagenet32-pickled": imagenet32("pickled"),
    "png": picture("png"),
    "png-rgb": picture("png", lambda image: image.convert("RGB")),
    "png-palette": picture("png", lambda image: image.convert("P")),
    "png-16-bits": picture("png", deep),
    "png-grey-and-alpha": picture("png", lambda image: image.convert("LA")),
    "png-rgb-and-alpha": picture("png", opaque),
    "png-turned": picture(
        "png", turned, exif=b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"
    ),
    "tif": picture("tif"),
    "tif-packed": picture("tiff", compression="tiff_lzw"),
    "tif-rgb": picture("tif", lambda image: image.convert("RGB")),
    "tif-16-bits": picture("tif", deep),
    "tif-turned": picture("tif", turned, tiffinfo={274: 6}),
    "bmp": picture("bmp"),
    "bmp-rgb": picture("bmp", lambda image: image.convert("RGB")),
    "gif": picture("gif"),
    "webp": picture("webp", lossless=True),
    "webp-alpha": picture("webp", opaque, lossless=True),
    "pgm": picture("pgm"),
    "pgm-16-bits": picture("pgm", deep),
    "ppm": picture("ppm", lambda image: image.convert("RGB")),
    "tga": picture("tga"),
    "pcx": picture("pcx"),
    "jpeg-2000": picture("jp2"),
    "qoi": picture("qoi", lambda image: image.convert("RGB")),
    "hf-declared": hub(declared),
    "hf-undecoded": hub(undecoded),
    "hf-undeclared": hub(undeclared),
    "hf-bytes": hub(plain_bytes),
    "hf-array": hub(array2d),
    "hf-lists": hub(lists),
}
UNLABELLED: dict[str, Write] = {
    "npy": npy,
    "npz-any-name": npz(digits=lambda d: d[None]),
    "pt": tensor(lambda d: torch.tensor(d)[None]),
    "pt-list": tensor(lambda d: [torch.tensor(d)]),
    "pt-int64": tensor(lambda d: torch.tensor(d)[None].long()),
}


def same(images: data.Images, digit: np.ndarray) -> bool:
    """Whether the digit is among the images, and they have 256 levels."""
    like = images.as_like((1, 32, 32), 256)
    return images.levels == 256 and any(np.array_equal(image[0], digit) for image in like.batch(range(len(like))))


@pytest.mark.parametrize("form", [*LABELLED, *UNLABELLED])
def test_a_digit_has_the_same_levels_however_it_comes(form, digit, tmp_path):
    source = (LABELLED | UNLABELLED)[form](tmp_path, digit)
    images = data.open(source, "all", binarize="none")
    assert same(images, digit), str(images.read)
    assert images.labels is not None if form in LABELLED else images.labels is None
    if form in LABELLED:
        assert images.labels[-1] == LABEL
    assert len(images.read.__str__().splitlines()) == 1
    assert len(data.splits_of(source)) >= 1


@pytest.mark.parametrize("form", [form for form, write in LABELLED.items() if "png" in form or "tif" in form])
def test_image_files_that_are_named_are_the_folder_s(form, digit, tmp_path):
    LABELLED[form](tmp_path, digit)
    (path,) = tmp_path.glob("*/seven*")
    assert same(data.from_files([path]), digit)
    assert same(data.from_files(str(path.with_name("*"))), digit)
    assert same(data.from_files(path.parent), digit)
    bits = data.from_files([path], like=((1, 32, 32), 2))
    assert np.array_equal(bits.batch([0])[0, 0].numpy(), digit >= 128)


class Pairs(torch.utils.data.Dataset):
    """A data set of torch; `make` gives the levels of its one image."""

    def __init__(self, make):
        self.make = make

    def __len__(self):
        return 1

    def __getitem__(self, index):
        return self.make(), LABEL


def test_a_digit_in_memory_has_the_same_levels(digit):
    arrays = (
        digit[None],
        digit[None, None],
        digit[None, :, :, None],
        digit[None].astype(float),
        torch.tensor(digit)[None],
    )
    for array in arrays:
        assert same(data.from_arrays(array), digit)
        assert data.from_arrays(array, [LABEL]).labels.tolist() == [LABEL]
    makes = (
        lambda: digit,
        lambda: torch.tensor(digit)[None],
        lambda: digit[:, :, None],
        lambda: Image.fromarray(digit),
    )
    for make in makes:
        images = data.from_arrays(Pairs(make))
        assert same(images, digit)
        assert images.labels.tolist() == [LABEL]
    again = data.from_arrays(images)
    assert again is images
