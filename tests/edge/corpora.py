"""Corpora that others wrote: the JSON Parsing Test Suite and the Big List of Naughty Strings, as npm has them."""
import json
from pathlib import Path

PACKAGES = Path(__file__).resolve().parents[1] / "api" / "node_modules"
LOST = "�"

# What the package holds as text has lost its octets.
OCTETS = {
    "i_string_UTF-16LE_with_BOM": b'\xff\xfe[\0"\0\xe9\0"\0]\0',
    "i_string_UTF-8_invalid_sequence": b'["\xe6\x97\xa5\xd1\x88\xfa"]',
    "i_string_UTF8_surrogate_U+D800": b'["\xed\xa0\x80"]',
    "i_string_invalid_utf-8": b'["\xff"]',
    "i_string_iso_latin_1": b'["\xe9"]',
    "i_string_lone_utf8_continuation_byte": b'["\x81"]',
    "i_string_not_in_unicode_range": b'["\xf4\xbf\xbf\xbf"]',
    "i_string_overlong_sequence_2_bytes": b'["\xc0\xaf"]',
    "i_string_overlong_sequence_6_bytes": b'["\xfc\x83\xbf\xbf\xbf\xbf"]',
    "i_string_overlong_sequence_6_bytes_null": b'["\xfc\x80\x80\x80\x80\x80"]',
    "i_string_truncated-utf-8": b'["\xe0\xff"]',
    "i_string_utf16BE_no_BOM": b'\0[\0"\0\xe9\0"\0]',
    "i_string_utf16LE_no_BOM": b'[\0"\0\xe9\0"\0]\0',
    "n_array_a_invalid_utf8": b"[a\xe5]",
    "n_array_invalid_utf8": b"[\xff]",
    "n_number_invalid-utf-8-in-bigger-int": b"[123\xe5]",
    "n_number_invalid-utf-8-in-exponent": b"[1e1\xe5]",
    "n_number_invalid-utf-8-in-int": b"[0\xe5]\n",
    "n_number_real_with_invalid_utf8_after_e": b"[1e\xe5]",
    "n_object_lone_continuation_byte_in_key_and_trailing_comma": b'{"\xb9":"0",}',
    "n_string_invalid-utf-8-in-escape": b'["\\u\xe5"]',
    "n_string_invalid_utf8_after_escape": b'["\\\xe5"]',
    "n_structure_incomplete_UTF8_BOM": b"\xef\xbb{}",
    "n_structure_lone-invalid-utf-8": b"\xe5",
    "n_structure_single_eacute": b"\xe9",
}


def json_forms():
    """Name without its suffix, and octets. The first letter says whether it is JSON: y, n, or i for either."""
    text = (PACKAGES / "json-test-suite/data/parsing.js").read_text(encoding="utf-8")
    for form in json.loads(text[text.index("["):text.rindex("]") + 1]):
        name = form["name"].removesuffix(".json")
        if LOST in form["input"] and name not in OCTETS:
            raise AssertionError(f"the octets of {name} are lost")
        yield name, OCTETS.get(name) or form["input"].encode()


def naughty_strings():
    return json.loads((PACKAGES / "blns/resources/blns.json").read_text(encoding="utf-8"))
