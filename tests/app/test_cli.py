"""The command line: what was typed or set wrong, or cannot be written, is told in one line, before any work."""

import errno
import os
from pathlib import Path

import pytest

from app import cli
from app.settings import Settings, SettingsError, keys


def test_a_report_that_could_not_be_written_is_refused_before_the_hour_it_tells_of(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for place in (tmp_path, tmp_path / "nowhere" / "out.json"):
        with pytest.raises(SystemExit):
            cli.main(["up", "--json", str(place)])
        assert f"{place} cannot be written" in capsys.readouterr().err


def test_what_the_disk_refuses_is_told_with_its_place(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refused() -> Settings:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), "/data/lock")

    monkeypatch.setattr(cli, "read", refused)
    assert cli.main(["migrate"]) == 1
    assert capsys.readouterr().err == "coudmain: cannot write /data/lock: Read-only file system\n"


def test_map_says_what_it_can_do(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["map"])
    assert "the following arguments are required: import" in capsys.readouterr().err


@pytest.mark.parametrize("kept", ["", "{", "[]", "{}"])
def test_a_secret_that_is_lost_says_what_to_do(tmp_path: Path, kept: str) -> None:
    (tmp_path / "secret.json").write_text(kept)
    with pytest.raises(SettingsError, match=r"secret\.json holds no secret any more; put its backup back"):
        keys(Settings(), tmp_path)
