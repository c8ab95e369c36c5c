"""What a file is by its first bytes, so that a file of another kind is called by its name."""

import zipfile
from pathlib import Path

_BEGINNINGS = (
    (b"\x93NUMPY", "a numpy array (npy)"),
    (b"\x89PNG", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF8", "a GIF image"),
    (b"BM", "a BMP image"),
    (b"II*\x00", "a TIFF image"),
    (b"MM\x00*", "a TIFF image"),
    (b"\x89HDF", "an HDF5 file"),
    (b"PAR1", "a parquet file"),
    (b"%PDF", "a PDF document"),
    (b"\x1f\x8b", "a gzipped file"),
    (b"MATLAB", "a Matlab file"),
    (b"\x00\x00\x08", "an idx file, as of MNIST"),
    (b"\x80\x02", "a Python pickle"),
    (b"\x80\x03", "a Python pickle"),
    (b"\x80\x04", "a Python pickle"),
    (b"\x80\x05", "a Python pickle"),
)

NUMPY, TORCH = "an npz file", "a torch file"
ARRAYS = (NUMPY, TORCH, "a numpy array (npy)")


def kind(path: Path) -> str:
    """In words: "an npz file", "a PNG image", ...; "a file of an unknown kind" where its first bytes don't say."""
    with path.open("rb") as file:
        beginning = file.read(16)
    if beginning[:2] == b"PK":
        return _archive(path)
    if beginning[:4] == b"RIFF":
        return "a WebP image" if beginning[8:12] == b"WEBP" else "a RIFF file"
    return next((words for start, words in _BEGINNINGS if beginning.startswith(start)), "a file of an unknown kind")


def _archive(path: Path) -> str:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return "a damaged zip archive"
    if any(name == "data.pkl" or name.endswith("/data.pkl") for name in names):
        return TORCH
    return NUMPY if all(name.endswith(".npy") for name in names) else "a zip archive"
