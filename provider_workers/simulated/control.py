"""The control port: behaviours, queues and recorded requests over HTTP, for whoever drives the simulation."""

import json
from typing import Any, Final

from aiohttp import web

from provider_workers.simulated.behaviour import Behaviour, behaviour_from_json
from provider_workers.simulated.faults import FAULTS
from provider_workers.simulated.listener import bound_socket
from provider_workers.simulated.provider import SimulatedProvider
from provider_workers.simulated.providers import SimulatedProviders

_PROVIDERS: Final = web.AppKey("providers", SimulatedProviders)


class ControlServer:
    """Serves the control port, within `async with`. Raises OSError where the port is in use (on entering)."""

    def __init__(self, providers: SimulatedProviders, host: str, port: int = 0) -> None:
        self._host = host
        self._port = port
        app = web.Application(middlewares=[_errors_as_json])
        app[_PROVIDERS] = providers
        app.add_routes(_ROUTES)
        self._runner = web.AppRunner(app, access_log=None)
        self.url = ""

    async def __aenter__(self) -> "ControlServer":
        listening = bound_socket(self._host, self._port)
        await self._runner.setup()
        await web.SockSite(self._runner, listening, shutdown_timeout=0.1).start()
        host = f"[{self._host}]" if ":" in self._host else self._host
        self.url = f"http://{host}:{listening.getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()


def describe(providers: SimulatedProviders) -> dict[str, dict[str, Any]]:
    """Each provider's wire, URL and models."""
    found = {name: providers.provider(name) for name in providers.names}
    return {
        name: {"wire": one.spec.wire, "base_url": one.base_url, "models": [model.name for model in one.catalogue.all()]}
        for name, one in found.items()
    }


@web.middleware
async def _errors_as_json(request: web.Request, handler: Any) -> web.StreamResponse:
    try:
        response: web.StreamResponse = await handler(request)
    except ValueError as error:
        return web.json_response({"error": str(error)}, status=400)
    except web.HTTPClientError as error:
        return web.json_response({"error": f"{error.reason}: {request.method} {request.path}"}, status=error.status)
    return response


async def _list(request: web.Request) -> web.Response:
    return web.json_response({"providers": describe(request.app[_PROVIDERS])})


async def _faults(_: web.Request) -> web.Response:
    return web.json_response({name: {"stage": stage, "meaning": text} for name, (stage, text) in FAULTS.items()})


async def _get_behaviour(request: web.Request) -> web.Response:
    provider = _provider(request)
    body = {"behaviour": provider.schedule.current.to_json(), "queued": provider.schedule.queued}
    return web.json_response(body)


async def _put_behaviour(request: web.Request) -> web.Response:
    provider = _provider(request)
    provider.set_behaviour(behaviour_from_json(await _json(request), _plain(provider)))
    return web.json_response({"behaviour": provider.schedule.current.to_json()})


async def _post_behaviour(request: web.Request) -> web.Response:
    provider = _provider(request)
    body = await _json(request)
    base = _plain(provider)
    behaviours = [behaviour_from_json(item, base) for item in (body if isinstance(body, list) else [body])]
    provider.schedule.enqueue(*behaviours)
    return web.json_response({"queued": provider.schedule.queued})


async def _delete_behaviour(request: web.Request) -> web.Response:
    provider = _provider(request)
    provider.reset_behaviour()
    return web.json_response({"behaviour": provider.schedule.current.to_json()})


async def _requests(request: web.Request) -> web.Response:
    records = request.app[_PROVIDERS].requests(request.query.get("provider"))
    return web.json_response([record.to_json() for record in records])


async def _clear_requests(request: web.Request) -> web.Response:
    request.app[_PROVIDERS].clear_requests()
    return web.json_response({})


async def _counts(request: web.Request) -> web.Response:
    return web.json_response(request.app[_PROVIDERS].counts())


_BEHAVIOUR_PATH: Final = "/providers/{name}/behaviour"
_ROUTES: Final = (
    web.get("/", _list),
    web.get("/providers", _list),
    web.get("/faults", _faults),
    web.get(_BEHAVIOUR_PATH, _get_behaviour),
    web.put(_BEHAVIOUR_PATH, _put_behaviour),
    web.post(_BEHAVIOUR_PATH, _post_behaviour),
    web.delete(_BEHAVIOUR_PATH, _delete_behaviour),
    web.get("/requests", _requests),
    web.delete("/requests", _clear_requests),
    web.get("/counts", _counts),
)


def _provider(request: web.Request) -> SimulatedProvider:
    return request.app[_PROVIDERS].provider(request.match_info["name"])


def _plain(provider: SimulatedProvider) -> Behaviour:
    """What a new behaviour is laid over: the one of the start, so that a key or a pace given there holds on."""
    return provider.spec.behaviour


async def _json(request: web.Request) -> Any:
    try:
        return json.loads(await request.read())
    except json.JSONDecodeError as error:
        raise ValueError(f"the body is not JSON: {error}") from error
