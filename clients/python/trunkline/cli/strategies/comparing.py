"""Routes a set of prompts under each profile, and sends them where that is wanted."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import trunkline
from trunkline.answers import Answer
from trunkline.cli.strategies.prompts import BenchPrompt
from trunkline.cli.strategies.summary import Sample, Summary, TargetStanding, expected_sample, summarise
from trunkline.errors import InvalidRequest, NoTarget, TrunklineError, Unauthorized

Ask = Callable[[BenchPrompt, str, int], Awaitable[Sample]]

_ROUTES_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Comparing:
    """One comparison.

    Attributes:
        iterations: routings per profile; the prompts are taken in turn, from the beginning again where they are fewer.
        standings: by target.
        progress: called after every routing.
    """

    client: "trunkline.AsyncClient"
    prompts: Sequence[BenchPrompt]
    profiles: Sequence[str]
    iterations: int
    standings: Mapping[str, TargetStanding]
    progress: Callable[[], None]

    async def expect(self) -> tuple[Summary, ...]:
        """What each profile would do; nothing is sent to any provider.

        Raises:
            TrunklineError: a prompt or a profile is wrong, or the router is gone.
        """
        return await self._run(self._route, _ROUTES_AT_ONCE)

    async def execute(self, at_once: int) -> tuple[Summary, ...]:
        """What each profile does: every prompt is sent, `at_once` at a time.

        Raises:
            TrunklineError: a prompt or a profile is wrong; that all targets failed counts as a failure instead.
        """
        return await self._run(self._complete, at_once)

    async def _run(self, ask: Ask, at_once: int) -> tuple[Summary, ...]:
        """Ask everything. The profiles alternate, so that what changes meanwhile meets all of them."""
        samples: dict[str, list[Sample]] = {profile: [] for profile in self.profiles}
        jobs = self._jobs()

        async def work() -> None:
            for prompt, profile, turn in jobs:
                samples[profile].append(await ask(prompt, profile, turn))
                self.progress()

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(at_once):
                    group.create_task(work())
        except ExceptionGroup as failed:
            raise failed.exceptions[0] from failed
        return tuple(summarise(profile, found) for profile, found in samples.items())

    def _jobs(self) -> Iterator[tuple[BenchPrompt, str, int]]:
        """Every prompt with every profile, and the number of the turn."""
        for turn in range(self.iterations):
            for profile in self.profiles:
                yield self.prompts[turn % len(self.prompts)], profile, turn

    async def _route(self, prompt: BenchPrompt, profile: str, turn: int) -> Sample:
        """Decide only."""
        options = prompt.options.copy()
        options["profile"] = profile
        with _naming(prompt.place):
            return expected_sample(await self.client.route(prompt.text, **options), self.standings, turn)

    async def _complete(self, prompt: BenchPrompt, profile: str, turn: int) -> Sample:
        """Send it; a call that failed is a result as well."""
        options = prompt.options.copy()
        options["profile"] = profile
        try:
            with _naming(prompt.place):
                return self._measured(await self.client.complete(prompt.text, **options))
        except (InvalidRequest, Unauthorized):
            raise
        except NoTarget:
            return Sample("", fits=False)
        except TrunklineError as error:
            if not error.attempts:  # not that targets failed: the router is gone, or too old
                raise
            return Sample("", fits=True, cost_nanodollars=sum(attempt.cost_nanodollars for attempt in error.attempts))

    def _measured(self, answer: Answer) -> Sample:
        """What an answer came to."""
        standing = self.standings.get(answer.target)
        return Sample(
            target=answer.target,
            fits=True,
            first=0.0 if any(attempt.outcome == "failed" for attempt in answer.attempts) else 1.0,
            success=1.0,
            cost_nanodollars=answer.cost_nanodollars,
            latency=answer.latency,
            quality=None if standing is None else standing.quality,
        )


@contextmanager
def _naming(place: str) -> Iterator[None]:
    """Put the prompt's place before each mistake in its options; the profile stands on the command line.

    Raises:
        InvalidRequest: as it was, with the places.
    """
    try:
        yield
    except InvalidRequest as error:
        violations = tuple(
            one if one.field.endswith("profile") else replace(one, field=f"{place}: {one.field}")
            for one in error.violations
        )
        raise InvalidRequest(error.message, replace(error.details, violations=violations)) from error


async def standings_of(client: "trunkline.AsyncClient") -> dict[str, TargetStanding]:
    """Quality and success rate of every target; one that was never tried counts as if it always answered.

    Raises:
        TrunklineError: as `trunkline.errors` says.
    """
    rates = {row.target: row.success_rate for row in await client.table()}
    models = (await client.models()).models
    return {model.target: TargetStanding(model.quality, rates.get(model.target, 1.0)) for model in models}
