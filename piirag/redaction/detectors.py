"""Which detector serves a policy."""

from __future__ import annotations

import warnings

from piirag.detection.build import build_detector
from piirag.detection.entity_types import NEED_A_MODEL, QUASI, SPECIAL
from piirag.detection.protocol import Detector
from piirag.errors import ConfigurationError
from piirag.policy import Policy

_HELD = "_detector"
_METHODS = ("detect", "detect_batch")


def detector_for(policy: Policy, given: Detector | None) -> Detector:
    """The detector given, or the default one for a policy.

    The policy keeps the detector that was built for it, so that this is cheap for every text.

    Raises:
        ConfigurationError: `given` is no detector, or the policy names a model, a language or an
            entity type that cannot be served.
    """
    if given is not None:
        # What `isinstance` with the protocol looks at, in a hundredth of the time.
        if not (all(callable(getattr(given, name, None)) for name in _METHODS)):
            raise ConfigurationError("a detector has the methods detect and detect_batch")
        return given
    held: Detector | None = vars(policy).get(_HELD)
    if held is None:
        held = _build(policy)
        # A frozen dataclass; what is put here is neither compared nor pickled.
        object.__setattr__(policy, _HELD, held)
    return held


def _build(policy: Policy) -> Detector:
    from piirag.detection.build import shared_analyzer

    wanted = None
    if policy.entities is not None:
        analyzer = shared_analyzer(
            policy.languages, policy.model, policy.countries, policy.recognizers
        )
        supported = set(analyzer.get_supported_entities())
        missing = set(policy.entities) - supported
        without = sorted(NEED_A_MODEL & missing)
        if without:
            warnings.warn(
                f"no recogniser for {', '.join(without)} in the default detector: found only "
                "where passed along as known=, or in deny",
                stacklevel=5,
            )
        # These come from elsewhere than the detector.
        missing &= NEED_A_MODEL | QUASI | SPECIAL | set(policy.deny)
        wanted = sorted(set(policy.entities) - missing)
    return build_detector(
        languages=policy.languages,
        entities=wanted,
        model=policy.model,
        countries=policy.countries,
        recognizers=policy.recognizers,
        seconds_per_kb=policy.seconds_per_kb,
    )
