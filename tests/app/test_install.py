"""The set-up's own decisions, without a network: what is missing, what pip's configuration means to uv, which Node."""

import errno
import io
import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from app import locks
from app.install import __main__ as setup
from app.install import index, progress, suite, system, tools, web
from app.install.progress import Progress, SetupFailed
from tests.order import LONG, in_halves

ROOT = Path(__file__).parents[2]

LISTING = """\
:env:.cert='/etc/pki/house.pem'
:env:.find-links='/srv/wheels'
global.extra-index-url='https://one.example/simple https://two.example/simple'
global.find-links='/srv/old'
global.index-url='https://zero.example/simple'
install.index-url='https://install.example/simple'
list.format='columns'
"""


@pytest.fixture
def said(tmp_path: Path) -> Progress:
    return Progress(tmp_path / "log")


@pytest.fixture(autouse=True)
def no_uv_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("UV_INDEX", "UV_INDEX_URL", "UV_DEFAULT_INDEX", "UV_EXTRA_INDEX_URL", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)


def test_pips_configuration_is_said_in_uvs_words() -> None:
    uv = index.translated(index.settings(LISTING))
    assert list(uv.arguments) == [
        "--index-url", "https://install.example/simple",
        "--extra-index-url", "https://one.example/simple",
        "--extra-index-url", "https://two.example/simple",
        "--index-strategy", "unsafe-best-match",
        "--find-links", "/srv/wheels",
    ]  # fmt: skip
    assert uv.environment == {"SSL_CERT_FILE": "/etc/pki/house.pem"}


def test_no_configuration_adds_no_index() -> None:
    assert "--index-url" not in index.translated(index.settings("")).arguments


def test_indexes_set_for_uv_itself_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UV_DEFAULT_INDEX", "https://mine.example/simple")
    assert not [word for word in index.translated(index.settings(LISTING)).arguments if "index" in word]


@pytest.mark.parametrize(
    ("version", "enough"),
    [
        ("v18.20.0", False),
        ("v20.18.3", False),
        ("v20.19.0", True),
        ("v21.7.0", False),
        ("v22.11.0", False),
        ("v22.12.0", True),
        ("v24.1.0", True),
        ("", False),
    ],
)
def test_only_a_node_the_build_supports_is_taken(version: str, enough: bool) -> None:
    assert tools.new_enough(version) is enough


def test_the_locks_name_packages_and_no_registry() -> None:
    locks = [*ROOT.glob("requirements*.lock"), *(ROOT / "app/install").glob("*.lock")]
    assert len(locks) == 5
    for lock in locks:
        assert "://" not in lock.read_text(), lock


def test_steps_wait_for_what_they_want(said: Progress) -> None:
    order: list[str] = []
    first_may_end = threading.Event()

    def first(_: Progress) -> None:
        assert first_may_end.wait(5)
        order.append("first")

    def beside(_: Progress) -> None:
        order.append("beside")
        first_may_end.set()

    def last(_: Progress) -> None:
        order.append("last")

    setup.perform(
        [setup.Step("a", first), setup.Step("b", beside), setup.Step("c", last, after=("a", "z"))], said
    )
    assert order == ["beside", "first", "last"]


def fail(_: Progress) -> None:
    raise SetupFailed("the shop is shut")


def test_an_optional_step_may_fail(said: Progress, capsys: pytest.CaptureFixture[str]) -> None:
    setup.perform([setup.Step("map", fail, optional=True)], said)
    assert "map: going on without (the shop is shut)" in capsys.readouterr().err


def test_a_required_step_may_not_fail(said: Progress) -> None:
    with pytest.raises(SetupFailed, match="the shop is shut"):
        setup.perform([setup.Step("engine", fail)], said)


def test_a_failed_command_says_its_last_line_and_where_the_rest_is(said: Progress) -> None:
    with pytest.raises(SetupFailed, match=r"step: sh failed: no such thing \(see .*log\)"):
        said.run("step", ["sh", "-c", "echo much; echo no such thing; exit 4"])
    assert "much" in said.log.read_text()


def test_a_known_trouble_is_said_in_plain_words(said: Progress) -> None:
    with pytest.raises(SetupFailed, match="sh failed: the disk is full"):
        said.run("step", ["sh", "-c", "echo E: No space left on device; echo Sorry; exit 1"])


@pytest.mark.parametrize(
    ("output", "sign"), [("echo half way; echo", "step: half way"), ("echo", "step: still at it")]
)
def test_a_long_step_gives_signs_of_life(
    said: Progress, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, output: str, sign: str
) -> None:
    os.mkfifo(heard := tmp_path / "heard")
    words: list[str] = []

    def say(line: str) -> None:
        words.append(line)
        if words.count(sign) == 1:
            heard.write_text("go on")

    monkeypatch.setattr(progress, "STILL_WORKING_EVERY", 0.01)
    monkeypatch.setattr(said, "say", say)
    said.run("step", ["sh", "-c", f"{output}; cat {heard}"])  # a step that is silent until it is heard of
    assert sign in words


def test_the_tests_get_what_a_bare_debian_lacks_and_a_town_does_not_need(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(system, "has", lambda _: False)
    monkeypatch.setattr(system, "has_library", lambda _: False)
    only_for_tests = set(system.missing("test")) - set(system.missing("up"))
    assert only_for_tests >= {system.SHELL, "nats-server", "curl", "libatomic1"}


@pytest.mark.parametrize("browser", system.BROWSERS)
def test_any_chromium_will_do(monkeypatch: pytest.MonkeyPatch, browser: str) -> None:
    monkeypatch.setattr(system, "has", lambda program: program == browser)
    assert system.SHELL not in system.missing("test")


@pytest.mark.parametrize(
    ("known", "taken"),
    [("Candidate: 156.0", system.SHELL), ("Candidate: (none)", "chromium"), ("", "chromium")],
)
def test_where_there_is_no_shell_of_chromium_all_of_it_is_taken(
    monkeypatch: pytest.MonkeyPatch, said: Progress, known: str, taken: str
) -> None:
    monkeypatch.setattr(system, "_apt_cache", lambda *_: known)
    assert system._resolved([system.SHELL], said) == [taken]


def test_a_library_is_there_when_the_loader_finds_it() -> None:
    assert system.has_library("libc.so.6")
    assert not system.has_library("libnowhere.so.9")


def test_no_rights_ends_in_the_one_line_to_ask_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.install.system.os.geteuid", lambda: 1000)
    monkeypatch.setattr(
        "app.install.system.shutil.which", lambda name: "/usr/bin/apt-get" if name == "apt-get" else None
    )
    with pytest.raises(
        SetupFailed, match=r"apt-get install postgresql postgresql-postgis tilemaker$"
    ) as refused:
        system.become_root(["postgresql", "tilemaker"])
    assert refused.value.status == 3


def test_sudo_that_could_not_ask_for_its_password_is_no_right(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.install.system.os.geteuid", lambda: 1000)
    monkeypatch.setattr("app.install.system.shutil.which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr("app.install.system.sys.stdin", io.StringIO())
    refusal: subprocess.CompletedProcess[bytes] = subprocess.CompletedProcess(["sudo"], 1)
    monkeypatch.setattr("app.install.system.subprocess.run", lambda *_, **__: refusal)
    with pytest.raises(SetupFailed, match="neither root nor sudo"):
        system.become_root(["tilemaker"])


def test_a_database_of_yours_needs_no_postgresql_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(system, "_has_postgres", lambda: False)
    monkeypatch.setenv("DATABASE_URL", "postgresql+asyncpg://somewhere/else")
    assert system.POSTGRES not in system.missing("up")
    assert system.POSTGRES in system.missing("test"), "the tests run a cluster of their own"
    monkeypatch.delenv("DATABASE_URL")
    assert system.POSTGRES in system.missing("up")


def test_the_web_is_built_again_when_a_source_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web, "WEB", tmp_path)
    (tmp_path / "src").mkdir()
    (tmp_path / "src/main.ts").write_text("let town = 1")
    before = web.sources()
    (tmp_path / "node_modules").mkdir()
    (tmp_path / "node_modules/noise.js").write_text("1")
    assert web.sources() == before
    (tmp_path / "src/main.ts").write_text("let town = 2")
    assert web.sources() != before


@pytest.mark.parametrize(
    ("arguments", "narrow"),
    [([], False), (["-x"], False), (["-p", "no:randomly"], False), (["tests/app"], True), (["-k", "lost"], True),
     (["tests/app/test_install.py::test_nothing"], True), (["--lf"], True)],
)  # fmt: skip
def test_arguments_that_narrow_leave_the_other_checks_out(arguments: list[str], narrow: bool) -> None:
    assert suite.narrows(arguments) is narrow


@pytest.fixture
def interrupts() -> Iterator[None]:
    """The test may change what a Ctrl-C does."""
    before = signal.getsignal(signal.SIGINT)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interrupts")
def test_after_an_interrupt_no_check_begins(tmp_path: Path) -> None:
    too_late = tmp_path / "too late"
    lanes = [tmp_path / "one", tmp_path / "other"]
    for lane in lanes:
        os.mkfifo(lane)
    busy = [suite.Check("busy", ["sh", "-c", f"echo > {lane}; cat {lane}"]) for lane in lanes]
    late = suite.Check("late", ["touch", too_late])

    def interrupted() -> int:
        begun = [lane.read_text() for lane in lanes]
        signal.raise_signal(signal.SIGINT)
        for lane in lanes:
            lane.write_text("enough")
        return len(begun)

    assert suite.beside([*busy, late], interrupted) == (2, ["late"])
    assert not too_late.exists()


@pytest.mark.usefixtures("interrupts")
def test_checks_go_beside_the_tests_and_who_failed_is_named(
    capfd: pytest.CaptureFixture[str], tmp_path: Path
):
    begun = tmp_path / "begun"
    os.mkfifo(begun)
    every = [
        suite.Check("waits", ["sh", "-c", f"echo > {begun}"]),  # ends only while the tests go on
        suite.Check("wrong", ["sh", "-c", "echo what is wrong; exit 3"]),
    ]
    assert suite.beside(every, lambda: len(begun.read_text())) == (1, ["wrong"])
    told = capfd.readouterr().out
    assert "waits: ok in" in told
    assert "wrong: FAILED in" in told
    assert "what is wrong" in told


@pytest.mark.usefixtures("interrupts")
def test_a_stopped_set_up_ends_what_runs_and_begins_nothing(said: Progress, tmp_path: Path) -> None:
    os.mkfifo(begun := tmp_path / "begun")
    os.mkfifo(never := tmp_path / "never")
    tried = list[str]()

    def with_another_way(progress: Progress) -> None:
        try:
            progress.run("a", ["sh", "-c", f"echo > {begun}; exec cat {never}"])
        except SetupFailed:
            tried.append("another way")
            progress.run("a", ["touch", tmp_path / "too late"])

    def ctrl_c(_: Progress) -> None:
        begun.read_text()
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        setup.perform([setup.Step("a", with_another_way), setup.Step("b", ctrl_c)], said)
    assert tried == ["another way"]
    assert not (tmp_path / "too late").exists()


@pytest.mark.usefixtures("interrupts")
def test_what_may_not_be_broken_off_is_waited_for(
    said: Progress, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkfifo(begun := tmp_path / "begun")
    os.mkfifo(go_on := tmp_path / "go on")
    whole = tmp_path / "whole"
    monkeypatch.setattr(said, "say", lambda words: "waiting" in words and go_on.write_text(words))

    def unpack(progress: Progress) -> None:
        command = f"echo > {begun}; cat '{go_on}' > {whole}"
        progress.run("packages", ["sh", "-c", command], breakable=False)
        progress.run("packages", ["rm", whole])

    def ctrl_c(_: Progress) -> None:
        begun.read_text()
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        setup.perform([setup.Step("packages", unpack), setup.Step("b", ctrl_c)], said)
    assert "waiting for the system's packages" in whole.read_text()


def test_who_waits_for_another_set_up_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(setup, "wanted", lambda _: [setup.Step("map", fail, optional=True)])
    monkeypatch.setattr(setup, "data_directory", lambda: tmp_path)
    monkeypatch.setattr(setup, "SETUP_WITHIN", 0.01)
    with locks.exclusive(tmp_path / "install.lock", 1):
        assert setup.main("up") == 1
    assert "another set-up is at work here; waiting for it" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "the disk is full"),
        (errno.EACCES, "/checkout/.data (Permission denied): run as the account"),
    ],
)
def test_a_set_up_that_cannot_write_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], number: int, words: str
) -> None:
    def refused(_: str) -> None:
        raise OSError(number, os.strerror(number), "/checkout/.data")

    monkeypatch.setattr(setup, "set_up", refused)
    assert setup.main("up") == 1
    assert words in capsys.readouterr().err


def test_what_only_the_map_needs_stops_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_rights(packages: list[str]) -> list[str]:
        raise SetupFailed(f"apt-get install {packages}", 3)

    monkeypatch.setattr(system, "become_root", no_rights)
    assert system.obtainable(["tilemaker"]) == []
    with pytest.raises(SetupFailed):
        system.obtainable(["postgresql", "tilemaker"])


def test_a_map_is_drawn_once_and_by_those_who_show_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(system, "has", lambda _: False)
    drawn = tmp_path / "basemap"
    monkeypatch.setattr(system, "basemap_of", lambda _: drawn)
    wanting = {
        command for command in ("up", "migrate", "relay", "map") if "tilemaker" in system.missing(command)
    }
    assert wanting == {"up", "map"}
    drawn.touch()
    assert "tilemaker" not in system.missing("up")
    assert "tilemaker" in system.missing("map")


def test_programs_are_found_without_a_path_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PATH")
    assert system.has("sh")


def test_each_half_of_a_run_begins_with_its_long_rooms_and_loses_no_test() -> None:
    rooms = [*(room.name for room in sorted((ROOT / "tests").iterdir()) if any(room.glob("test_*.py")))]
    long = {room for half in LONG for room in half}
    assert long < set(rooms)
    tests = [(room, n) for room in rooms for n in range(20)]
    ordered = in_halves(tests, lambda test: test[0])
    assert sorted(ordered) == sorted(tests)
    for half, first in zip(LONG, (ordered, ordered[len(tests) // 2 :]), strict=True):
        assert [test[0] for test in first[: 20 * len(half)]] == [room for room in half for _ in range(20)]
    assert in_halves([("rules", 1), ("web", 1), ("rules", 2)], lambda test: test[0])[-1] == ("rules", 2)
