"""The engine that a page's script is run against."""

from collections.abc import Iterator

import pytest

from app.postgres import PrivateCluster
from tests.cluster import copy_of_the_template
from tests.stranger.engine import EngineProcess


@pytest.fixture(scope="module")
def serving(
    request: pytest.FixtureRequest,
    cluster: PrivateCluster,
    database_name: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[EngineProcess]:
    """`serve` over a database of its own, ready."""
    page = request.module.__name__.rpartition("test_")[2]
    database = copy_of_the_template(cluster, f"{database_name}_{page}")
    process = EngineProcess(database, tmp_path_factory.mktemp(page))
    try:
        process.start()
        yield process
    finally:
        process.stop()
