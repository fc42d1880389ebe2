"""What pointwise rerankers with a language model share: prompts about one pair that fit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from assay.models.fit import cut
from assay.models.language_model import LanguageModel
from assay.models.prompt import Prompt, parts_of
from assay.pipeline.context import RunContext
from assay.pipeline.errors import UsageError
from assay.pipeline.words import Passage
from assay.stages.windows.window import Sizes

SLACK = 4
"""Tokens kept free for those that come to be where a cut text meets its surroundings."""

_MARK = "\u241f"

Write = Callable[[str, str], Prompt]
"""Makes a prompt of a query and a passage, each of which is a part, or in one, of its own."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A prompt that fits.

    Args:
        prompt: what the model is asked.
        query: the question as it stands in it.
        passage_cut: whether the passage was shortened.
        query_cut: whether the question was.
    """

    prompt: Prompt
    query: str
    passage_cut: bool
    query_cut: bool

    def count(self, context: RunContext) -> None:
        """Leave in the run record what was shortened: ``passages_cut`` and ``queries_cut``."""
        context.count(passages_cut=int(self.passage_cut), queries_cut=int(self.query_cut))


class PairPrompts:
    """Writes pairs out so that the task around them is always whole.

    A question keeps its first ``query_tokens`` and a passage its first ``passage_tokens``; a
    passage is shortened further where the model reads less. Nothing else is ever cut.

    Args:
        model: counts tokens; started before ``ask_all``.
        write: makes the prompt.
        query_tokens: most tokens of a question.
        passage_tokens: most tokens of a passage with its title.
        answer_tokens: tokens that the answer may have.
        name: of the node, for messages.
    """

    def __init__(
        self,
        model: LanguageModel,
        write: Write,
        *,
        query_tokens: int,
        passage_tokens: int,
        answer_tokens: int,
        name: str,
    ) -> None:
        self._model = model
        self._write = write
        self._query_tokens = query_tokens
        self._passage_tokens = passage_tokens
        self._answer_tokens = answer_tokens
        self._name = name

    def ask_all(self, pairs: Sequence[tuple[str, str]]) -> list[Asked]:
        """The prompts of pairs, in their order.

        Args:
            pairs: a question and a passage each; a question may come often.

        Raises:
            UsageError: if no passage fits beside the task, a question and the answer.
        """
        questions: dict[str, tuple[str, int]] = {}
        found = []
        for query, text in pairs:
            if query not in questions:
                short = self.shortened(query)
                taken = self._model.count_prompt(self._write(short, ""))
                questions[query] = short, self._room(taken)
            short, room = questions[query]
            read = self._fitting(text, room)
            found.append(Asked(self._write(short, read), short, read != text, short != query))
        return found

    def shortened(self, query: str) -> str:
        """A question with at most ``query_tokens``."""
        return self._fitting(query, self._query_tokens)

    def tokens(self, sizes: Sizes) -> int:
        """Tokens of a prompt, estimated from the lengths of its texts."""
        own = self._model.count_prompt(self._write("", ""))
        places = sum(part.count(_MARK) for part in parts_of(self._write(_MARK, "")))
        query = places * min(sizes.query, self._query_tokens)
        return own + query + min(sizes.passage, self._room(own + query))

    def _room(self, taken: int) -> int:
        """Tokens that a passage may have beside so many others.

        Raises:
            UsageError: if there are none.
        """
        length = self._model.context_length
        room = min(self._passage_tokens, length - taken - self._answer_tokens - SLACK)
        if room < 1:
            raise UsageError(
                f"{self._name}: task and question take {taken} tokens and the answer may have"
                f" {self._answer_tokens}, which leaves no room for a passage in the {length} that"
                f" {self._model.name} reads: raise its context_tokens, or lower the node's limits"
            )
        return room

    def _fitting(self, text: str, room: int) -> str:
        if text.isascii() and len(text) < room:
            return text  # each token of such a text has a character of its own
        return cut(text, room, self._model.count_tokens, "head")


def titled(passage: Passage) -> str:
    """A passage on one line with its title, as published pointwise prompts show it."""
    return f"{passage.title} {passage.text}" if passage.title else passage.text


def spaced(text: str) -> str:
    """A text as a part of a prompt behind a word: with the space before it, nothing for none."""
    return f" {text}" if text else ""
