"""The process as Prometheus sees it: tallies the rooms keep anyway, read when somebody looks."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from app.watch.pool import CountingPool
from domain.usecases.positiontally import PositionTally
from geo.live import FixRefusal
from realtime.bus_tally import BusTally
from realtime.doorstep import REFUSALS, Doorstep
from realtime.roster import ENDINGS, Roster
from realtime.wiretap import SocketTally

Reading = Callable[[], Iterable[Metric]]


@dataclass(frozen=True, slots=True)
class HouseCollector(Collector):
    """One reading a room; nothing is counted twice, nothing is kept between two looks."""

    readings: tuple[Reading, ...]

    def collect(self) -> Iterable[Metric]:
        """What the rooms say now."""
        for reading in self.readings:
            yield from reading()


def watch(registry: CollectorRegistry, *readings: Reading) -> None:
    """Have the rooms' readings on a registry."""
    registry.register(HouseCollector(readings))


def of_pool(pool: Callable[[], CountingPool]) -> Reading:
    """The database's connections. The pool may be replaced: it is asked for each time."""

    def read() -> Iterable[Metric]:
        now = pool()
        yield _gauge("coudmain_db_connections_in_use", "Connections that work now.", now.checkedout())
        yield _gauge("coudmain_db_connections_most", "Connections a process may have.", now.size())
        yield _counter("coudmain_db_waits", "Times all connections were in use.", now.tally.waits)
        yield _counter("coudmain_db_outages", "Times the database was away.", now.tally.outages)

    return read


def of_bus(tally: BusTally) -> Reading:
    """The bus: hints handed over, and those that were lost."""

    def read() -> Iterable[Metric]:
        yield _counter("coudmain_bus_published", "Messages handed to the bus.", tally.published)
        yield _counter("coudmain_bus_dropped", "Messages the bus would not take.", tally.dropped)
        yield _counter("coudmain_bus_missed", "Messages for a listener too far behind.", tally.missed)
        yield _counter("coudmain_bus_reconnects", "Times the bus came back.", tally.reconnects)

    return read


def of_sockets(roster: Roster, doorstep: Doorstep, tally: SocketTally) -> Reading:
    """The sockets: how many, who is not let in, what goes over them, what waits, how they end."""

    def read() -> Iterable[Metric]:
        yield _gauge("coudmain_sockets_open", "Sockets open now.", len(roster))
        yield _gauge("coudmain_sockets_unwelcomed", "Of them, of nobody known yet.", len(doorstep))
        refused = CounterMetricFamily("coudmain_sockets_refused", "Upgrades refused, by why.", labels=["why"])
        for why in REFUSALS:
            refused.add_metric([why], doorstep.refused[why])
        yield refused
        yield _gauge("coudmain_socket_waiting_bytes", "Bytes queued for sockets.", roster.waiting_bytes)
        yield _counter("coudmain_sockets_opened", "Sockets accepted.", tally.opened)
        frames = CounterMetricFamily("coudmain_socket_frames", "Frames, by direction.", labels=["direction"])
        frames.add_metric(["in"], tally.frames_in)
        frames.add_metric(["out"], tally.frames_out)
        sizes = CounterMetricFamily("coudmain_socket_bytes", "Bytes of frames.", labels=["direction"])
        sizes.add_metric(["in"], tally.bytes_in)
        sizes.add_metric(["out"], tally.bytes_out)
        ends = CounterMetricFamily("coudmain_sockets_closed", "Sockets ended, by why.", labels=["why"])
        for why in (*ENDINGS.values(), "left", "other"):
            ends.add_metric([why], roster.ended[why])
        yield from (frames, sizes, ends)

    return read


def of_positions(tally: PositionTally) -> Reading:
    """The fixes: taken, and not taken by why."""

    def read() -> Iterable[Metric]:
        yield _counter("coudmain_positions_accepted", "Fixes taken.", tally.accepted)
        dropped = CounterMetricFamily("coudmain_positions_dropped", "Fixes not taken.", labels=["reason"])
        for reason in FixRefusal:
            dropped.add_metric([reason.value], tally.dropped[reason])
        yield dropped

    return read


def _gauge(name: str, words: str, value: float) -> Metric:
    return GaugeMetricFamily(name, words, value=value)


def _counter(name: str, words: str, value: float) -> Metric:
    return CounterMetricFamily(name, words, value=value)
