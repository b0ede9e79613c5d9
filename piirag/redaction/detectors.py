"""Which detector serves a policy."""

from __future__ import annotations

import warnings

from piirag.detection.default import default_detector
from piirag.detection.protocol import Detector
from piirag.errors import ConfigurationError
from piirag.policy import Policy

# Types that need a model. Without one they are found where the application passes them along.
_NEED_A_MODEL = frozenset({"LOCATION", "NRP", "ORGANIZATION", "PERSON"})

_cache: dict[tuple[tuple[str, ...], tuple[str, ...] | None], Detector] = {}


def detector_for(policy: Policy, given: Detector | None) -> Detector:
    """The detector given, or the default one for a policy.

    Raises:
        ConfigurationError: `given` is no detector, or the policy names an unknown entity type.
    """
    if given is not None:
        if not isinstance(given, Detector):
            raise ConfigurationError("a detector has the methods detect and detect_batch")
        return given
    wanted = None if policy.entities is None else tuple(sorted(set(policy.entities)))
    key = (tuple(policy.languages), wanted)
    detector = _cache.get(key)
    if detector is None:
        if wanted is None:
            detector = default_detector(languages=policy.languages)
        else:
            without = sorted(_NEED_A_MODEL.intersection(wanted))
            if without:
                warnings.warn(
                    f"no recogniser for {', '.join(without)} in the default detector: found only "
                    "where passed along as known=",
                    stacklevel=4,
                )
            rest = [e for e in wanted if e not in _NEED_A_MODEL]
            detector = default_detector(languages=policy.languages, entities=rest)
        _cache[key] = detector
    return detector
