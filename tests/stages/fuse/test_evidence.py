from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.corpora.analyzer import Analyzer
from assay.pipeline.words import Hit, Passage, Query, Ranking, Scope, Score, ScoreKind
from assay.stages.fuse.evidence import Signals, names_and_numbers, signals_of
from assay.stages.fuse.pool import look_at

LOCAL = Scope("local")
ANALYZER = Analyzer()


def ranked(texts: dict[str, str], scores: list[float] | None = None) -> Ranking:
    values = scores or [float(-place) for place in range(len(texts))]
    hits = (
        Hit(Passage(name, name, text, LOCAL), Score(value, ScoreKind.LOGIT, "t"))
        for (name, text), value in zip(texts.items(), values, strict=True)
    )
    return Ranking(Query("q", LOCAL), tuple(hits), "t")


def signals(text: str, look: int = 100, **rankings: Ranking) -> dict[str, Signals]:
    pool = look_at(text, rankings, analyzer=ANALYZER, look=look)
    return signals_of(rankings, pool, look=look)


FORWARD = {"x": "red fox runs home", "y": "blue cow sits down", "z": "old owl flies up"}


def test_order_and_reliability_of_three_passages_by_hand() -> None:
    # Evidence is (e, 0, 0) by place, and the lengths are alike; -ln(place) is (0, -0.6931, -1.0986), its mean -0.5973.
    # The correlation is 0.5973 / sqrt(0.61733 * 2/3) = 0.9310, turned round -0.7816.
    found = signals(
        "fox", good=ranked(FORWARD), bad=ranked({name: FORWARD[name] for name in "zyx"})
    )
    assert found["good"].order == pytest.approx(0.9310, abs=1e-4)
    assert found["bad"].order == pytest.approx(-0.7816, abs=1e-4)
    # 1 / (1 + exp(-0.45 * 2 * (0.9310 - 0.225))) and the same with -0.7816.
    assert math.exp(found["good"].reliability) == pytest.approx(0.6537, abs=1e-4)
    assert math.exp(found["bad"].reliability) == pytest.approx(0.2878, abs=1e-4)


def test_more_is_expected_of_a_ranking_by_scores_that_count_words() -> None:
    hits = ranked(FORWARD).hits
    by_words = Ranking(
        Query("q", LOCAL),
        tuple(Hit(one.passage, Score(1.0, ScoreKind.BM25, "t")) for one in hits),
        "t",
    )
    # 1 / (1 + exp(-0.6 * 2 * (0.9310 - 0.3)))
    found = signals("fox", words=by_words)["words"]
    assert math.exp(found.reliability) == pytest.approx(0.6807, abs=1e-4)


def test_long_passages_above_are_no_sign_of_a_sound_order() -> None:
    # Of passages of 1, 3, 7 and 15 words those of double length have a word more of the query.
    asked = ["fox", "owl", "cow", "hen"]
    kinds = [" ".join([*asked[:n], *["word"] * (2 ** (n + 1) - 1 - n)]) for n in range(4)]
    texts = {f"p{n:02}": kinds[3 - n // 10] for n in range(40)}
    assert abs(signals("fox owl cow hen", one=ranked(texts))["one"].order) < 0.3
    # The same words in passages of one length tell.
    alike = {name: f"{text} {'word ' * (15 - len(text.split()))}" for name, text in texts.items()}
    assert signals("fox owl cow hen", one=ranked(alike))["one"].order > 0.8


def test_evidence_counts_rare_terms_and_repetition_more() -> None:
    texts = {
        "both": "fox owl a b",
        "rare": "owl a b c",
        "often": "fox fox a b",
        "once": "fox a b c",
    }
    # 'owl' is in two of four passages, 'fox' in three, twice in 'often'.
    ordered = signals("fox owl", one=ranked(texts))["one"].order
    exchanged = {name: texts[name] for name in ("both", "often", "rare", "once")}
    again = {name: texts[name] for name in ("both", "rare", "once", "often")}
    assert ordered > signals("fox owl", one=ranked(exchanged))["one"].order
    assert ordered > signals("fox owl", one=ranked(again))["one"].order


def test_a_hundred_hits_decide_and_a_few_do_not() -> None:
    for size, sure in ((100, 0.999), (3, 0.65)):
        texts = {f"p{n:03}": f"{'fox' if n < size // 2 else 'owl'} is here" for n in range(size)}
        reverse = dict(reversed(texts.items()))
        found = signals("fox", good=ranked(texts), bad=ranked(reverse))
        assert math.exp(found["good"].reliability) == pytest.approx(sure, abs=0.02)
        assert math.exp(found["bad"].reliability) == pytest.approx(1 - sure, abs=0.07)


def test_where_no_passage_has_the_words_nothing_is_known() -> None:
    found = signals("zebra", a=ranked(FORWARD), b=ranked({"u": "one", "v": "two"}))
    for one in found.values():
        assert (one.order, one.coverage, one.names) == (0.0, 0.0, 0.0)
        assert one.reliability == math.log(0.5)


def test_a_ranking_without_the_words_that_others_have_is_doubted() -> None:
    having = {f"h{n:03}": "fox " * (60 - n) + "word " * (n + 1) for n in range(60)}
    lacking = {f"l{n:03}": "word " * 61 for n in range(60)}
    found = signals("fox", a=ranked(having), b=ranked(lacking))
    assert found["b"].order == 0.0
    assert found["b"].reliability < math.log(0.02) < math.log(0.98) < found["a"].reliability


def test_coverage_is_the_weighted_share_of_the_terms_in_the_first_five() -> None:
    found = signals("fox owl", one=ranked({"x": "fox", "y": "none", "z": "owl fox"}))["one"]
    # N = 3: idf(fox) = ln(1 + 1.5/2.5), idf(owl) = ln(1 + 2.5/1.5).
    fox, owl = math.log(1.6), math.log(1 + 2.5 / 1.5)
    assert found.coverage == pytest.approx((fox / (fox + owl) + 0 + 1) / 3)


def test_the_drop_is_how_far_the_first_score_stands_out() -> None:
    texts = {f"p{n}": "a" for n in range(12)}
    steep = ranked(texts, [10.0, *([1.0] * 10), 0.0])
    flat = ranked(texts, [10.0, *([9.0] * 10), 0.0])
    assert signals("q", one=steep)["one"].drop == pytest.approx(0.9)
    assert signals("q", one=flat)["one"].drop == pytest.approx(0.1)
    assert signals("q", one=ranked({"x": "a"}))["one"].drop == 0.0


def test_agreement_is_1_with_itself_and_below_0_with_its_reverse() -> None:
    same = signals("q", a=ranked(FORWARD), b=ranked(FORWARD))
    assert same["a"].agreement == pytest.approx(1.0)
    turned = signals("q", a=ranked(FORWARD), b=ranked({n: FORWARD[n] for n in "zyx"}))
    assert turned["a"].agreement < -0.5
    assert signals("q", a=ranked(FORWARD))["a"].agreement == 0.0


def test_names_are_sought_in_the_first_five_hits() -> None:
    texts = {f"p{n}": "nothing" for n in range(5)} | {"late": "ACME 2019"}
    early = {"p": "What ACME did.", "q": "In 2018."}
    found = signals("Who bought ACME in 2019?", a=ranked(texts), b=ranked(early))
    assert (found["a"].names, found["b"].names) == (0.0, 0.5)


def test_a_name_is_more_than_a_first_word() -> None:
    assert names_and_numbers("Where is St. John's of 1984?") == {"st", "john's", "1984"}
    assert names_and_numbers("UNESCO did what") == {"unesco"}
    assert names_and_numbers("x2 is 3.5") == {"x2", "3.5"}
    assert names_and_numbers("") == frozenset()


def test_only_so_many_hits_are_looked_at() -> None:
    texts = {f"p{n}": "fox" if n > 4 else "cow" for n in range(10)}
    assert signals("fox", look=5, one=ranked(texts))["one"].order == 0.0
    assert signals("fox", look=10, one=ranked(texts))["one"].order < -0.5


words = st.lists(
    st.sampled_from(["fox", "owl", "cow", "Ann", "7", "\u0000", "ﬁ", "東京"]), max_size=6
)
texts = st.dictionaries(st.sampled_from("abcdefgh"), words.map(lambda own: " ".join(["-", *own])))


@given(texts, texts, words)
def test_signals_stay_in_their_ranges(
    one: dict[str, str], other: dict[str, str], asked: list[str]
) -> None:
    text = " ".join(asked)
    found = signals(
        text, a=ranked(one), b=ranked({**other, **{k: one[k] for k in one if k in other}})
    )
    for own in found.values():
        assert -1 <= own.order <= 1
        assert -1 <= own.agreement <= 1
        assert own.reliability <= 0
        assert 0 <= own.coverage <= 1 + 1e-12
        assert 0 <= own.names <= 1
        assert 0 <= own.drop <= 1
