"""`/api/v1/models/{name}/versions/{version}/…`: the files of one version of a model.

As the files of sessions: everything is sent as an attachment of bytes without a type.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query, Response
from fastapi.responses import FileResponse, StreamingResponse

from trainyard_api.files.names import portable
from trainyard_api.model import OpenModel
from trainyard_api.rights.decision import Verb
from trainyard_gateway.auth.keys import Scope
from trainyard_gateway.http.pages import page_response
from trainyard_gateway.routes import files
from trainyard_gateway.routes.deps import CallerDep, ServicesDep, allowed
from trainyard_gateway.routes.rules import OfObject, rule
from trainyard_gateway.routes.run_files import HARMLESS, ZIP, ArchiveResponse
from trainyard_gateway.store.access.owners import Kind
from trainyard_gateway.trees.reading import MOST_ENTRIES, TreeFile

router = APIRouter(prefix="/models", tags=["models"])

_READ = [allowed(Scope.MODELS_READ), rule(OfObject(Verb.GET, Kind.MODEL))]
VersionNumber = Annotated[int, Path(ge=1, le=2**31 - 1)]
FolderQuery = Annotated[str, Query(max_length=4096)]


class ModelFilesResponse(OpenModel):
    """Files, links and empty folders of a version, by path."""

    name: str
    version: int
    kind: str
    """`file` or `tree`."""
    sha256: str
    """Hash of the version: that of its file, or of the list of its files."""
    files: list[TreeFile]
    cursor: str | None = None
    """Give this as `cursor` for the next page; null on the last."""


@router.get(
    "/{name}/versions/{version}/files", dependencies=_READ, response_model=ModelFilesResponse
)
async def listing(
    services: ServicesDep,
    name: str,
    version: VersionNumber,
    path: FolderQuery = "",
    limit: Annotated[int, Query(ge=1, le=MOST_ENTRIES)] = 1000,
    cursor: Annotated[int, Query(ge=0, le=2**31 - 1)] = 0,
) -> Response:
    """What is below a folder of a version, by path with hashes; pages of at most 4 MiB."""
    row, page = await services.trees.reading.page(name, version, path, cursor, limit)
    next_of = {id(file): str(at + 1) for file, at in zip(page.files, page.places, strict=True)}
    others = {"name": row.name, "version": row.version, "kind": row.kind, "sha256": row.sha256}
    return page_response(
        "files", page.files, lambda file: next_of[id(file)], more=page.more, others=others
    )


@router.get(
    "/{name}/versions/{version}/files/{path:any_path}",
    dependencies=_READ,
    response_class=FileResponse,
    responses=files.RESPONSES,
)
async def download(
    services: ServicesDep, name: str, version: VersionNumber, path: str
) -> FileResponse:
    """A file of a version; `Range` resumes a download."""
    entry, place = await services.trees.reading.file(name, version, path)
    filename = portable(entry.path.rpartition("/")[2], windows=True)
    return await files.file_response(place, entry.sha256, filename, **HARMLESS)


@router.get(
    "/{name}/versions/{version}/archive",
    dependencies=_READ,
    response_class=StreamingResponse,
    responses=ZIP,
)
async def archive(
    services: ServicesDep,
    caller: CallerDep,
    name: str,
    version: VersionNumber,
    path: FolderQuery = "",
) -> ArchiveResponse:
    """A folder of a version as a ZIP archive, made while it is sent."""
    folder = path.removesuffix("/")
    return ArchiveResponse(
        await services.trees.reading.archive(name, version, folder, caller.key_id)
    )
