"""What `/metrics` answers, read as Prometheus reads it, and what may stand in a label."""

import re
from collections.abc import Iterator, Mapping

from prometheus_client.parser import text_string_to_metric_families

LABELS = {
    "method", "route", "status", "market", "outcome", "type", "kind", "platform", "fate", "direction", "why",
    "reason", "operation", "le",
}  # fmt: skip
"""Every label there is: of each the values are few, and known before anybody uses the house."""

PERSONAL = re.compile(r"[0-9a-f]{8}-|[0-9a-f]{16}|\d{5}|\+\d|@")  # ids, cells, phone numbers, addresses


ENDINGS = {
    "counter": ("_total",),
    "histogram": ("_bucket", "_sum", "_count"),
    "summary": ("_sum", "_count"),
}


class Numbers:
    """One answer of `/metrics`."""

    def __init__(self, text: str) -> None:
        self._families = list(text_string_to_metric_families(text))

    def names(self) -> set[str]:
        """Every series' name as an expression would have it, also of those that have no sample yet."""
        return {
            family.name + ending
            for family in self._families
            if not family.name.endswith("_created")  # when each series began: nobody asks
            for ending in ENDINGS.get(family.type, ("",))
        }

    def of(self, name: str, **labels: str) -> float:
        """The sum of the samples of this name that have these labels."""
        found = [
            value
            for sample, value in self._samples()
            if sample.name == name and labels.items() <= sample.labels.items()
        ]
        return sum(found)

    def unfit(self) -> list[str]:
        """Labels that nobody has agreed to, and values that look like somebody's."""
        return [
            f"{sample.name} {label}={value}"
            for sample, _ in self._samples()
            for label, value in sample.labels.items()
            if label not in LABELS or (label not in {"le", "route"} and PERSONAL.search(value))
        ]

    def routes(self) -> set[str]:
        """The values of the label `route`."""
        return {sample.labels["route"] for sample, _ in self._samples() if "route" in sample.labels}

    def _samples(self) -> Iterator["tuple[Sample, float]"]:
        for family in self._families:
            for sample in family.samples:
                if not sample.name.endswith("_created"):
                    yield Sample(sample.name, sample.labels), sample.value


class Sample:
    """A name and its labels."""

    def __init__(self, name: str, labels: Mapping[str, str]) -> None:
        self.name, self.labels = name, labels
