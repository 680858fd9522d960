"""A Hub on 127.0.0.1: the routes, headers and error codes of the real one, and its bad days.

Downloads, and what creating a repository, uploading in LFS and committing ask of it.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import re
import socket
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"
CDN_CHUNK = 1 << 15
OWNER_TOKEN, READER_TOKEN = "hf_owner_may_write", "hf_reader_may_not"
ACCEPTED_TOKEN = "hf_accepted"
"""Of an account that has accepted every licence."""
EXPIRED_TOKEN = "hf_expired"
"""The Hub refuses it everywhere, also where none is needed."""
LFS_FROM_BYTES = 1 << 10
"""The real Hub decides by suffix and size."""


@dataclass
class Repo:
    files: dict[str, bytes]
    lfs: bool = True
    """Whether files are in LFS: redirected to the CDN, SHA-256 published. Else plain git: SHA-1 as ETag."""
    gated: bool = False
    commit: str = COMMIT
    revisions: tuple[str, ...] = ("main",)
    etags: dict[str, str] = field(default_factory=dict)
    """Published hashes that are not those of the content."""
    plain: set[str] = field(default_factory=set)
    """Files in plain git where the others are in LFS."""
    private: bool = False
    tags: tuple[str, ...] = ()
    messages: list[str] = field(default_factory=list)
    """Of the commits."""


@dataclass
class Request:
    method: str
    path: str
    range: str | None
    authorization: str | None
    sent: int = 0


class HubServer:
    """Start it, fill `repos`, set HF_ENDPOINT to `endpoint`; `requests` tells what was asked and served."""

    def __init__(self) -> None:
        self.repos: dict[str, Repo] = {}
        """`owner/name` or `spaces/owner/name`."""
        self.requests: list[Request] = []
        self.cut_after: int | None = None
        """Drop the connection after so many bytes of a body; once."""
        self.gone = False
        """Hang up on everybody, as without a network."""
        self.ignores_range = False
        self.lies_about_total = 0
        self.status: int | None = None
        """Answer everything so."""
        self.seconds_per_chunk = 0.0
        self.uploads: dict[str, bytes] = {}
        """LFS objects by SHA-256; in no repository until a commit names them."""
        self.upload_status: int | None = None
        """Answer the bytes of an upload so."""
        self.seconds_per_upload = 0.0
        handler = type("Handler", (_Handler,), {"hub": self})
        self._server = _Server(("127.0.0.1", 0), handler)
        self.port = self._server.server_address[1]
        self.endpoint = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.hang_up()
        self._server.server_close()
        self._thread.join()

    def body_bytes(self) -> int:
        """Bytes of file content that were sent."""
        return sum(request.sent for request in self.requests)

    def gets(self) -> list[Request]:
        """Requests that delivered content."""
        return [request for request in self.requests if request.sent]


def git_sha1(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


class _Server(ThreadingHTTPServer):
    """Leaves no thread behind: clients keep their connections open for a next request."""

    daemon_threads = False

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.open: set[socket.socket] = set()

    def process_request(self, request: Any, client_address: Any) -> None:
        self.open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self.open.discard(request)
        super().shutdown_request(request)

    def hang_up(self) -> None:
        for connection in list(self.open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class _Handler(BaseHTTPRequestHandler):
    hub: HubServer
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._receive()

    def do_PUT(self) -> None:
        self._receive()

    def log_message(self, format: str, *args: object) -> None:
        pass

    def _receive(self) -> None:
        """What changes the Hub: only with the owner's token, only in the owner's namespace."""
        path = unquote(urlsplit(self.path).path)
        body = self._body()
        self.asked = Request(self.command, path, None, self.headers.get("Authorization"))
        self.hub.requests.append(self.asked)
        if self.hub.status is not None:
            self._refuse(self.hub.status)
        elif match := re.fullmatch(r"/lfs/([0-9a-f]{64})", path):  # a signed address: no token
            self._store_object(match[1], body)
        elif path == "/api/validate-yaml":
            self._json({"errors": [], "warnings": []})
        elif self.asked.authorization != f"Bearer {OWNER_TOKEN}":
            self._refuse(403 if self.asked.authorization == f"Bearer {READER_TOKEN}" else 401)
        elif path == "/api/repos/create":
            self._create(json.loads(body))
        elif match := re.fullmatch(r"/api/models/([^/]+/[^/]+)/preupload/main", path):
            self._preupload(match[1], json.loads(body))
        elif re.fullmatch(r"/[^/]+/[^/]+\.git/info/lfs/objects/batch", path):
            self._batch(json.loads(body))
        elif match := re.fullmatch(r"/api/models/([^/]+/[^/]+)/commit/main", path):
            self._commit(match[1], [json.loads(line) for line in body.splitlines() if line.strip()])
        else:
            self._refuse(404)

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _create(self, asked: dict) -> None:
        owner = asked.get("organization") or "owner"
        if owner != "owner":
            self._refuse(403)
            return
        name = f"{owner}/{asked['name']}"
        known = name in self.hub.repos
        private = asked.get("visibility") == "private" or bool(asked.get("private"))
        self.hub.repos.setdefault(name, Repo({}, private=private))
        self._json({"url": f"{self.hub.endpoint}/{name}", "name": name}, 409 if known else 200)

    def _preupload(self, name: str, asked: dict) -> None:
        repo = self._repo(name, "main")
        if repo is None:
            return
        modes = [
            {
                "path": file["path"],
                "uploadMode": "lfs" if file["size"] >= LFS_FROM_BYTES else "regular",
                "shouldIgnore": False,
            }
            for file in asked["files"]
        ]
        self._json({"files": modes})

    def _batch(self, asked: dict) -> None:
        objects = []
        for wanted in asked["objects"]:
            row = {"oid": wanted["oid"], "size": wanted["size"]}
            if wanted["oid"] not in self.hub.uploads:
                row["actions"] = {"upload": {"href": f"{self.hub.endpoint}/lfs/{wanted['oid']}"}}
            objects.append(row)
        self._json({"transfer": "basic", "objects": objects})

    def _store_object(self, oid: str, body: bytes) -> None:
        time.sleep(self.hub.seconds_per_upload)
        if self.hub.upload_status is not None:
            self._refuse(self.hub.upload_status)
        elif hashlib.sha256(body).hexdigest() != oid:
            self._refuse(400)
        else:
            self.hub.uploads[oid] = body
            self._send(200, {}, b"")

    def _commit(self, name: str, lines: list[dict]) -> None:
        repo = self._repo(name, "main")
        if repo is None:
            return
        files = dict(repo.files)
        for line in lines:
            value = line["value"]
            if line["key"] == "header":
                repo.messages.append(value["summary"])
            elif line["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
                repo.plain.add(value["path"])
            elif line["key"] == "lfsFile":
                files[value["path"]] = self.hub.uploads[value["oid"]]
            else:
                self._refuse(400)
                return
        repo.files = files
        repo.commit = hashlib.sha1(repr(sorted(files.items())).encode()).hexdigest()
        url = f"{self.hub.endpoint}/{name}/commit/{repo.commit}"
        self._json({"commitUrl": url, "commitOid": repo.commit, "hookOutput": ""})

    def _json(self, content: dict | list, status: int = 200) -> None:
        self._send(status, {"Content-Type": "application/json"}, json.dumps(content).encode())

    def _answer(self) -> None:
        if self.hub.gone:
            self.close_connection = True
            self.connection.close()
            return
        path = unquote(urlsplit(self.path).path)
        self.asked = Request(self.command, path, self.headers.get("Range"), self.headers.get("Authorization"))
        self.hub.requests.append(self.asked)
        if self.hub.status is not None:
            self._refuse(self.hub.status)
        elif self.asked.authorization == f"Bearer {EXPIRED_TOKEN}":
            self._send(401, {"X-Error-Message": "Invalid credentials in Authorization header"}, b"{}")
        elif match := re.fullmatch(r"/cdn/([0-9a-f]{64})", path):
            self._content(match[1])
        elif path == "/api/models":
            self._search(parse_qs(urlsplit(self.path).query))
        elif match := re.fullmatch(r"/api/(models|spaces)/([^/]+/[^/]+)(?:/revision/(.+))?", path):
            self._info("spaces/" * (match[1] == "spaces") + match[2], match[3] or "main")
        elif match := re.fullmatch(r"/((?:spaces/)?[^/]+/[^/]+)/resolve/([^/]+)/(.+)", path):
            self._resolve(match[1], match[2], match[3])
        else:
            self._refuse(404)

    def _search(self, query: dict[str, list[str]]) -> None:
        """Public models with all the tags of `filter` and the words of `search` in their name."""
        tags, words = set(query.get("filter", [])), query.get("search", [""])[0].lower()
        found = {name: repo for name, repo in self.hub.repos.items() if not repo.private and tags <= set(repo.tags)}
        rows = [{"id": name, "tags": list(repo.tags)} for name, repo in found.items() if words in name.lower()]
        self._json(rows[: int(query.get("limit", ["1000"])[0])])

    def _repo(self, name: str, revision: str) -> Repo | None:
        repo = self.hub.repos.get(name)
        if repo is None:
            self._refuse(401, "RepoNotFound")
        elif repo.gated and self.headers.get("Authorization") != f"Bearer {ACCEPTED_TOKEN}":
            self._refuse(403 if self.headers.get("Authorization") else 401, "GatedRepo")
        elif revision not in (*repo.revisions, repo.commit):
            self._refuse(404, "RevisionNotFound")
        else:
            return repo
        return None

    def _info(self, name: str, revision: str) -> None:
        repo = self._repo(name, revision)
        if repo is not None:
            siblings = [{"rfilename": path} for path in repo.files]
            self._json({"id": name.removeprefix("spaces/"), "sha": repo.commit, "siblings": siblings})

    def _resolve(self, name: str, revision: str, file: str) -> None:
        repo = self._repo(name, revision)
        if repo is None:
            return
        if file not in repo.files:
            self._refuse(404, "EntryNotFound")
            return
        data = repo.files[file]
        headers = {"X-Repo-Commit": repo.commit, "Accept-Ranges": "bytes"}
        if not repo.lfs or file in repo.plain:
            self._ranges(data, {**headers, "ETag": f'"{repo.etags.get(file, git_sha1(data))}"'})
            return
        sha256 = hashlib.sha256(data).hexdigest()
        headers |= {
            "X-Linked-Etag": f'"{repo.etags.get(file, sha256)}"',
            "X-Linked-Size": str(len(data)),
            "ETag": f'"{sha256[:32]}"',
            # another host, as the real CDN is: tokens must not travel there
            "Location": f"http://localhost:{self.hub.port}/cdn/{sha256}",
        }
        self._send(302, headers, b"")

    def _content(self, sha256: str) -> None:
        for repo in self.hub.repos.values():
            for data in repo.files.values():
                if hashlib.sha256(data).hexdigest() == sha256:
                    self._ranges(data, {"Accept-Ranges": "bytes", "ETag": f'"{sha256[:32]}"'})
                    return
        self._refuse(403)

    def _ranges(self, data: bytes, headers: dict[str, str]) -> None:
        match = re.fullmatch(r"bytes=(\d+)-(\d*)", self.asked.range or "")
        if match is None or self.hub.ignores_range:
            self._send(200, headers, data, content=True)
            return
        start, end = int(match[1]), min(int(match[2] or len(data)), len(data) - 1)
        if start >= len(data):
            self._send(416, {"Content-Range": f"bytes */{len(data)}"}, b"")
            return
        total = len(data) + self.hub.lies_about_total
        headers = {**headers, "Content-Range": f"bytes {start}-{end}/{total}"}
        self._send(206, headers, data[start : end + 1], content=True)

    def _refuse(self, status: int, code: str | None = None) -> None:
        self._send(status, {"X-Error-Code": code} if code else {}, b"{}")

    def _send(self, status: int, headers: dict[str, str], body: bytes, content: bool = False) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "HEAD":
            return
        if not content:
            self.wfile.write(body)
            return
        for offset in range(0, len(body), CDN_CHUNK):
            if self.hub.cut_after is not None and offset >= self.hub.cut_after:
                self.hub.cut_after = None
                self.close_connection = True
                self.connection.close()
                return
            try:
                self.wfile.write(body[offset : offset + CDN_CHUNK])
            except OSError:  # the client hung up
                self.close_connection = True
                return
            self.asked.sent += len(body[offset : offset + CDN_CHUNK])
            time.sleep(self.hub.seconds_per_chunk)
