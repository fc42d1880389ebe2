"""What window rankers that ask a language model share: writing windows out so that they fit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from assay.models.language_model import LanguageModel, PromptTooLong
from assay.models.prompt import Message, Prompt, conversation, parts_of
from assay.pipeline.context import RunContext
from assay.pipeline.errors import ModelError
from assay.stages.windows.passage_text import read
from assay.stages.windows.template import Reading, Template, neutral
from assay.stages.windows.window import Sizes, Window

SHORTEST = 8
"""Words of a passage below which no window is made shorter."""
SHRINK = 0.6
"""What is left of the words of each passage when a window does not fit."""
_MARK = "\u241f"

Answer = TypeVar("Answer")
Ask = Callable[[Sequence[Window], int, Sequence[RunContext]], Sequence[Answer]]
"""A model about some windows, with the most words of a passage: an answer for each."""


def reading_of(window: Window, words: int) -> Reading:
    """A window as a template reads it.

    Args:
        window: as it is.
        words: most words of a passage with its title.
    """
    return Reading(
        neutral(window.query),
        tuple(" ".join(neutral(read(one)).split()[:words]) for one in window.passages),
        tuple(neutral(one) for one in window.remarks),
    )


def answered(
    ask: Ask[Answer],
    windows: Sequence[Window],
    contexts: Sequence[RunContext],
    words: int,
    failures: list[ModelError],
) -> list[Answer | None]:
    """Ask for all windows at once; where one of them is to blame, for each by itself.

    Args:
        ask: the model.
        windows: of one size.
        contexts: one for each window.
        words: most words of a passage; fewer where a window does not fit.
        failures: what the model raised for single windows is put here.

    Returns:
        An answer for each window; None where the model failed.
    """
    try:
        return list(ask(windows, words, contexts))
    except (PromptTooLong, ModelError):
        pass  # one of them is to blame: each by itself
    found: list[Answer | None] = []
    for window, context in zip(windows, contexts, strict=True):
        try:
            found.append(shortened(ask, window, context, words))
        except ModelError as error:
            failures.append(error)
            found.append(None)
    return found


def shortened(
    ask: Ask[Answer],
    window: Window,
    context: RunContext,
    words: int,
) -> Answer:
    """Ask about one window, with shorter and shorter passages until it fits.

    Args:
        ask: the model about some windows, with the most words of a passage.
        window: what is asked about.
        context: counts each shortening.
        words: to begin with.

    Raises:
        PromptTooLong: if ``SHORTEST`` words a passage do not fit.
    """
    while True:
        try:
            return ask([window], words, [context])[0]
        except PromptTooLong:
            if words <= SHORTEST:
                raise
            longest = max(len(text.split()) for text in reading_of(window, words).texts)
            words = max(SHORTEST, int(min(words, longest) * SHRINK))
            context.count(windows_shortened=1)


def prompt_tokens(
    model: LanguageModel, template: Template, size: int, sizes: Sizes, words: int
) -> int:
    """Tokens of a prompt, estimated from the lengths of its texts.

    Args:
        model: counts the template's own tokens.
        template: writes the prompt.
        size: passages of the window.
        sizes: lengths of the texts.
        words: most words of a passage.
    """
    asked = sum(
        part.count(_MARK) for part in parts_of(template.write(Reading(_MARK, ("",) * size)))
    )
    own = model.count_prompt(template.write(Reading("", ("",) * size)))
    # A word has about four thirds of a token in English.
    passage = min(sizes.passage, words * 4 // 3)
    return own + asked * sizes.query + size * passage


def begun(prompt: Prompt, text: str) -> Prompt:
    """A prompt whose answer begins with a text."""
    messages = conversation(prompt)
    if messages is None:
        return (*parts_of(prompt), text)
    return (*messages, Message("assistant", text))
