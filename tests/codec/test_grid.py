"""Tables of whole numbers, and the ties that an encoder must see."""

import numpy as np
import pytest

from pixelsnail.codec import grid
from pixelsnail.codec.range_coder import Reader, Writer, weights
from pixelsnail.errors import StoppedError


def tables(levels, n=200, seed=0, sharp=0.1):
    return np.random.default_rng(seed).dirichlet(np.full(levels, sharp), n)


@pytest.mark.parametrize("levels", [2, 3, 17, 256, 512, 4096])
@pytest.mark.parametrize("shift", grid.SHIFTS.tolist())
def test_counts_rise_from_0_to_a_whole_and_are_close(levels, shift):
    p = tables(levels)
    p[0] = np.eye(levels)[levels // 2]  # certain
    counts = grid.counts(grid.scaled(p), shift)
    assert (counts[:, 0] == 0).all()
    assert (counts[:, -1] == 2**grid.PRECISION).all()
    shares = np.diff(counts) / 2**grid.PRECISION
    unit = 2.0 ** -grid.bits(levels)
    assert shares.min() >= unit * (1 - 1e-9)  # no level has probability zero
    assert np.abs(shares - p).max() <= (levels + 2) * unit
    costs = (p * np.log2(np.maximum(p, 1e-300) / shares)).sum(1)
    assert costs.max() <= levels * unit * 1.45 + 2e-5


def test_a_model_without_probabilities_is_said():
    for bad in (np.nan, np.inf, 0.0):
        with pytest.raises(StoppedError, match="gives no probabilities"):
            grid.scaled(np.full((1, 3), bad))


@pytest.mark.parametrize("levels", [2, 3, 256])
@pytest.mark.parametrize("bound", [1e-6, 0.01, grid.LARGEST_BOUND])
def test_any_error_within_the_bound_leaves_the_coded_interval_as_it_is(levels, bound):
    """Values on ties, next to them and anywhere; errors up to the bound at every level, those that matter or not."""
    random = np.random.default_rng(1)
    scaled = grid.scaled(tables(levels, 500))
    near = scaled.copy()
    near[:250] = np.minimum(
        np.floor(scaled[:250]) + 0.5 + 0.9 * bound * random.uniform(-1, 1, (250, levels)), scaled.max()
    )
    near = np.maximum.accumulate(near, axis=1)
    symbols = random.integers(0, levels, 500)
    shifts = grid.safe_shifts(grid.beside(near, symbols), bound)
    assert (shifts[:250] > 0).mean() > 0.3  # ties are seen
    rows = np.arange(500)
    expected = grid.counts(near, grid.SHIFTS[shifts])
    for seed in range(20):
        error = np.random.default_rng(seed).uniform(-bound, bound, near.shape)
        other = np.maximum.accumulate(np.maximum(near + error, 0), axis=1)
        found = grid.counts(other, grid.SHIFTS[shifts])
        assert (np.diff(found) > 0).all()
        # what `accumulate` moves is within the bound too
        assert (found[rows, symbols] == expected[rows, symbols]).all()
        assert (found[rows, symbols + 1] == expected[rows, symbols + 1]).all()


def test_a_decoder_with_other_tables_beside_the_coded_interval_reads_the_same():
    random = np.random.default_rng(0)
    scaled = grid.scaled(tables(8, 300))
    symbols = random.integers(0, 8, 300)
    writer = Writer()
    counts = grid.counts(scaled)
    writer.write(symbols, weights(counts))
    other = counts.copy()
    for row, x in enumerate(symbols):
        for edge in range(1, 8):
            if edge not in (x, x + 1) and other[row, edge] + 64 < other[row, edge + 1]:
                other[row, edge] += 64
    assert (other != counts).sum() > 300
    found = Reader(writer.finish()).read(weights(other)[:, None], symbols[:, None])
    assert (found[:, 0] == symbols).all()
