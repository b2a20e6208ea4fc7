import io
from dataclasses import replace

import numpy as np
import pytest

from geo.streetarrays import StreetArrays
from tests.geo.cities import grid_town


def test_streets_survive_being_saved():
    town = grid_town()
    again = StreetArrays.from_bytes(town.to_bytes())
    assert again.names == town.names
    assert again.edge_m.tolist() == town.edge_m.tolist()
    assert again.edge_m.dtype == np.float32
    assert again.version == town.version


def test_any_change_is_another_version():
    town = grid_town()
    assert replace(town, edge_m=town.edge_m + 1).version != town.version
    assert replace(town, names=("", *town.names[2:], "Quai")).version != town.version


def saved(**columns: object) -> bytes:
    file = io.BytesIO()
    np.savez(file, allow_pickle=False, **{name: np.asarray(value) for name, value in columns.items()})
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "not saved streets"),
        (b"rubbish", r"not saved streets|pickled"),
        (saved(format=99), "format 99"),
        (saved(other=1), "not saved streets"),
        (saved(format=2), "not saved streets"),
        (saved(format=1), "import the map again"),
        (grid_town().to_bytes()[:-100], "not saved streets"),
    ],
)
def test_what_is_not_saved_streets_is_refused(content, said):
    with pytest.raises(ValueError, match=said):
        StreetArrays.from_bytes(content)
