"""Writes the C++ source of the files that the binary carries.

    embed.py OUT.cpp FOLDER DOCUMENT.yaml FILE=TYPE...

The document becomes JSON, in FOLDER; each FILE is found by the last part of its name, TYPE is its media type.
"""
import hashlib
import json
import sys
from pathlib import Path

import yaml

HEAD = """// Made by cmake/embed.py.
#include "http/assets.hpp"

"""

BYTES = """extern "C" const char waybill_asset_{index}[];
asm(".pushsection .rodata\\n.global waybill_asset_{index}\\nwaybill_asset_{index}:\\n.incbin \\"{path}\\"\\n.byte 0\\n.popsection\\n");
"""


def main():
    out, folder, document, *files = sys.argv[1:]
    json_file = Path(folder) / "openapi.json"
    parsed = yaml.safe_load(Path(document).read_text(encoding="utf-8"))
    json_file.write_text(json.dumps(parsed, ensure_ascii=False, separators=(",", ":")), encoding="utf-8")
    assets = [(json_file, "application/json")]
    for file in files:
        path, media_type = file.split("=", 1)
        assets.append((Path(path), media_type))

    text = HEAD
    rows = ""
    for index, (path, media_type) in enumerate(assets):
        content = path.read_bytes()
        tag = hashlib.sha256(content).hexdigest()[:32]
        text += BYTES.format(index=index, path=path.resolve())
        rows += f'    {{"{path.name}", "{media_type}", {{waybill_asset_{index}, {len(content)}}}, "\\"{tag}\\""}},\n'
    text += f"""
namespace waybill::http {{

namespace {{

const Asset assets[] = {{
{rows}}};

}}  // namespace

std::span<const Asset> all_assets() {{ return assets; }}

}}  // namespace waybill::http
"""
    Path(out).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
