from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.pipeline.sentences import sentences

CASES = [  # "|" stands where a sentence ends
    "The boat left.| Nobody waved.",
    "Who keeps the keys?| Ask Marta K. Olsen.",
    "The map is on p. 81.| Fold it out.",
    "She sold the mill to Ray, Lund & Co. in spring.",
    "She sold the mill to Ray, Lund & Co.| It burned down.",
    "We climbed Mt. Etna twice.| St. Olaf's lies off 9th st. by the quay.",
    "Ships from the U.S.A. came in.| He left the U.K.| What did he take?",
    "The U.S. Navy bought two of them.",
    "A ticket costs $12.50 now.| It was 4.5 % less in May.| Pity.",
    "The bridge (It was rebuilt in 1902.) has nine arches.",
    "Write to Per.Dahl@example.org.| Read https://example.org/a.html?b=c.d.| Soon.",
    "“Stop!” he said.| “Go.”| Then he left.",
    'He wrote, "All is well."| Nobody believed it.',
    "Run!!| The gate is open.",
    "1. The first item|\n2. The second item|\n- a third.| And more.",
    "1.) Oil the hinge",
    "This is a sentence\ncut off in the middle.",
    "A title without a stop|\n\nThen text.",
    "The letter ends here. . . .",
    "Nobody knew why....| She had gone.",
    "Yes, well… I think so.",
    "Fig. 3 shows it (see Sec. 2.1).| No. 5 is alive.| He said no.| We left.",
    "So did I.| Then we left.| J. R. R. Tolkien wrote it, i.e. the book.",
    "(Gardner et al. 2002).| Although so.| See Smith et al. for more.",
    "He came in Jan. 2024.| It was cold.",
    "Text.[1]| Next one.[2][3]| And more.",
    "She came from Washington D.C.| The end.",
    "**Bold.**| Next.| *Note.* then",
    "Prices ended .| The next one , by Dr . Roe .",
    "That is who I am.| I’m Bob.| It sold to Ray Inc.| It’s gone.",
    "「行く。」と言った。|彼は去った。|本当?|はい。",
    "これは3．14です。|そう！？|ええ。",
    "यह है।| वह है।",
    "هل هذا صحيح؟| نعم",
    'It fails.| It raises.| "del" is a statement.| `x` is a name.| See (below). (it ends)',
    'Keys are ints, e.g. "one" or "two" etc.| "none" is no key, "f(...)" "g" is.',
    "Changed in version 3: Nothing follows a colon.| It goes on.",
    "A note: it is\nso; another: it is\nnot.",
    "It ranges from one (and not 0,\n2) to nine.|\n1) One|\n2) Two",
    "net income rose in 2013, despite payments.| 2014 income tax rose.| see no. 5 for more.",
]


@pytest.mark.parametrize("case", CASES)
def test_sentences_end_where_a_reader_ends_them(case: str) -> None:
    text = case.replace("|", "")
    wanted = [part.strip() for part in case.split("|")]
    assert [one.text for one in sentences(text)] == wanted
    assert [text[one.start : one.end] for one in sentences(text)] == wanted


ROWS = [  # "¶" stands where a sentence ends
    "| Name | Born |\n|---|---|\n¶| Ada. B. | 1815 |\n¶| Alan. | 1912 |\n¶Then text.¶ And more.",
    "A table:\n¶+---+---+\n| a | b |\n+===+===+\n¶| One. | It goes |\n  |   | on. |\n+---+---+\n¶| 2 | 3 |\n+---+---+",
    "It is\n¶| a |\n\n¶+---+\n| b. |\n| C |\n+---+\n¶It was.",
    "Town: Oslo; Rule: Rest.¶ Then work; Days: 3\n¶Town: Rome; Rule: None\n¶Name: Per; Age: 3",
    "Name: Ada\n¶Name: Bob\nBorn: 1912",
    "stmt ::= a\n         | b\n         | c",
    "| " + "x" * 500 + " |\n¶| b |",
]


@pytest.mark.parametrize("case", ROWS)
def test_a_row_of_a_table_is_a_sentence(case: str) -> None:
    text = case.replace("¶", "")
    assert [one.text for one in sentences(text)] == [part.strip() for part in case.split("¶")]


TRICKY = st.lists(
    st.sampled_from(
        [
            *"aB1 .!?…\n\"')]}([*。「」と\u3000",
            "Mr. ",
            "No. ",
            "\r\n",
            "\n- ",
            "[1]",
            "U.S. ",
            " The ",
            "\n| ",
            " |",
            "\n+--+\n",
            "\nA: 1; B: 2",
            "\n2) ",
        ]
    ),
    max_size=60,
).map("".join)


@given(TRICKY | st.text(max_size=80), st.integers(0, 5))
def test_every_character_but_white_space_lies_in_exactly_one_sentence(
    text: str, start: int
) -> None:
    start = min(start, len(text))
    done = start
    for one in sentences(text, start):
        assert not text[done : one.start].strip()
        assert text[one.start : one.end].strip() == one.text != ""
        done = one.end
    assert not text[done:].strip()


@given(TRICKY)
def test_a_stretch_is_cut_as_if_it_stood_alone(text: str) -> None:
    padded = f"ZZ. Before {text} after"
    inner = sentences(padded, 11, 11 + len(text))
    assert [(one.text, one.start - 11, one.end - 11) for one in inner] == sentences(text)


@pytest.mark.parametrize(
    "unit",
    [
        ".",
        "!?",
        ". ",
        "\n",
        " \n",
        "a",
        "。",
        ".)",
        "[1",
        ".[1]",
        ". a ",
        "Mr. ",
        "I. ",
        "\n- ",
        "「",
        "| a |\n",
        "+--+\n| a",
        "a: b; c: d\n",
        "(\n1) ",
    ],
)
def test_much_of_one_thing_is_cut_and_nothing_is_lost(unit: str) -> None:
    text = unit * (200_000 // len(unit))
    found = sentences(text)
    covered = sum(one.end - one.start for one in found)
    assert covered >= len("".join(text.split()))
