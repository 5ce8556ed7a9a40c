// The Redis protocol (RESP2), by hiredis's codec: commands to bytes, bytes to replies.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

struct redisReader;

namespace waybill::redis {

struct Reply {
    enum class Kind : std::uint8_t { nil, status, error, integer, bytes, array };
    Kind kind = Kind::nil;
    std::string text;  // status, error, bytes
    std::int64_t integer = 0;
    std::vector<Reply> elements;

    [[nodiscard]] bool is_status(std::string_view expected) const { return kind == Kind::status && text == expected; }

    // "NOSCRIPT", "WRONGPASS": the first word of an error, which holds nothing of what was sent; empty
    // for other replies.
    [[nodiscard]] std::string error_code() const;
};

// Binary safe. Throws std::bad_alloc.
[[nodiscard]] std::string format_command(const std::vector<std::string_view>& words);

// Takes bytes as they come. A peer that sends something else, or a reply larger than `bytes_max`,
// breaks the reader for good. Not thread-safe.
class ReplyReader {
public:
    explicit ReplyReader(std::size_t bytes_max);

    void feed(std::string_view bytes);

    // Empty when more bytes are needed, or broken.
    [[nodiscard]] std::optional<Reply> next();
    [[nodiscard]] bool is_broken() const { return broken_; }

private:
    struct Free {
        void operator()(redisReader* reader) const;
    };
    std::unique_ptr<redisReader, Free> reader_;
    std::size_t bytes_max_;
    std::size_t unread_bytes_ = 0;  // fed since the last whole reply
    bool broken_ = false;
};

}  // namespace waybill::redis
