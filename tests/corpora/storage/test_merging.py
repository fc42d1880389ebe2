from __future__ import annotations

from datetime import date as Day
from itertools import count

from hypothesis import given
from hypothesis import strategies as st

from assay.corpora.document import Document
from assay.corpora.storage.merging import Member, merge_keys, settle
from assay.pipeline.words import Scope


def key(text: str, tenant: str = "t", roles: tuple[str, ...] = (), day: Day | None = None) -> bytes:
    document = Document("d", "its own text does not count", Scope(tenant, roles), date=day)
    (found,) = merge_keys(document, [text])
    return found


def test_white_space_and_the_order_of_roles_are_folded() -> None:
    assert key("a b") == key(" a\n\t b\u2003") == key("a  b")
    assert key("a", roles=("x", "y")) == key("a", roles=("y", "x", "y"))
    assert len(key("a")) == 16


WORDS = st.sampled_from(["", "a", "b", "ab", 'a"', "[", "a b", "null", "2024-01-01"])
SAID = st.tuples(
    WORDS,
    WORDS.filter(bool),
    st.frozensets(WORDS, max_size=3),
    st.sampled_from([None, Day(2024, 1, 1), Day(2024, 1, 2)]),
)


@given(SAID, SAID)
def test_keys_are_equal_where_text_tenant_roles_and_date_are(
    one: tuple[str, str, frozenset[str], Day | None],
    other: tuple[str, str, frozenset[str], Day | None],
) -> None:
    first, second = (
        key(text, tenant, tuple(sorted(roles)), day) for text, tenant, roles, day in (one, other)
    )
    assert (first == second) == (one == other)


def test_passages_of_documents_that_are_whole_have_no_key() -> None:
    assert merge_keys(Document("d", "x", Scope("t"), whole=True), ["x"]) == []


FIRST_NEW = 100

MEMBERS = st.lists(
    st.tuples(st.integers(1, 3), st.sampled_from("ab"), st.integers(0, 3), st.booleans()),
    min_size=1,
    unique_by=lambda drawn: drawn[1:3],
)


@given(MEMBERS, st.data())
def test_one_stands_for_all_and_rows_that_were_lost_are_not_used_again(
    drawn: list[tuple[int, str, int, bool]], data: st.DataObject
) -> None:
    rows = [row + (FIRST_NEW if is_new else 1) for row, (*_, is_new) in enumerate(drawn)]
    old = [row for row in rows if row < FIRST_NEW]
    # Who stood for the old ones may be gone.
    stood = data.draw(st.sampled_from([*old, 99])) if old else 99
    members = [
        Member(size, name, position, row, stood if row < FIRST_NEW else row, 7)
        for row, (size, name, position, _) in zip(rows, drawn, strict=True)
    ]
    numbers = count(500)
    changed = dict(settle(members, FIRST_NEW, lambda: next(numbers)))
    after = [changed.get(member, member) for member in members]
    best = min(after)
    assert best.is_indexed
    assert {member.indexed for member in after} == {best.row}
    assert [member.document for member in after if member.is_indexed] == [best.document]
    assert all(before != now for before, now in changed.items())
    before = min(members)
    is_back = before.row < FIRST_NEW and before.row != stood
    assert best.row == (500 if is_back else before.row)
    assert next(numbers) == (501 if is_back else 500)
    for member in members:
        now = changed.get(member, member)
        assert now[:3] == member[:3]
        assert now.row == member.row or member == before


def test_the_smallest_document_then_the_lower_id_then_the_first_place_stands_for_all() -> None:
    members = [
        Member(5, "b", 0, 1, 1, 0),
        Member(5, "a", 2, 2, 2, 0),
        Member(5, "a", 10, 3, 3, 0),
        Member(40, "A", 0, 4, 4, 0),
    ]
    for order in (members, members[::-1]):
        changed = settle(order, 1, lambda: 9)
        assert {after.indexed for _, after in changed} == {2}
        assert {before.row for before, _ in changed} == {1, 3, 4}
