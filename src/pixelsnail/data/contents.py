"""What a source holds: splits of its own, or images that training divides."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from pixelsnail.data.conversion import with_channels
from pixelsnail.data.store import Array, Store


@dataclass(frozen=True)
class Named:
    """A source with splits of its own, each read when it is called; none of them is empty.

    in_colour() says whether any image of any split is in colour: then those of all splits are made so.
    """

    splits: Mapping[str, Callable[[], Store]]
    in_colour: Callable[[], bool] = lambda: False

    def read(self, split: str, source: str) -> Store:
        """One of the splits."""
        store = self.splits[split]()
        return with_channels(store, 3, source) if store.shape[0] == 1 and self.in_colour() else store


@dataclass(frozen=True)
class Flat:
    """A source without splits: all its images, and the names by whose hash training divides them.

    read(numbers) is a store of all of them, of which only those with these numbers (None: all) will be read; `by` is
    what the names are, for people; `at_least` is how many images there are if counting them takes long.
    """

    read: Callable[[Array | None], Store]
    names: Callable[[], Sequence[str]]
    by: str
    at_least: int = 0


Content = Named | Flat
