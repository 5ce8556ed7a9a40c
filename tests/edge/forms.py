"""Forms of requests that two readers of one stream could take for different things, and forms that only look odd.

Each has a name, its bytes, and the statuses that it and a request right behind it must get: `refused` is one answer
and the end of the connection. What is right of them follows RFC 9110 and 9112.
"""
from collections import namedtuple

Form = namedtuple("Form", "name data expected")

# Ends every stream: whoever answers it has taken the form for a whole request.
LAST = b"GET /livez HTTP/1.1\r\nHost: last\r\nConnection: close\r\n\r\n"

GET = b"GET /livez HTTP/1.1\r\nHost: a\r\n"
POST = b"POST /api/v1/auth/login HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"

REFUSED = (400,)
LOGIN = (422, 200)  # `{}` is no login, but it was read whole
PROBE = (200, 200)


def get(target, host=b"Host: a\r\n", version=b"HTTP/1.1"):
    return b"GET " + target + b" " + version + b"\r\n" + host + b"\r\n"


def length(value):
    return POST + b"Content-Length:" + value + b"\r\n\r\n{}"


def encoding(value):
    return POST + b"Transfer-Encoding:" + value + b"\r\n\r\n2\r\n{}\r\n0\r\n\r\n"


def chunks(text):
    return CHUNKED + text


def trailer(text):
    return CHUNKED + b"2\r\n{}\r\n0\r\n" + text


def host(value):
    return get(b"/livez", b"Host:" + value + b"\r\n")


def header(line):
    return GET + line + b"\r\n\r\n"


def fields(count):
    return b"GET /livez HTTP/1.1\r\nHost: a\r\n" + b"X: a\r\n" * (count - 1) + b"\r\n"


def request_line(size):
    return get(b"/" + b"a" * (size - len("GET / HTTP/1.1\r\n")))


def header_bytes(size):
    """All fields and the empty line together."""
    return GET + b"X: " + b"a" * (size - len("Host: a\r\nX: \r\n\r\n")) + b"\r\n\r\n"


def _forms():
    yield from _lengths()
    yield from _encodings()
    yield from _chunks()
    yield from _trailers()
    yield from _heads()
    yield from _hosts()
    yield from _targets()
    yield from _lines()
    yield from _limits()
    yield from _connections()
    yield from _expectations()


def _lengths():
    yield "length", length(b" 2"), LOGIN
    yield "length_after_tab", length(b"\t2"), LOGIN
    yield "length_after_no_blank", length(b"2"), LOGIN
    yield "length_before_blanks", length(b" 2 \t"), LOGIN
    yield "length_empty", length(b""), REFUSED
    yield "length_plus", length(b" +2"), REFUSED
    yield "length_minus", length(b" -2"), REFUSED
    yield "length_minus_zero", length(b" -0"), REFUSED
    yield "length_hex", length(b" 0x2"), REFUSED
    yield "length_leading_zero", length(b" 02"), REFUSED
    yield "length_decimal", length(b" 2.0"), REFUSED
    yield "length_exponent", length(b" 2e0"), REFUSED
    yield "length_quoted", length(b' "2"'), REFUSED
    yield "length_semicolon", length(b" 2;"), REFUSED
    yield "length_inner_blank", length(b" 2 2"), REFUSED
    yield "length_list", length(b" 2,2"), REFUSED
    yield "length_list_of_two_values", length(b" 2, 3"), REFUSED
    yield "length_letters", length(b" 2a"), REFUSED
    yield "length_full_width_digit", length(" ２".encode()), REFUSED
    yield "length_vertical_tab", length(b" \x0b2"), REFUSED
    yield "length_nul", length(b" 2\x00"), REFUSED
    yield "length_no_break_space", length(b" \xa02"), REFUSED
    yield "length_beyond_64_bits", length(b" 18446744073709551618"), REFUSED
    yield "length_beyond_63_bits", length(b" 9223372036854775808"), REFUSED
    yield "length_twice_equal", POST + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}", REFUSED
    yield "length_twice_different", POST + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}", REFUSED
    yield "length_name_with_space", POST + b"Content Length: 2\r\n\r\n", REFUSED
    yield "length_space_before_colon", POST + b"Content-Length : 2\r\n\r\n{}", REFUSED
    yield "length_name_with_underscore", POST + b"Content_Length: 2\r\n\r\n", (400, 200)  # a body that is empty
    yield "length_of_get", GET + b"Content-Length: 2\r\n\r\n{}", PROBE
    yield "length_none_of_post", POST + b"\r\n", (400, 200)  # a body that is empty


def _encodings():
    yield "encoding_chunked", encoding(b" chunked"), LOGIN
    yield "encoding_upper_case", encoding(b" CHUNKED"), LOGIN
    yield "encoding_after_tab", encoding(b"\tchunked"), LOGIN
    yield "encoding_before_blanks", encoding(b"chunked \t"), LOGIN
    yield "encoding_of_get", GET + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", PROBE
    yield "encoding_empty", encoding(b""), REFUSED
    yield "encoding_unknown", encoding(b" cow"), REFUSED
    yield "encoding_prefixed", encoding(b" xchunked"), REFUSED
    yield "encoding_suffixed", encoding(b" chunkedx"), REFUSED
    yield "encoding_vertical_tab_behind", encoding(b" chunked\x0b"), REFUSED
    yield "encoding_vertical_tab_before", encoding(b" \x0bchunked"), REFUSED
    yield "encoding_form_feed", encoding(b" chunked\x0c"), REFUSED
    yield "encoding_nul", encoding(b" chunked\x00"), REFUSED
    yield "encoding_bare_cr", encoding(b" chunked\rX: a"), REFUSED
    yield "encoding_no_break_space", encoding(b" \xa0chunked"), REFUSED
    yield "encoding_quoted", encoding(b' "chunked"'), REFUSED
    yield "encoding_single_quoted", encoding(b" 'chunked'"), REFUSED
    yield "encoding_parameter", encoding(b" chunked;q=1"), REFUSED
    yield "encoding_comma_behind", encoding(b" chunked,"), REFUSED
    yield "encoding_comma_before", encoding(b" ,chunked"), REFUSED
    yield "encoding_identity", encoding(b" identity"), REFUSED
    yield "encoding_chunked_identity", encoding(b" chunked, identity"), REFUSED
    yield "encoding_identity_chunked", encoding(b" identity, chunked"), REFUSED
    yield "encoding_gzip_chunked", encoding(b" gzip, chunked"), REFUSED
    yield "encoding_chunked_chunked", encoding(b" chunked, chunked"), REFUSED
    yield "encoding_twice", encoding(b" chunked\r\nTransfer-Encoding: chunked"), REFUSED
    yield "encoding_twice_one_unknown", encoding(b" cow\r\nTransfer-Encoding: chunked"), REFUSED
    yield "encoding_folded", encoding(b"\r\n chunked"), REFUSED
    yield "encoding_folded_into", POST + b"X: a\r\n Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", REFUSED
    yield "encoding_space_before_colon", POST + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n", REFUSED
    yield "encoding_name_beyond_ascii", POST + b"Transfer-Encoding\xff: chunked\r\n\r\n0\r\n\r\n", REFUSED
    yield "encoding_name_after_bare_cr", POST + b"\rTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", REFUSED
    yield "encoding_name_with_underscore", POST + b"Transfer_Encoding: chunked\r\nContent-Length: 2\r\n\r\n{}", LOGIN
    yield "encoding_and_length", encoding(b" chunked\r\nContent-Length: 12"), REFUSED
    yield "length_and_encoding", POST + b"Content-Length: 12\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", REFUSED
    yield "encoding_identity_and_length", POST + b"Transfer-Encoding: identity\r\nContent-Length: 2\r\n\r\n{}", REFUSED
    yield "encoding_of_http_1_0", b"POST /livez HTTP/1.0\r\nTransfer-Encoding: chunked\r\nConnection: keep-alive\r\n\r\n0\r\n\r\n", REFUSED


def _chunks():
    yield "chunk_none", chunks(b"0\r\n\r\n"), (400, 200)  # a body that is empty
    yield "chunk_two", chunks(b"1\r\n{\r\n1\r\n}\r\n0\r\n\r\n"), LOGIN
    yield "chunk_leading_zeros", chunks(b"00000002\r\n{}\r\n000\r\n\r\n"), LOGIN
    yield "chunk_upper_case_hex", chunks(b"A\r\n{}        \r\n0\r\n\r\n"), LOGIN
    yield "chunk_extension", chunks(b'2;a=b;c="d";e\r\n{}\r\n0;f\r\n\r\n'), LOGIN
    yield "chunk_extension_with_blanks", chunks(b"2 ; a = b\r\n{}\r\n0\r\n\r\n"), LOGIN
    yield "chunk_extension_quoted_semicolon", chunks(b'2;a="x;y\\"z"\r\n{}\r\n0\r\n\r\n'), LOGIN
    yield "chunk_extension_bare_lf", chunks(b"2;a\nb\r\n{}\r\n0\r\n\r\n"), REFUSED
    yield "chunk_extension_quoted_lf", chunks(b'2;a="\n"\r\n{}\r\n0\r\n\r\n'), REFUSED
    yield "chunk_extension_bare_cr", chunks(b"2;a\rb\r\n{}\r\n0\r\n\r\n"), REFUSED
    yield "chunk_extension_quoted_cr", chunks(b'2;a="\r"\r\n{}\r\n0\r\n\r\n'), REFUSED
    yield "chunk_extension_quoted_crlf", chunks(b'2;a="\r\n"\r\n{}\r\n0\r\n\r\n'), REFUSED
    yield "chunk_extension_quoted_nul", chunks(b'2;a="\x00"\r\n{}\r\n0\r\n\r\n'), REFUSED
    yield "chunk_extension_open_quote", chunks(b'2;a="\r\n{}\r\n0\r\n\r\n'), REFUSED
    yield "chunk_extension_open_quote_at_the_end", chunks(b'2\r\n{}\r\n0;a="\r\n\r\n'), REFUSED
    yield "chunk_extension_nul", chunks(b"2;a\x00\r\n{}\r\n0\r\n\r\n"), REFUSED
    yield "chunk_extension_no_name", chunks(b"2;\r\n{}\r\n0\r\n\r\n"), REFUSED
    yield "chunk_extension_no_semicolon", chunks(b"2 a\r\n{}\r\n0\r\n\r\n"), REFUSED
    yield "chunk_extension_of_100_kib", chunks(b"2;a=" + b"x" * 102_400 + b"\r\n{}\r\n0\r\n\r\n"), REFUSED
    yield "chunk_extension_without_size", chunks(b";a=b\r\n{}\r\n0\r\n\r\n"), REFUSED
    yield "chunk_size_none", chunks(b"\r\n{}\r\n0\r\n\r\n"), REFUSED
    yield "chunk_size_hex_prefix", chunks(b"0x2\r\n{}\r\n0\r\n\r\n"), REFUSED
    yield "chunk_size_minus", chunks(b"-2\r\n{}\r\n0\r\n\r\n"), REFUSED
    yield "chunk_size_plus", chunks(b"+2\r\n{}\r\n0\r\n\r\n"), REFUSED
    yield "chunk_size_letters", chunks(b"2g\r\n{}\r\n0\r\n\r\n"), REFUSED
    yield "chunk_size_underscore", chunks(b"0_2\r\n{}\r\n0\r\n\r\n"), REFUSED
    yield "chunk_size_after_blank", chunks(b" 2\r\n{}\r\n0\r\n\r\n"), REFUSED
    yield "chunk_size_before_blank", chunks(b"2 \r\n{}\r\n0\r\n\r\n"), REFUSED
    yield "chunk_size_before_tab", chunks(b"2\t\r\n{}\r\n0\r\n\r\n"), REFUSED
    yield "chunk_size_nul", chunks(b"2\x00\r\n{}\r\n0\r\n\r\n"), REFUSED
    yield "chunk_size_beyond_64_bits", chunks(b"10000000000000002\r\n{}\r\n0\r\n\r\n"), REFUSED
    yield "chunk_size_of_64_bits", chunks(b"ffffffffffffffff\r\n{}\r\n0\r\n\r\n"), (413,)
    yield "chunk_size_ends_with_lf", chunks(b"2\n{}\r\n0\r\n\r\n"), REFUSED
    yield "chunk_size_ends_with_cr", chunks(b"2\r{}\r\n0\r\n\r\n"), REFUSED
    yield "chunk_ends_with_lf", chunks(b"2\r\n{}\n0\r\n\r\n"), REFUSED
    yield "chunk_ends_with_other_octets", chunks(b"2\r\n{}XX0\r\n\r\n"), REFUSED
    yield "chunk_ends_with_nothing", chunks(b"2\r\n{}0\r\n\r\n"), REFUSED
    yield "chunk_longer_than_its_size", chunks(b"2\r\n{} \r\n0\r\n\r\n"), REFUSED
    yield "chunk_last_ends_with_lf", chunks(b"2\r\n{}\r\n0\n\r\n"), REFUSED
    yield "chunk_end_is_lf", chunks(b"2\r\n{}\r\n0\r\n\n"), REFUSED
    yield "chunk_end_is_two_lf", chunks(b"2\r\n{}\r\n0\n\n"), REFUSED


def _trailers():
    yield "trailer", trailer(b"X-T: 1\r\n\r\n"), LOGIN
    yield "trailer_host_counts_for_nothing", trailer(b"Host: evil\r\n\r\n"), LOGIN
    yield "trailer_connection_counts_for_nothing", trailer(b"Connection: close\r\n\r\n"), LOGIN
    yield "trailer_connection_of_no_grammar", trailer(b"X: a\r\nconnection: a b\r\n\r\n"), LOGIN
    yield "trailer_proxy_connection_counts_for_nothing", trailer(b"Proxy-Connection: close\r\n\r\n"), LOGIN
    yield "trailer_connection_folded", trailer(b"Connection: a\r\n b\r\n\r\n"), REFUSED
    yield "trailer_connection_space_before_colon", trailer(b"Connection : close\r\n\r\n"), REFUSED
    yield "trailer_length", trailer(b"Content-Length: 1\r\n\r\n"), REFUSED
    yield "trailer_encoding", trailer(b"Transfer-Encoding: chunked\r\n\r\n"), REFUSED
    yield "trailer_bare_lf", trailer(b"X: a\nY: b\r\n\r\n"), REFUSED
    yield "trailer_bare_cr", trailer(b"X: a\rY: b\r\n\r\n"), REFUSED
    yield "trailer_nul", trailer(b"X: a\x00\r\n\r\n"), REFUSED
    yield "trailer_folded", trailer(b"X: a\r\n b\r\n\r\n"), REFUSED
    yield "trailer_folded_when_empty", trailer(b"X:\r\n b\r\n\r\n"), REFUSED
    yield "trailer_folded_into_nothing", trailer(b"X: a\r\n \r\n\r\n"), REFUSED
    yield "trailer_space_before_colon", trailer(b"X : a\r\n\r\n"), REFUSED
    yield "trailer_no_colon", trailer(b"Xa\r\n\r\n"), REFUSED
    yield "trailer_ends_with_lf", trailer(b"X: a\n\n"), REFUSED
    yield "trailer_that_is_a_request", trailer(b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n"), REFUSED
    yield "trailer_of_100_kib", trailer(b"X: " + b"a" * 102_400 + b"\r\n\r\n"), REFUSED
    yield "trailers_many", trailer(b"X: a\r\n" * 5_000 + b"\r\n"), REFUSED


def _heads():
    yield "head_value_empty", header(b"X:"), PROBE
    yield "head_value_beyond_ascii", header(b"X: \xc3\xa9\xff"), PROBE
    yield "head_name_of_odd_token", header(b"!#$%&'*+-.^_`|~9: a"), PROBE
    yield "head_value_bare_cr", header(b"X: a\rb"), REFUSED
    yield "head_value_bare_cr_header", header(b"X: a\rHost: b"), REFUSED
    yield "head_value_bare_lf", header(b"X: a\nY: b"), REFUSED
    yield "head_value_nul", header(b"X: a\x00b"), REFUSED
    yield "head_value_control", header(b"X: a\x01b"), REFUSED
    yield "head_value_delete", header(b"X: a\x7fb"), REFUSED
    yield "head_name_nul", header(b"X\x00: a"), REFUSED
    yield "head_name_with_space", header(b"X y: a"), REFUSED
    yield "head_name_bracket", header(b"X[a]: b"), REFUSED
    yield "head_name_beyond_ascii", header(b"X\xc3\xa9: b"), REFUSED
    yield "head_name_none", header(b": a"), REFUSED
    yield "head_space_before_colon", header(b"X : a"), REFUSED
    yield "head_tab_before_colon", header(b"X\t: a"), REFUSED
    yield "head_no_colon", header(b"Xa"), REFUSED
    yield "head_folded_by_space", header(b"X: a\r\n b"), REFUSED
    yield "head_folded_by_tab", header(b"X: a\r\n\tb"), REFUSED
    yield "head_line_of_blanks", header(b"X: a\r\n "), REFUSED
    yield "head_begins_with_blank", get(b"/livez", b" Host: a\r\nHost: a\r\n"), REFUSED
    yield "head_ends_with_lf", b"GET /livez HTTP/1.1\r\nHost: a\r\n\n", REFUSED
    yield "head_of_bare_lf", b"GET /livez HTTP/1.1\nHost: a\n\n", REFUSED
    yield "head_content_type_twice", length(b" 2\r\nContent-Type: text/plain"), REFUSED
    yield "head_authorization_twice", header(b"Authorization: Bearer a\r\nAuthorization: Bearer b"), REFUSED
    yield "head_content_encoding", length(b" 2\r\nContent-Encoding: gzip"), (415, 200)
    yield "head_content_type_parameters", POST.replace(b"json", b"json;; charset=utf-8; version=1;") + b"Content-Length: 2\r\n\r\n{}", LOGIN
    yield "head_content_type_of_another_charset", POST.replace(b"json", b"json; x=y; charset=latin1") + b"Content-Length: 2\r\n\r\n{}", (415, 200)
    yield "head_content_encoding_in_a_second_header", length(b" 2\r\nContent-Encoding: identity\r\nContent-Encoding: gzip"), (415, 200)
    yield "head_content_encoding_behind_an_empty_one", length(b" 2\r\nContent-Encoding:\r\nContent-Encoding: gzip"), (415, 200)


def _hosts():
    yield "host_with_port", host(b" shop.example:8080"), PROBE
    yield "host_of_ipv6", host(b" [::1]:80"), PROBE
    yield "host_with_empty_port", host(b" a:"), PROBE
    yield "host_empty", host(b""), PROBE
    yield "host_missing", get(b"/livez", b""), REFUSED
    yield "host_twice_equal", host(b" a\r\nHost: a"), REFUSED
    yield "host_twice_different", host(b" a\r\nHost: b"), REFUSED
    yield "host_list", host(b" a,b"), REFUSED
    yield "host_with_space", host(b" a b"), REFUSED
    yield "host_with_user", host(b" me@a"), REFUSED
    yield "host_with_path", host(b" a/b"), REFUSED
    yield "host_with_query", host(b" a?b"), REFUSED
    yield "host_with_fragment", host(b" a#b"), REFUSED
    yield "host_with_backslash", host(b" a\\b"), REFUSED
    yield "host_with_scheme", host(b" http://a"), REFUSED
    yield "host_percent_encoded", host(b" a%2fb"), REFUSED
    yield "host_beyond_ascii", host(" é".encode()), REFUSED
    yield "host_port_of_letters", host(b" a:b"), REFUSED
    yield "host_port_twice", host(b" a:1:2"), REFUSED
    yield "host_port_too_long", host(b" a:123456"), REFUSED
    yield "host_port_only", host(b" :80"), REFUSED
    yield "host_ipv6_without_brackets", host(b" ::1"), REFUSED
    yield "host_ipv6_open", host(b" [::1"), REFUSED
    yield "host_ipv6_with_more", host(b" [::1]x"), REFUSED
    yield "host_ipv6_of_colons", host(b" [:::::]"), REFUSED
    yield "host_ipv6_of_dots", host(b" [...]"), REFUSED
    yield "host_ipv6_that_is_ipv4", host(b" [127.0.0.1]"), REFUSED
    yield "host_ipv6_with_zone", host(b" [fe80::1%25eth0]"), REFUSED
    yield "host_ipv_future", host(b" [v1.a]"), REFUSED
    yield "host_twice_in_http_1_0", get(b"/livez", b"Host: a\r\nHost: b\r\n", b"HTTP/1.0"), REFUSED


def _targets():
    yield "target_with_query", get(b"/livez?a=b&c=[d]"), PROBE
    yield "target_percent_encoded", get(b"/%6civez"), PROBE
    yield "target_absolute", get(b"http://a/livez"), PROBE
    yield "target_absolute_upper_case", get(b"HTTPS://a/livez"), PROBE
    yield "target_absolute_for_another_host", get(b"http://b/livez"), PROBE
    yield "target_absolute_without_path", get(b"http://a"), (404, 200)
    yield "target_absolute_without_host", get(b"http:///livez"), REFUSED
    yield "target_absolute_without_host_header", get(b"http://a/livez", b""), REFUSED
    yield "target_absolute_with_user", get(b"http://me:you@a/livez"), REFUSED
    yield "target_absolute_bad_port", get(b"http://a:b/livez"), REFUSED
    yield "target_absolute_backslash", get(b"http://a\\livez"), REFUSED
    yield "target_absolute_ftp", get(b"ftp://a/livez"), REFUSED
    yield "target_authority", get(b"a:80"), REFUSED
    yield "target_connect", b"CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n", REFUSED
    yield "target_star_of_options", b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", (204, 200)
    yield "target_star_of_get", get(b"*"), REFUSED
    yield "target_star_of_trace", b"TRACE * HTTP/1.1\r\nHost: a\r\n\r\n", REFUSED
    yield "target_no_slash", get(b"livez"), REFUSED
    yield "target_query_only", get(b"?a"), REFUSED
    yield "target_fragment", get(b"/livez#a"), REFUSED
    yield "target_beyond_ascii", get("/livez?é".encode()), REFUSED
    yield "target_backslash", get(b"/a\\livez"), REFUSED
    yield "target_quote", get(b'/livez?"'), REFUSED
    yield "target_angle", get(b"/livez?<a>"), REFUSED
    yield "target_brace", get(b"/livez?{a}"), REFUSED
    yield "target_tab", get(b"/livez\t"), REFUSED
    yield "target_space", get(b"/li vez"), REFUSED
    yield "target_nul", get(b"/livez\x00"), REFUSED
    yield "target_delete", get(b"/livez\x7f"), REFUSED
    yield "target_none", b"GET HTTP/1.1\r\nHost: a\r\n\r\n", REFUSED
    yield "target_encoded_nul", get(b"/livez%00"), (404, 200)
    yield "target_encoded_crlf", get(b"/livez%0d%0aX:%20a"), (404, 200)
    yield "target_bad_encoding", get(b"/livez%zz"), (404, 200)
    yield "target_cut_encoding", get(b"/livez%2"), (404, 200)
    yield "target_encoded_twice", get(b"/%256civez"), (404, 200)
    yield "target_encoded_slash", get(b"/api%2fv1/products"), (404, 200)
    yield "target_encoded_slash_in_id", get(b"/api/v1/products/a%2fb"), (404, 200)
    yield "target_overlong_utf8", get(b"/api/v1/products/%c0%af"), (404, 200)
    yield "target_two_slashes", get(b"//livez"), (404, 200)
    yield "target_slash_behind", get(b"/livez/"), (404, 200)
    yield "target_dots", get(b"/docs/../livez"), (404, 200)
    yield "target_encoded_dots", get(b"/docs/%2e%2e/livez"), (404, 200)
    yield "target_dots_out", get(b"/docs/../../../../etc/passwd"), (404, 200)


def _lines():
    yield "line_empty_before", b"\r\n" + GET + b"\r\n", PROBE
    yield "line_two_empty_before", b"\r\n\r\n" + GET + b"\r\n", REFUSED
    yield "line_feed_before", b"\n" + GET + b"\r\n", REFUSED
    yield "line_blank_before", b" " + GET + b"\r\n", REFUSED
    yield "line_by_tabs", b"GET\t/livez\tHTTP/1.1\r\nHost: a\r\n\r\n", REFUSED
    yield "line_two_spaces", b"GET  /livez HTTP/1.1\r\nHost: a\r\n\r\n", REFUSED
    yield "line_space_behind", b"GET /livez HTTP/1.1 \r\nHost: a\r\n\r\n", REFUSED
    yield "line_no_version", b"GET /livez\r\nHost: a\r\n\r\n", REFUSED
    yield "line_http_0_9", b"GET /livez\r\n\r\n", REFUSED
    for version in (b"http/1.1", b"HTTP/1.10", b"HTTP/01.1", b"HTTP/1.2", b"HTTP/0.9", b"HTTP/2.0", b"HTTP/3", b"HTTP/1", b"HTTP/1,1", b"HTPP/1.1"):
        yield "line_version_" + version.decode(), get(b"/livez", version=version), REFUSED
    yield "line_http_2_preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", REFUSED
    yield "line_tls", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", REFUSED
    yield "line_method_lower_case", b"get /livez HTTP/1.1\r\nHost: a\r\n\r\n", (405, 200)
    yield "line_method_unknown", b"FOO /livez HTTP/1.1\r\nHost: a\r\n\r\n", (405, 200)
    yield "line_method_trace", b"TRACE /livez HTTP/1.1\r\nHost: a\r\n\r\n", (405, 200)
    yield "line_method_no_token", b"GE(T /livez HTTP/1.1\r\nHost: a\r\n\r\n", REFUSED
    yield "line_method_digit", b"9GET /livez HTTP/1.1\r\nHost: a\r\n\r\n", REFUSED


def _limits():
    yield "limit_line_of_8_kib", request_line(8_192), (404, 200)
    yield "limit_line_of_8_kib_and_1", request_line(8_193), (414,)
    yield "limit_line_endless", b"GET /" + b"a" * 300_000, (414,)
    yield "limit_method_endless", b"G" * 300_000, (414,)
    yield "limit_100_fields", fields(100), PROBE
    yield "limit_101_fields", fields(101), (431,)
    yield "limit_headers_of_16_kib", header_bytes(16_384), PROBE
    yield "limit_headers_of_16_kib_and_1", header_bytes(16_385), (431,)
    yield "limit_header_endless", GET + b"X: " + b"a" * 300_000, (431,)
    yield "limit_body_of_64_kib", POST + b"Content-Length: 65536\r\n\r\n{}" + b" " * 65_534, LOGIN
    yield "limit_body_of_64_kib_and_1", POST + b"Content-Length: 65537\r\n\r\n{}" + b" " * 65_535, (413,)
    yield "limit_body_announced_huge", POST + b"Content-Length: 100000000000000000\r\n\r\n", (413,)
    yield "limit_chunks_of_64_kib", chunks(b"8000\r\n{}" + b" " * 32_766 + b"\r\n8000\r\n" + b" " * 32_768 + b"\r\n0\r\n\r\n"), LOGIN
    yield "limit_chunks_of_64_kib_and_1", chunks(b"8000\r\n{}" + b" " * 32_766 + b"\r\n8001\r\n" + b" " * 32_769 + b"\r\n0\r\n\r\n"), (413,)
    yield "limit_chunks_of_1_octet", chunks(b"1\r\n \r\n" * 2_000 + b"2\r\n{}\r\n0\r\n\r\n"), LOGIN


def _connections():
    yield "connection_close", header(b"Connection: close"), (200,)
    yield "connection_close_in_a_list", header(b"Connection: keep-alive, Close"), (200,)
    yield "connection_close_in_a_second_header", header(b"Connection: keep-alive\r\nConnection: close"), (200,)
    yield "connection_of_http_1_0", get(b"/livez", b"", b"HTTP/1.0"), (200,)
    yield "connection_of_http_1_0_kept", get(b"/livez", b"Connection: keep-alive\r\n", b"HTTP/1.0"), PROBE
    yield "connection_of_http_1_0_kept_and_closed", get(b"/livez", b"Connection: keep-alive, close\r\n", b"HTTP/1.0"), (200,)
    yield "connection_of_http_1_0_closed_in_a_second_header", get(b"/livez", b"Connection: keep-alive\r\nConnection: close\r\n", b"HTTP/1.0"), (200,)
    yield "connection_names_a_header", header(b"Connection: Host"), PROBE
    yield "connection_upgrade_to_http_2", header(b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMA"), PROBE
    yield "connection_upgrade_to_websocket", header(b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13"), PROBE


def _expectations():
    yield "expect_unknown", length(b" 2\r\nExpect: 200-ok"), (417,)
    yield "expect_two_one_unknown", length(b" 2\r\nExpect: 100-continue, x"), (417,)
    yield "expect_without_a_body", header(b"Expect: 100-continue"), PROBE
    yield "expect_when_the_body_is_there", length(b" 2\r\nExpect: 100-continue"), LOGIN
    yield "expect_of_http_1_0", b"POST /api/v1/auth/login HTTP/1.0\r\nContent-Type: application/json\r\nConnection: keep-alive\r\n" \
                                b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n{}", LOGIN


FORMS = [Form(*form) for form in _forms()]
