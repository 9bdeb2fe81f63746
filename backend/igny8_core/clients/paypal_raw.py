"""What PayPal's library has no method for, sent by its own means: token, session, server."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from apimatic_core.authentication.multiple.single_auth import Single
from apimatic_core.request_builder import RequestBuilder
from apimatic_core.response_handler import ResponseHandler
from apimatic_core.types.parameter import Parameter
from paypalserversdk.configuration import Server
from paypalserversdk.controllers.base_controller import BaseController
from paypalserversdk.exceptions.error_exception import ErrorException
from paypalserversdk.http.http_method_enum import HttpMethodEnum

if TYPE_CHECKING:
    from collections.abc import Mapping


class RawCalls(BaseController):  # type: ignore[misc]  # the library has no types
    """A controller like the library's own."""

    def get(self, path: str, query: Mapping[str, str] | None = None) -> dict[str, Any]:
        """Read a JSON object.

        :raises TypeError: the answer is another.
        """
        asked = RequestBuilder().server(Server.DEFAULT).path(path)
        asked = asked.http_method(HttpMethodEnum.GET).auth(Single("Oauth2"))
        asked = asked.header_param(Parameter().key("accept").value("application/json"))
        for name, value in (query or {}).items():
            asked = asked.query_param(Parameter().key(name).value(value))
        return self._answer(asked)

    def post(self, path: str, body: Mapping[str, Any], *, key: str) -> dict[str, Any]:
        """Make something, once per key; the JSON object that it became.

        :raises TypeError: the answer is another.
        """
        asked = RequestBuilder().server(Server.DEFAULT).path(path)
        asked = asked.http_method(HttpMethodEnum.POST).auth(Single("Oauth2"))
        headers = {"Content-Type": "application/json", "PayPal-Request-Id": key}
        for name, value in headers.items():
            asked = asked.header_param(Parameter().key(name).value(value))
        asked = asked.body_param(Parameter().value(dict(body))).body_serializer(json.dumps)
        return self._answer(asked)

    def _answer(self, asked: Any) -> dict[str, Any]:
        answer = ResponseHandler().deserializer(json.loads)
        answer = answer.local_error("default", "The error response.", ErrorException)
        found = self.new_api_call_builder.request(asked).response(answer).execute()
        if not isinstance(found, dict):
            raise TypeError("no JSON object")
        return found

    @staticmethod
    def following(page: Mapping[str, Any], path: str) -> dict[str, str] | None:
        """What to ask for the next page of the same list; None after the last."""
        for link in page.get("links") or []:
            if link.get("rel") == "next" and urlsplit(link.get("href", "")).path == path:
                return dict(parse_qsl(urlsplit(link["href"]).query))
        return None
