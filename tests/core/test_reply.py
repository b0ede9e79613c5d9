"""Replies: who may see what and where, what a model says by itself, and both at once."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from piirag import Finding, MemoryVault, Policy, Redactor, Scrubber
from piirag.errors import (
    ConfigurationError,
    DetectionError,
    InvalidInputError,
    InvalidUserIdError,
    PIIBlockedError,
)
from piirag.redaction import RedactionSession, ReplyCounts
from piirag.redaction.unseen import AHEAD, CONTEXT, USUAL, UnseenFilter
from support.emails import Emails
from support.examples import examples
from support.samples import split

QUIET = {"quasi_identifiers": "off", "special_categories": "off", "second_look": "off"}
ALLOW = Policy(**QUIET, replies="allow")
REDACT = Policy(**QUIET)


def session(policy: Policy = ALLOW, **options: object) -> RedactionSession:
    return Redactor(policy, Emails()).session(**options)  # type: ignore[arg-type]


def one(policy: Policy = ALLOW, **options: object) -> RedactionSession:
    """A session whose first value is `jo@x.io`."""
    made = session(policy, **options)
    assert made.redact("I am jo@x.io").text == "I am [EMAIL_ADDRESS_1]"
    return made


# The API


def test_a_reply_is_restored_and_counted() -> None:
    reply = one().reply()
    assert reply.text("To [EMAIL_ADDRESS_1], not [EMAIL_ADDRESS_7].") == (
        "To jo@x.io, not [EMAIL_ADDRESS_7]."
    )
    assert reply.counts == ReplyCounts(restored=1, inert=1)
    assert reply.counts.as_dict() == {"restored": 1, "inert": 1, "refused": 0, "unseen": 0}
    assert "jo@" not in repr(reply)


def test_P11_leaves_and_keys_of_data_are_restored_not_its_text() -> None:
    made = session(known={"NAME": ['Ann "A"\n\\1']})
    made.redact('Ann "A"\n\\1 is here')
    data = {"to": ["[NAME_1]", 7, None, True], "[NAME_1]": {"x": "a [NAME_1]"}}
    assert made.reply().value(data, sink="tool") == {
        "to": ['Ann "A"\n\\1', 7, None, True],
        'Ann "A"\n\\1': {"x": 'a Ann "A"\n\\1'},
    }


def test_bad_arguments_are_refused() -> None:
    reply = one().reply()
    with pytest.raises(ConfigurationError):
        reply.text("x", sink="screen")  # type: ignore[arg-type]
    for bad in (None, b"x", 7):
        with pytest.raises(InvalidInputError):
            reply.text(bad)  # type: ignore[arg-type]
    with pytest.raises(InvalidInputError):
        reply.value({"x": object()})
    with pytest.raises(InvalidUserIdError):
        session(viewer="")
    for seconds in (0, -1, float("nan")):
        with pytest.raises(ConfigurationError):
            session(seconds=seconds)


def test_nothing_is_restored_for_no_sink() -> None:
    reply = one().reply()
    assert reply.text("Log: [EMAIL_ADDRESS_1]", sink="none") == "Log: [EMAIL_ADDRESS_1]"
    assert reply.counts == ReplyCounts(refused=1)


@pytest.mark.parametrize("sink", ["display", "tool"])
@pytest.mark.parametrize(
    "text",
    [
        "https://evil.example/?q={}",
        "See HTTPS://evil.example/{}.",
        "//evil.example/{}",
        "www.evil.example/{}",
        "evil.example/?q={}",
        "see(evil.example/{}",
        "a@b,evil.example/{}",
        "x" * 200 + ".evil.example/{}",
        "evil.example:8080/{}",
        "![x](https://evil.example/?q={})",
        "![x](/pixel?q={})",
        "![x](</pixel?q= {}>)",
        "[click]( /a {})",
        "[1]: https://evil.example/{}",
        "<https://evil.example/ {}>",
        '<img src="https://evil.example/? {}">',
        "<img SRC = '/pixel? {}'>",
        '<a href="x\n{}">',
        "background: url(/x {})",
        "mailto:{}",
        "javascript:alert('{}')",
        "data:text/html,{}",
        "https://{}.evil.example/",
        "(https://evil.example/a(b)/{})",
    ],
)
def test_P5_nothing_is_restored_inside_a_url_or_a_target(text: str, sink: str) -> None:
    for token in ("[EMAIL_ADDRESS_1]", "\\[EMAIL_ADDRESS_1\\]", "%5BEMAIL_ADDRESS_1%5D"):
        written = text.format(token)
        reply = one().reply()
        assert reply.text(written, sink=sink) == written  # type: ignore[arg-type]
        assert reply.counts == ReplyCounts(refused=1)
        stream = one().reply().stream(sink)  # type: ignore[arg-type]
        assert "".join([*map(stream.feed, written), stream.flush()]) == written


@pytest.mark.parametrize(
    "text",
    [
        "https://a.example/x {}",
        "[link](https://a.example/x) {}",
        "[link](/x), {}",
        "{} https://a.example/",
        "a = b < c {}",
        '<img src="/x"> {}',
        "see <https://a.example/> {}",
        "f(x) {}",
        "Dear {}: hello",
        "e.g. {}",
        "**{}** [{}] ({})",
        "{}/{}#{}?{}",
    ],
)
def test_P5_values_elsewhere_are_restored(text: str) -> None:
    written = text.replace("{}", "[EMAIL_ADDRESS_1]")
    assert one().reply().text(written) == text.replace("{}", "jo@x.io")


def test_P5_a_restored_address_of_a_page_makes_a_url_of_what_follows() -> None:
    made = session(known={"LINK": ["https://evil.example/a"]})
    assert made.redact("https://evil.example/a jo@x.io").text == "[LINK_1] [EMAIL_ADDRESS_1]"
    assert made.reply().text("[LINK_1]/[EMAIL_ADDRESS_1]") == (
        "https://evil.example/a/[EMAIL_ADDRESS_1]"
    )


# Who may see what


def test_P4_values_of_shared_documents_are_not_restored_to_others() -> None:
    made = session(viewer="bob")
    shared = made.redact("Alice writes from al@x.io", owner="alice").text
    own = made.redact("I am bo@x.io").text
    reply = made.reply()
    assert reply.text(f"{shared}; {own}") == "Alice writes from [EMAIL_ADDRESS_1]; I am bo@x.io"
    assert reply.counts == ReplyCounts(restored=1, refused=1)


def test_P4_what_the_viewer_says_too_is_restored() -> None:
    made = session(viewer="bob")
    shared = made.redact("Write to al@x.io", owner="alice").text
    asked = made.redact("Who is AL@x.io? Also al@x.io").text
    assert made.reply().text(shared) == "Write to al@x.io"
    assert made.reply().text(asked) == "Who is AL@x.io? Also al@x.io"


def test_P4_the_viewers_own_documents_are_restored() -> None:
    made = session(viewer="bob")
    text = made.redact("Write to al@x.io", owner="bob").text
    assert made.reply().text(text) == "Write to al@x.io"


def test_P4_a_viewer_gets_nothing_out_of_another_tenants_vault() -> None:
    scrubber = Scrubber(ALLOW, Emails(), vault=MemoryVault())
    stored = scrubber.scrub("Write to al@x.io", user_id="alice").text
    redactor = Redactor(scrubber=scrubber)
    own = redactor.session(user_id="alice")
    assert own.reply().text(own.redact(stored).text) == "Write to al@x.io"
    other = redactor.session(user_id="alice", viewer="bob")
    sent = other.redact(stored).text
    assert sent == "Write to [EMAIL_ADDRESS_1]"
    assert other.reply().text(sent) == sent


def test_P3_the_cap_counts_different_values() -> None:
    policy = Policy(**QUIET, replies="allow", max_restored=2)
    made = session(policy)
    made.redact("a@x.io b@x.io c@x.io d@x.io")
    reply = made.reply()
    text = "[EMAIL_ADDRESS_1] [EMAIL_ADDRESS_2] [EMAIL_ADDRESS_1] [EMAIL_ADDRESS_3]"
    assert reply.text(text) == "a@x.io b@x.io a@x.io [EMAIL_ADDRESS_3]"
    assert reply.value({"x": "[EMAIL_ADDRESS_4] [EMAIL_ADDRESS_2]"}, sink="tool") == {
        "x": "[EMAIL_ADDRESS_4] b@x.io"
    }
    assert reply.counts == ReplyCounts(restored=4, refused=2)
    assert made.reply().text("[EMAIL_ADDRESS_3]") == "c@x.io"


def test_P12_a_mapping_of_another_session_is_refused() -> None:
    mine, other = one(), one()
    assert mine.reply(mine.mapping).text("[EMAIL_ADDRESS_1]") == "jo@x.io"
    with pytest.raises(InvalidInputError):
        mine.reply(other.mapping)


def test_P20_a_closed_session_restores_nothing() -> None:
    made = one()
    reply = made.reply()
    stream = reply.stream()
    assert stream.feed("[EMAIL_ADDRESS_1] [EMAIL_") == "jo@x.io "
    mapping = made.mapping
    with made:
        pass
    assert stream.feed("ADDRESS_1]") + stream.flush() == "[EMAIL_ADDRESS_1]"
    assert reply.counts == ReplyCounts(restored=1, refused=1)
    assert Redactor().rehydrate("[EMAIL_ADDRESS_1]", mapping) == "[EMAIL_ADDRESS_1]"
    assert mapping.lookup("[EMAIL_ADDRESS_1]") is None
    with pytest.raises(InvalidInputError):
        made.redact("I am jo@x.io")


def test_P20_an_expired_session_restores_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    from piirag.redaction import mapping

    now = 1000.0
    monkeypatch.setattr(mapping.time, "monotonic", lambda: now)
    made = one(seconds=30)
    reply = made.reply()
    assert reply.text("[EMAIL_ADDRESS_1]") == "jo@x.io"
    now = 1030.0
    assert reply.text("[EMAIL_ADDRESS_1]") == "[EMAIL_ADDRESS_1]"
    assert reply.counts == ReplyCounts(restored=1, refused=1)
    with pytest.raises(InvalidInputError):
        made.redact("more")


# What the model says by itself


def test_new_values_are_taken_out_and_echoed_ones_put_back() -> None:
    reply = one(REDACT).reply()
    assert reply.text("Mail [EMAIL_ADDRESS_1] or new@x.io or jo@x.io.") == (
        "Mail jo@x.io or [EMAIL_ADDRESS] or jo@x.io."
    )
    assert reply.counts == ReplyCounts(restored=1, unseen=1)
    assert reply.unseen == {"EMAIL_ADDRESS": 1}


def test_a_mark_is_never_read_as_a_token() -> None:
    made = Redactor(REDACT, Emails()).session(known={"ID_2": ["sesame", "poppy"]})
    made.redact("ID: one")
    assert made.reply().text("Say sesame.") == "Say [VALUE]."


def test_new_values_pass_where_the_policy_says_so() -> None:
    reply = one().reply()
    assert reply.text("new@x.io") == "new@x.io"
    assert reply.counts == ReplyCounts()


def test_new_values_stop_the_reply_where_the_policy_blocks() -> None:
    made = one(Policy(**QUIET, replies="block"))
    assert made.reply().text("Mail [EMAIL_ADDRESS_1].") == "Mail jo@x.io."
    stream = made.reply().stream()
    shown = stream.feed("All is well with this long sentence. " + "Words and words. " * 8)
    assert "well" in shown
    stream.feed("Mail new@x.io. ")
    with pytest.raises(PIIBlockedError) as caught:
        stream.flush()
    assert "new@" not in str(caught.value)
    assert caught.value.counts == {"EMAIL_ADDRESS": 1}


def test_a_value_the_allow_list_let_through_is_not_new() -> None:
    made = session(Policy(**QUIET, allow=["help@x.io"]))
    assert made.redact("Write to help@x.io").text == "Write to help@x.io"
    assert made.reply().text("Yes, help@x.io.") == "Yes, help@x.io."


def test_what_stood_in_the_clear_in_the_prompt_is_not_new() -> None:
    class Late(Emails):
        quiet = True

        def detect(self, text: str, *, language: str = "en") -> list[Finding]:
            return [] if self.quiet else super().detect(text)

    detector = Late()
    made = Redactor(REDACT, detector).session()
    made.redact("It missed Jo@x.io here")
    detector.quiet = False
    assert made.reply().text("jo@x.io, not o@x.io") == "jo@x.io, not [EMAIL_ADDRESS]"


def test_a_value_of_anothers_document_said_in_the_clear_is_taken_out() -> None:
    made = session(REDACT, viewer="bob")
    made.redact("Write to al@x.io", owner="alice")
    assert made.reply().text("It is al@x.io.") == "It is [EMAIL_ADDRESS]."


def test_P18_known_values_count_though_the_prompt_did_not_hold_them() -> None:
    made = session(REDACT, known={"PERSON": ["Jane Roe"]})
    made.redact("Who is the customer?")
    assert made.reply().text("That is Jane Roe, I think.") == "That is [PERSON], I think."


def test_places_and_organisations_are_general_knowledge() -> None:
    known = {"LOCATION": ["Paris"], "ORGANIZATION": ["Initech"], "PERSON": ["Jane Roe"]}
    said = "Paris, Initech, Jane Roe."
    assert session(REDACT, known=known).reply().text(said) == "Paris, Initech, [PERSON]."
    named = Policy(**QUIET, entities=["LOCATION", "EMAIL_ADDRESS"])
    made = Redactor(named, Emails()).session(known=known)
    assert made.reply().text(said) == "[LOCATION], Initech, [PERSON]."


def test_numbers_among_tool_arguments_are_looked_at() -> None:
    made = Redactor(Policy(model="none")).session()
    found = made.reply().value({"card": 4111111111111111, "n": 12, "x": 3.5}, sink="tool")
    assert found == {"card": "[CREDIT_CARD]", "n": 12, "x": 3.5}


def test_a_detector_that_fails_stops_the_reply() -> None:
    class Broken(Emails):
        def detect(self, text: str, *, language: str = "en") -> list[Finding]:
            if "boom" in text:
                raise RuntimeError(text)
            return super().detect(text)

    made = Redactor(REDACT, Broken()).session()
    made.redact("jo@x.io")
    with pytest.raises(DetectionError) as caught:
        made.reply().text("boom jo@x.io")
    assert caught.value.__cause__ is None
    assert "jo@" not in str(caught.value)


_said = st.lists(
    st.one_of(
        st.sampled_from(["[EMAIL_ADDRESS_1]", "\\[EMAIL_ADDRESS_2\\]", "[Email Address 1]"]),
        st.sampled_from(["new@x.io", "jo@x.io", "other@x.io", "a" * 90 + "@x.io", "@x.io"]),
        st.sampled_from([". ", "\n", " ", ", ", "words ", "Sentence here. ", "[EMAIL_", "x"]),
        st.sampled_from(["lorem ipsum dolor sit amet " * 12, "y" * 300, "https://a.example/"]),
        st.text(max_size=3),
    ),
    max_size=14,
).map("".join)


@examples(300)
@given(_said.flatmap(lambda text: st.tuples(st.just(text), split(text))))
def test_both_duties_do_not_depend_on_the_chunks(case: tuple[str, list[str]]) -> None:
    text, chunks = case
    made = session(REDACT)
    made.redact("jo@x.io bo@x.io")
    whole = made.reply()
    expected = whole.text(text)
    for pieces in (chunks, list(text)):
        reply = made.reply()
        stream = reply.stream()
        assert "".join([*map(stream.feed, pieces), stream.flush()]) == expected
        assert reply.counts == whole.counts
    for value in ("new@x.io", "other@x.io", "a" * 90 + "@x.io"):
        assert value not in expected
    if "[EMAIL_ADDRESS_1]" in expected:
        # It is refused only where the target of a link may have begun.
        assert whole.counts.refused
        assert set("/?#:<=") & set(text) or "](" in text


@examples(300)
@given(_said)
def test_S1_S2_no_part_of_a_new_value_is_emitted(text: str) -> None:
    made = session(REDACT)
    stream = made.reply().stream()
    shown = "".join([*map(stream.feed, text), stream.flush()])
    for value in ("new@x.io", "other@x.io", "a" * 90 + "@x.io"):
        assert value not in shown
    assert "a" * 90 not in shown


def test_S1_what_later_chunks_can_extend_is_held_back() -> None:
    stream = session(REDACT).reply().stream()
    shown = [stream.feed(c) for c in ("Write to new@x", ".io", " today. ", "z" * AHEAD, " ")]
    assert "new" not in "".join(shown[:3])
    assert "".join([*shown, stream.flush()]) == f"Write to [EMAIL_ADDRESS] today. {'z' * AHEAD} "


def test_the_look_ahead_is_bounded() -> None:
    seen: list[int] = []
    filtered = UnseenFilter(lambda text: seen.append(len(text)) or [])  # type: ignore[func-returns-value]
    held = 0
    for word in ["word "] * 2000:
        held += len(word) - sum(len(text) for text, _ in filtered.feed(word))
        assert held <= USUAL + AHEAD + len(word)
    filtered.flush()
    assert max(seen) <= CONTEXT + USUAL + AHEAD


def test_a_long_reply_takes_time_in_proportion() -> None:
    # Copied for every sentence, this would take minutes.
    text = "A sentence of a few words. " * 40_000
    filtered = UnseenFilter(lambda text: [])
    pieces = filtered.feed(text) + filtered.flush()
    assert "".join(piece for piece, _ in pieces) == text


def test_without_detection_nothing_is_delayed() -> None:
    stream = one().reply().stream()
    chunks = ["The ", "customer ", "[EMAIL_", "ADDRESS_1]", " is", " happy."]
    assert [stream.feed(c) for c in chunks] == [
        "The ",
        "customer ",
        "",
        "jo@x.io",
        " is",
        " happy.",
    ]


@pytest.mark.parametrize(
    "policy", [{"replies": "x"}, {"max_restored": -1}, {"max_restored": True}, {"placeholders": 1}]
)
def test_policies_that_cannot_work_are_refused(policy: dict[str, object]) -> None:
    with pytest.raises(ConfigurationError):
        Policy(**policy)  # type: ignore[arg-type]


def test_policy_files_know_the_fields() -> None:
    text = '[policy]\nreplies = "block"\nmax_restored = 5\nplaceholders = "surrogate"\n'
    policy = Policy.from_toml(text + 'pseudonyms = "random"\n')
    assert (policy.replies, policy.max_restored) == ("block", 5)
    assert (policy.placeholders, policy.pseudonyms) == ("surrogate", "random")
    with pytest.raises(ConfigurationError, match="line 2"):
        Policy.from_toml('[policy]\nmax_restored = "many"\n')


@pytest.mark.parametrize("end", ["closed", "expired"])
@pytest.mark.parametrize("placeholders", ["token", "surrogate"])
def test_P20_nothing_of_a_session_is_left_when_it_is_over(end: str, placeholders: str) -> None:
    session = Redactor(Policy(placeholders=placeholders)).session(
        known={"PERSON": ["Zebulon Quarmby"]}, seconds=0.05 if end == "expired" else None
    )
    session.redact("Zebulon Quarmby, zeb@quarmby.de")
    if end == "closed":
        session.close()
    else:
        while not session.mapping.closed:
            time.sleep(0.01)
        with pytest.raises(InvalidInputError):
            session.redact("Zebulon Quarmby, zeb@quarmby.de")
    held = [vars(session), vars(session.mapping) if hasattr(session.mapping, "__dict__") else ()]
    if session._stand_ins is not None:
        held.append(vars(session._stand_ins))
    assert "quarmby" not in repr(held).lower()


def test_a_streamed_reply_asks_the_vault_for_nothing() -> None:
    scrubber = Scrubber()
    scrubber.scrub("x", user_id="u", known={"PERSON": ["Jane Roe"]})
    session = Redactor(scrubber=scrubber).session(user_id="u")
    session.redact("Who is Jane Roe?")
    asked: list[str] = []
    user = scrubber.vault.backend.user
    scrubber.vault.backend.user = lambda tag: asked.append(tag) or user(tag)  # type: ignore[method-assign]
    stream = session.reply().stream()
    for _ in range(20):
        stream.feed("And then the parcel came back to us, which was a surprise. ")
    stream.flush()
    assert asked == []
