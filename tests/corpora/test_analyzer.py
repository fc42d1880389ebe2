from __future__ import annotations

import json
import sys
import unicodedata
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.corpora import analyzer
from assay.corpora.analyzer import Analyzer, CjkTerms, StemmerName, StopWords, words
from assay.corpora.languages import CJK, MARKS, SOUTH_EAST_ASIAN
from assay.corpora.stop_words import stop_words
from assay.pipeline.errors import UsageError

ENGLISH = (
    "a an and are as at be but by did do does for how if in into is it no not of on or such that"
    " the their then there these they this to was what which who will with"
)


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("__enter__()", ["__enter__", "enter"]),
        ("Str.Format", ["str.format", "str", "format"]),
        ("snake_case_name", ["snake_case_name", "snake", "case", "name"]),
        ("precision of %g.", ["precision", "of", "%g"]),
        ("50%s", ["50", "s"]),
        ("Python 3.11", ["python", "3.11", "3", "11"]),
        ("a // b ** c -> d := e", ["a", "//", "b", "**", "c", "->", "d", ":=", "e"]),
        ("End.", ["end"]),
        ("", []),
        ("…", []),
        ("x² + ½ cup", ["x²", "½", "cup"]),
        ("naïve café", ["naïve", "café"]),
    ],
)
def test_terms_keep_identifiers_and_operators(text: str, terms: list[str]) -> None:
    assert Analyzer().terms(text) == terms


def test_characters_of_chinese_and_japanese_can_be_terms_alone() -> None:
    assert Analyzer(cjk="unigrams").terms("東京 tower") == ["東", "京", "tower"]


def test_only_plain_words_are_stemmed() -> None:
    found = Analyzer(stemmer="english").terms("copies copies_of re.matches")
    assert found == ["copi", "copies_of", "copi", "of", "re.matches", "re", "match"]


def test_stop_words_are_left_out_only_when_asked_for() -> None:
    assert Analyzer().terms("if not") == ["if", "not"]
    assert Analyzer(stop_words="english").terms("if not found") == ["found"]


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("東京都", ["東京", "京都"]),
        ("猫", ["猫"]),
        ("カレーを食べる", ["カレ", "レー", "ーを", "を食", "食べ", "べる"]),
        ("人々", ["人々"]),
        ("東京・大阪", ["東京", "大阪"]),
        ("iPhoneを買う", ["iphone", "を買", "買う"]),
        ("한국어 책", ["한국", "국어", "책"]),
        ("ภาษาไทย 3", ["ภา", "าษ", "ษา", "าไ", "ไท", "ทย", "3"]),
        ("ที่นี่มี", ["ที่นี่", "นี่มี"]),
        ("ລາວ", ["ລາ", "າວ"]),
        ("ខ្មែរ", ["ខ្មែ", "មែរ"]),
        ("မြန်မာ", ["မြန်", "န်မာ"]),
    ],
)
def test_scripts_without_spaces_become_pairs_of_characters(text: str, terms: list[str]) -> None:
    assert Analyzer().terms(text) == terms


def test_a_query_meets_the_inside_of_a_longer_word_without_spaces() -> None:
    held = set(Analyzer().terms("私は東京大学で働いています"))
    assert set(Analyzer().terms("東京大学")) <= held
    assert not set(Analyzer().terms("京東")) <= held


def test_chinese_is_cut_into_words_by_a_dictionary_when_asked_for() -> None:
    pytest.importorskip("rjieba")
    found = Analyzer(cjk="jieba").terms("我来到北京清华大学 BM25 カレー")
    assert {"来到", "北京", "清华大学", "大学", "bm25"} <= set(found)
    assert found[-2:] == ["カレ", "レー"]


def test_a_missing_library_is_told_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rjieba", None)
    monkeypatch.setitem(sys.modules, "Stemmer", None)
    with pytest.raises(UsageError, match=r"pip install rjieba.*cjk: bigrams"):
        Analyzer(cjk="jieba")
    with pytest.raises(UsageError, match=r"stemmer: french needs PyStemmer.*pip install PyStemmer"):
        Analyzer(stemmer="french")


@pytest.mark.parametrize(
    ("plain", "written"),
    [
        ("abc 123", "ＡＢＣ　１２３"),
        ("ガイド", "ｶﾞｲﾄﾞ"),
        ("efficient office", "eﬃcient oﬀice"),
        ("zusammen", "zu\u00adsammen"),
        ("naïve", "nai\u0308ve"),
        ("й ё", "и\u0306 е\u0308"),
        ("советский союз", "сове\u0301тский сою\u0301з"),
        ("נהר", "נְהַר"),
        ("كتاب", "كِتَابٌ"),
        ("istanbul", "İstanbul"),
    ],
)
def test_one_word_has_one_form(plain: str, written: str) -> None:
    assert Analyzer().terms(written) == Analyzer().terms(plain)


def test_vowel_signs_belong_to_their_word() -> None:
    assert Analyzer().terms("हिन्दी में") == ["हिन्दी", "में"]
    assert Analyzer().terms("தமிழ் மொழி") == ["தமிழ்", "மொழி"]


@pytest.mark.parametrize(
    ("language", "one", "other"),
    [
        ("german", "Häuser", "Hauses"),
        ("french", "nationales", "national"),
        ("russian", "книги", "книгами"),
        ("turkish", "KITAPLAR", "kıtap"),
        ("spanish", "canciones", "canción"),
        ("hindi", "लड़कियाँ", "लड़कियों"),
        ("arabic", "الكتاب", "كتاب"),
    ],
)
def test_words_are_folded_by_their_language(language: StemmerName, one: str, other: str) -> None:
    folded = Analyzer(stemmer=language)
    assert folded.terms(one) == folded.terms(other)
    assert Analyzer().terms(one) != Analyzer().terms(other)


def test_every_snowball_stemmer_that_is_installed_can_be_chosen() -> None:
    import Stemmer

    assert set(Stemmer.algorithms()) <= set(get_args(StemmerName))
    for name in Stemmer.algorithms():
        assert Analyzer(stemmer=name).terms("a") == [Stemmer.Stemmer(name).stemWord("a")]


def test_a_stemmer_that_an_older_library_lacks_is_told() -> None:
    with pytest.raises(UsageError, match=r"no stemmer 'klingon'.*--upgrade PyStemmer"):
        Analyzer(stemmer="klingon")  # type: ignore[arg-type]


def test_the_english_list_is_what_it_was() -> None:
    assert stop_words("english") == set(ENGLISH.split())


@pytest.mark.parametrize("language", get_args(StopWords))
def test_stop_words_are_terms_and_are_left_out(language: StopWords) -> None:
    listed = sorted(stop_words(language))
    assert bool(listed) == (language != "none")
    text = " ".join(listed)
    assert unicodedata.is_normalized("NFC", text)
    assert Analyzer().terms(text) == listed
    assert Analyzer(stop_words=language).terms(text) == []
    if language != "turkish":  # where the capital of i is another letter
        assert Analyzer(stop_words=language).terms(text.title()) == []


def test_settings_tell_analyzers_apart() -> None:
    every = [
        Analyzer(),
        Analyzer(cjk="unigrams"),
        Analyzer(stemmer="dutch"),
        Analyzer(stop_words="dutch"),
    ]
    told = [json.dumps(one.settings(), sort_keys=True) for one in every]
    assert len(set(told)) == len(every)
    assert Analyzer().settings() == every[0].settings()


def test_elisions_leave_the_word() -> None:
    found = Analyzer(stop_words="french", stemmer="french").terms("L'histoire de l'école")
    assert found == Analyzer(stemmer="french").terms("histoire école")


MIXED = (
    st.text(st.sampled_from("aAbİIıße\u0301\u0308 ._%g-> ９ｱﾞ東京ーกี่हि한کِ\u00ad\U00020000"))
    | st.text()
)


@given(MIXED, st.sampled_from(list(product(("none", "english", "turkish"), ("none", "english")))))
def test_what_was_remembered_changes_nothing(
    text: str, settings: tuple[StemmerName, StopWords]
) -> None:
    name, listed = settings
    used = Analyzer(stemmer=name, stop_words=listed)
    first = used.terms(text)
    assert used.terms(text) == first
    assert Analyzer(stemmer=name, stop_words=listed).terms(text) == first


def test_a_full_memory_is_emptied_and_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    text = " ".join(f"word{number % 37} houses{number} a.b{number}" for number in range(500))
    expected = Analyzer(stemmer="english").terms(text)
    monkeypatch.setattr(analyzer, "KEPT_TERMS", 10)
    small = Analyzer(stemmer="english")
    assert small.terms(text) == expected == small.terms(text)
    assert len(small._known()) <= 10


def test_threads_get_the_same_terms() -> None:
    shared = Analyzer(stemmer="english", stop_words="english")
    texts = [f"The houses of number {number} are running matches" for number in range(50)] * 4
    expected = [Analyzer(stemmer="english", stop_words="english").terms(one) for one in texts]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(shared.terms, texts)) == expected


@given(MIXED, st.sampled_from(get_args(CjkTerms)[:2]))
def test_terms_have_no_white_space_and_are_never_empty(text: str, cjk: CjkTerms) -> None:
    for term in Analyzer(cjk=cjk, stemmer="english").terms(text):
        assert term and not any(character.isspace() for character in term)


@given(st.text(st.characters(codec="ascii")))
def test_plain_text_has_the_same_terms_by_either_pattern(text: str) -> None:
    ascii_only = Analyzer().terms(text)
    assert Analyzer().terms(f"{text} é") == [*ascii_only, "é"]


@given(st.text())
def test_terms_do_not_depend_on_case_of_ascii_text(text: str) -> None:
    plain = text.encode("ascii", "ignore").decode()
    assert Analyzer().terms(plain.upper()) == Analyzer().terms(plain.lower())


@given(st.text())
def test_words_are_lower_case_letters(text: str) -> None:
    assert all(word == word.lower() and "_" not in word for word in words(text))


def test_marks_and_letters_are_what_unicode_says() -> None:
    def members(inside: str) -> list[str]:
        import re

        every = map(chr, range(0x1FFFF))
        return [one for one in every if re.match(f"[{inside}]", one)]

    marks = [one for one in members(MARKS) if unicodedata.category(one)[0] != "M"]
    assert all(unicodedata.category(one) == "Cn" for one in marks), [ascii(one) for one in marks]
    letters = {one: unicodedata.category(one) for one in members(CJK)}
    assert {kind[0] for kind in letters.values()} <= {"L", "M", "C", "S", "N"}
    south = {one: unicodedata.category(one) for one in members(SOUTH_EAST_ASIAN)}
    wrong = {
        ascii(one): kind for one, kind in south.items() if kind[0] not in "LM" and kind != "Cn"
    }
    assert not wrong
