"""Show errors as a page or as problem JSON: what failed and what to do, without a stack trace."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import Any

import psycopg
from airflow.sdk.exceptions import AirflowNotFoundException
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from psycopg import errors as postgres_errors
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from sqp_provider.core.errors import InvalidSettings, SchemaMismatch, SyncError, TargetUnreachable
from sqp_provider.status.models import Problem
from sqp_provider.status.templates import inner_path, render

log = logging.getLogger(__name__)

REMEDIES = {
    400: "Correct the address, or go back to the overview.",
    401: "Log in to Airflow, then load this page again.",
    403: "Ask an administrator of Airflow for the right to view it.",
    404: "Search for it in the history.",
    405: "This page can only be read.",
    422: "Correct the named value, or reset the filters.",
}


def answer_errors(app: FastAPI) -> None:
    """Register a handler for every kind of error."""
    app.add_exception_handler(HTTPException, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(SyncError, _unavailable)
    app.add_exception_handler(AirflowNotFoundException, _no_connection)
    app.add_exception_handler(Exception, _broken)


async def _refused(request: Request, error: Any) -> Response:
    remedy = getattr(error, "remedy", None) or REMEDIES.get(error.status_code, "Go back to the overview.")
    return answer(request, problem(error.status_code, str(error.detail), remedy), error.headers)


async def _invalid(request: Request, error: Any) -> Response:
    mistakes = "; ".join(_mistake(detail) for detail in error.errors())
    return answer(request, problem(422, mistakes, REMEDIES[422]))


def _mistake(detail: Any) -> str:
    name = str(detail["loc"][-1]) if len(detail["loc"]) > 1 else "query"
    if detail["type"] == "extra_forbidden":
        return f"{name[:100]} is not a parameter of this page"
    found = detail.get("input")
    shown = "" if isinstance(found, dict) else f", found {str(found)[:100]!r}"
    return f"{name}: {detail['msg'].removeprefix('Value error, ')}{shown}"


async def _unavailable(request: Request, error: Any) -> Response:
    log.warning("The status page is not available: %s", error)
    return answer(request, explained(error))


def explained(error: SyncError | AirflowNotFoundException) -> Problem:
    """Say why the target cannot be read, and what to do."""
    if isinstance(error, AirflowNotFoundException):
        remedy = "Create the connection in Airflow under Admin, or correct target.conn_id in sqp_config.yaml."
        return problem(503, f"{error}.", remedy)
    cause = error.__cause__
    said = _on_one_line(cause)[:600] if isinstance(cause, psycopg.Error) else str(error)
    if isinstance(error, InvalidSettings):
        return problem(503, said, "Correct the configuration, then load this page again.")
    if isinstance(error, SchemaMismatch):
        return problem(503, said, "When schema and provider are of one version, load this page again.")
    if isinstance(cause, postgres_errors.QueryCanceled):
        return problem(503, f"Postgres took too long: {said}", "Narrow the filter, or try again later.")
    if isinstance(error, TargetUnreachable):
        return problem(503, f"Postgres does not answer: {said}", "Load this page again when Postgres is back.")
    if isinstance(cause, (postgres_errors.UndefinedTable, postgres_errors.UndefinedFunction)):
        return problem(503, f"The schema is missing or out of date: {said}", "Trigger the Dag sqp_migrate once.")
    remedy = "Check login, password, database and rights of the Postgres connection that sqp_config.yaml names."
    return problem(503, said, remedy)


def _on_one_line(error: psycopg.Error) -> str:
    """Put the lines of Postgres' message behind each other, as sentences."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return ". ".join([*(line.rstrip(".") for line in lines[:-1]), *lines[-1:]])


async def _no_connection(request: Request, error: Any) -> Response:
    return answer(request, explained(error))


async def _broken(request: Request, error: Any) -> Response:
    # The API server logs the trace; it would not help a reader of the page.
    return answer(request, problem(500, "This page has an error.", "Report it with the API server's log."))


def problem(status: int, detail: str, remedy: str) -> Problem:
    """Build a problem whose title is the name of the HTTP status."""
    return Problem(title=HTTPStatus(status).phrase, status=status, detail=detail, remedy=remedy)


def answer(request: Request, found: Problem, headers: Any = None) -> Response:
    """Answer with problem JSON below ``/api``, and with a page elsewhere."""
    if inner_path(request).startswith("/api/"):
        content = found.model_dump()
        return JSONResponse(content, found.status, headers, media_type="application/problem+json")
    return render(request, "problem.html.j2", status=found.status, headers=headers, problem=found)
