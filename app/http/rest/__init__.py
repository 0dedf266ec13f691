"""The REST API, version 1: the same services as the pages, under bearer keys."""

from app.http.rest.app import create_rest_app

__all__ = ["create_rest_app"]
