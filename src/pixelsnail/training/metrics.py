"""metrics.csv and TensorBoard: the same numbers twice, none of them after the checkpoint that training goes on from."""

import csv
import io
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from pixelsnail.files import read_csv, write_csv

if TYPE_CHECKING:
    from PIL.Image import Image

COLUMNS = ("step", "epoch", "split", "nats", "bits_per_dim", "images_per_second", "lr", "seconds")


class Metrics:
    """Appends rows to a table with the header COLUMNS, and scalars and pictures to TensorBoard's folder."""

    def __init__(self, table: Path, tensorboard: Path, step: int, pending: str | None = None) -> None:
        """Goes on after `step`: later rows are cut, and those of the split `pending` at this step, which come again."""
        from torch.utils.tensorboard import SummaryWriter

        rows = read_csv(table, COLUMNS) if table.is_file() else []
        kept = [row for row in rows if int(row["step"]) < step or _stays(row, step, pending)]
        write_csv(table, COLUMNS, (row.values() for row in kept))
        self.file: TextIO = table.open("a", encoding="utf-8", newline="")
        self.writer: Any = SummaryWriter(str(tensorboard), purge_step=step + 1 if step else None)

    def add(self, **row: Any) -> None:
        """Appends a row, given by column. It is in the file when this returns."""
        line = io.StringIO()
        csv.writer(line, lineterminator="\n").writerow([row[name] for name in COLUMNS])
        self.file.write(line.getvalue())
        self.file.flush()
        step, split = row["step"], row["split"]
        for name in ("nats", "bits_per_dim", "images_per_second"):
            self.writer.add_scalar(f"{name}/{split}", row[name], step)
        if split == "train":
            self.writer.add_scalar("lr", row["lr"], step)

    def picture(self, image: "Image", step: int) -> None:
        """Shows a sample grid in TensorBoard."""
        import numpy

        self.writer.add_image("samples", numpy.asarray(image.convert("RGB")), step, dataformats="HWC")

    def settle(self) -> None:
        """All rows are on the disk when this returns: before a checkpoint that counts on them."""
        os.fsync(self.file.fileno())
        self.writer.flush()

    def close(self) -> None:
        """Closes both files."""
        self.file.close()
        self.writer.close()


def _stays(row: dict[str, str], step: int, pending: str | None) -> bool:
    return int(row["step"]) == step and row["split"] != pending
