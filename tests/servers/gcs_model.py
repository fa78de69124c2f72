"""A model of Google Cloud Storage's JSON API, as far as syncplan uses it.

It was written from the same documents as the client and proves nothing about the service: it is for what the
emulator lacks. It holds conditions on generations and metagenerations in one step, answers pages, rewrites in
steps, composes at most 32 objects, merges metadata, and compares checksums. No other client is made for it.
"""

import base64
import json
import re
import threading
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

import google_crc32c

BUCKET = "bkt"
PAGE = 7
STEP = 1 << 20

lock = threading.Lock()
objects = {}
rewrites = {}
last = 1_700_000_000_000_000


class Refused(Exception):
    def __init__(self, status, reason, message):
        self.status, self.reason, self.message = status, reason, message


def missing(name):
    return Refused(404, "notFound", "No such object: %s/%s" % (BUCKET, name))


def hold(query, found, prefix="if"):
    """Checks the conditions on what was found."""
    for field in ("generation", "metageneration"):
        wanted = query.get(prefix + field[0].upper() + field[1:] + "Match")
        if wanted is None:
            continue
        if found is None and wanted == "0" and field == "generation":
            continue
        if found is None or str(found[field]) != wanted:
            raise Refused(412, "conditionNotMet", "At least one of the pre-conditions you specified did not hold.")


def store(name, content, about):
    global last
    last += 1
    crc = base64.b64encode(google_crc32c.Checksum(content).digest()).decode()
    if about.get("crc32c") not in (None, crc):
        raise Refused(400, "invalid", "Provided CRC32C doesn't match calculated CRC32C.")
    if re.search("[\r\n]", name) or not name or len(name.encode()) > 1024:
        raise Refused(400, "invalid", "Invalid object name.")
    objects[name] = {
        "generation": last,
        "metageneration": 1,
        "content": content,
        "crc32c": crc,
        "updated": datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "metadata": dict(about.get("metadata") or {}),
        "contentType": about.get("contentType"),
    }
    return resource(name)


def resource(name):
    found = objects[name]
    said = {
        "kind": "storage#object",
        "name": name,
        "size": str(len(found["content"])),
        "generation": str(found["generation"]),
        "metageneration": str(found["metageneration"]),
        "updated": found["updated"],
        "crc32c": found["crc32c"],
        "contentType": found["contentType"],
    }
    if found["metadata"]:
        said["metadata"] = found["metadata"]
    return said


def listing(query):
    names = sorted((name for name in objects if name.startswith(query.get("prefix", ""))), key=str.encode)
    start = query.get("pageToken") and base64.b64decode(query["pageToken"]).decode() or query.get("startOffset", "")
    names = [name for name in names if name.encode() >= start.encode()]
    said = {"kind": "storage#objects"}
    if names:
        said["items"] = [resource(name) for name in names[:PAGE]]
    if len(names) > PAGE:
        said["nextPageToken"] = base64.b64encode(names[PAGE].encode()).decode()
    return said


def upload(query, headers, body):
    boundary = re.search("boundary=([^;]+)", headers["content-type"]).group(1).strip('"').encode()
    first, second = body.split(b"--" + boundary + b"\r\n")[1:3]
    about = json.loads(first.split(b"\r\n\r\n", 1)[1])
    content = second.split(b"\r\n\r\n", 1)[1]
    end = b"\r\n--" + boundary + b"--"
    content = content[: content.rindex(end)]
    name = query.get("name") or about["name"]
    hold(query, objects.get(name))
    return store(name, content, about)


def rewrite(query, source, target):
    found = objects.get(source)
    if found is None:
        raise missing(source)
    hold(query, found, "ifSource")
    hold(query, objects.get(target))
    done = rewrites.pop(query["rewriteToken"], 0) if "rewriteToken" in query else 0
    size = len(found["content"])
    done += STEP
    if done < size:
        token = "step-%d-%s" % (done, source)
        rewrites[token] = done
        return {"kind": "storage#rewriteResponse", "done": False, "rewriteToken": token, "objectSize": str(size)}
    made = store(target, found["content"], found)
    return {"kind": "storage#rewriteResponse", "done": True, "resource": made, "objectSize": str(size)}


def compose(query, target, asked):
    sources = asked["sourceObjects"]
    if not 1 <= len(sources) <= 32:
        raise Refused(400, "invalid", "The number of source components provided (%d) is not allowed." % len(sources))
    content = b""
    for source in sources:
        found = objects.get(source["name"])
        if found is None:
            raise missing(source["name"])
        wanted = source.get("objectPreconditions", {}).get("ifGenerationMatch")
        if wanted is not None and str(found["generation"]) != str(wanted):
            raise Refused(412, "conditionNotMet", "A source is another one.")
        content += found["content"]
    hold(query, objects.get(target))
    return store(target, content, {**asked["destination"], "crc32c": None})


def patch(query, name, asked):
    found = objects.get(name)
    if found is None:
        raise missing(name)
    hold(query, found)
    for key, value in (asked.get("metadata") or {}).items():
        if value is None:
            found["metadata"].pop(key, None)
        else:
            found["metadata"][key] = value
    found["metageneration"] += 1
    return resource(name)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def reply(self, status, body=b"", headers=()):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def json(self, status, said):
        self.reply(status, json.dumps(said).encode(), [("Content-Type", "application/json; charset=UTF-8")])

    def handle_one(self):
        url = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(url.query, keep_blank_values=True).items()}
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        with lock:
            try:
                self.route(url.path, query, body)
            except Refused as refused:
                errors = [{"domain": "global", "reason": refused.reason, "message": refused.message}]
                said = {"error": {"code": refused.status, "message": refused.message, "errors": errors}}
                self.json(refused.status, said)

    do_GET = do_POST = do_DELETE = do_PATCH = handle_one

    def route(self, path, query, body):
        parts = re.fullmatch("(/upload)?/storage/v1/b/([^/]+)/o(?:/(.*))?", path)
        if not parts:
            raise Refused(404, "notFound", "Not Found")
        up, bucket, rest = parts.groups()
        if bucket != BUCKET:
            raise Refused(404, "notFound", "The specified bucket does not exist.")
        if up:
            return self.json(200, upload(query, self.headers, body))
        if rest is None:
            return self.json(200, listing(query))
        to = re.fullmatch("([^/]+)/rewriteTo/b/%s/o/([^/]+)" % BUCKET, rest)
        if to:
            return self.json(200, rewrite(query, unquote(to.group(1)), unquote(to.group(2))))
        if rest.endswith("/compose"):
            return self.json(200, compose(query, unquote(rest[: -len("/compose")]), json.loads(body)))
        name = unquote(rest)
        if self.command == "PATCH":
            return self.json(200, patch(query, name, json.loads(body)))
        found = objects.get(name)
        if found is None:
            raise missing(name)
        hold(query, found)
        if self.command == "DELETE":
            del objects[name]
            return self.reply(204)
        if query.get("alt") != "media":
            return self.json(200, resource(name))
        self.content(found)

    def content(self, found):
        headers = [
            ("x-goog-generation", str(found["generation"])),
            ("x-goog-metageneration", str(found["metageneration"])),
        ]
        content = found["content"]
        wanted = re.fullmatch("bytes=([0-9]+)-([0-9]+)", self.headers.get("range", ""))
        if not wanted:
            return self.reply(200, content, headers)
        start, end = int(wanted.group(1)), min(int(wanted.group(2)) + 1, len(content))
        if start >= len(content):
            return self.reply(416, b"", headers)
        headers.append(("Content-Range", "bytes %d-%d/%d" % (start, end - 1, len(content))))
        self.reply(206, content[start:end], headers)


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
server.daemon_threads = True
print("http://127.0.0.1:%d" % server.server_address[1], flush=True)
server.serve_forever()
