"""Thinks with llama.cpp in this process: any GGUF file, several answers at once."""

import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import msgspec

from vivavoce.core.context import check_fits
from vivavoce.core.engines import Card
from vivavoce.core.turn import TextDelta, ToolCallDelta, Turn, TurnDone, Usage
from vivavoce.engines import toolcalls
from vivavoce.engines.choosing import Choice
from vivavoce.engines.llamacpp import TICK_S, LlamaCpp, Loading
from vivavoce.engines.options import AtLeastOne, Count, LocalFile
from vivavoce.engines.prompts import SMALL, THOUGHTLESS, Refusal, chat_request, ending, refused, usual, with_tools
from vivavoce.engines.reading import Fits, Unconstrained, first_delta, read_answer, read_arguments
from vivavoce.engines.room import Place, Room
from vivavoce.engines.shapes import bad_parameters

Event: TypeAlias = TextDelta | ToolCallDelta | TurnDone | None
Read: TypeAlias = Callable[[Iterator[str], Fits], Iterator[Event]]
RESERVED = 512
"""Most tokens set aside for an answer before it begins; one that needs more is given them while there are any."""


class Llama:
    """One GGUF model, `parallel` answers at once, the start of each conversation remembered."""

    class Options(msgspec.Struct, forbid_unknown_fields=True):
        """`options` in the configuration."""

        model: LocalFile
        """Path of the GGUF file."""
        context: Count = 8192
        """Tokens of all the answers in work together, prompts included; 0: as many as the file says the model was
        trained with. One answer never has more than that."""
        parallel: AtLeastOne = 4
        gpu_layers: Annotated[int, msgspec.Meta(ge=-1)] = 0
        """-1: as many as fit; 999: all."""
        threads: Count = 0
        """0: half of the cores this process may use."""
        instruction: str | None = None
        """What the model is told where the client sent no system message; unset: to be short, and a small one how."""
        temperature: Annotated[float, msgspec.Meta(ge=0)] = 0.0
        """Where the client set none."""
        max_answer: Count | None = None
        """Tokens after which an answer in words ends with its sentence, twice as many after which it ends anywhere,
        whatever the client allows; 0: no such limit; unset: 96 for a model of less than a billion parameters, else
        none. A call, or an answer in JSON, has only the client's."""
        template: LocalFile = ""
        """Path of a chat template (Jinja) in place of the model's own."""
        reasoning: bool = False
        """Whether the model may think to itself before it answers, where its template leaves that open. What it thinks
        is never told, but counted."""
        mmproj: LocalFile = ""
        """Path of the GGUF file of the model's encoder of sound: with it, it hears what was said by itself."""

        cache_mb: Count = 256
        """Memory (2^20 bytes) for conversations that others have taken the place of: their next turn need not be read
        from the beginning. 0: none. One that hears by itself keeps none."""

    def __init__(self, options: Options) -> None:
        """Load the model; takes about a second for each gigabyte.

        Raises:
            ValueError: there is no such file, llama.cpp cannot load it, or it was to hear and cannot.
        """
        self._options = options
        shared = {name: getattr(options, name) for name in Loading.__dataclass_fields__}
        paths = {name: os.path.expanduser(shared[name]) for name in ("model", "mmproj", "template")}  # noqa: PTH111 - "" stays ""
        self._llama = LlamaCpp(Loading(**shared | paths))
        known = self._llama.properties()
        if options.mmproj and not known["modalities"]["audio"]:
            self.close()
            raise ValueError(f"{options.mmproj} does not hear")
        self._context = int(known["default_generation_settings"]["n_ctx"])
        self._small = self._llama.parameters() < SMALL
        told, soft = usual(small=self._small)
        self._instruction = told if options.instruction is None else options.instruction
        self._max_answer = soft if options.max_answer is None else options.max_answer
        self._knows_tools = bool(known.get("chat_template_caps", {}).get("supports_tool_calls"))
        self._room = Room(max(self._context, options.context))
        self._mark = self.count([toolcalls.MARK])[0]

    def card(self) -> Card:
        """What it is, for `/v1/models` and validation."""
        return Card(
            name=Path(self._options.model).stem,
            roles=("think",),
            context=self._context,
            max_output=self._context,
            parallel=self._options.parallel,
            listens=bool(self._options.mmproj),
            note="any larger GGUF, or `--think URL#model`, answers far better" if self._small else "",
        )

    def close(self) -> None:
        """Free the model, once the calls in work have ended."""
        self._llama.close()

    def count(self, texts: Sequence[str]) -> list[int]:
        """How many tokens each text is."""
        bodies = [("/tokenize", json.dumps({"content": text})) for text in texts]
        return [len(answer["tokens"]) for answer in self._llama.ask("POST", bodies)]

    def generate(self, turn: Turn) -> Iterator[Event]:
        """Answer or call; None every 50 ms without either. Closing it stops the work at the next token or prompt batch.

        Where the answers in work have filled the context they share, the one that needs more ends with `length`.

        Raises:
            BadRequest: the prompt is longer than the context, or a schema cannot be followed.
        """
        # in its own format where it has one; that format cannot be made to call, so then it is constrained as well
        own = self._knows_tools and turn.tool_choice.mode == "auto"
        calls = [] if own else toolcalls.calls(turn)
        if calls:
            yield from self._call(turn, calls)
            return
        chosen = self._options
        told = turn if self._knows_tools else toolcalls.told(turn)
        soft = 0 if turn.schema else self._max_answer
        # no other limit here: a call or a thought in the model's own format is only known as one while it is read
        request = chat_request(told, self._instruction, chosen.temperature, self._context)
        request = request if self._knows_tools else ending(told, request)
        request |= {"chat_template_kwargs": {"enable_thinking": True}} if chosen.reasoning else THOUGHTLESS
        request |= with_tools(turn) if own else {}
        yield from self._answer(turn, request, lambda events, fits: read_answer(turn, events, soft, fits))

    def _call(self, turn: Turn, calls: list[Choice]) -> Iterator[Event]:
        """Fill in the arguments of each call, one after the other."""
        used, reason = Usage(), "tool_calls"
        for index, choice in enumerate(calls):
            for event in self._arguments(turn, choice, first_delta(index, turn.tools[choice.tool].name)):
                if isinstance(event, TurnDone):
                    used = _sum(used, event.usage, self._mark)
                    reason = "length" if event.reason == "length" else reason
                else:
                    yield event
            if reason == "length":
                break
        yield TurnDone(reason, used)

    def _arguments(self, turn: Turn, choice: Choice, first: ToolCallDelta) -> Iterator[Event]:
        shape = toolcalls.shape_of(turn, choice.tool)
        if not shape:
            yield from (first, ToolCallDelta(first.index, "{}"))
            return
        # a strict schema is followed in all it says or not at all
        for lenient in (False,) if turn.tools[choice.tool].strict else (False, True):
            request = toolcalls.arguments_request(turn, choice, shape, lenient=lenient)
            request["max_tokens"] += self._mark
            try:
                yield from self._answer(
                    turn, request, lambda events, fits: read_arguments(turn, events, first, toolcalls.MARK, fits)
                )
            except Unconstrained:
                continue
            return
        raise bad_parameters(turn, choice.tool, "it is not a JSON Schema that this model can follow")

    def _answer(self, turn: Turn, request: dict[str, Any], read: Read) -> Iterator[Event]:
        """Run one request in the room it needs."""
        body = json.dumps(request)
        prompt = self._measure(turn, body)
        with Place(self._room, min(prompt + min(request["max_tokens"], RESERVED), self._context)) as place:
            while not place.taken(TICK_S):
                yield None
            with closing(self._llama.run(body)) as events:
                yield from read(events, lambda made: place.holds(prompt + made + 1))

    def _measure(self, turn: Turn, body: str) -> int:
        """How many tokens the prompt is, refused at once if it leaves too little room for its answer."""
        answer = self._llama.ask("POST", [("/chat/completions/input_tokens", body)])[0]
        if "error" in answer:
            raise refused(turn, msgspec.convert(answer["error"], Refusal))
        tokens = int(answer["input_tokens"])
        check_fits(turn, tokens, self._context)
        return tokens


def _sum(one: Usage, other: Usage, unsaid: int) -> Usage:
    """Both together, less the tokens of the second that no one sees."""
    return Usage(
        text_in=one.text_in + other.text_in,
        text_out=one.text_out + other.text_out - unsaid,
        cached=one.cached + other.cached,
    )
