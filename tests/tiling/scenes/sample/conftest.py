import pytest

from tiling.scenes.sample import write_sample


@pytest.fixture(scope="session")
def sample(tmp_path_factory):
    return write_sample(tmp_path_factory.mktemp("sample"), scenes=3, days=2, side=96e3)
