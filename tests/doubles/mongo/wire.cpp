#include "tests/doubles/mongo/wire.hpp"

#include <sys/socket.h>

#include <atomic>
#include <cstring>
#include <string>
#include <vector>

namespace waybill::testing::mongo {

namespace {

constexpr std::int32_t op_reply = 1;
constexpr std::int32_t op_query = 2004;
constexpr std::int32_t op_msg = 2013;
constexpr std::uint32_t checksum_present = 1;
constexpr std::uint32_t more_to_come = 2;
constexpr std::uint32_t exhaust_allowed = 1U << 16;
constexpr std::size_t head_size = 16;

bool receive_all(int socket, std::uint8_t* bytes, std::size_t size) {
    while (size > 0) {
        const ssize_t received = ::recv(socket, bytes, size, 0);
        if (received <= 0) return false;
        bytes += received;
        size -= static_cast<std::size_t>(received);
    }
    return true;
}

bool send_all(int socket, const std::string& bytes) {
    std::size_t sent = 0;
    while (sent < bytes.size()) {
        const ssize_t now = ::send(socket, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
        if (now <= 0) return false;
        sent += static_cast<std::size_t>(now);
    }
    return true;
}

// Takes parts off the front of a message, never past its end.
class Reader {
public:
    explicit Reader(std::span<const std::uint8_t> bytes) : bytes_(bytes) {}

    [[nodiscard]] bool at_end() const { return bytes_.empty(); }
    template <class T>
    T number() {
        T value{};
        std::memcpy(&value, take(sizeof value).data(), sizeof value);
        return value;
    }
    std::string text() {
        const auto* end = static_cast<const std::uint8_t*>(std::memchr(bytes_.data(), 0, bytes_.size()));
        if (!end) throw BadBson("a text without its end");
        const auto size = static_cast<std::size_t>(end - bytes_.data());
        const auto taken = take(size + 1);
        return {reinterpret_cast<const char*>(taken.data()), size};
    }
    std::span<const std::uint8_t> take(std::size_t size) {
        if (size > bytes_.size()) throw BadBson("a message ends too early");
        const auto taken = bytes_.first(size);
        bytes_ = bytes_.subspan(size);
        return taken;
    }
    Object document() {
        std::int32_t size = 0;
        if (bytes_.size() < sizeof size) throw BadBson("a message ends too early");
        std::memcpy(&size, bytes_.data(), sizeof size);
        if (size < 5) throw BadBson("a document of a wrong size");
        return parse_object(take(static_cast<std::size_t>(size)));
    }
    Reader part(std::size_t size) { return Reader(take(size)); }

private:
    std::span<const std::uint8_t> bytes_;
};

void read_msg(Message& message, Reader reader) {
    const auto flags = reader.number<std::uint32_t>();
    if ((flags & checksum_present) != 0) throw BadBson("the double speaks no checksums");
    if ((flags & ~(more_to_come | exhaust_allowed)) != 0) throw BadBson("an OP_MSG flag that is not known");
    message.wants_reply = (flags & more_to_come) == 0;
    bool has_body = false;
    std::vector<Field> sequences;
    while (!reader.at_end()) {
        const auto kind = reader.number<std::uint8_t>();
        if (kind == 0) {
            if (has_body) throw BadBson("an OP_MSG with two bodies");
            message.command = reader.document();
            has_body = true;
        } else if (kind == 1) {
            const auto size = reader.number<std::int32_t>();
            if (size < 5) throw BadBson("a document sequence of a wrong size");
            Reader part = reader.part(static_cast<std::size_t>(size) - sizeof size);
            std::string name = part.text();
            Array documents;
            while (!part.at_end()) documents.emplace_back(part.document());
            sequences.push_back(Field{std::move(name), std::move(documents)});
        } else {
            throw BadBson("an OP_MSG section that is not known");
        }
    }
    if (!has_body) throw BadBson("an OP_MSG without a body");
    for (Field& sequence : sequences) {
        if (message.command.has(sequence.name)) throw BadBson("the field " + sequence.name + " is there twice");
        message.command.set(sequence.name, std::move(sequence.value));
    }
}

void read_query(Message& message, Reader reader) {
    (void)reader.number<std::int32_t>();
    const std::string name = reader.text();
    (void)reader.take(2 * sizeof(std::int32_t));
    message.command = reader.document();
    if (const Value* inner = message.command.find("$query"); inner && inner->is<Object>()) {
        message.command = Object(*inner->as<Object>());
    }
    const std::size_t dot = name.find(".$cmd");
    const std::string command = message.command.empty() ? "" : message.command.begin()->name;
    if (dot == std::string::npos || (command != "isMaster" && command != "ismaster" && command != "hello")) {
        throw BadBson("OP_QUERY is for the greeting only");
    }
    message.command.set("$db", name.substr(0, dot));
}

template <class T>
void append(T number, std::string& out) {
    out.append(reinterpret_cast<const char*>(&number), sizeof number);
}

}  // namespace

std::optional<Message> read_message(int socket) {
    std::vector<std::uint8_t> bytes(head_size);
    if (!receive_all(socket, bytes.data(), head_size)) return std::nullopt;
    Reader head(bytes);
    const auto size = head.number<std::uint32_t>();
    const auto id = head.number<std::int32_t>();
    (void)head.number<std::int32_t>();
    const auto code = head.number<std::int32_t>();
    if (size < head_size || size > message_bytes_max) throw BadBson("a message of a wrong size");
    bytes.resize(size - head_size);
    if (!receive_all(socket, bytes.data(), bytes.size())) return std::nullopt;
    if (code != op_msg && code != op_query) {
        throw BadBson("the double does not speak the message " + std::to_string(code));
    }
    Message message{id, code == op_query, true, {}, {}};
    try {
        if (message.greeting) {
            read_query(message, Reader(bytes));
        } else {
            read_msg(message, Reader(bytes));
        }
    } catch (const BadBson& bad) {
        message.malformed = bad.what();
    }
    return message;
}

bool write_reply(int socket, const Message& to, const Object& reply) {
    static std::atomic<std::int32_t> last_id{0};
    std::string out;
    append(std::uint32_t{0}, out);
    append(++last_id, out);
    append(to.id, out);
    if (to.greeting) {
        append(op_reply, out);
        append(std::int32_t{8}, out);  // await capable
        append(std::int64_t{0}, out);
        append(std::int32_t{0}, out);
        append(std::int32_t{1}, out);
    } else {
        append(op_msg, out);
        append(std::uint32_t{0}, out);
        out.push_back('\0');
    }
    append_bytes(reply, out);
    const auto size = static_cast<std::uint32_t>(out.size());
    std::memcpy(out.data(), &size, sizeof size);
    return send_all(socket, out);
}

}  // namespace waybill::testing::mongo
