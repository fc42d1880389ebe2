"""A conformance kit for language models: what every engine promises, as checks.

For authors of plug-ins, too::

    from tests.conformance.language_model import LanguageModelSubject, check_language_model

    def test_my_engine_keeps_the_promises() -> None:
        check_language_model(lambda: MyEngine(MyConfig()), tolerance=1e-4)

A check that does not hold raises ``AssertionError`` with a sentence. No test framework is
needed. ``CHECKS`` holds the checks by name, ``NEEDS`` the ability that a check asks for: it
says nothing of an engine that does not declare it. Scores, attention and hidden states are in
``language_model_scores``.
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from assay.models.language_model import Ability, Form, Generation, LanguageModel, PromptTooLong
from assay.models.prompt import Message
from assay.pipeline.context import DeadlineExceeded, RunContext
from assay.pipeline.errors import UsageError
from tests.conformance.model_subject import (
    MEGABYTES_10,
    ODD_TEXTS,
    lives,
    named_and_documented,
    refused,
    sentences,
    stops_when_over,
)
from tests.conformance.subject import demand

PROMPTS = (
    "The capital of France is",
    "Once upon a time there was a small village by the sea, and",
    "One, two, three, four, five,",
    "Question: what colour is the sky?\nAnswer:",
)
LONG = "The harbour was quiet in the morning, and the boats lay still. " * 12
"""A beginning long enough to be worth keeping."""

TOKENS = 8
"""Most tokens of an answer in these checks."""

SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "properties": {"digit": {"type": "integer", "minimum": 0, "maximum": 9},
                   "sure": {"type": "boolean"}},
    "required": ["digit", "sure"],
    "additionalProperties": False,
}  # fmt: skip
GRAMMAR = 'root ::= ("yes" | "no") " [" [0-9] "]"'
FITS_GRAMMAR = re.compile(r"(yes|no) \[[0-9]\]")


@dataclass(frozen=True, slots=True, kw_only=True)
class LanguageModelSubject:
    """An engine and what the kit must know of it.

    Args:
        make: gives a fresh model, not started; always the same.
        model: one that is started; the checks share it.
        tolerance: by how much a log-probability (or an attention weight, a hidden state) may
            differ between a batch and a single call, with and without a cache.
        loads: whether ``start`` loads anything, so that use before it is an error.
        controls: names of the model's control tokens, which plain text must not spell.
        caches: whether the account tells of tokens that were not computed again.
        samples: whether temperature and draw change what is written.
        obeys_max_tokens: whether the limit of tokens holds; not so for a model that others wrap.
        converses: whether it takes conversations.
        exact: whether it knows the model's own tokens, all log-probabilities, why a text
            ended and the bounds in a schema; a server that tells the likeliest tokens alone, or
            keeps the shape of a schema alone, does not.
        layers: hidden states that it gives and that differ.
        seconds: time in which 10 MB of text must be refused.
    """

    make: Callable[[], LanguageModel]
    model: LanguageModel
    tolerance: float = 1e-6
    loads: bool = True
    controls: Sequence[str] = ()
    caches: bool = True
    samples: bool = True
    obeys_max_tokens: bool = True
    converses: bool = True
    exact: bool = True
    layers: Sequence[int] = (0, -1)
    seconds: float = 60.0

    @property
    def name(self) -> str:
        """The registered name."""
        return self.model.name

    def write(self, prompt: Any = PROMPTS[0], **more: Any) -> Generation:
        """A short answer by the shared model, in a context of its own."""
        context = more.pop("context", None) or RunContext(seed=7)
        return self.model.generate(prompt, context, **{"max_tokens": TOKENS, **more})


def check_language_model(make: Callable[[], LanguageModel], **more: Any) -> None:
    """Prove that an engine keeps what language models promise; see ``CHECKS``.

    Args:
        make: gives a fresh model, not started.
        **more: see ``LanguageModelSubject``.

    Raises:
        AssertionError: at the first promise that is not kept, with a sentence.
    """
    from tests.conformance.language_model_scores import SCORE_CHECKS, SCORE_NEEDS

    model = make()
    model.start()
    try:
        subject = LanguageModelSubject(make=make, model=model, **more)
        needs = {**NEEDS, **SCORE_NEEDS}
        for name, check in {**CHECKS, **SCORE_CHECKS}.items():
            if name not in needs or needs[name] in model.abilities:
                check(subject)
    finally:
        model.close()


def has_a_name_and_a_life(subject: LanguageModelSubject) -> None:
    """Name, docstring; start, close and start again; fingerprints that follow the settings."""
    named_and_documented(subject.model)
    lives(
        subject.make,
        lambda model: (
            model.generate(PROMPTS[0], RunContext(), max_tokens=3)
            if Ability.GENERATE in model.abilities
            else model.count_tokens(PROMPTS[0])
        ),
        loads=subject.loads,
    )
    demand(subject.model.context_length > 0, f"{subject.name}: context_length is not positive")
    warm = getattr(subject.model.config, "temperature", None)
    if isinstance(warm, float):
        other = type(subject.model)(subject.model.config.model_copy(update={"temperature": 1.25}))
        other.start()
        try:
            demand(
                other.fingerprint() != subject.model.fingerprint(),
                f"{subject.name}: the fingerprint does not change with the temperature",
            )
        finally:
            other.close()


def undeclared_abilities_are_refused(subject: LanguageModelSubject) -> None:
    """What is not declared is a ``UsageError`` that names the ability."""
    model, context = subject.model, RunContext()
    form: Mapping[Ability, Form] = {
        Ability.JSON_SCHEMA: Form(json_schema=SCHEMA),
        Ability.GRAMMAR: Form(grammar=GRAMMAR),
    }
    calls: dict[Ability, Callable[[], object]] = {
        Ability.GENERATE: lambda: subject.write(context=context),
        Ability.JSON_SCHEMA: lambda: subject.write(context=context, form=form[Ability.JSON_SCHEMA]),
        Ability.GRAMMAR: lambda: subject.write(context=context, form=form[Ability.GRAMMAR]),
        Ability.NEXT_TOKEN_LOGPROBS: lambda: model.next_token_logprobs(
            [PROMPTS[0]], ["yes"], [context]
        ),
        Ability.SEQUENCE_LOGPROB: lambda: model.sequence_logprobs(
            [(PROMPTS[0], " yes")], [context]
        ),
        Ability.ATTENTION: lambda: model.attention(("a", " b"), [1], context),
        Ability.HIDDEN_STATES: lambda: model.hidden_states([PROMPTS[0]], [context]),
    }
    for ability in set(Ability) - set(model.abilities):
        refused(calls[ability], UsageError, f"{subject.name}: undeclared {ability}", ability)
    demand(context.cost.calls == 0, f"{subject.name}: a refused call cost {context.cost}")


def the_same_prompt_gives_the_same_text(subject: LanguageModelSubject) -> None:
    """Alone, after other prompts, in a batch, streamed, and with other threads beside."""
    model = subject.model
    first = [subject.write(one) for one in PROMPTS]
    again = [subject.write(one) for one in reversed(PROMPTS)][::-1]
    batch = model.generate_batch(PROMPTS, [RunContext(seed=7) for _ in PROMPTS], max_tokens=TOKENS)
    with ThreadPoolExecutor(4) as pool:
        beside = list(pool.map(subject.write, PROMPTS * 2))
    for number, expected in enumerate(first):
        for found, where in (
            (again[number], "asked again in another order"),
            (batch[number], "in a batch"),
            (beside[number], "with other threads"),
            (beside[number + len(PROMPTS)], "with other threads"),
        ):
            _same(found, expected, f"{subject.name}: prompt {number} {where}", subject.tolerance)


def a_stream_ends_with_the_generation(subject: LanguageModelSubject) -> None:
    """Pieces of text that joined are the text, and last what ``generate`` gives."""
    for prompt in PROMPTS[:2]:
        streamed = list(subject.model.stream(prompt, RunContext(seed=7), max_tokens=TOKENS))
        *pieces, whole = streamed
        kinds = [type(one).__name__ for one in streamed]
        if not isinstance(whole, Generation) or set(kinds[:-1]) - {"str"}:
            raise AssertionError(
                f"{subject.name}: stream gave {kinds}, expected pieces of text and, last, a"
                " Generation"
            )
        expected = subject.write(prompt)
        if not subject.exact:  # some servers count tokens only where they do not stream
            expected = replace(expected, tokens_in=whole.tokens_in, tokens_out=whole.tokens_out)
        _same(whole, expected, f"{subject.name}: streamed", subject.tolerance)
        demand(
            "".join(map(str, pieces)) == whole.text,
            f"{subject.name}: the pieces {pieces} are not the text {whole.text!r}",
        )


def stop_strings_end_the_text(subject: LanguageModelSubject) -> None:
    """The text ends before the first stop string, whatever the order; nothing of it is shown."""
    text = subject.write(PROMPTS[1]).text
    demand(len(text) >= 6, f"{subject.name}: '{PROMPTS[1]}' is answered by {text!r}: too short")
    stop = text[len(text) // 2 : len(text) // 2 + 2]
    for stops in ([stop], ["", "never\u0001", stop], [text[-1] + "\u0001", stop]):
        *pieces, whole = subject.model.stream(
            PROMPTS[1], RunContext(seed=7), max_tokens=TOKENS, stop=stops
        )
        expected = text[: text.index(stop)]
        finishes = ("stop",) if subject.exact else ("stop", "end")
        demand(
            isinstance(whole, Generation) and whole.text == expected and whole.finish in finishes,
            f"{subject.name}: stopped at {stop!r} it gave {whole!r}, expected the text {expected!r}",
        )
        demand(
            "".join(map(str, pieces)) == expected,
            f"{subject.name}: a stop string {stop!r} was shown: {pieces}",
        )


def max_tokens_holds(subject: LanguageModelSubject) -> None:
    """Never more tokens than asked for; a text that was cut says ``length``."""
    if not subject.obeys_max_tokens:
        return
    long = subject.write(PROMPTS[1])
    for limit in (1, 2, 3):
        short = subject.write(PROMPTS[1], max_tokens=limit)
        demand(
            1 <= short.tokens_out <= limit,
            f"{subject.name}: {short.tokens_out} tokens for max_tokens={limit}",
        )
        if long.tokens_out > limit:
            demand(
                short.finish == "length" and long.text.startswith(short.text),
                f"{subject.name}: cut at {limit} tokens it gave {short!r} of {long.text!r}",
            )


def pieces_are_the_text(subject: LanguageModelSubject) -> None:
    """Where an engine tells tokens: one for each generated token, log-probabilities at most 0."""
    for prompt in PROMPTS:
        written = subject.write(prompt)
        if written.pieces is None:
            continue
        joined = "".join(piece.text for piece in written.pieces)
        demand(
            len(written.pieces) == written.tokens_out and joined.startswith(written.text),
            f"{subject.name}: {written.tokens_out} tokens and the text {written.text!r}, but the"
            f" pieces are {[piece.text for piece in written.pieces]}",
        )
        demand(
            all(piece.logprob <= 0.0 for piece in written.pieces),
            f"{subject.name}: a generated token has a log-probability above 0",
        )


def temperature_draws_by_seed_and_number(subject: LanguageModelSubject) -> None:
    """At a temperature, other seeds and draws give other texts, the same ones the same."""
    if not subject.samples:
        return
    for vary in ("seed", "draw"):
        texts = []
        for number in range(4):
            seed, draw = (number, 0) if vary == "seed" else (7, number)
            one, again = (
                subject.write(PROMPTS[1], temperature=1.5, draw=draw, context=RunContext(seed=seed))
                for _ in range(2)
            )
            demand(
                one.text == again.text,
                f"{subject.name}: seed {seed}, draw {draw} gave {one.text!r} and {again.text!r}",
            )
            texts.append(one.text)
        demand(len(set(texts)) > 1, f"{subject.name}: four {vary}s, one text: {texts[0]!r}")
    cold = [subject.write(PROMPTS[1], temperature=0.0, draw=draw).text for draw in range(2)]
    demand(len(set(cold)) == 1, f"{subject.name}: at temperature 0 draws differ: {cold}")


def conversations_are_answered(subject: LanguageModelSubject) -> None:
    """Turns are written by the model's template; parts of a turn are that turn."""
    if not subject.converses:
        return
    whole = (Message("user", "Name a colour. One word."),)
    parts = (Message("user", ("Name a colour.", " One word.")),)
    for prompt in (whole, parts):
        written = subject.write(prompt)
        demand(
            written.tokens_in >= subject.model.count_tokens("Name a colour."),
            f"{subject.name}: a conversation has {written.tokens_in} tokens",
        )
        _same(subject.write(prompt), written, f"{subject.name}: a conversation", subject.tolerance)


def schemas_are_obeyed(subject: LanguageModelSubject) -> None:
    """The text is JSON that fits; what is no schema or cannot be met is refused."""
    for prompt in PROMPTS[:2]:
        written = subject.write(prompt, form=Form(json_schema=SCHEMA), max_tokens=60)
        try:
            found = json.loads(written.text)
        except ValueError as error:
            raise AssertionError(f"{subject.name}: {written!r} is no JSON: {error}") from error
        demand(
            isinstance(found, dict)
            and set(found) == {"digit", "sure"}
            and type(found["digit"]) is int
            and (0 <= found["digit"] <= 9 or not subject.exact)
            and isinstance(found["sure"], bool)
            and written.finish == "end",
            f"{subject.name}: {written!r} does not fit the schema {SCHEMA}",
        )
    if not subject.exact:
        return  # what cannot be met is known to the server alone
    for wrong in ({"type": 7}, {"type": "integer", "minimum": 5, "maximum": 3}):
        refused(
            lambda wrong=wrong: subject.write(form=Form(json_schema=wrong)),  # type: ignore[misc]
            UsageError,
            f"{subject.name}: the schema {wrong}",
        )


def grammars_are_obeyed(subject: LanguageModelSubject) -> None:
    """The text is in the grammar; what is no grammar is refused."""
    for prompt in PROMPTS[:2]:
        written = subject.write(prompt, form=Form(grammar=GRAMMAR))
        demand(
            FITS_GRAMMAR.fullmatch(written.text) is not None and written.finish == "end",
            f"{subject.name}: {written!r} is not in the grammar {GRAMMAR}",
        )
    for wrong in ("root ::= (", "root ::= missing", "nothing"):
        refused(
            lambda wrong=wrong: subject.write(form=Form(grammar=wrong)),  # type: ignore[misc]
            UsageError,
            f"{subject.name}: the grammar {wrong!r}",
        )


def control_tokens_in_texts_are_letters(subject: LanguageModelSubject) -> None:
    """A passage that spells a control token opens no turn and ends none."""
    for control in subject.controls:
        tokens = subject.model.count_tokens(control)
        demand(tokens > 1, f"{subject.name}: '{control}' in a text is {tokens} token")
        plain = subject.write(f"{PROMPTS[0]} {control}", max_tokens=2).tokens_in
        before = subject.write(PROMPTS[0], max_tokens=2).tokens_in
        demand(
            plain - before > 1,
            f"{subject.name}: '{control}' adds {plain - before} token to a prompt",
        )


def too_long_is_refused_for_nothing(subject: LanguageModelSubject) -> None:
    """A prompt that does not fit is ``PromptTooLong`` with its numbers, before any cost."""
    context = RunContext()
    long = "word " * subject.model.context_length
    limit = str(subject.model.context_length)
    refused(
        lambda: subject.write(long, context=context),
        PromptTooLong, f"{subject.name}: a long prompt", limit,
    )  # fmt: skip
    refused(
        lambda: subject.write(context=context, max_tokens=subject.model.context_length),
        PromptTooLong, f"{subject.name}: a long answer", limit,
    )  # fmt: skip
    began = time.monotonic()
    for text in MEGABYTES_10:
        refused(
            lambda text=text: subject.write(text, context=context),  # type: ignore[misc]
            PromptTooLong, f"{subject.name}: 10 MB", limit,
        )  # fmt: skip
    took = time.monotonic() - began
    demand(
        took < subject.seconds,
        f"{subject.name}: refusing 10 MB took {took:.0f} s, allowed {subject.seconds:.0f}",
    )
    demand(context.cost.calls == 0, f"{subject.name}: a refused prompt cost {context.cost}")


def odd_texts_are_read(subject: LanguageModelSubject) -> None:
    """One character, half a character, no letters at all; the empty prompt at most refused."""
    for text in ODD_TEXTS:
        demand(subject.model.count_tokens(text) >= 0, f"{subject.name}: counts {text!r} below 0")
        written = subject.write(text, max_tokens=2)
        _same(
            subject.write(text, max_tokens=2), written,
            f"{subject.name}: {text!r}", subject.tolerance,
        )  # fmt: skip
    demand(subject.model.count_tokens("") == 0, f"{subject.name}: an empty text has tokens")
    try:
        subject.write("", max_tokens=2)
    except UsageError as error:
        demand("empty" in str(error), f"{subject.name}: an empty prompt is refused with: {error}")


def a_request_that_is_over_is_left(subject: LanguageModelSubject) -> None:
    """Cancelled before, nothing is done; cancelled meanwhile, the generation ends there."""
    stops_when_over(lambda context: subject.write(context=context), f"{subject.name}: generate")
    expected = subject.write()
    context = RunContext(seed=7)
    stream = subject.model.stream(PROMPTS[1], context, max_tokens=TOKENS)
    first = next(stream)
    demand(isinstance(first, str), f"{subject.name}: the first piece is the whole: {first!r}")
    thread = threading.Thread(target=context.cancelled.set)
    thread.start()
    thread.join()
    refused(lambda: list(stream), DeadlineExceeded, f"{subject.name}: cancelled in a generation")
    demand(context.cost.calls == 1, f"{subject.name}: a cancelled generation cost no call")
    left = subject.model.stream(PROMPTS[1], RunContext(seed=7), max_tokens=TOKENS)
    next(left)
    left.close()  # type: ignore[attr-defined]
    _same(subject.write(), expected, f"{subject.name}: after a cancelled one", subject.tolerance)


def generations_are_paid_for(subject: LanguageModelSubject) -> None:
    """One call, one round, the tokens of the generation; each request of a batch its own."""
    contexts = [RunContext(seed=7), RunContext(seed=7)]
    written = subject.model.generate_batch(PROMPTS[:2], contexts, max_tokens=TOKENS)
    for context, one in zip(contexts, written, strict=True):
        cost = context.cost
        demand(
            (cost.calls, cost.rounds, cost.tokens_in, cost.tokens_out)
            == (1, 1, one.tokens_in, one.tokens_out),
            f"{subject.name}: {one!r} cost {cost}",
        )
        demand(one.tokens_in > 0, f"{subject.name}: a prompt of no tokens")
        demand(
            0 <= cost.tokens_cached <= cost.tokens_in,
            f"{subject.name}: {cost.tokens_cached} of {cost.tokens_in} tokens cached",
        )


CHECKS: Mapping[str, Callable[[LanguageModelSubject], None]] = MappingProxyType(
    sentences(
        has_a_name_and_a_life,
        undeclared_abilities_are_refused,
        the_same_prompt_gives_the_same_text,
        a_stream_ends_with_the_generation,
        stop_strings_end_the_text,
        max_tokens_holds,
        pieces_are_the_text,
        temperature_draws_by_seed_and_number,
        conversations_are_answered,
        schemas_are_obeyed,
        grammars_are_obeyed,
        control_tokens_in_texts_are_letters,
        too_long_is_refused_for_nothing,
        odd_texts_are_read,
        a_request_that_is_over_is_left,
        generations_are_paid_for,
    )
)
"""Every check of life and of generation by name."""

NEEDS: Mapping[str, Ability] = MappingProxyType(
    {
        **dict.fromkeys(list(CHECKS)[2:], Ability.GENERATE),
        "schemas_are_obeyed": Ability.JSON_SCHEMA,
        "grammars_are_obeyed": Ability.GRAMMAR,
    }
)
"""The ability without which a check says nothing, by its name."""


def _same(found: Any, expected: Generation, what: str, tolerance: float) -> None:
    """Demand two equal generations, log-probabilities within a tolerance."""
    demand(
        isinstance(found, Generation)
        and (found.text, found.tokens_in, found.tokens_out, found.finish)
        == (expected.text, expected.tokens_in, expected.tokens_out, expected.finish),
        f"{what}: {found!r}, expected {expected!r}",
    )
    for one, other in zip(found.pieces or (), expected.pieces or (), strict=True):
        demand(
            one.text == other.text and abs(one.logprob - other.logprob) <= tolerance,
            f"{what}: the token {one!r}, expected {other!r}",
        )
