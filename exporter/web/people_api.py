"""The people API: who uses AWS and Kiro, as JSON. Imported at its first request: FastAPI takes a fifth of a second."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Annotated, Any, Literal, Protocol

from fastapi import FastAPI, Path, Query, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

import exporter
from exporter.snapshots.people import SnapshotPeople
from exporter.snapshots.people_told import Activity, Chosen, Sort
from exporter.web import lifecycle, people_answers, people_docs, people_docs_parts, people_telling

MOST = 1000
"""Users in one answer."""

_FURTHEST = 1_000_000_000
_LONGEST_DAYS = 36_500

_NOTHING_LANDED = "Nothing can be told yet: no source has landed, or the store is still being read after a start; ask again later."
_NOBODY = "Nobody is published under this name; /api/users/analytics lists who is."
_NO_BILL = "No bill source is configured, so nobody has a cost; add cur or cost_explorer to the sources."
_NO_BILL_YET = "The bill has not landed yet, or it is too old to be told; the page at / says how its source fares."
_UNPUBLISHED = "Nothing is published of such activity: its source is off, has not landed, or is too old; the page at / says how the sources fare."
_NO_ADDRESS = "There is nothing at this address; /docs lists what there is."
_UNEXPECTED = "Unexpected error; the log of the exporter has the details."
_PROBLEMS = {422: "A parameter is wrong: which one, and how.", 503: "Nothing has landed yet, it is too old, or the store is still being read after a start."}
_ANALYZE_PROBLEMS = {
    403: "Refreshes over HTTP are off, or a page of another site asked.",
    409: "These sources are being refreshed already, a sentence each; the others were asked.",
}

Window = Literal["today", "yesterday", "3d_ago", "last_7d", "last_30d", "month_to_date", "last_month"]
Order = Annotated[Literal["asc", "desc"] | None, Field(description="By default names ascend, and numbers and times descend.")]
Team = Annotated[str | None, Field(description="Only people of this team.", max_length=500)]
Limit = Annotated[int, Field(ge=1, le=MOST, description="Users in one answer, at most.")]
Offset = Annotated[int, Field(ge=0, le=_FURTHEST, description="Users to leave out before the first.")]
_ASCENDING: tuple[Sort, ...] = ("user_name", "team")


class _Windowed(BaseModel):
    """What every question may say. A parameter that is not known is a mistake, not a wish to be ignored."""

    model_config = ConfigDict(extra="forbid")

    window: Annotated[Window, Field(description="The days whose numbers are told; the same windows as in the names of the metrics.")] = "last_30d"


class _AnalyticsQuery(_Windowed):
    sort: Annotated[Sort, Field(description="What users are ordered by; who has no such number comes last.")] = "user_name"
    order: Order = None
    team: Team = None
    limit: Limit = 100
    offset: Offset = 0


class _UsageQuery(_Windowed):
    sort: Annotated[
        Literal["activity_score", "total_events", "read_events", "write_events", "denied_events", "high_risk_events", "user_name"],
        Field(description="What users are ordered by. Ties, and windows without a score, go by total events."),
    ] = "activity_score"
    order: Order = None
    team: Team = None
    limit: Limit = 10
    offset: Offset = 0


class _CostQuery(_Windowed):
    sort: Annotated[Literal["total_cost", "resource_count", "cost_per_resource", "user_name"], Field(description="What users are ordered by.")] = "total_cost"
    order: Order = None
    team: Team = None
    limit: Limit = 10
    offset: Offset = 0


class _InactiveQuery(BaseModel):
    model_config = ConfigDict(extra="forbid")

    days: Annotated[int, Field(ge=1, le=_LONGEST_DAYS, description="UTC calendar days without activity, at least.")] = 30
    activity: Annotated[Activity, Field(description="Which activity counts: in AWS, in Kiro, or any of the two.")] = "any"
    sort: Annotated[Literal["last_activity", "user_name", "team"], Field(description="What users are ordered by.")] = "last_activity"
    order: Annotated[Literal["asc", "desc"], Field(description="Ascending, the never seen come first.")] = "asc"
    team: Team = None
    limit: Limit = 100
    offset: Offset = 0


class Service(Protocol):
    """What the API sees of the service."""

    @property
    def enable_lifecycle(self) -> bool:
        """Whether a refresh may be asked for over HTTP."""

    def people(self) -> SnapshotPeople | None:
        """The people of the snapshot that is served; None: nothing has landed."""

    def refresh(self, source: str | None) -> list[str]:
        """Has each source refreshed now, without waiting for the end; the reasons why that cannot be."""


def make_api(service: Service) -> ASGIApp:
    """The ASGI application for `/api/…` and `/docs`. Questions are answered in worker threads."""
    api = FastAPI(
        title="People API",
        version=exporter.__version__,
        description="Who uses AWS and Kiro, how much and at what cost. The numbers are those of /metrics, for each person by name and before any limit applies;"
        " people whom the privacy settings hide are not in here. Days and times are UTC.",
        openapi_url="/api/openapi.json",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        exception_handlers={HTTPException: _http_error, RequestValidationError: _invalid, Exception: _unexpected},
    )
    questions = _Questions(service)
    _add(api, "/api/users/analytics", questions.analytics, people_answers.Analytics, "Everybody who is known, with the numbers of a window, and their sums")
    _add(api, "/api/users/top-by-usage", questions.top_by_usage, people_answers.TopByUsage, "Who uses AWS most")
    _add(api, "/api/users/top-by-cost", questions.top_by_cost, people_answers.TopByCost, "Who costs most, and by which services", {404: _NO_BILL})
    _add(api, "/api/users/inactive", questions.inactive, people_answers.Inactive, "Who was not active for some days, or never")
    api.add_api_route(
        "/api/users/analyze",
        questions.analyze,
        methods=["POST"],
        status_code=202,
        response_model=people_answers.Asked,
        summary="Have every source refreshed now",
        description="Returns at once. Only with `web.enable_lifecycle`, like `/-/refresh`.",
        responses=_problems(_ANALYZE_PROBLEMS),
    )
    # Last: whatever is none of the above is a name.
    _add(api, "/api/users/{user:path}", questions.user, people_answers.User, "Everything about one person", {404: _NOBODY})
    docs = HTMLResponse(people_docs.page(api.openapi()), headers={"Content-Security-Policy": people_docs_parts.CONTENT_SECURITY_POLICY})
    api.add_api_route("/docs", lambda: docs, include_in_schema=False)
    return _Headed(api)


class _Headed:
    """HEAD is GET without the body, which the server leaves out; FastAPI alone refuses it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app({**scope, "method": "GET"} if scope["method"] == "HEAD" else scope, receive, send)


def _add(api: FastAPI, path: str, question: Callable[..., Response], answer: type, summary: str, problems: Mapping[int, str] | None = None) -> None:
    api.add_api_route(path, question, response_model=answer, summary=summary, responses=_problems({**_PROBLEMS, **(problems or {})}))


def _problems(sentences: Mapping[int, str]) -> dict[int | str, dict[str, Any]]:
    return {status: {"model": people_answers.Problem, "description": text} for status, text in sorted(sentences.items())}


class _Questions:
    """One method a path. FastAPI runs them in worker threads, because they are no coroutines."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def analytics(self, query: Annotated[_AnalyticsQuery, Query()]) -> Response:
        people = self._people()
        found = people.listed(query.window, _chosen(query))
        users = people_telling.analytics_users(people, query.window, found.people)
        return _json(
            people_answers.Analytics(
                moment=people.moment,
                window=query.window,
                days=people_telling.days(people.days(query.window)),
                currency=people.currency(),
                users=users,
                count=len(users),
                total=found.total,
                limit=query.limit,
                offset=query.offset,
                totals=people_telling.totals(found.totals),
            )
        )

    def top_by_usage(self, query: Annotated[_UsageQuery, Query()]) -> Response:
        people = self._people()
        if not people.landed("aws"):
            raise HTTPException(503, _UNPUBLISHED)
        found = people.listed(query.window, _chosen(query, used=True))
        users = people_telling.usage_users(people, query.window, found.people)
        return _json(
            people_answers.TopByUsage(
                moment=people.moment,
                window=query.window,
                days=people_telling.days(people.days(query.window)),
                users=users,
                count=len(users),
                total=found.total,
                limit=query.limit,
                offset=query.offset,
            )
        )

    def top_by_cost(self, query: Annotated[_CostQuery, Query()]) -> Response:
        people = self._people()
        if not people.bill_configured:
            raise HTTPException(404, _NO_BILL)
        if not people.billed():
            raise HTTPException(503, _NO_BILL_YET)
        found = people.listed(query.window, _chosen(query, costing=True))
        users = people_telling.cost_users(people, query.window, found.people)
        return _json(
            people_answers.TopByCost(
                moment=people.moment,
                window=query.window,
                days=people_telling.days(people.days(query.window)),
                currency=people.currency(),
                users=users,
                count=len(users),
                total=found.total,
                limit=query.limit,
                offset=query.offset,
            )
        )

    def inactive(self, query: Annotated[_InactiveQuery, Query()]) -> Response:
        people = self._people()
        if not people.landed(query.activity):
            raise HTTPException(503, _UNPUBLISHED)
        chosen = Chosen(query.sort, query.order == "desc", query.limit, query.offset, query.team)
        found = people.inactive(query.activity, query.days, chosen)
        users = people_telling.inactive_users(query.activity, people.moment.date(), found.people)
        return _json(
            people_answers.Inactive(
                moment=people.moment,
                activity=query.activity,
                inactive_days=query.days,
                users=users,
                count=len(users),
                total=found.total,
                limit=query.limit,
                offset=query.offset,
            )
        )

    def user(self, user: Annotated[str, Path(description="The `user` label of /metrics, percent-encoded.")], query: Annotated[_Windowed, Query()]) -> Response:
        people = self._people()
        person = people.one(user, query.window)
        if person is None:
            raise HTTPException(404, _NOBODY)
        return _json(people_telling.user(people, query.window, person))

    def analyze(self, request: Request) -> Response:
        lifecycle.require(request, self._service.enable_lifecycle)
        errors = self._service.refresh(None)
        if errors:
            raise HTTPException(409, " ".join(errors))
        return _json(people_answers.Asked("A refresh of every source was asked for."), 202)

    def _people(self) -> SnapshotPeople:
        people = self._service.people()
        if people is None:
            raise HTTPException(503, _NOTHING_LANDED)
        return people


def _chosen(query: _AnalyticsQuery | _UsageQuery | _CostQuery, *, used: bool = False, costing: bool = False) -> Chosen:
    descending = query.order == "desc" if query.order is not None else query.sort not in _ASCENDING
    return Chosen(query.sort, descending, query.limit, query.offset, query.team, used, costing)


def _json(answer: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return Response(people_telling.encoded(answer), status, headers, "application/json")


def _problem(status: int, sentence: str, headers: Mapping[str, str] | None = None) -> Response:
    return _json(people_answers.Problem(sentence), status, headers)


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == 405:
        allowed = (error.headers or {}).get("Allow", "").replace("GET", "GET, HEAD")
        return _problem(405, f"Only {allowed} can be used at this address.", {"Allow": allowed})
    # "Not Found" is what the framework says where nobody of ours had a sentence.
    return _problem(error.status_code, _NO_ADDRESS if error.detail == HTTPStatus(error.status_code).phrase else error.detail, error.headers)


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return _problem(422, "; ".join(map(_mistake, error.errors())) + ".")


def _mistake(mistake: Mapping[str, Any]) -> str:
    """What is wrong with one parameter, without what was sent. The name of a parameter that is not known comes from outside; JSON escapes it."""
    name = str(mistake["loc"][-1])
    if mistake["type"] == "extra_forbidden":
        return f"there is no parameter {name[:100]}, see /docs"
    text = str(mistake["msg"]).removeprefix("Input ")
    return f"{name} {text[:1].lower()}{text[1:]}"


async def _unexpected(request: Request, error: Exception) -> Response:
    # Raised again after this, and logged where every endpoint's errors are.
    return _problem(500, _UNEXPECTED)
