"""What the benchmark of other rerank libraries gives both sides, and how it takes turns."""

from __future__ import annotations

from assay.pipeline.context import RunContext
from assay.stages.rerank.sliding_window import SlidingWindowConfig, SlidingWindowRerank
from assay.stages.windows.listwise import Listwise, ListwiseConfig
from benchmarks.rerank_peers import QUESTION, Answering, Found, answer, markdown, ranking, turns


def prompt(*worths: int) -> str:
    return "\n".join(f"[{place}] text worth {worth}" for place, worth in enumerate(worths, 1))


def test_answers_are_the_right_order_spoilt_in_every_way_that_is_promised() -> None:
    said = [answer(prompt(worth, worth + 1, worth + 2, 0)) for worth in range(1, 60)]
    assert "[3] > [2] > [1] > [4]" in said
    assert "[3]\n[2]\n[1]\n[4]" in said
    assert "[3] > [2]" in said
    assert "I cannot rank these passages." in said
    assert "[99] > [3] > [3] > [2] > [1] > [4]" in said


def test_the_model_says_the_whole_answer_and_counts_words_as_the_other_side_does() -> None:
    context = RunContext()
    asked = prompt(1, 2, 3, 0)
    found = Answering().generate(asked, context, max_tokens=100)
    assert found.text == answer(asked)
    assert (found.tokens_in, found.tokens_out) == (len(asked.split()), len(found.text.split()))
    assert (context.cost.calls, context.cost.tokens_in) == (1, found.tokens_in)


def test_failed_windows_are_counted_and_the_order_stays_a_permutation() -> None:
    node = SlidingWindowRerank(
        SlidingWindowConfig(), ranker=Listwise(ListwiseConfig(), model=Answering())
    )
    context = RunContext()
    texts = [f"text worth {worth}" for worth in range(100)]
    found = node.run(QUESTION, ranking(texts), context)
    assert sorted(int(one) for one in found.ids) == list(range(100))
    assert context.cost.calls == 9
    assert context.notes["windows_failed"] in range(1, 9)


def test_both_take_turns_and_the_first_run_of_each_does_not_count() -> None:
    ran: list[str] = []
    ours, theirs = turns(lambda: ran.append("a"), lambda: ran.append("b"), 3)
    assert "".join(ran) == "ba" + "ab" + "ba" + "ab"
    assert len(ours) == len(theirs) == 3
    assert min(*ours, *theirs) >= 0


def test_the_table_tells_medians_and_the_ratio_of_each_repetition() -> None:
    text = markdown([Found("peer 1", "what", 0.0005, (1.0, 2.0, 3.0), (2.0, 4.0, 6.0))])
    assert "| peer 1 | what | 0.0005 | 2 [1, 3] | 4 [2, 6] | 0.5 [0.5, 0.5] |" in text
