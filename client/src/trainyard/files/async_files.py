"""The asynchronous client's part for files of sessions: `AsyncClient.files`."""

from __future__ import annotations

from pathlib import Path

from trainyard import transfer
from trainyard.async_connection import AsyncConnection
from trainyard.concurrency import async_in_thread, async_sleep
from trainyard.errors import Conflict, Invalid, NotFound
from trainyard.files import calls, tree
from trainyard.files.answers import RunFile, RunFolder
from trainyard.files.download import FileDownload, is_weak, same_content
from trainyard.files.tree import Fetched, Place, Tree
from trainyard.transfer import Progress

ATTEMPTS = 3
"""How often a file is downloaded that changes meanwhile."""
PAUSE_SECONDS = 0.3
"""Until a file is looked at again that was written just before it was read."""


class AsyncFiles:
    """Files of one gateway's sessions. Methods raise the errors of `trainyard.errors`.

    Paths are below the session's folder, with `/` between their parts; "" is that folder.
    """

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def folder(self, session: str, path: str = "", *, cursor: str | None = None) -> RunFolder:
        """What is in a folder by name, or the one thing at the path. Raises NotFound."""
        call = calls.run_files(session, path)
        return await self._connection.send_pages(call, "files", cursor)

    async def download(
        self,
        session: str,
        path: str,
        target: Path,
        *,
        progress: Progress = transfer.no_progress,
    ) -> str:
        """Download a file and return its ETag; `target` is replaced. Raises NotFound.

        A download that broke off is continued, if the file is still the same. While the program
        writes the file, what comes may be parts of two states: the ETag of `folder` afterwards
        tells.
        """
        download = await async_in_thread(FileDownload, target, progress)
        await self._connection.download(calls.run_file(session, path), download)
        return download.tag

    async def receive(self, session: str, path: str, download: transfer.Download) -> None:
        """Give a file to `download`, which says by its headers from where on. Raises NotFound."""
        await self._connection.download(calls.run_file(session, path), download)

    async def archive(self, session: str, path: str, target: Path) -> Path:
        """Download a folder as a ZIP archive into a new file. Raises NotFound.

        `trainyard-notes.txt` in it names what could not be packed as it was.
        """
        with target.open("xb") as file:
            call = calls.run_files_archive(session, path)
            await self._connection.receive(call, lambda piece: None if file.write(piece) else None)
        return target

    async def fetch(
        self,
        session: str,
        path: str,
        folder: Path,
        *,
        progress: Progress = transfer.no_progress,
    ) -> Fetched:
        """Download a folder with all that is below it; what is there with other content stays.

        Files that are here already are not sent again. Raises NotFound, and OSError if the folder
        cannot be written.
        """
        written = await async_in_thread(Tree, folder, progress=progress)
        pending: list[tuple[str, str | None]] = [(path, None)]
        while pending:
            place, cursor = pending.pop()
            try:
                call = calls.run_files(session, place).after(cursor)
                found = await self._connection.send(call)
            except (NotFound, Conflict, Invalid) as error:
                if not written.is_one_less(place, path, str(error)):
                    raise
                continue
            if found.cursor is not None:
                pending.append((place, found.cursor))
            for file in found.files:
                parts = tree.below(file, place, path)
                if await self._take(session, file, found.live, parts, written):
                    pending.append((file.place, None))
        await async_in_thread(written.close)
        return written.fetched

    async def _take(
        self, session: str, file: RunFile, live: bool, parts: tuple[str, ...], written: Tree
    ) -> bool:
        """Bring one thing here; whether it is a folder with more."""
        if file.kind == "folder":
            return await async_in_thread(written.make_folder, parts)
        if file.kind != "file":
            written.leave_out(parts, file)
            return False
        at = await async_in_thread(written.place, parts)
        if at is not None:
            await self._into(session, file, live, at, written)
        return False

    async def fetch_file(
        self,
        session: str,
        file: RunFile,
        target: Path,
        *,
        live: bool = True,
        progress: Progress = transfer.no_progress,
    ) -> Fetched:
        """Download one file that was listed; what is there with other content stays.

        `live`: whether its program may write. Raises OSError if it cannot be written.
        """
        written = await async_in_thread(Tree, target.parent, progress=progress)
        parts = (file.place.rpartition("/")[2],)
        await self._into(session, file, live, Place(parts, target), written)
        await async_in_thread(written.close)
        return written.fetched

    async def _into(
        self, session: str, file: RunFile, live: bool, place: Place, written: Tree
    ) -> None:
        if await async_in_thread(tree.is_here, place.target, file):
            written.count(file)
            return
        part = await async_in_thread(written.part_of, file.path)
        now, wrong = await self._read(session, live, file, part, written)
        await async_in_thread(written.keep, place, part, now, wrong)

    async def _read(
        self, session: str, live: bool, file: RunFile, part: Path, written: Tree
    ) -> tuple[RunFile | None, str]:
        """The file as it is now, None without one; and why `part` is not it, "" if it is."""
        now: RunFile | None = file
        for _ in range(ATTEMPTS):
            try:
                tag = await self.download(session, file.place, part, progress=written.moved)
                if live or not same_content(tag, file.etag):
                    now = await self._after_writes(session, live, file.place, tag, written)
            except (NotFound, Conflict, Invalid) as error:
                return None, f"is gone or cannot be read ({error})"
            if now is None:
                return None, "is no file any more"
            if same_content(tag, now.etag) and not (live and is_weak(now.etag)):
                return now, ""
        return now, "changed while it was read, or just before; get it into a new folder later"

    async def _after_writes(
        self, session: str, live: bool, path: str, tag: str, written: Tree
    ) -> RunFile | None:
        """The file as it is now, None without one.

        A file that was written just before is looked at until it is settled, or is another.
        """
        while True:
            now = await self._entry(session, path)
            if now is None or not (live and is_weak(now.etag) and same_content(tag, now.etag)):
                return now
            if not written.may_wait(PAUSE_SECONDS):
                return now
            await async_sleep(PAUSE_SECONDS)

    async def _entry(self, session: str, path: str) -> RunFile | None:
        found = await self._connection.send(calls.run_files(session, path))
        return found.files[0] if found.kind == "file" and found.files else None
