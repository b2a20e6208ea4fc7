"""What a route is given is made on the loop: FastAPI would send a plain function to a thread."""

from inspect import isasyncgenfunction, iscoroutinefunction
from typing import Any

from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from api.app import ROUTERS


def on_the_loop(called: Any) -> bool:
    own = getattr(called, "__call__", None)  # noqa: B004 - an instance such as HTTPBearer's
    return any(iscoroutinefunction(one) or isasyncgenfunction(one) for one in (called, own))


def dependencies_of(dependant: Dependant) -> list[Any]:
    below = [found for one in dependant.dependencies for found in dependencies_of(one)]
    return [one.call for one in dependant.dependencies] + below


def test_no_route_and_nothing_it_is_given_goes_to_a_thread():
    routes = [route for router in ROUTERS for route in router.routes if isinstance(route, APIRoute)]
    called = {call for route in routes for call in (route.endpoint, *dependencies_of(route.dependant))}
    assert len(called) > len(routes) / 2
    assert [call for call in called if not on_the_loop(call)] == []
