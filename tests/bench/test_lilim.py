"""Reading Li and Lim's instances, of whatever size, from wherever they lie."""

import tarfile
from pathlib import Path

import pytest

from bench.lilim import WHERE, instances

INSTANCE = """2\t200\t1
0\t40\t50\t0\t0\t1236\t0\t0\t0
1\t45\t68\t10\t0\t900\t90\t0\t2
2\t45\t70\t-10\t0\t1000\t90\t1\t0
"""


def archive(at: Path, *names: str) -> Path:
    """A `.tar.xz` of files of these names."""
    inside = at.parent / "inside.tmp"
    inside.write_text(INSTANCE)
    with tarfile.open(at, "w:xz") as opened:
        for name in names:
            opened.add(inside, name)
    return at


def names_at(where: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setenv(WHERE, str(where))
    return [instance.name for instance in instances(1)]


def test_an_archive_that_is_named_is_the_one_that_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive(tmp_path / "instances_100.tar.xz", "a/lc101.txt")
    larger = archive(tmp_path / "instances_200.tar.xz", "a/LC1_2_1.TXT", "a/readme.md")
    (tmp_path / "README.txt").write_text("Where these come from.")
    (tmp_path / "best_known.csv").write_text("instance,vehicles,distance\nlc1_2_1,20,2704.57\n")
    assert names_at(larger, monkeypatch) == ["LC1_2_1"]
    assert instances(1)[0].best == (20, 2704.57)
    assert names_at(tmp_path, monkeypatch) == ["LC1_2_1", "lc101"], "a directory is read whole"
    (tmp_path / "lr101.txt").write_text(INSTANCE)
    assert names_at(tmp_path, monkeypatch) == ["LC1_2_1", "lc101", "lr101"]


def test_where_there_is_none_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for where in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(SystemExit, match="no instance there"):
            names_at(where, monkeypatch)
