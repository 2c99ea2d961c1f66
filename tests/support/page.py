"""Prometheus's own reader on what `/metrics` gives."""

from collections.abc import Mapping

from prometheus_client.parser import text_string_to_metric_families

from vivavoce.telemetry.meters import Meters

OURS = "vivavoce_"


class Page:
    """Values by a name without our prefix and labels: `page["turns_total", {"outcome": "done", ...}]`."""

    def __init__(self, given: Meters | str) -> None:
        self.text = given if isinstance(given, str) else given.page().decode()
        self.samples = [sample for family in text_string_to_metric_families(self.text) for sample in family.samples]
        self.names = {sample.name for sample in self.samples}

    def __getitem__(self, what: tuple[str, Mapping[str, str]]) -> float:
        """A value, rounded to a microsecond; there must be one."""
        name, labels = what
        (value,) = [each.value for each in self.samples if each.name == OURS + name and each.labels == labels]
        return round(value, 6)

    def of(self, name: str) -> list[tuple[str, ...]]:
        """The labels of every value of a name, but for the kind and the model."""
        return [
            tuple(value for key, value in each.labels.items() if key not in ("kind", "model", "le"))
            for each in self.samples
            if each.name == OURS + name
        ]
