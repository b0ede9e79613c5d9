"""People whom chunks talk about, and what is held of a user: finding, erasing, handing out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from piirag.erasure.export import UserExport
    from piirag.erasure.preview import SubjectPreview
    from piirag.erasure.receipt import ErasureReceipt
    from piirag.erasure.service import ErasureService
    from piirag.erasure.signing import SigningKey
    from piirag.tenancy.tags import Space


def find_subject(
    values: str | Sequence[str],
    targets: Sequence[Any],
    *,
    tenants: Iterable[str | Space] | None = None,
    entity_types: Sequence[str] | None = None,
    spellings: bool = True,
) -> SubjectPreview:
    """Find every chunk that mentions a person. See `ErasureService.find_subject`.

    Args:
        values: What the person is known by.
        targets: Vector stores and the vault, or anything `as_targets` knows.
        tenants: The users, and spaces, that may be searched; None for everybody in the vault.
        entity_types: Look only for values of these types; None for all.
        spellings: Also find other spellings of a name or number, to be reviewed.

    Raises:
        InvalidInputError: No values, or of the wrong kind.
        ConfigurationError: No vault among the targets, or an unknown one.
    """
    service = _service(targets)
    return service.find_subject(
        values, tenants=tenants, entity_types=entity_types, spellings=spellings
    )


def erase_subject(
    values: str | Sequence[str],
    preview: SubjectPreview,
    targets: Sequence[Any],
    *,
    how: str = "delete",
    embed: Callable[[list[str]], Sequence[Sequence[float]]] | None = None,
    tenants: Iterable[str | Space] | None = None,
    signing_key: SigningKey | None = None,
    not_covered: Sequence[Any] = (),
) -> ErasureReceipt:
    """Erase what a preview found of a person. See `ErasureService.erase_subject`.

    Args:
        values: What the person is known by, as passed to `find_subject`.
        preview: What it returned, decided on or not.
        targets: The same as were searched.
        how: ``"delete"`` or ``"rescrub"``.
        embed: Computes the vectors of texts that were scrubbed again.
        tenants: As passed to `find_subject`.
        signing_key: Signs the receipt.
        not_covered: Known places of data that are no targets; the receipt names them.

    Raises:
        InvalidInputError: Another person's preview, or something of the wrong kind; nothing was
            erased.
        ConfigurationError: No vault among the targets, or an unknown one.
    """
    service = _service(targets, signing_key=signing_key, not_covered=not_covered)
    return service.erase_subject(values, preview, how=how, embed=embed, tenants=tenants)


def export_user(
    user_id: str, targets: Sequence[Any], *, not_covered: Sequence[Any] = (), reveal: bool = True
) -> UserExport:
    """Collect what is held of a user. See `ErasureService.export_user`.

    Args:
        user_id: The user.
        targets: Vector stores, the vault, conversations, anything `as_targets` knows.
        not_covered: Known places of data that are no targets; the export names them.
        reveal: Put the values behind the user's pseudonyms back.

    Raises:
        InvalidUserIdError: No usable user id.
        ConfigurationError: No targets, or one of an unknown kind.
    """
    return _service(targets, not_covered=not_covered).export_user(user_id, reveal=reveal)


def _service(targets: Sequence[Any], **options: Any) -> ErasureService:
    from piirag.erasure.retry import NO_RETRY
    from piirag.erasure.service import ErasureService

    return ErasureService(targets, retry=NO_RETRY, **options)


class DataSubjectMethods:
    """What an `ErasureService` does besides erasing users."""

    def find_subject(
        self,
        values: str | Sequence[str],
        *,
        tenants: Iterable[str | Space] | None = None,
        entity_types: Sequence[str] | None = None,
        spellings: bool = True,
        progress: bool = False,
    ) -> SubjectPreview:
        """Find every chunk that mentions a person, who need not be a user. Nothing is changed.

        Scrubbed chunks hold pseudonyms. Each user's vault tells which ones stand for the person,
        and every chunk that can be listed is searched for them. Text that was stored without
        being scrubbed holds no pseudonym; there the person is not found.

        Args:
            values: What the person is known by: a mail address, a name, a number; one or several.
                Found in every spelling that the scrubber takes for the same value.
            tenants: The users, and spaces, that may be searched; None for everybody in the vault.
            entity_types: Look only for values of these types; None for all.
            spellings: Also find other spellings of a name or number, to be reviewed.
            progress: Show a progress bar on standard error. It names nobody.

        Returns:
            What was found. What stands in a space, belongs to nobody, or may be another person's
            is to be reviewed.

        Raises:
            InvalidInputError: No values, or of the wrong kind.
            InvalidUserIdError: A tenant that is no usable user id, or that a target cannot hold.
            ConfigurationError: No vault among the targets.
        """
        from piirag.erasure.mentions import previewed

        return previewed(
            values,
            cast("ErasureService", self),
            tenants=tenants,
            entity_types=entity_types,
            spellings=spellings,
            progress=progress,
        )

    def erase_subject(
        self,
        values: str | Sequence[str],
        preview: SubjectPreview,
        *,
        how: str = "delete",
        embed: Callable[[list[str]], Sequence[Sequence[float]]] | None = None,
        tenants: Iterable[str | Space] | None = None,
        progress: bool = False,
    ) -> ErasureReceipt:
        """Erase what a preview found of a person, where its decision is ``"erase"``.

        Then every target is looked through again, and values of the person that no chunk needs
        any more are deleted from the vaults. It is noted in the journal: interrupted, or where a
        store failed, it is finished by `resume`, or by calling it again. Nothing but `embed` is
        missing then; without it vectors stay.

        Args:
            values: The same as were passed to `find_subject`.
            preview: What it returned, decided on (`SubjectPreview.decided`) or not: what is to be
                reviewed stays.
            how: ``"delete"`` the chunks, or ``"rescrub"`` them: the type alone stands in place of
                the person's pseudonyms, the rest of the chunk stays.
            embed: Computes the vectors of texts that were scrubbed again. If None they stay, and
                the receipt says so.
            tenants: The same as were passed to `find_subject`.
            progress: Show a progress bar on standard error.

        Returns:
            What was done: per target the chunks that mentioned the person, and that still do.

        Raises:
            InvalidInputError: Another person's preview, or something of the wrong kind; nothing
                was erased.
            InvalidUserIdError: A tenant that is no usable user id, or that a target cannot hold;
                nothing was erased.
            JournalError: The journal cannot be read or written; what was begun can be resumed.
            ErasureError: Another process is erasing this person.
        """
        from piirag.erasure.subject_erasure import carried_out

        return carried_out(
            values,
            preview,
            cast("ErasureService", self),
            how=how,
            embed=embed,
            tenants=tenants,
            progress=progress,
        )

    def export_user(self, user_id: str, *, reveal: bool = True) -> UserExport:
        """Collect what is held of a user from every target that can list it, as a stream.

        Chunks, metadata, conversations, audit entries and the values in the vault. Of items that
        bear another user's tag none is handed out; spaces that several users read are nobody's
        export. What could not be listed is named.

        Args:
            user_id: The user.
            reveal: Put the values behind the user's pseudonyms back, as first spelt.

        Returns:
            Something to write it with; nothing is read before that.

        Raises:
            InvalidUserIdError: No usable user id.
        """
        from piirag.erasure.export import UserExport

        return UserExport(user_id, cast("ErasureService", self), reveal=reveal)
