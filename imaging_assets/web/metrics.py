"""What the server counts, for Prometheus at `/metrics`.

Belongs here: names and labels. Does not: when something is counted. Labels have few values: never a path, a record or a message.
"""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 60, 230)


class Metrics:
    """The counters of one server; each has a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter("imaging_requests", "Requests answered.", ["route", "method", "status"], registry=self.registry)
        self.seconds = Histogram(
            "imaging_request_seconds", "Time to answer.", ["route"], buckets=_SECONDS, registry=self.registry
        )
        self.records = Counter("imaging_skill_records", "Records of the skill.", ["step", "outcome"], registry=self.registry)
        self.images_per_batch = Histogram(
            "imaging_skill_batch_images",
            "Images handed to a step at once.",
            ["step"],
            buckets=(1, 2, 4, 8, 16, 32, 64),
            registry=self.registry,
        )
        self.calls_inside = Gauge("imaging_skill_calls", "Calls of the skill read or worked on now.", registry=self.registry)
        self.turned_away = Counter("imaging_skill_turned_away", "Calls told to come again (429).", registry=self.registry)
        self.model = Gauge("imaging_model_info", "1 for the model that serves.", ["model_id"], registry=self.registry)

    def render(self) -> bytes:
        """All of them in Prometheus' text format."""
        return generate_latest(self.registry)
