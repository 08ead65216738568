"""The asynchronous client's part for files of models' versions: `AsyncClient.trees`."""

from __future__ import annotations

from pathlib import Path

from trainyard import transfer
from trainyard.async_connection import AsyncConnection
from trainyard.concurrency import async_in_thread
from trainyard.files.tree import Fetched
from trainyard.transfer import Progress
from trainyard.trees import calls
from trainyard.trees.answers import VersionFile, VersionFiles
from trainyard.trees.folder import ContentDownload, VersionFolder, check_list


class AsyncTrees:
    """Files of one gateway's models. Methods raise the errors of `trainyard.errors`.

    Paths have `/` between their parts; "" is the whole version.
    """

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def files(
        self, name: str, version: int, path: str = "", *, cursor: str | None = None
    ) -> VersionFiles:
        """Files, links and empty folders below a folder, as many as `models` says.

        Raises NotFound.
        """
        call = calls.version_files(name, version, path)
        return await self._connection.send_pages(call, "files", cursor)

    async def download(
        self,
        name: str,
        version: int,
        file: VersionFile,
        target: Path,
        *,
        progress: Progress = transfer.no_progress,
    ) -> Path:
        """Download a listed file and check its hash; `target` is replaced. Raises NotFound.

        A download that broke off is continued, also by another process.
        """
        download = await async_in_thread(ContentDownload, target, str(file.sha256), progress)
        call = calls.version_file(name, version, file.place)
        return await self._connection.download(call, download)

    async def archive(self, name: str, version: int, path: str, target: Path) -> Path:
        """Download a folder as a ZIP archive into a new file. Raises NotFound.

        `trainyard-notes.txt` in it names the links, which are not in the archive.
        """
        with target.open("xb") as file:
            call = calls.version_archive(name, version, path)
            await self._connection.receive(call, lambda piece: None if file.write(piece) else None)
        return target

    async def fetch(
        self,
        name: str,
        version: int,
        folder: Path,
        *,
        progress: Progress = transfer.no_progress,
    ) -> Fetched:
        """Restore a version in a folder; every hash is checked, and other content there stays.

        Files that are here already are not sent again, and a file that broke off is continued.
        Raises NotFound, BadAnswer if the list of files is not that of the version, and OSError if
        the folder cannot be written.
        """
        call = calls.version_files(name, version, "")
        page = await self._connection.send(call)
        files = [*page.files]
        while page.cursor is not None:
            page = await self._connection.send(call.after(page.cursor))
            files += page.files
        await async_in_thread(check_list, files, page.kind, page.sha256)
        written = await async_in_thread(VersionFolder, folder, progress=progress)
        for file in files:
            if file.kind == "file":
                await self._take(name, version, file, written)
        await async_in_thread(written.finish, files)
        return written.fetched

    async def _take(
        self, name: str, version: int, file: VersionFile, written: VersionFolder
    ) -> None:
        place = await async_in_thread(written.free_place, file)
        if place is None:
            return
        part = await async_in_thread(written.part_of, f"{file.sha256}")
        await self.download(name, version, file, part, progress=written.moved)
        await async_in_thread(written.keep_file, place, part, file)
