"""The agent's routes, all under /v1 and all with the token.

    GET    /v1/places                   what there is, and who has it
    GET    /v1/events?after=N           what happened
    POST   /v1/leases                   take a place
    POST   /v1/leases/ID/beat           still here
    DELETE /v1/leases/ID                give it back
    POST   /v1/leases/ID/exchange       a command for the card
    POST   /v1/leases/ID/field-off      take power from the card
    POST   /v1/leases/ID/issue          a fresh card or SAM; its number comes back
    POST   /v1/leases/ID/insert         put a card of that number in
    POST   /v1/leases/ID/remove         take the card out

Every call to a lease is looked at against it before anything is done, and again once it has its
turn.
"""

from __future__ import annotations

import hmac
from typing import Annotated, Any, TypeVar

import msgspec
from fastapi import Depends, FastAPI, HTTPException, Request, Response

from hil.agent.bench import AgentBench
from hil.agent.wire import BODY_MAX, PREFIX, Answered, Apdu, Fault, Handle, Issued, Wanted, data_of
from hil.leases import LeaseLostError
from scheme.errors import BadInputError, CardGoneError, EnvironmentFaultError

S = TypeVar("S", bound=msgspec.Struct)


async def read_body(request: Request) -> bytes:
    """Return the body of a call, refused where it is longer than any of ours."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > BODY_MAX:
            raise HTTPException(413, f"expected at most {BODY_MAX} bytes")
    return body


Body = Annotated[bytes, Depends(read_body)]


def create_app(bench: AgentBench, token: str) -> FastAPI:
    """Return the agent's application."""

    def check_token(request: Request) -> None:
        given = request.headers.get("authorization", "").encode()
        if not hmac.compare_digest(given, f"Bearer {token}".encode()):
            raise HTTPException(401, "expected the token", {"WWW-Authenticate": "Bearer"})

    app = FastAPI(
        docs_url=None, redoc_url=None, openapi_url=None, dependencies=[Depends(check_token)]
    )
    _answer_faults(app, bench)
    _add_places(app, bench)
    _add_steps(app, bench)
    return app


def _add_places(app: FastAPI, bench: AgentBench) -> None:
    @app.get(PREFIX + "/places")
    def places() -> Response:
        return _told(bench.places())

    @app.get(PREFIX + "/events")
    def events(after: int = 0) -> Response:
        return _told([event._asdict() for event in bench.events(after)])

    @app.post(PREFIX + "/leases")
    def lease(body: Body) -> Response:
        return _told(bench.take(_read(body, Wanted)), 201)

    @app.post(PREFIX + "/leases/{lease_id}/beat")
    def beat(lease_id: str) -> Response:
        bench.beat(lease_id)
        return Response(status_code=204)

    @app.delete(PREFIX + "/leases/{lease_id}")
    def end(lease_id: str) -> Response:
        bench.end(lease_id)
        return Response(status_code=204)


def _add_steps(app: FastAPI, bench: AgentBench) -> None:
    @app.post(PREFIX + "/leases/{lease_id}/exchange")
    def exchange(lease_id: str, body: Body) -> Response:
        apdu = _read(body, Apdu).apdu
        done = bench.step(lease_id, lambda place: place.reader.transceive(apdu))
        return _told(Answered.of(done))

    @app.post(PREFIX + "/leases/{lease_id}/field-off")
    def field_off(lease_id: str) -> Response:
        bench.step(lease_id, lambda place: place.reader.field_off())
        return Response(status_code=204)

    @app.post(PREFIX + "/leases/{lease_id}/issue")
    def issue(lease_id: str, body: Body) -> Response:
        data = data_of(_read(body, Issued))
        if data is None:
            raise BadInputError.at("issue", expected="a card or a SAM", got="none, or both")

        number = bench.step(lease_id, lambda place: bench.issue(place, data))
        return _told(Handle(number), 201)

    @app.post(PREFIX + "/leases/{lease_id}/insert")
    def insert(lease_id: str, body: Body) -> Response:
        number = _read(body, Handle).card
        bench.step(lease_id, lambda place: place.holder().insert(bench.card(number)))
        return Response(status_code=204)

    @app.post(PREFIX + "/leases/{lease_id}/remove")
    def remove(lease_id: str) -> Response:
        bench.step(lease_id, lambda place: place.holder().remove())
        return Response(status_code=204)


def _answer_faults(app: FastAPI, bench: AgentBench) -> None:
    """Have each kind of error answered as a `Fault`, the most special first."""
    for error, status, kind in (
        (LeaseLostError, 410, "lost"),
        (CardGoneError, 409, "gone"),
        (EnvironmentFaultError, 503, "reader"),
        (BadInputError, 400, "input"),
        (msgspec.DecodeError, 400, "input"),
    ):
        app.exception_handler(error)(_answer(bench, status, kind))


def _answer(bench: AgentBench, status: int, kind: str) -> Any:
    def answer(request: Request, error: Exception) -> Response:
        if kind == "reader":
            bench.fault(request.path_params.get("lease_id", ""), str(error))
        return _told(Fault(kind, " ".join(str(error).split())), status)

    return answer


def _read(body: bytes, kind: type[S]) -> S:
    return msgspec.json.decode(body, type=kind)


def _told(value: object, status: int = 200) -> Response:
    return Response(msgspec.json.encode(value), status, media_type="application/json")
