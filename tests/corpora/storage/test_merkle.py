from __future__ import annotations

import hashlib
import random
from collections import Counter
from dataclasses import replace
from datetime import date as Day

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.corpora.storage.merkle import (
    BUCKETS,
    EMPTY,
    bucket_of,
    empty_root,
    leaf_of,
    merkle_root,
    root_of,
    tree_root,
)
from tests.conformance.store_subject import Entry, entry

# The eight leaves and the roots over the first one, two ... of them that implementations of
# Certificate Transparency (RFC 6962) are tested with.
LEAVES = [
    bytes.fromhex(one)
    for one in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


@pytest.mark.parametrize("size", range(1, 9))
def test_trees_are_those_of_certificate_transparency(size: int) -> None:
    assert tree_root(LEAVES[:size]).hex() == ROOTS[size - 1]


def recursive(leaves: list[bytes]) -> bytes:
    """RFC 6962, section 2.1, word for word."""
    if not leaves:
        return hashlib.sha256().digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\x00" + leaves[0]).digest()
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    left, right = recursive(leaves[:split]), recursive(leaves[split:])
    return hashlib.sha256(b"\x01" + left + right).digest()


@pytest.mark.parametrize("size", [0, 1, 9, 15, 16, 17, 31, 33, 100])
def test_trees_of_any_size_are_those_of_the_rfc(size: int) -> None:
    leaves = [str(number).encode() for number in range(size)]
    assert tree_root(leaves) == recursive(leaves)


@given(st.lists(st.binary(max_size=4), unique=True), st.randoms())
def test_the_root_of_a_set_ignores_order_and_sees_every_leaf(
    leaves: list[bytes], rng: random.Random
) -> None:
    shuffled = list(leaves)
    rng.shuffle(shuffled)
    assert merkle_root(shuffled) == merkle_root(leaves)
    if leaves:
        assert merkle_root(leaves[1:]) != merkle_root(leaves)


def test_the_root_of_all_depends_on_which_bucket_holds_what() -> None:
    buckets = [EMPTY] * BUCKETS
    assert root_of(buckets) == empty_root()
    first = [LEAVES[3], *buckets[1:]]
    last = [*buckets[:-1], LEAVES[3]]
    assert len({root_of(first), root_of(last), empty_root()}) == 3


def test_documents_are_spread_over_the_buckets_by_tenant_and_id() -> None:
    places = [bucket_of("t", f"document {number}") for number in range(20_000)]
    assert set(places) <= set(range(BUCKETS))
    assert len(set(places)) > BUCKETS * 0.98
    assert max(Counter(places).values()) < 20
    assert bucket_of("a", "bc") != bucket_of("ab", "c")


BASE = entry("d", "One.", "Two.")


def leaf(one: Entry) -> bytes:
    return leaf_of(one.document, one.digest, one.passages)


def test_a_leaf_covers_tenant_id_digest_and_passages() -> None:
    first, second = BASE.passages
    others = [
        entry("d", "One.", "Two.", tenant="other"),
        entry("e", "One.", "Two.", digest=BASE.digest),
        entry("d", "One.", "Two.", digest="x"),
        entry("d", "One.", "Two."[:-1], digest=BASE.digest),
        *(
            replace(BASE, passages=passages)
            for passages in (
                (first,),
                (second, first),
                (replace(first, title="x"), second),
                (replace(first, start=1), second),
                (replace(first, end=5), second),
                (replace(first, id="x"), second),
            )
        ),
    ]
    assert len({leaf(BASE), *map(leaf, others)}) == 1 + len(others)


def test_a_leaf_leaves_to_the_digest_what_is_in_it() -> None:
    document = replace(BASE.document, title="x", date=Day(2024, 1, 1), metadata={"a": 1})
    assert leaf(replace(BASE, document=document)) == leaf(BASE)
