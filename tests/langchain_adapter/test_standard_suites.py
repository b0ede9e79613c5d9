"""LangChain's own standard suites, against the wrappers; none is skipped."""

from __future__ import annotations

import pytest
from langchain_chroma import Chroma
from langchain_core.documents import Document
from langchain_tests.integration_tests.retrievers import RetrieversIntegrationTests
from langchain_tests.integration_tests.vectorstores import VectorStoreIntegrationTests

from langchain_piirag import PIIRetriever, TenantVectorStore
from piirag import Scrubber
from support.langchain_fakes import FixedRetriever, tenant_store


class TestUserVectorStore(VectorStoreIntegrationTests):
    @pytest.fixture
    def vectorstore(self, tmp_path):
        store = Chroma("x-y-z", self.get_embeddings(), persist_directory=str(tmp_path))
        tenants = TenantVectorStore(store, scrubber=Scrubber())
        # Another user's items with the same ids must make no difference.
        tenants.for_user("other").add_documents(
            [Document(page_content=t) for t in ("foo", "bar", "baz")], ids=["1", "2", "3"]
        )
        return tenants.for_user("tester")


class TestKeyedUserVectorStore(VectorStoreIntegrationTests):
    @pytest.fixture
    def vectorstore(self, tmp_path):
        store = Chroma("x-y-z", self.get_embeddings(), persist_directory=str(tmp_path))
        tenants = TenantVectorStore(store, scrubber=Scrubber(), keyed_user_ids=True)
        tenants.for_user("Zoë").add_documents([Document(page_content="foo")], ids=["1"])
        return tenants.for_user("tester@example.com")


def _documents(count: int) -> list[Document]:
    return [Document(page_content=f"number {i}") for i in range(count)]


class TestPIIRetriever(RetrieversIntegrationTests):
    @property
    def retriever_constructor(self):
        def build(k: int = 4):
            scrubber = Scrubber()
            return PIIRetriever(
                FixedRetriever(docs=_documents(10)[: max(k, 4)] if k == 4 else _documents(k)),
                scrubber=scrubber,
                user_id="u",
            )

        return build

    @property
    def retriever_query_example(self) -> str:
        return "number of jane@example.com"


class TestTenantRetriever(RetrieversIntegrationTests):
    @pytest.fixture(autouse=True)
    def _store(self, tmp_path):
        self.user = tenant_store(tmp_path).for_user("u")
        self.user.add_documents(_documents(10))

    @property
    def retriever_constructor(self):
        return lambda k=4: self.user.as_retriever(search_kwargs={"k": k})

    @property
    def retriever_query_example(self) -> str:
        return "number of jane@example.com"
