#include "adapters/redis/reply.hpp"

#include <hiredis/hiredis.h>
#include <hiredis/read.h>

#include <algorithm>
#include <cstdlib>
#include <exception>
#include <new>
#include <utility>

namespace waybill::redis {

namespace {

// No command of ours is answered with more; a peer must not make us reserve what it never sends.
constexpr int elements_max = 16;
constexpr std::size_t error_code_length_max = 20;

// A reply's parts live inside its root, which alone is owned by the reader until it is whole.
Reply* place(const redisReadTask* task) {
    if (task->parent == nullptr) return new Reply;
    return &static_cast<Reply*>(task->parent->obj)->elements[static_cast<std::size_t>(task->idx)];
}

// hiredis is C: nothing may be thrown through it; null means out of memory.
template <class Fill>
void* make(const redisReadTask* task, Fill fill) noexcept {
    Reply* made = nullptr;
    try {
        made = place(task);
        fill(*made);
        return made;
    } catch (const std::exception&) {
        if (task->parent == nullptr) delete made;
        return nullptr;
    }
}

Reply::Kind kind_of(int type) {
    if (type == REDIS_REPLY_STATUS) return Reply::Kind::status;
    if (type == REDIS_REPLY_ERROR) return Reply::Kind::error;
    return Reply::Kind::bytes;
}

void* make_text(const redisReadTask* task, char* bytes, std::size_t size) {
    return make(task, [&](Reply& reply) {
        reply.kind = kind_of(task->type);
        reply.text.assign(bytes, size);
    });
}

void* make_array(const redisReadTask* task, int size) {
    if (size < 0 || size > elements_max) return nullptr;
    return make(task, [&](Reply& reply) {
        reply.kind = Reply::Kind::array;
        reply.elements.resize(static_cast<std::size_t>(size));
    });
}

void* make_integer(const redisReadTask* task, long long value) {
    return make(task, [&](Reply& reply) {
        reply.kind = Reply::Kind::integer;
        reply.integer = value;
    });
}

void* make_nil(const redisReadTask* task) {
    return make(task, [](Reply& reply) { reply.kind = Reply::Kind::nil; });
}

void free_reply(void* reply) { delete static_cast<Reply*>(reply); }

redisReplyObjectFunctions functions{make_text, make_array, make_integer, make_nil, free_reply};

}  // namespace

std::string Reply::error_code() const {
    if (kind != Kind::error) return {};
    const auto is_code = [](char c) { return (c >= 'A' && c <= 'Z') || c == '_'; };
    const auto end = std::ranges::find_if_not(text, is_code);
    std::string code(text.begin(), end);
    return code.empty() || code.size() > error_code_length_max ? "ERR" : code;
}

std::string format_command(const std::vector<std::string_view>& words) {
    std::vector<const char*> starts;
    std::vector<std::size_t> sizes;
    for (const std::string_view word : words) {
        starts.push_back(word.data());
        sizes.push_back(word.size());
    }
    char* bytes = nullptr;
    const int size = redisFormatCommandArgv(&bytes, static_cast<int>(words.size()), starts.data(), sizes.data());
    const std::unique_ptr<char, decltype(&redisFreeCommand)> owned(bytes, &redisFreeCommand);
    if (size < 0) throw std::bad_alloc();
    return {bytes, static_cast<std::size_t>(size)};
}

void ReplyReader::Free::operator()(redisReader* reader) const { redisReaderFree(reader); }

ReplyReader::ReplyReader(std::size_t bytes_max)
    : reader_(redisReaderCreateWithFunctions(&functions)), bytes_max_(bytes_max) {
    if (!reader_) throw std::bad_alloc();
}

void ReplyReader::feed(std::string_view bytes) {
    if (broken_) return;
    unread_bytes_ += bytes.size();
    broken_ = redisReaderFeed(reader_.get(), bytes.data(), bytes.size()) != REDIS_OK;
}

std::optional<Reply> ReplyReader::next() {
    if (broken_) return std::nullopt;
    void* made = nullptr;
    if (redisReaderGetReply(reader_.get(), &made) != REDIS_OK) {
        broken_ = true;
        return std::nullopt;
    }
    if (made == nullptr) {
        broken_ = unread_bytes_ > bytes_max_;
        return std::nullopt;
    }
    const std::unique_ptr<Reply> owned(static_cast<Reply*>(made));
    unread_bytes_ = reader_->len - reader_->pos;
    return std::move(*owned);
}

}  // namespace waybill::redis
