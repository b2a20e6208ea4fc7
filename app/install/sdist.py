"""Download one source package without building anything: `python sdist.py NAME VERSION DIRECTORY`.

Run by a Python that has pip. `pip download` of a source package runs its build backend to read metadata; this
asks pip's own finder and session instead, so every index, proxy, certificate and password pip knows is
honoured. pip calls these modules internal: should they move, the caller falls back to `pip download`.
"""

import sys
from pathlib import Path

from pip._internal.commands import create_command


def download(name: str, version: str, directory: Path) -> Path:
    """The source package's file, freshly downloaded into `directory`."""
    command = create_command("download")
    options, _ = command.parse_args(["--quiet", "--no-deps", "--no-binary", ":all:", name])
    with command.main_context():
        session = command.get_default_session(options)
        finder = command._build_package_finder(options, session)  # noqa: SLF001 - pip has no public way to it
        links = [found.link for found in finder.find_all_candidates(name) if str(found.version) == version]
        if not links:
            raise SystemExit(f"no index has the sources of {name} {version}")
        target = directory / str(links[0].filename)
        with session.get(links[0].url, stream=True, timeout=60) as answer, target.open("wb") as file:
            answer.raise_for_status()
            for piece in answer.iter_content(1 << 20):
                file.write(piece)
    return target


if __name__ == "__main__":
    print(download(sys.argv[1], sys.argv[2], Path(sys.argv[3])))
