"""The exceptions piirag raises.

```
PiiragError
├── ConfigurationError (ValueError)        a policy, operator or key that cannot work
│   └── MissingDependencyError (ImportError)   an optional library is not installed
├── InvalidInputError (ValueError)         text, metadata or ids of the wrong kind
│   └── InvalidUserIdError                 a missing or unsafe user id
├── DetectionError                         a detector failed or returned nonsense
│   └── DetectionTimeoutError              a detector ran out of its time budget
├── PIIBlockedError                        personal data was on its way to where it may not go
├── TenancyError                           a read or write that would leave its tenant
│   └── UnsupportedStoreError              a store whose tenants piirag cannot keep apart
├── VaultError                             the vault cannot be read or written
│   ├── VaultKeyError                      wrong or missing master key
│   ├── UserErasedError                    a write for a user who was erased
│   └── SessionGoneError                   a session that is over, or never was
├── ModelCallError                         the wrapped model raised
├── ToolCallError                          a tool of an agent raised
├── RetrievalError                         the wrapped retriever raised
├── StoreError                             a store could not do what it was asked
├── ProviderPolicyError                    a model endpoint, or tracer, that the policy forbids
├── AuditError                             the audit log cannot be written, read, or was altered
├── RetentionError                         what is over could not be deleted
└── ErasureError                           an erasure could not be carried out
    ├── JournalError                       its journal cannot be read or written
    ├── LeaseLostError                     another process has taken it over
    └── ReceiptError                       a receipt that cannot be read, or is not signed right
```

No message, argument or attribute of these holds text, values or user ids: they name entity types,
offsets, counts and positions only. They are raised with no cause and no context, so that the
text in another library's exception does not travel with them.
"""

from __future__ import annotations

from collections.abc import Sequence

__all__ = [
    "AuditError",
    "ConfigurationError",
    "DetectionError",
    "DetectionTimeoutError",
    "ErasureError",
    "InvalidInputError",
    "InvalidUserIdError",
    "JournalError",
    "LeaseLostError",
    "MissingDependencyError",
    "ModelCallError",
    "PIIBlockedError",
    "PiiragError",
    "ProviderPolicyError",
    "ReceiptError",
    "RetentionError",
    "RetrievalError",
    "SessionGoneError",
    "StoreError",
    "TenancyError",
    "ToolCallError",
    "UnsupportedStoreError",
    "UserErasedError",
    "VaultError",
    "VaultKeyError",
]


class PiiragError(Exception):
    """Base of every exception that piirag raises on purpose."""


class ConfigurationError(PiiragError, ValueError):
    """A policy, operator, key or option that cannot work."""


class MissingDependencyError(ConfigurationError, ImportError):
    """An optional library is missing; the message names the extra to install."""

    def __init__(self, library: str, extra: str) -> None:
        super().__init__(
            f"{library} is not installed; install it with: pip install 'piirag[{extra}]'"
        )


class InvalidInputError(PiiragError, ValueError):
    """Text, metadata or ids that are missing or of the wrong kind."""


class InvalidUserIdError(InvalidInputError):
    """A user id that is missing, empty, not a string, or not in the safe alphabet."""


class DetectionError(PiiragError):
    """A detector failed or returned nonsense; nothing was stored, sent or returned.

    Args:
        message: What went wrong, without text.
        error_type: Qualified name of the detector's own exception, if it raised one.
    """

    def __init__(self, message: str, *, error_type: str | None = None) -> None:
        self.error_type = error_type
        super().__init__(f"{message} ({error_type})" if error_type else message)


class DetectionTimeoutError(DetectionError):
    """A detector did not finish in its time budget."""


class PIIBlockedError(PiiragError):
    """Personal data was found where none may pass, and the call was stopped.

    Args:
        where: What was stopped, for instance ``"chat model input"``.
        counts: Entity type -> number of findings.
        advice: What to use instead.
    """

    def __init__(self, where: str, counts: dict[str, int], advice: str = "") -> None:
        self.where = where
        self.counts = dict(counts)
        found = ", ".join(f"{kind} x{n}" for kind, n in sorted(counts.items()))
        message = f"blocked: personal data in {where}" + (f" ({found})" if found else "")
        super().__init__(f"{message}. {advice}" if advice else message)


class TenancyError(PiiragError):
    """A read or write that would leave its tenant, or an option that could make it."""


class UnsupportedStoreError(TenancyError):
    """A store whose tenants piirag cannot keep apart."""


class VaultError(PiiragError):
    """The vault cannot be read or written."""


class VaultKeyError(VaultError):
    """The master key is missing or does not fit this vault."""


class UserErasedError(VaultError):
    """The user was erased; writes for the user are refused until reinstated."""

    def __init__(self) -> None:
        super().__init__(
            "this user was erased; writes are refused until vault.reinstate(user_id) is called"
        )


class SessionGoneError(VaultError):
    """No such session of this user: expired, taken already, erased, or never there."""

    def __init__(self) -> None:
        super().__init__(
            "this user has no such session: it expired, was taken already, was erased, or never "
            "was there"
        )


class ModelCallError(PiiragError):
    """The wrapped model raised. Its message is withheld: providers echo the prompt.

    Args:
        error_type: Qualified name of the provider's exception, such as
            ``"openai.BadRequestError"``.
        status_code: The HTTP status, where the provider's exception has one.
    """

    def __init__(self, error_type: str, status_code: int | None = None) -> None:
        self.error_type = error_type
        self.status_code = status_code
        status = f", HTTP status {status_code}" if status_code is not None else ""
        super().__init__(f"the model call failed: {error_type}{status}; its message is withheld")


class ToolCallError(PiiragError):
    """A tool raised. Its message is withheld: it may quote the values the tool was given.

    Args:
        tool: The tool's name.
        error_type: Qualified name of its exception.
    """

    def __init__(self, tool: str, error_type: str) -> None:
        self.tool = tool
        self.error_type = error_type
        super().__init__(f"the tool {tool!r} failed: {error_type}; its message is withheld")


class RetrievalError(PiiragError):
    """The wrapped retriever raised. Its message is withheld: it may quote question or documents.

    Args:
        error_type: Qualified name of its exception.
        status_code: The HTTP status, where that exception has one.
    """

    def __init__(self, error_type: str, status_code: int | None = None) -> None:
        self.error_type = error_type
        self.status_code = status_code
        super().__init__(f"the retriever failed: {error_type}; its message is withheld")


class ErasureError(PiiragError):
    """An erasure could not be carried out."""


class JournalError(ErasureError):
    """The journal cannot be read or written; nothing is erased without it."""


class LeaseLostError(ErasureError):
    """Another process has taken this erasure over."""

    def __init__(self) -> None:
        super().__init__("another process has taken this erasure over")


class ReceiptError(ErasureError):
    """A receipt that cannot be read, is not signed, or whose signature does not fit."""


class StoreError(PiiragError):
    """A store could not do what it was asked; the message of its driver, which quotes data, is
    not kept.

    Args:
        store: What kind of store.
        error_type: Qualified name of the driver's exception, such as
            ``"psycopg.errors.UndefinedTable"``.
    """

    def __init__(self, store: str, error_type: str) -> None:
        self.error_type = error_type
        super().__init__(f"{store}: {error_type}; its message is withheld")


class ProviderPolicyError(PiiragError):
    """The provider policy forbids where data was about to go; nothing was sent.

    Args:
        reasons: Why, one text a reason; host names and facts of the registry, no data of a call.
        provider: Id of the provider in the registry; None where it is unknown.
    """

    def __init__(self, reasons: Sequence[str], provider: str | None = None) -> None:
        self.reasons = tuple(reasons)
        self.provider = provider
        super().__init__("forbidden by the provider policy: " + "; ".join(self.reasons))


class AuditError(PiiragError):
    """The audit log cannot be written or read, or does not hold together."""


class RetentionError(PiiragError):
    """What is over could not be deleted.

    Args:
        message: What went wrong, without data.
        deleted: How many items were deleted all the same.
    """

    def __init__(self, message: str, deleted: int = 0) -> None:
        self.deleted = deleted
        super().__init__(message)
