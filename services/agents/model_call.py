"""One call of a language model. The only module that knows the model library; imported on first use, see model.py."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from openai import AsyncOpenAI, DefaultAsyncHttpxClient
from pydantic_ai.direct import model_request
from pydantic_ai.exceptions import (
    AgentRunError,
    ContentFilterError,
    ModelAPIError,
    ModelAuthenticationError,
    ModelHTTPError,
    ModelNotFoundError,
    ModelQuotaExceededError,
    ModelRequestRejectedError,
)
from pydantic_ai.messages import (
    ModelMessage,
    ModelRequest,
    ModelResponse,
    SystemPromptPart,
    TextPart,
    ToolCallPart,
    ToolReturnPart,
    UserPromptPart,
)
from pydantic_ai.models import ModelRequestParameters
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai_compatible import OpenAICompatibleProvider
from pydantic_ai.tools import ToolDefinition

from services.agents.prompt import Prompt, mark_answer
from services.agents.tools import Exchange, Tool, ToolCall
from services.kernel.errors import PatchbayError, Refused, RetryLater

_BUSY = frozenset({408, 409, 425, 429})


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """What a model wrote, and what that used."""

    text: str
    calls: tuple[ToolCall, ...] = ()
    """What it wants to have done first."""
    input_tokens: int
    output_tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCall:
    """Where to ask, as whom, and how long to wait. Client and provider live for one call, never for two tenants.

    The model is asked for plain text with a mark in it, not for structured output: tool calls, JSON schema and JSON
    mode are each refused or ignored by some OpenAI-compatible servers and many small models, while text works with all.
    What a structure would carry is one bit, and prompt.py reads it from the mark. Tools are named only where an agent
    has been granted some: then there is no other way.
    """

    base_url: str
    api_key: str = field(repr=False)
    model: str
    deadline: timedelta

    def complete(self, prompt: Prompt, *, tools: Sequence[Tool] = (), exchanges: Sequence[Exchange] = ()) -> Completion:
        """Ask once.

        Args:
            prompt: what it is told.
            tools: what it may call.
            exchanges: what it has called since the prompt, and what came of it.

        Raises:
            RetryLater: busy, away, too slow, or the answer is none.
            Refused: the key, the model or the request was refused.
        """
        # Causes are dropped: the library's errors quote the server's answer, and some servers quote key and prompt.
        try:
            return _read(asyncio.run(self._request(prompt, tools, exchanges)))
        except TimeoutError:
            seconds = self.deadline.total_seconds()
            raise RetryLater(f"The model did not answer within {seconds:.0f} seconds.", code="model_timeout") from None
        except ModelAPIError as error:
            raise _translated(error, self.model) from None
        except ContentFilterError:
            raise Refused("The model's content filter stopped the answer.", code="model_filter") from None
        except (AgentRunError, ValueError):
            raise RetryLater("The model's answer cannot be read.", code="model_answer") from None

    async def _request(self, prompt: Prompt, tools: Sequence[Tool], exchanges: Sequence[Exchange]) -> ModelResponse:
        messages = [*_messages(prompt), *_exchanged(exchanges)]
        parameters = ModelRequestParameters(function_tools=[_definition(tool) for tool in tools])
        deadline = self.deadline.total_seconds()
        async with asyncio.timeout(deadline):
            async with AsyncOpenAI(
                base_url=self.base_url,
                api_key=self.api_key,
                max_retries=0,  # the turn repeats, with its own backoff
                timeout=deadline,
                # The library's own client: no redirects to a host nobody configured, no proxy from the environment.
                http_client=DefaultAsyncHttpxClient(follow_redirects=False, trust_env=False, timeout=deadline),
            ) as client:
                provider = OpenAICompatibleProvider("openai-compatible", openai_client=client)
                model = OpenAIChatModel(self.model, provider=provider)
                return await model_request(model, messages, model_request_parameters=parameters)


def _messages(prompt: Prompt) -> list[ModelMessage]:
    messages: list[ModelMessage] = [ModelRequest(parts=[SystemPromptPart(content=prompt.system)])]
    for message in prompt.messages:
        if message.role == "user":
            messages.append(ModelRequest(parts=[UserPromptPart(content=message.text)]))
        else:
            messages.append(ModelResponse(parts=[TextPart(content=message.text)]))
    return messages


def _exchanged(exchanges: Sequence[Exchange]) -> list[ModelMessage]:
    messages: list[ModelMessage] = []
    for exchange in exchanges:
        said = [TextPart(content=exchange.text)] if exchange.text else []
        asked = [ToolCallPart(call.name, _readable(call.arguments), call.id) for call in exchange.calls]
        told = [
            ToolReturnPart(call.name, mark_answer(answer), call.id)
            for call, answer in zip(exchange.calls, exchange.answers, strict=True)
        ]
        messages += [ModelResponse(parts=[*said, *asked]), ModelRequest(parts=told)]
    return messages


def _as_written(part: ToolCallPart) -> str:
    # Not ``args_as_json_str``: it wraps broken JSON in an object, and the refusal would name the wrong thing.
    return part.args if isinstance(part.args, str) else json.dumps(part.args or {})


def _readable(arguments: str) -> str:
    """Return arguments that every server takes back: some refuse the whole request over a model's broken JSON."""
    try:
        return arguments if isinstance(json.loads(arguments), dict) else "{}"
    except (ValueError, RecursionError):
        return "{}"


def _definition(tool: Tool) -> ToolDefinition:
    # Not strict: strict mode wants every field required, and our own check of the arguments is what counts.
    return ToolDefinition(
        name=tool.name, description=tool.description, parameters_json_schema=dict(tool.schema), strict=False
    )


def _read(response: ModelResponse) -> Completion:
    return Completion(
        text="".join(part.content for part in response.parts if isinstance(part, TextPart)),
        calls=tuple(
            ToolCall(id=part.tool_call_id, name=part.tool_name, arguments=_as_written(part))
            for part in response.parts
            if isinstance(part, ToolCallPart)
        ),
        input_tokens=response.usage.input_tokens,
        output_tokens=response.usage.output_tokens,
    )


def _translated(error: ModelAPIError, model: str) -> PatchbayError:
    status = error.status_code if isinstance(error, ModelHTTPError) else None
    headers = error.headers if isinstance(error, ModelHTTPError) else None
    request_id = (headers or {}).get("x-request-id", "")
    if isinstance(error, ModelAuthenticationError) or status in {401, 403}:
        return Refused(
            "The model's server refused the API key. Set PATCHBAY_OPENAI_API_KEY to a valid key.",
            code="model_key",
            status=status,
            request_id=request_id,
        )
    if isinstance(error, ModelQuotaExceededError):
        return Refused(
            "The account at the model's server has no credit left. Top it up.",
            code="model_credit",
            status=status,
            request_id=request_id,
        )
    if isinstance(error, ModelNotFoundError):
        return Refused(
            f"The model's server does not know “{model}”. Check the agent's model, PATCHBAY_OPENAI_MODEL and"
            " PATCHBAY_OPENAI_BASE_URL.",
            code="model_unknown",
            status=status,
            request_id=request_id,
        )
    if isinstance(error, ModelRequestRejectedError) or (status and status < 500 and status not in _BUSY):
        return Refused(
            "The model's server refused the request. Check PATCHBAY_OPENAI_BASE_URL and the agent's model.",
            code="model_request",
            status=status,
            request_id=request_id,
        )
    return RetryLater(
        "The model's server is busy or away.",
        after=None if error.retry_after is None else timedelta(seconds=error.retry_after),
        code="model_busy",
        status=status,
        request_id=request_id,
    )
