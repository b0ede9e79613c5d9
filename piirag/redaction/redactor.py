"""Redact and rehydrate around one model call."""

from __future__ import annotations

from piirag.detection.known import Known
from piirag.detection.protocol import Detector
from piirag.detection.text import require_text
from piirag.errors import ConfigurationError
from piirag.policy import Policy
from piirag.redaction.detectors import detector_for
from piirag.redaction.mapping import RedactionMapping
from piirag.redaction.rehydrate import StreamRehydrator, rehydrate
from piirag.redaction.result import Redaction
from piirag.redaction.scrubber import Scrubber
from piirag.redaction.session import RedactionSession
from piirag.user_id import check_user_id

__all__ = ["Redaction", "RedactionSession", "Redactor"]


class Redactor:
    """Sends placeholders out and puts the real values back.

    Args:
        policy: What to look for. Its operators play no part: what leaves for a model is always a
            placeholder, so that it can be restored.
        detector: Finds entities; the scrubber's, else `default_detector()`, if None.
        scrubber: Gives access to a vault, so that pseudonyms in retrieved chunks travel as short
            placeholders too and come back as values, and so that values known for a user are
            found. Takes effect in sessions with a `user_id`.
    """

    def __init__(
        self,
        policy: Policy | None = None,
        detector: Detector | None = None,
        *,
        scrubber: Scrubber | None = None,
    ) -> None:
        inherited = scrubber.policy if scrubber is not None else Policy()
        self.policy = policy if policy is not None else inherited
        self.scrubber = scrubber
        self._given = detector

    @property
    def detector(self) -> Detector:
        """The detector; the default one is built on first use."""
        if self._given is None and self.scrubber is not None:
            return self.scrubber.detector
        return detector_for(self.policy, self._given)

    def redact(self, text: str, *, known: Known | None = None) -> Redaction:
        """Redact one text.

        Args:
            text: Any string. Text that looks like a placeholder already is quoted, so that it
                can never be restored to a value.
            known: Values the application knows, found in every spelling.

        Returns:
            The redacted text with the mapping that undoes it.

        Raises:
            InvalidInputError: Not a string.
            DetectionError: The detector failed; nothing was let through.
        """
        return self.session(known=known).redact(text)

    def session(
        self,
        *,
        user_id: str | None = None,
        known: Known | None = None,
        viewer: str | None = None,
        seconds: float | None = None,
    ) -> RedactionSession:
        """A session redacts the several texts of one model call under one mapping.

        Args:
            user_id: The tenant whose pseudonyms and known values count; needs a scrubber.
            known: Values the application knows.
            viewer: Who reads the reply; the `user_id` if None. Somebody else gets none of the
                values behind the tenant's pseudonyms.
            seconds: How long replies can be restored; None for as long as the session is open.

        Raises:
            ConfigurationError: A `user_id` without a scrubber, or `seconds` that are no time.
            InvalidUserIdError: No usable `viewer`.
        """
        if viewer is not None:
            check_user_id(viewer)
        if seconds is not None and not seconds > 0:
            raise ConfigurationError("seconds must be a number above 0")
        return RedactionSession(self, user_id, known, viewer, seconds)

    def rehydrate(self, text: str, mapping: RedactionMapping) -> str:
        """Put the values back: exact, literal, in a single pass.

        This undoes `redact`, whoever reads and wherever a placeholder stands. For what a model
        wrote use `RedactionSession.reply`, which asks who may see what, and where.

        Placeholders that are not in the mapping stay as they are, as all do once the mapping is
        closed.

        Raises:
            InvalidInputError: Not a string.
        """
        return rehydrate(require_text(text), mapping)

    def stream(self, mapping: RedactionMapping) -> StreamRehydrator:
        """Restore a text that arrives in chunks. See `rehydrate`."""
        return StreamRehydrator(mapping)

    def __repr__(self) -> str:
        return f"Redactor(scrubber={self.scrubber!r})"
