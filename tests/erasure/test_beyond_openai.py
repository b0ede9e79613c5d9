"""Files at a provider, through OpenAI's own client and real HTTP. Threats E5, E8, E10, E16."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from openai import AsyncOpenAI, OpenAI

from piirag import MemoryVault, delete_user
from piirag.erasure.targets.openai_files import OpenAIFilesTarget
from piirag.errors import ConfigurationError, ErasureError
from piirag.testing.erasure import ErasureTargetSuite, TargetUnderTest
from support.openai_files_server import OpenAIFilesServer


@pytest.fixture
def server() -> Iterator[OpenAIFilesServer]:
    with OpenAIFilesServer() as server:
        yield server


@pytest.fixture
def client(server: OpenAIFilesServer) -> Any:
    return OpenAI(base_url=server.url, api_key="x", max_retries=0)


class TestProviderFiles(ErasureTargetSuite):
    @pytest.fixture
    def under_test(self, server: OpenAIFilesServer, client: Any) -> TargetUnderTest:
        mapping: dict[str, list[str]] = {}
        server.add_store("vs-shared")

        def write(user: str) -> None:
            ids = [f"file-{user}-{n}" for n in range(2)]
            for id in ids:
                server.add_file(id, f"the letter {id}".encode())
                server.places["vs-shared"].append(id)
            mapping[user] = ids

        def read(user: str) -> Any:
            ids = mapping.get(user, [])
            return [(id, server.contents.get(id), id in server.places["vs-shared"]) for id in ids]

        return TargetUnderTest(OpenAIFilesTarget(client, mapping), write, read)


def test_what_was_made_of_a_file_goes_with_it(server: OpenAIFilesServer, client: Any) -> None:
    server.add_file("file-a", b"training data", purpose="fine-tune")
    server.add_file("file-a2", b"of an assistant", purpose="assistants")
    server.add_file("file-b", b"others'")
    for id in ("out-1", "out-2", "out-3", "out-b"):
        server.add_file(id)
    for n in range(5):
        server.add_store(f"vs-{n}", "file-b", *(["file-a"] if n % 2 else []))
    server.add_store("vs-hers")
    server.add_job("job-1", "file-a", "succeeded", results=["out-1"], model="ft:1")
    server.add_job("job-2", "file-a", "running", results=["out-2"])
    server.add_job("job-b", "file-b", "running", results=["out-b"], model="ft:b")
    server.add_batch("batch-1", "file-a", "in_progress", "out-3")
    server.add_batch("batch-b", "file-b", "in_progress")
    target = OpenAIFilesTarget(
        client,
        lambda user: ["file-a", "file-a2"] if user == "alice" else [],
        vector_stores={"alice": ["vs-hers"]},
    )
    assert {i.id: i.text for i in target.items("alice")} == {
        "file-a": "training data",
        "file-a2": None,
        "out-1": "text",
        "out-2": "text",
        "out-3": "text",
        "vector store vs-1, file file-a": None,
        "vector store vs-3, file file-a": None,
        "vector store vs-hers": None,
        "fine-tuning job job-2": None,
        "batch batch-1": None,
    }
    # Five files, two places, one store, one job, one batch.
    receipt = delete_user("alice", targets=[target, MemoryVault()])
    assert receipt.complete
    assert receipt.targets[0].deleted == 10
    assert set(server.contents) == {"file-b", "out-b"}
    assert all(files == ["file-b"] for files in server.places.values())
    assert "vs-hers" not in server.places
    jobs = server.tables["fine_tuning/jobs"]
    assert {id: job["status"] for id, job in jobs.items()} == {
        "job-1": "succeeded",
        "job-2": "cancelled",
        "job-b": "running",
    }
    assert server.tables["batches"]["batch-b"]["status"] == "in_progress"
    note = receipt.targets[0].note
    assert "1 models that were trained on the user's files stay" in note
    assert "3 jobs that have ended still name the user's files" in note
    assert set(server.tables["models"]) == {"ft:1", "ft:b"}
    with_models = OpenAIFilesTarget(client, {"alice": ["file-a"]}, delete_models=True)
    assert delete_user("alice", targets=[with_models]).deleted == 1
    assert set(server.tables["models"]) == {"ft:b"}


@pytest.mark.parametrize("path", ["/v1/files/file-a", "/v1/vector_stores/vs/files/file-a"])
def test_E5_a_confirmed_deletion_is_looked_at_again(
    server: OpenAIFilesServer, client: Any, path: str
) -> None:
    server.add_file("file-a")
    server.add_store("vs", "file-a")
    server.lies.add(path)
    target = OpenAIFilesTarget(client, {"alice": ["file-a"]})
    receipt = delete_user("alice", targets=[target])
    assert receipt.status == "partial"
    assert receipt.targets[0].remaining == 1
    server.lies.clear()
    assert delete_user("alice", targets=[target]).complete


def test_E5_E16_ids_that_are_not_there_are_no_deletion(
    server: OpenAIFilesServer, client: Any
) -> None:
    server.add_file("file-b")
    target = OpenAIFilesTarget(client, {"alice": ["file-gone"]})
    for user in ("alice", "unknown"):
        receipt = delete_user(user, targets=[target])
        assert receipt.status == "nothing found"
        assert receipt.deleted == 0
    assert set(server.contents) == {"file-b"}
    assert not any(call.startswith(("DELETE", "POST")) for call in server.calls)


def test_E8_a_provider_that_fails_makes_the_receipt_partial(
    server: OpenAIFilesServer, client: Any
) -> None:
    server.add_file("file-a")
    target = OpenAIFilesTarget(client, {"alice": ["file-a"]})
    for path in ("/v1/files/file-a", "/v1/vector_stores", "/v1/fine_tuning/jobs"):
        server.failing = {path}
        receipt = delete_user("alice", targets=[target])
        assert receipt.status == "partial", path
        assert receipt.targets[0].error == "openai.InternalServerError"
        assert "alice" not in receipt.to_json()
    assert "file-a" in server.contents
    server.failing = {"/v1/vector_stores", "/v1/fine_tuning/jobs", "/v1/batches"}
    plain = OpenAIFilesTarget(client, {"alice": ["file-a"]}, search_vector_stores=False, jobs=False)
    assert delete_user("alice", targets=[plain]).deleted == 1


@pytest.mark.parametrize(
    "ids",
    ["file-a", b"file-a", 7, [""], [None], ["../models/ft:1"], ["a b"], [["file-a"]], [1]],
)
def test_what_is_no_id_reaches_nobody(server: OpenAIFilesServer, client: Any, ids: Any) -> None:
    with pytest.raises(ErasureError):
        OpenAIFilesTarget(client, {"alice": ids}).count("alice")
    assert delete_user("alice", [OpenAIFilesTarget(client, lambda u: ids)]).status == "partial"
    assert server.calls == []


def test_a_file_of_two_users_is_left_alone(server: OpenAIFilesServer, client: Any) -> None:
    server.add_file("file-1")
    target = OpenAIFilesTarget(client, {"alice": ["file-1"], "bob": ["file-1"]})
    assert delete_user("alice", targets=[target]).status == "partial"
    assert set(server.contents) == {"file-1"}


@pytest.mark.parametrize("wrong", [{"client": object()}, {"files": ["x"]}, {"files": None}])
def test_what_cannot_work_is_refused_at_once(client: Any, wrong: dict[str, Any]) -> None:
    given = {"client": client, "files": {}, **wrong}
    with pytest.raises(ConfigurationError):
        OpenAIFilesTarget(given["client"], given["files"])
    with pytest.raises(ConfigurationError):
        OpenAIFilesTarget(AsyncOpenAI(base_url="http://127.0.0.1:1", api_key="x"), {})
