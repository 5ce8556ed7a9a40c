// Reads what a mail's reader would read: RFC 2045, 6.7.
#pragma once

#include <string>
#include <string_view>

namespace waybill::testing {

// Line ends become LF.
[[nodiscard]] inline std::string decode_quoted_printable(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '=') {
            if (text[i] != '\r') out += text[i];
        } else if (text.substr(i + 1, 2) == "\r\n") {
            i += 2;
        } else {
            out += static_cast<char>(std::stoi(std::string{text.substr(i + 1, 2)}, nullptr, 16));
            i += 2;
        }
    }
    return out;
}

}  // namespace waybill::testing
