"""The API's own description, for machines and for people."""

from importlib import resources

from starlette.requests import Request
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from swagger_ui_bundle import swagger_ui_path

CONTRACT = resources.files("pinakes.wire") / "openapi.yaml"
PAGE = resources.files("pinakes.api") / "docs.html"
SCRIPT = resources.files("pinakes.api") / "docs.js"

NOTHING_FROM_OUTSIDE = (
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:;"
    " frame-ancestors 'none'"
)


async def openapi(_: Request) -> Response:
    """Hand out the contract."""
    return Response(CONTRACT.read_bytes(), media_type="application/yaml")


async def docs(_: Request) -> Response:
    """Show the contract as a page on which it can be tried."""
    headers = {"Content-Security-Policy": NOTHING_FROM_OUTSIDE}
    return Response(PAGE.read_bytes(), media_type="text/html", headers=headers)


async def docs_script(_: Request) -> Response:
    """Hand out the few lines that start the page."""
    return Response(SCRIPT.read_bytes(), media_type="text/javascript")


def assets() -> StaticFiles:
    """Serve Swagger UI from its package: the page needs nothing from outside."""
    return StaticFiles(directory=swagger_ui_path)
