"""Settings of engines that reach their model over HTTP."""

from __future__ import annotations

from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator

from assay.pipeline.component import Config


class ServerConfig(Config):
    """What every engine over HTTP must be told."""

    model: str = Field(min_length=1, description="the model's name on the server")
    base_url: str = Field(
        description="where the API begins, often ending with /v1; http or https, no password",
        examples=["http://127.0.0.1:8000/v1"],
    )
    api_key: SecretStr | None = Field(
        None, description="in a file {env: NAME}; null where the server asks for none"
    )
    timeout: float = Field(
        120.0,
        gt=0.0,
        le=86_400.0,
        description="seconds that a request may take; in a stream the longest silence",
    )
    retries: int = Field(
        2, ge=0, le=20, description="further tries after a failure that may pass by itself"
    )
    concurrency: int = Field(
        8, ge=1, le=1024, description="most requests at the same time, over all threads"
    )
    tokenizer: str | None = Field(
        None, description="the model's tokenizer.json; null estimates tokens (UTF-8 bytes by three)"
    )
    identity: str = Field(
        "", description="what the server does not tell of the model; part of the fingerprint"
    )

    @field_validator("base_url")
    @classmethod
    def _is_an_address(cls, value: str) -> str:
        try:
            address = urlsplit(value)
            _ = address.port
        except ValueError as error:
            raise ValueError(
                f"expected an address like http://127.0.0.1:8000/v1: {error}"
            ) from None
        if address.username is not None or address.password is not None:
            raise ValueError("an address holds no user and no password: use api_key")
        if address.scheme not in ("http", "https") or not address.hostname:
            raise ValueError("expected an address like http://127.0.0.1:8000/v1")
        if address.query or address.fragment:
            raise ValueError("expected an address without '?' and '#'")
        return value


NO_MATTER = frozenset({"api_key", "timeout", "retries", "concurrency", "tokenizer"})
"""Settings that outputs do not depend on; a tokenizer counts by its content."""


class OpenAiConfig(ServerConfig):
    """Settings of ``models.openai@1``."""

    api: Literal["chat", "completions"] = Field(
        "chat", description="chat puts a text into one user message; completions continues it"
    )
    context_tokens: int = Field(
        4096, ge=16, le=100_000_000, description="most tokens of prompt and answer together"
    )
    temperature: float | None = Field(
        0.0, ge=0.0, le=2.0, description="0 always takes the likeliest token; null sends none"
    )
    limit: Literal["max_tokens", "max_completion_tokens"] = Field(
        "max_tokens", description="how chat calls the most tokens to write"
    )
    structured: Literal["none", "json_schema", "json_object", "llama_cpp", "vllm"] = Field(
        "none",
        description="how the server takes a form: json_schema as OpenAI and Ollama, json_object as"
        " llama-cpp-python, llama_cpp as llama.cpp's own server, vllm as vLLM",
    )
    logprobs: int = Field(
        0, ge=0, le=100, description="likeliest tokens that the server tells; 0 if it tells none"
    )
    prompt_logprobs: Literal["none", "echo", "vllm"] = Field(
        "none", description="how the server tells log-probabilities of the prompt's own tokens"
    )

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.structured == "json_object" and self.api != "chat":
            raise ValueError("structured: json_object is only known to api: chat")
        if self.prompt_logprobs != "none" and self.api != "completions":
            raise ValueError("prompt_logprobs needs api: completions, where a text is continued")
        if self.limit != "max_tokens" and self.api != "chat":
            raise ValueError("limit: max_completion_tokens is only known to api: chat")
        return self
