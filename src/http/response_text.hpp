// An answer as it goes over the wire (RFC 9112): one block of bytes for one write, and a body that
// is never copied after it.
#pragma once

#include <string>
#include <string_view>

#include "http/message.hpp"

namespace waybill::http {

struct Framing {
    bool close = false;       // says Connection: close
    bool keep_alive = false;  // says Connection: keep-alive, as HTTP/1.0 clients need it
    bool head = false;        // the answer to HEAD: its length is told, its body is not sent
};

// Appends to `out`; what is returned follows it on the wire. A header that holds a line break or NUL
// is left out: nobody but us ends a line.
std::string_view append_response(std::string& out, const Response& response, const Framing& framing);

}  // namespace waybill::http
