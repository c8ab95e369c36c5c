"""The one table of heads, by name."""

from collections.abc import Callable

from pixelsnail.distributions.bernoulli import Bernoulli
from pixelsnail.distributions.categorical import Categorical
from pixelsnail.distributions.head import Head
from pixelsnail.distributions.logistic_mixture import LogisticMixture
from pixelsnail.errors import WrongValueError
from pixelsnail.names import instead

HEADS: dict[str, Callable[[int, int], Head]] = {
    "Bernoulli": Bernoulli,
    "Categorical": Categorical,
    "LogisticMixture": LogisticMixture,
}


def choose_head(name: str | None, channels: int, levels: int, mixtures: int | None = None) -> Head:
    """The head called `name`; without a name the one that `levels` calls for: Bernoulli for 2, Categorical above.

    `mixtures` is the number of components of a LogisticMixture. Raises ValueError for an unknown name, for `mixtures`
    of another head, and for a head that cannot model so many levels, naming the right one.
    """
    if name is None:
        name = "Bernoulli" if levels == 2 else "Categorical"
    if name not in HEADS:
        raise WrongValueError(f"There is no head {name!r}; {instead(name, HEADS)}")
    if mixtures is None:
        return HEADS[name](channels, levels)
    if name != "LogisticMixture":
        raise WrongValueError(
            f"mixtures is {mixtures}; a {name} head has none. Leave it out, or use a LogisticMixture head."
        )
    return LogisticMixture(channels, levels, mixtures)
