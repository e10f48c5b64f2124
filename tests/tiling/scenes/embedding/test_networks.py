import numpy as np
import pytest
import torch

from tiling.scenes.embedding.losses import right, triplet_loss, vicreg_loss
from tiling.scenes.embedding.networks import Settings, new_encoder
from workbench.errors import BadInput


def settings(**changes):
    given = {"channels": ("R", "G", "B"), "tile_size": 64, "centre": (0.0,) * 3,
             "spread": (1.0,) * 3, **changes}  # fmt: skip
    return Settings(**given)


@pytest.mark.parametrize(("arch", "millions"), [("small", 1.256), ("resnet18", 11.755)])
def test_sizes_are_those_of_the_specification(arch, millions):
    encoder = new_encoder(settings(arch=arch)).eval()
    weights = sum(p.numel() for p in encoder.parameters())
    assert weights / 1e6 == pytest.approx(millions, abs=0.005)
    with torch.no_grad():
        assert encoder(torch.zeros(2, 3, 64, 64)).shape == (2, 100)
        assert encoder(torch.zeros(2, 3, 8, 8)).shape == (2, 100)
        assert encoder.trunk(torch.zeros(1, 3, 256, 128)).shape[-2:] == (8, 4)


def test_a_seed_gives_one_network_and_leaves_other_numbers_alone():
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    one, same, other = (new_encoder(settings(), seed).state_dict() for seed in (5, 5, 6))
    assert torch.equal(torch.rand(3), expected)
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert not torch.equal(one["trunk.0.weight"], other["trunk.0.weight"])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"arch": "vgg"}, "small, resnet18"),
        ({"dims": 0}, "dims is 0"),
        ({"tile_size": 4}, "at least 8"),
        ({"channels": ()}, "0 channels"),
        ({"channels": ("a", "a", "b")}, "names that differ"),
        ({"centre": (0.0,)}, "as many"),
        ({"spread": (1.0, 0.0, 1.0)}, "spread > 0"),
        ({"centre": (0.0, np.nan, 1.0)}, "finite"),
        ({"limits": ((1.0, 0.0),) * 3}, "lower"),
    ],
)
def test_settings_that_cannot_be_are_refused(change, said):
    with pytest.raises(BadInput, match=said):
        settings(**change)


def test_the_triplet_loss_by_hand():
    a, n, d = (
        torch.tensor(v) for v in ([[0.0, 0], [0, 0]], [[1.0, 0], [0, 2]], [[0, 3.0], [1, 0]])
    )
    # |a-n|² - |a-d|² + 1: 1 - 9 + 1 < 0 and 4 - 1 + 1 = 4
    assert float(triplet_loss(a, n, d)) == 2.0
    assert right(a, n, d).tolist() == [True, False]


def test_vicreg_punishes_what_it_says():
    rng = torch.Generator().manual_seed(0)
    good = torch.randn(4000, 3, generator=rng) * 1.1
    far = torch.randn(4000, 3, generator=rng) * 1.1
    base = float(vicreg_loss(good, good, far))
    assert base < 0.05
    assert float(vicreg_loss(good, good + 0.5, far)) == pytest.approx(base + 25 * 0.25, abs=0.01)
    still = torch.zeros(10, 3)
    assert float(vicreg_loss(still, still, still)) == pytest.approx(25 * 0.99, abs=0.1)
    alike = good[:, :1].repeat(1, 3)
    assert float(vicreg_loss(alike, alike, alike)) > 2
