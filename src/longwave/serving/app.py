"""The application: routes behind the gate, errors in OpenAI's form, and the description of all of it."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from starlette.exceptions import HTTPException

from longwave import __version__
from longwave.data import Tokenizer
from longwave.errors import LongwaveError
from longwave.serving.bodies import accepted_by
from longwave.serving.choices import TextEngine
from longwave.serving.config import ServerConfig
from longwave.serving.failures import NO_OBJECT, RequestFailed, explain, failure_of, log_failure
from longwave.serving.gate import OPEN, Gate, Traffic
from longwave.serving.measures import Measures
from longwave.serving.routes import BODIES, router
from longwave.serving.service import Service

__all__ = ["make_app"]

MESSAGES = {
    400: NO_OBJECT,
    404: "There is no such page. There are /v1/models, /v1/completions and /v1/chat/completions.",
    405: "This page does not take that method. The header Allow says what it takes.",
}


def make_app(
    engine: TextEngine, tokenizer: Tokenizer, config: ServerConfig, *, api_key: str | None = None
) -> FastAPI:
    """Return the application; see ``longwave.serving.build_app``."""
    app = FastAPI(title="Longwave", version=__version__, docs_url=None, redoc_url=None)
    service = Service(
        engine=engine, tokenizer=tokenizer, config=config, measures=Measures(engine), traffic=Traffic()
    )
    app.state.service = service
    app.include_router(router)
    app.add_middleware(
        Gate, config=config, measures=service.measures, traffic=service.traffic, api_key=api_key
    )
    app.add_exception_handler(RequestValidationError, _tell_what_is_wrong)
    app.add_exception_handler(HTTPException, _tell_status)
    app.add_exception_handler(LongwaveError, _tell)
    app.add_exception_handler(Exception, _tell)
    app.openapi = lambda: _describe(app, config, has_key=api_key is not None)  # type: ignore[method-assign]
    return app


async def _tell(request: Request, error: Exception) -> Response:
    failure = failure_of(error)
    log_failure(request.state.request_id, failure)
    response = failure.response
    if not isinstance(error, LongwaveError):  # answered outside the gate, which marks the others
        response.headers["x-request-id"] = request.state.request_id
    return response


async def _tell_what_is_wrong(request: Request, error: Exception) -> Response:
    accepted = accepted_by(BODIES[request.url.path]) if request.url.path in BODIES else {}
    if not isinstance(error, RequestValidationError):
        raise error
    return explain(error.errors(), error.body, accepted).response


async def _tell_status(request: Request, error: Exception) -> Response:
    del request
    status = error.status_code if isinstance(error, HTTPException) else 500
    headers = error.headers if isinstance(error, HTTPException) else None
    message = MESSAGES.get(status, str(getattr(error, "detail", error)))
    return RequestFailed(status, message, headers=headers).response


def _describe(app: FastAPI, config: ServerConfig, *, has_key: bool) -> dict[str, Any]:
    """Return the OpenAPI page, with the one model there is and the key where one is wanted."""
    if app.openapi_schema is not None:
        return app.openapi_schema
    page = get_openapi(title=app.title, version=app.version, routes=app.routes)
    schemas = page["components"]["schemas"]
    for body in BODIES.values():
        name = schemas[body.__name__]["properties"]["model"]
        options = [option for option in name.get("anyOf", [name]) if option.get("type") == "string"]
        options[0]["enum"] = [config.name]
    if has_key:
        page["components"]["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
        for path, methods in page["paths"].items():
            for method in methods.values():
                method["security"] = [] if path in OPEN else [{"key": []}]
    app.openapi_schema = page
    return page
