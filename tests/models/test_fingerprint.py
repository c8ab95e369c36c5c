"""One fingerprint for one function: floats and devices do not count, weights and configuration do."""

import torch

from codec_files import changed_by
from pixelsnail.models.fingerprint import BYTES, fingerprint
from tiny import every_model, fit
from tiny import pixelsnail as build


@every_model
def test_any_changed_weight_is_another_model(build):
    model = build(fit(build, (1, 4, 4)), 3)
    own = fingerprint(model)
    assert len(own) == BYTES
    assert fingerprint(build(fit(build, (1, 4, 4)), 3)) == own
    assert fingerprint(model.double()) == own
    model.float()
    found = [fingerprint(changed_by(model, number, 1e-3)) for number in range(len(list(model.parameters())))]
    assert len({own, *found}) == len(found) + 1


def test_an_argument_that_is_a_default_does_not_count(monkeypatch):
    """Later versions add arguments, and files are for ever."""
    model = build((1, 4, 5), 2)
    own, earlier = fingerprint(model), {k: v for k, v in model.configuration.items() if k != "label_dropout"}
    assert earlier != model.configuration
    monkeypatch.setattr(type(model), "configuration", earlier)
    assert fingerprint(model) == own


def test_the_configuration_counts():
    """Weights that are the same in a model of another size of images."""
    one, other = build((1, 4, 5), 2), build((1, 5, 4), 2)
    with torch.no_grad():
        for a, b in zip(one.parameters(), other.parameters(), strict=True):
            b.copy_(a)
    assert fingerprint(one) != fingerprint(other)
