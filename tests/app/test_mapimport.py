"""A hand-made extract in OSM's own XML: two blocks, a one-way, steps, a bollard, a cut way, named places."""

from pathlib import Path

import numpy as np
import pytest
from shapely.geometry import Point

from app.mapimport import NamedPlace, read_outline, read_places, read_streets
from geo.points import LatLng
from geo.streets import Profile, StreetGraph

EXTRACT = """<?xml version="1.0" encoding="UTF-8"?>
<osm version="0.6">
 <node id="1" version="1" lat="43.730" lon="7.420"/>
 <node id="2" version="1" lat="43.730" lon="7.422"/>
 <node id="3" version="1" lat="43.732" lon="7.422"/>
 <node id="4" version="1" lat="43.732" lon="7.420"/>
 <node id="5" version="1" lat="43.731" lon="7.420"><tag k="barrier" v="bollard"/></node>
 <node id="6" version="1" lat="43.7305" lon="7.4235">
  <tag k="name" v="Café de la Paix"/><tag k="amenity" v="cafe"/></node>
 <node id="7" version="1" lat="43.7310" lon="7.4240"><tag k="place" v="suburb"/><tag k="name" v="La Rousse"/></node>
 <node id="8" version="1" lat="43.7311" lon="7.4241">
  <tag k="amenity" v="bench"/><tag k="barrier" v="toll_booth"/></node>
 <node id="9" version="1" lat="43.7312" lon="7.4242"><tag k="shop" v="yes"/><tag k="name" v="Chose"/></node>
 <way id="10" version="1"><nd ref="1"/><nd ref="2"/><nd ref="2"/><nd ref="3"/>
  <tag k="highway" v="residential"/><tag k="name" v="Rue Basse"/></way>
 <way id="11" version="1"><nd ref="3"/><nd ref="4"/>
  <tag k="highway" v="tertiary"/><tag k="oneway" v="yes"/><tag k="name" v="Rue Haute"/></way>
 <way id="12" version="1"><nd ref="4"/><nd ref="5"/><nd ref="1"/>
  <tag k="highway" v="residential"/><tag k="name" v="Rue Fermée"/></way>
 <way id="13" version="1"><nd ref="3"/><nd ref="1"/><tag k="highway" v="steps"/></way>
 <way id="14" version="1"><nd ref="77"/><nd ref="2"/><nd ref="6"/><nd ref="78"/><nd ref="7"/>
  <tag k="highway" v="service"/></way>
 <way id="15" version="1"><nd ref="1"/><nd ref="7"/><tag k="route" v="ferry"/></way>
 <way id="16" version="1"><nd ref="77"/><nd ref="78"/><tag k="leisure" v="park"/><tag k="name" v="Nowhere"/></way>
 <way id="17" version="1"><nd ref="1"/><nd ref="2"/><nd ref="3"/><nd ref="4"/>
  <tag k="tourism" v="hotel"/><tag k="name" v="Hôtel du Port"/></way>
 <way id="18" version="1"><nd ref="1"/><nd ref="4"/><nd ref="79"/><tag k="highway" v="platform"/></way>
 <way id="19" version="1"><nd ref="6"/><nd ref="7"/><nd ref="79"/><tag k="highway" v="footway"/></way>
</osm>
"""


@pytest.fixture
def extract(tmp_path: Path) -> Path:
    file = tmp_path / "town.osm"
    file.write_text(EXTRACT, encoding="utf-8")
    return file


def test_streets_are_read_with_their_names_shapes_and_directions(extract):
    streets = read_streets(extract)
    assert set(streets.names) == {"", "Rue Basse", "Rue Haute", "Rue Fermée"}
    driven = np.isfinite(streets.edge_s_drive)
    haute = streets.edge_name == streets.names.index("Rue Haute")
    assert driven[haute].tolist() == [True, False]
    assert np.isfinite(streets.edge_s_walk[haute]).all()


def test_the_graph_of_an_extract_respects_its_bollard_and_its_steps(extract):
    graph = StreetGraph(read_streets(extract))
    by_foot = graph.route(LatLng(43.732, 7.420), LatLng(43.730, 7.420), Profile.WALK)
    assert by_foot is not None
    assert by_foot.names == ("Rue Fermée",)
    assert by_foot.meters == pytest.approx(222.4, abs=0.5)
    drive = graph.size(Profile.DRIVE)
    assert drive[0] < graph.size(Profile.WALK)[0]
    basse = graph.route(LatLng(43.732, 7.422), LatLng(43.730, 7.420))
    assert basse is not None
    assert basse.names == ("Rue Basse",), "no car takes the steps"


def test_places_have_a_name_a_kind_and_a_middle(extract):
    places = read_places(extract)
    assert places[:2] == [
        NamedPlace("Café de la Paix", "cafe", 43.7305, 7.4235),
        NamedPlace("La Rousse", "suburb", 43.7310, 7.4240),
    ]
    assert [(place.name, place.kind) for place in places[2:]] == [("Hôtel du Port", "hotel")]
    assert (places[2].lat, places[2].lon) == pytest.approx((43.731, 7.421))
    assert places[0].place == LatLng(43.7305, 7.4235)


def test_the_outline_holds_every_street_one_can_drive(extract):
    outline = read_outline(extract)
    assert all(outline.contains(Point(lon, lat)) for lat, lon in [(43.730, 7.420), (43.732, 7.422)])
    assert not outline.contains(Point(7.43, 43.74))


def test_a_file_that_is_no_extract_is_refused(tmp_path):
    rubbish = tmp_path / "rubbish.osm.pbf"
    rubbish.write_bytes(b"not a map")
    with pytest.raises(RuntimeError):
        read_streets(rubbish)
