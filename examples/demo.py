"""The main job from end to end: ingest, ask, ask as somebody else, forget.

A CRM that twenty sales agents share goes into one Chroma collection. An agent asks a question
about a customer; the model answers without learning who the customer is. Another agent asks the
same and finds nothing. Then the first agent is erased. Everything happens on this machine, unless
an environment variable names a model endpoint (see `demo_model`).

Run it with `piirag demo`, or as a script:

    python demo.py --folder demo-data
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import chromadb
from langchain_chroma import Chroma
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.documents import Document
from langchain_core.messages import BaseMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import Runnable, RunnablePassthrough
from langchain_text_splitters import RecursiveCharacterTextSplitter
from langsmith import tracing_context
from rich.console import Console

import demo_view as view
from crm_corpus import Record, generate, question_for
from demo_model import choose_model
from demo_support import choose, found_in_files, planted_values, workspace
from langchain_piirag import PIIDocumentScrubber, PIITextSplitter, RedactedModel, TenantVectorStore
from lexical_langchain import best_embeddings
from piirag import MasterKey, Scrubber, SQLiteVault, delete_user
from piirag.errors import PiiragError, UserErasedError

PROMPT = ChatPromptTemplate.from_messages(
    [
        ("system", "Answer from this context alone.\n\nContext:\n{context}"),
        ("human", "Question: {question}"),
    ]
)
SPLITTER = PIITextSplitter(RecursiveCharacterTextSplitter(chunk_size=500, chunk_overlap=0))


class SeenByModel(BaseCallbackHandler):
    """Keeps what the model gets, as it gets it.

    Attributes:
        calls: One text for each call.
    """

    def __init__(self) -> None:
        """Start with no calls."""
        self.calls: list[str] = []

    def on_chat_model_start(
        self, serialized: dict[str, Any], messages: list[list[BaseMessage]], **kwargs: Any
    ) -> None:
        """Keep the messages of a call."""
        self.calls += ["\n\n".join(f"{m.type}: {m.text}" for m in batch) for batch in messages]


@dataclass
class App:
    """What an application sets up once and keeps while it runs."""

    vault: SQLiteVault
    scrubber: Scrubber
    client: Any
    store: TenantVectorStore
    model: RedactedModel
    seen: SeenByModel
    chunk_ids: dict[str, set[str]] = field(default_factory=dict)

    def close(self) -> None:
        """Let go of the files."""
        self.vault.close()
        self.client.close()


def set_up(folder: Path, customers: Sequence[str]) -> tuple[App, dict[str, str]]:
    """Open the vault, the store and the model.

    Args:
        folder: Holds a folder each for the store, the vault and the key.
        customers: The names of the customers in the CRM.

    Returns:
        The application, and what it uses.
    """
    key = MasterKey.from_file(folder / "key" / "master.key", create=True)
    vault = SQLiteVault(folder / "vault" / "vault.db", key)
    scrubber = Scrubber(vault=vault)

    embeddings, embeddings_name = best_embeddings()
    settings = chromadb.Settings(anonymized_telemetry=False)
    client = chromadb.PersistentClient(str(folder / "chroma"), settings=settings)
    chroma = Chroma("crm", embedding_function=embeddings, client=client)
    store = TenantVectorStore(chroma, scrubber=scrubber)

    seen = SeenByModel()
    chat_model, model_name = choose_model()
    # A question may name a customer of whom this user has no document.
    known = {"PERSON": customers}
    model = RedactedModel(chat_model.with_config(callbacks=[seen]), scrubber=scrubber, known=known)
    uses = {"Model": model_name, "Embeddings": embeddings_name}
    return App(vault, scrubber, client, store, model, seen), uses


def ingest(app: App, records: Sequence[Record], done: Callable[[int], None]) -> None:
    """Scrub, split and store the documents of every user."""
    for user_id in dict.fromkeys(record.user_id for record in records):
        mine = [record for record in records if record.user_id == user_id]
        documents = [
            Document(page_content=record.text, metadata=record.metadata, id=record.doc_id)
            for record in mine
        ]
        # A CRM knows its customers' names: these are found in every spelling.
        scrub = PIIDocumentScrubber(
            app.scrubber, user_id=user_id, known={"PERSON": customers_of(mine)}
        )
        # Scrub before the split: a name that a splitter cuts in two can no longer be found.
        chunks = SPLITTER.split_documents(scrub.transform_documents(documents))
        app.chunk_ids[user_id] = set(app.store.for_user(user_id).add_documents(chunks))
        done(len(mine))


def customers_of(records: Sequence[Record]) -> list[str]:
    """The customers whom records are about."""
    return sorted({name for record in records for name in record.customers})


def retrieve(app: App, user_id: str, question: str) -> list[Document]:
    """The chunks of one user that are most like a question."""
    return app.store.for_user(user_id).as_retriever(search_kwargs={"k": 2}).invoke(question)


def chain_for(app: App, user_id: str) -> Runnable[str, str]:
    """The usual chain: retriever, prompt, model. Retriever and model are bound to one user."""
    retriever = app.store.for_user(user_id).as_retriever(search_kwargs={"k": 2})
    context = retriever | (lambda found: "\n\n".join(chunk.page_content for chunk in found))
    return (
        {"context": context, "question": RunnablePassthrough()}
        | PROMPT
        | app.model.for_user(user_id)
        | StrOutputParser()
    )


def walk(console: Console, app: App, record: Record, stranger: str) -> None:
    """Ask about a record, ask the same as another user, erase the first user."""
    user_id, question = record.user_id, question_for(record)
    values = {value for _, value in record.planted} | set(record.customers)

    view.heading(console, f"1. {user_id} asks: {question}")
    found = retrieve(app, user_id, question)
    chunk = next((c for c in found if record.answer in c.page_content), found[0])
    came = view.document(record.text, record.doc_id, record.metadata)
    stored = view.document(chunk.page_content, chunk.id, chunk.metadata)
    answer = chain_for(app, user_id).stream(question)
    view.journey(console, came, stored, lambda: app.seen.calls[-1], answer, values)

    view.heading(console, f"2. {stranger} asks the same")
    found = retrieve(app, stranger, question)
    leaked = {chunk.id for chunk in found} & app.chunk_ids[user_id]
    reply = chain_for(app, stranger).invoke(question)
    shown = {
        f"Chunks of {user_id} found": f"{len(leaked)} of {len(app.chunk_ids[user_id])}",
        f"Chunks of {stranger} found": str(len(found) - len(leaked)),
        "Sent to the model": "... " + app.seen.calls[-1].rpartition("human: ")[2],
        "Answer": reply,
    }
    view.facts(console, shown, values)
    check(not leaked, "a user was shown chunks of another")

    view.heading(console, f"3. {user_id} is erased")
    receipt = delete_user(user_id, targets=[app.store, app.vault])
    view.receipt(console, receipt)
    again = retrieve(app, user_id, question)
    refused = False
    try:
        app.store.for_user(user_id).add_texts(["a late write"])
    except UserErasedError:
        refused = True
    shown = {
        f"{user_id} asks again": f"{len(again)} chunks found",
        f"{user_id} writes again": "refused" if refused else "accepted",
    }
    view.facts(console, shown)
    check(receipt.complete and not again and refused, "the user was not erased")


def search(console: Console, place: Path, app: App, records: Sequence[Record]) -> None:
    """Look for every value that the corpus has planted."""
    values = planted_values(records)
    sent = "\n".join(app.seen.calls)
    planted = f"{len(values)} names, numbers and addresses were planted in the documents"
    view.heading(console, f"4. {planted}. Found again:")
    counts = {
        "In the files of the store": len(found_in_files(place / "chroma", values)),
        "In the files of the vault": len(found_in_files(place / "vault", values)),
        "In what was sent to the model": sum(value in sent for value in values),
    }
    view.facts(console, {where: f"{count} found" for where, count in counts.items()})
    check(not any(counts.values()), "planted values were found")


def check(good: bool, otherwise: str) -> None:
    """Stop the demo where it has not shown what it promises."""
    if not good:
        raise PiiragError(f"the demo failed: {otherwise}")


def run(
    console: Console, *, folder: Path | None = None, documents: int = 300, users: int = 20
) -> None:
    """Run the demo.

    Args:
        console: Where to show it.
        folder: Where to keep the store, the vault and the key; a temporary folder if None.
        documents: How many documents to make.
        users: How many users they belong to.

    Raises:
        PiiragError: Something could not be done, or a check failed.
    """
    records = generate(users=users, documents=documents)
    record, stranger = choose(records)
    # What goes into a chain and comes out of it is raw: none of it is to reach a tracing service.
    with workspace(folder) as place, tracing_context(enabled=False):
        app, uses = set_up(place, customers_of(records))
        try:
            uses["Folder"] = f"{place}{'' if folder else ' (removed at the end)'}"
            owners = len({record.user_id for record in records})
            view.opening(console, len(records), owners, uses)
            with view.progress(console, "Scrub, split, embed, store", len(records)) as done:
                ingest(app, records, done)
            walk(console, app, record, stranger)
            search(console, place, app, records)
        finally:
            app.close()


def main() -> None:
    """Run the demo as a script."""
    parser = argparse.ArgumentParser(description="Ingest, ask, ask as somebody else, forget.")
    parser.add_argument("--folder", type=Path, help="where to work; a temporary folder if left out")
    parser.add_argument("--documents", type=int, default=300)
    parser.add_argument("--users", type=int, default=20)
    run(Console(), **vars(parser.parse_args()))


if __name__ == "__main__":
    main()
