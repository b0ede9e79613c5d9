"""Looking for files, and for what was made of them, at a provider with OpenAI's interface."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

_JOB_RUNS = frozenset({"validating_files", "queued", "running", "paused"})
_BATCH_RUNS = frozenset({"validating", "in_progress", "finalizing", "cancelling"})
_CANCELLING = "cancelling"


@dataclass(repr=False)
class Found:
    """What is there now of some files.

    Args:
        files: The files, and the outputs made of them.
        places: Vector store and file, where a file is in one.
        stores: Vector stores to be deleted whole.
        running: Fine-tuning jobs that run.
        batches: Batches that run and can be cancelled.
        waiting: Batches that run and are being cancelled.
        models: Models to be deleted.
        ended: Jobs and batches that have ended.
        kept: Models that stay.
    """

    files: list[Any] = field(default_factory=list)
    places: list[tuple[str, str]] = field(default_factory=list)
    stores: list[str] = field(default_factory=list)
    running: list[str] = field(default_factory=list)
    batches: list[str] = field(default_factory=list)
    waiting: list[str] = field(default_factory=list)
    models: list[str] = field(default_factory=list)
    ended: int = 0
    kept: int = 0

    @property
    def count(self) -> int:
        """How much has to go."""
        return len(self.files) + len(self.names())

    def names(self) -> list[str]:
        """Of all but files, what it is and its id."""
        named = {
            "vector store": self.stores,
            "fine-tuning job": self.running,
            "batch": [*self.batches, *self.waiting],
            "model": self.models,
        }
        places = [f"vector store {store}, file {file}" for store, file in self.places]
        return places + [f"{what} {id}" for what, ids in named.items() for id in ids]


@dataclass(frozen=True, repr=False)
class Looking:
    """Looks, page by page, for everything that hangs on some files.

    Args:
        client: An `openai.OpenAI`.
        places: Whether to look into vector stores.
        jobs: Whether to look into fine-tuning jobs and batches.
        models: Whether models trained on the files are to be deleted.
    """

    client: Any
    places: bool
    jobs: bool
    models: bool

    def find(self, files: list[str], stores: list[str]) -> Found:
        """What is there now.

        Args:
            files: Ids of files.
            stores: Ids of vector stores.
        """
        found = Found()
        made: list[str] = []
        if files and self.jobs:
            made += self._jobs(set(files), found)
            made += self._batches(set(files), found)
        for id in dict.fromkeys([*files, *made]):
            file = there(self.client.files.retrieve, id)
            found.files += [] if file is None else [file]
        if files and self.places:
            found.places += self._places(set(files) | set(made))
        found.stores += [id for id in stores if there(self.client.vector_stores.retrieve, id)]
        return found

    def _jobs(self, files: set[str], found: Found) -> list[str]:
        made: list[str] = []
        for job in self.client.fine_tuning.jobs.list():
            if not files & {job.training_file, job.validation_file}:
                continue
            made += job.result_files or []
            if job.status in _JOB_RUNS:
                found.running.append(job.id)
            else:
                found.ended += 1
            model = job.fine_tuned_model
            if model and there(self.client.models.retrieve, model):
                if self.models:
                    found.models.append(model)
                else:
                    found.kept += 1
        return made

    def _batches(self, files: set[str], found: Found) -> list[str]:
        made: list[str] = []
        for batch in self.client.batches.list():
            if batch.input_file_id not in files:
                continue
            made += [id for id in (batch.output_file_id, batch.error_file_id) if id]
            if batch.status == _CANCELLING:
                found.waiting.append(batch.id)
            elif batch.status in _BATCH_RUNS:
                found.batches.append(batch.id)
            else:
                found.ended += 1
        return made

    def _places(self, files: set[str]) -> Iterator[tuple[str, str]]:
        for store in self.client.vector_stores.list():
            for file in self.client.vector_stores.files.list(store.id):
                if file.id in files:
                    yield store.id, file.id


def is_gone(error: Exception) -> bool:
    """Whether an error says that something is not there; nothing else may be taken for that."""
    return getattr(error, "status_code", None) == 404


def there(call: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Call the provider; None where it says that the thing is not there."""
    try:
        return call(*args, **kwargs)
    except Exception as error:
        if is_gone(error):
            return None
        raise
