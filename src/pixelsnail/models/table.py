"""The names of models: the package's own, and those that other installed packages offer."""

from collections.abc import Iterator, Mapping
from importlib.metadata import EntryPoint, entry_points

from pixelsnail.errors import WrongValueError, reason
from pixelsnail.models.model import Model

GROUP = "pixelsnail.models"
"""The entry points by which a package offers models, each under its class's name:

    [project.entry-points."pixelsnail.models"]
    Small = "package.module:Small"
"""


class Table(Mapping[str, type[Model]]):
    """Name -> model. A package that offers a model is imported when that model is asked for, and not before."""

    def __init__(self, *own: type[Model]) -> None:
        self.own = {model.__name__: model for model in own}

    def __getitem__(self, name: str) -> type[Model]:
        """The model. Raises KeyError for an unknown name, ValueError for one that its package does not have."""
        return self.own[name] if name in self.own else _imported(self._offered()[name])

    def __iter__(self) -> Iterator[str]:
        return iter([*self.own, *(name for name in self._offered() if name not in self.own)])

    def __len__(self) -> int:
        return len(list(iter(self)))

    def __contains__(self, name: object) -> bool:
        return name in self.own or name in self._offered()

    def _offered(self) -> dict[str, EntryPoint]:
        return {point.name: point for point in entry_points(group=GROUP)}


def _imported(point: EntryPoint) -> type[Model]:
    package = point.dist.name if point.dist else point.module
    try:
        model = point.load()
    except Exception as error:  # whatever a stranger's module raises
        raise WrongValueError(
            f"The model {point.name} of the package {package} cannot be imported ({type(error).__name__}: "
            f"{reason(error)}); install that package again, or ask its authors."
        ) from error
    if not (isinstance(model, type) and issubclass(model, Model) and model.__name__ == point.name):
        raise WrongValueError(
            f"The package {package} offers {point.value} as the model {point.name}; expected a subclass of "
            f"pixelsnail.Model called {point.name}."
        )
    return model
