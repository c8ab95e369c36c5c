"""Every model takes images of other sizes than the one it was built for, or says in one sentence that it does not."""

import pytest
import torch

from pixelsnail.engine import Draw
from tiny import ONE_SIZE, context_of, every_model, fit, naive, random_levels
from tolerance import close_to


@every_model
@pytest.mark.parametrize("size", [(1, 9), (9, 1), (3, 4), (8, 7)])
def test_images_of_another_size_are_scored_drawn_and_trained_on(build, size):
    model = build(fit(build, (1, 4, 5)), 2).double()
    size = fit(build, (1, *size))[1:]
    x = random_levels(2, (3, 1, *size))
    if build in ONE_SIZE:
        height, width = size
        for verb in (lambda: model.log_prob(x), lambda: model.sample(2, size=size)):
            with pytest.raises(ValueError, match=rf"^Images are {height} x {width}, but .*4 x 5"):
                verb()
        return
    context = context_of(model, 3, size)
    drawn = model.sample(3, seed=1, size=size, context=context)
    assert torch.equal(drawn, naive(model, Draw(1), 3, size=size).to(torch.uint8))
    known = torch.zeros(size, dtype=torch.bool)
    known.view(-1)[: known.numel() // 2] = True
    completed = model.complete(x, known, seed=2, context=context)
    assert torch.equal(completed[..., known], x[..., known].to(torch.uint8))
    loss = model.pixel_nats(x, context).sum()
    loss.backward()
    assert loss.item() == close_to(-model.log_prob(x, context).sum().item(), torch.float64)
    gradients = [parameter.grad for parameter in model.parameters() if parameter.grad is not None]
    assert all(gradient.isfinite().all() for gradient in gradients)
    assert any(gradient.abs().max() > 0 for gradient in gradients)
