"""What an assessment is made from: what a configuration says, and what was measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from piirag.governance.assessment.config import AssessmentConfig
from piirag.governance.assessment.figures import Figures
from piirag.governance.assessment.scan_report import ScanFacts
from piirag.policy import Policy


@dataclass(frozen=True)
class Place:
    """Somewhere that data are kept.

    Args:
        name: What it is called.
        kind: What it is.
        holds: What it holds.
        told: What is known of its protection.
    """

    name: str
    kind: str
    holds: str
    told: str


@dataclass(frozen=True)
class Processor:
    """A provider that gets data, as the provider policy sees a model of the application.

    Args:
        model: What the configuration calls the model's object.
        name: The provider.
        host: Where the requests go; empty where it cannot be seen.
        region: The region; empty where it cannot be seen.
        allowed: Whether the policy lets it pass; None where it could not be asked.
        reasons: Why not, or what has to be known.
    """

    model: str
    name: str
    host: str = ""
    region: str = ""
    allowed: bool | None = None
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True)
class Facts:
    """All that an assessment tells by itself. It holds no personal data.

    Args:
        config: Who is responsible, for what.
        policy: What counts as personal data; None where the file says nothing.
        places: Where data are kept.
        not_covered: Places that erasures are known not to reach.
        audit: How the audit log is set, name -> value; None where there is none.
        logging: The same for the logging policy.
        retention: Kind of data -> how long; None where there is no such table.
        providers: What the provider policy demands; None where there is none.
        processors: The models of the application.
        scan: What a scan of the corpus found; None where none was passed.
        figures: Measured recall.
        unread: Parts of the configuration that could not be read, and why.
    """

    config: AssessmentConfig
    policy: Policy | None
    places: tuple[Place, ...]
    not_covered: tuple[str, ...]
    audit: Mapping[str, str] | None
    logging: Mapping[str, str] | None
    retention: Mapping[str, str] | None
    providers: Mapping[str, str] | None
    processors: tuple[Processor, ...]
    scan: ScanFacts | None
    figures: Figures
    unread: tuple[str, ...] = field(default=())

    @property
    def has_policy(self) -> bool:
        """Whether the configuration says what counts as personal data."""
        return self.policy is not None

    @property
    def effective(self) -> Policy:
        """The policy in force: that of the file, or the default."""
        return self.policy if self.policy is not None else Policy()


def gather(path: str | Path, *, scan: str | Path | None = None) -> Facts:
    """Read a configuration and, where there is one, the report of a scan.

    Args:
        path: `piirag.toml`.
        scan: What `piirag scan --json` wrote.

    Raises:
        ConfigurationError: The file, or the report, cannot be read or is wrong.
    """
    from piirag.governance.assessment.readers import Reader

    return Reader(path).facts(scan)
