"""Files of the sample: what the script makes the CLI read, and an MCP server with a nested schema."""

from __future__ import annotations

import base64
import json
import struct
import zlib

NOTES = "Überschrift ✓\nzweite Zeile — 日本語\nthird line\n"

BOOK_SCHEMA = {
    "type": "object",
    "properties": {
        "book": {"$ref": "#/$defs/Book"},
        "copies": {"type": "integer", "minimum": 1, "maximum": 99, "default": 1},
        "price": {"type": "number", "exclusiveMinimum": 0, "multipleOf": 0.5},
        "place": {
            "oneOf": [
                {"type": "object", "properties": {"kind": {"const": "shelf"}, "row": {"type": "integer"}}},
                {"type": "object", "properties": {"kind": {"const": "store"}, "name": {"type": "string"}}},
            ]
        },
        "tags": {"type": "array", "items": {"type": "string", "minLength": 1}, "minItems": 1, "maxItems": 5},
        "reader": {"allOf": [{"$ref": "#/$defs/Person"}, {"description": "Who borrows it."}]},
        "extra": {"type": "object", "additionalProperties": {"type": "string"}},
    },
    "required": ["book", "tags"],
    "additionalProperties": False,
    "$defs": {
        "Book": {
            "type": "object",
            "title": "A book",
            "properties": {
                "title": {"type": "string"},
                "authors": {"type": "array", "items": {"$ref": "#/$defs/Person"}},
            },
            "required": ["title"],
        },
        "Person": {
            "type": "object",
            "properties": {"name": {"type": "string", "maxLength": 80, "pattern": "^[^0-9]+$"}},
            "required": ["name"],
        },
    },
}
"""A schema with what MCP servers of today use: references, alternatives, constants, intersections, bounds."""

BOOK = {"book": {"title": "Märchen ✓", "authors": [{"name": "Grimm"}]}, "tags": ["alt"], "copies": 2}
"""Arguments of the call."""
LOST_BOOK = {"book": {"title": "Verschollen ✗"}, "tags": ["lost"]}
"""Arguments of a call that fails, with a text and an image."""


def picture(size: int = 16) -> bytes:
    """Return a red PNG."""
    rows = (b"\x00" + b"\xd0\x20\x20" * size) * size
    header = struct.pack(">IIBBBBB", size, size, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    framed = (
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(framed)


SERVER_PATH = "/opt/library/server.py"
SERVER = f"""\
import json, sys

PICTURE = {json.dumps(base64.b64encode(picture()).decode())}
SCHEMA = json.loads({json.dumps(json.dumps(BOOK_SCHEMA))})

for line in sys.stdin:
    request = json.loads(line)
    if "id" not in request:
        continue
    method, params = request["method"], request.get("params") or {{}}
    if method == "initialize":
        result = {{"protocolVersion": params.get("protocolVersion", "2025-06-18"), "capabilities": {{"tools": {{}}}},
                  "serverInfo": {{"name": "library", "version": "1"}}}}
    elif method == "tools/list":
        result = {{"tools": [{{"name": "lend", "description": "Lend a book to a reader.", "inputSchema": SCHEMA}}]}}
    elif method == "tools/call":
        title, is_lost = params["arguments"]["book"]["title"], "lost" in params["arguments"]["tags"]
        text = ("lost: " if is_lost else "lent: ") + title
        result = {{"content": [{{"type": "text", "text": text}}], "isError": is_lost}}
        if is_lost:
            result["content"].append({{"type": "image", "mimeType": "image/png", "data": PICTURE}})
    else:
        result = {{}}
    print(json.dumps({{"jsonrpc": "2.0", "id": request["id"], "result": result}}), flush=True)
"""


def sample_files() -> dict[str, str]:
    """Return the files of the sample, as Inspect takes them."""
    return {
        "notes.txt": NOTES,
        "picture.png": f"data:image/png;base64,{base64.b64encode(picture()).decode()}",
        "paper.pdf": f"data:application/pdf;base64,{base64.b64encode(_paper()).decode()}",
        SERVER_PATH: SERVER,
    }


def _paper() -> bytes:
    """Return a PDF of one page."""
    drawn = b"BT /F1 24 Tf 72 700 Td (A paper about nothing.) Tj ET"
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R "
        b"/Resources << /Font << /F1 5 0 R >> >> >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(drawn), drawn),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    text, places = b"%PDF-1.4\n", []
    for number, content in enumerate(objects, 1):
        places.append(len(text))
        text += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    count, start = len(objects) + 1, len(text)
    trailer = b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (count, start)
    return text + b"xref\n0 %d\n0000000000 65535 f \n" % count + table + trailer
