#include "adapters/sqlite/order_journal.hpp"

#include <algorithm>
#include <map>
#include <stdexcept>
#include <zlib.h>

#include "adapters/sqlite/connection.hpp"
#include "domain/encoding.hpp"

namespace waybill::sqlite {

namespace {

// A record: this head, then each order as its size and its bytes. Numbers are little-endian. The
// checksum (CRC-32) covers everything after itself.
constexpr std::uint32_t record_mark = 0x314a4257;  // "WBJ1"
constexpr std::size_t head_size = 24;
constexpr std::size_t checksum_at = 4;
constexpr std::size_t checksum_end = 8;

// The file grows by this much, zeroed, so that most syncs find its size and its blocks unchanged.
constexpr std::size_t growth_bytes = 1u << 20;

struct Head {
    std::uint32_t mark = record_mark;
    std::uint32_t checksum = 0;
    std::uint64_t sequence = 0;
    std::uint32_t orders = 0;
    std::uint32_t size = 0;  // of what follows the head
};

template <class Number>
void put(std::string& bytes, Number value) {
    for (std::size_t i = 0; i < sizeof(Number); ++i) bytes += static_cast<char>(value >> (8 * i));
}

// Takes a number from the front of `bytes`; empty when they are too few.
template <class Number>
std::optional<Number> take(std::string_view& bytes) {
    if (bytes.size() < sizeof(Number)) return std::nullopt;
    Number value = 0;
    for (std::size_t i = 0; i < sizeof(Number); ++i) {
        value |= static_cast<Number>(static_cast<Number>(static_cast<std::uint8_t>(bytes[i])) << (8 * i));
    }
    bytes.remove_prefix(sizeof(Number));
    return value;
}

std::optional<std::string_view> take_bytes(std::string_view& bytes, std::size_t size) {
    if (bytes.size() < size) return std::nullopt;
    const std::string_view taken = bytes.substr(0, size);
    bytes.remove_prefix(size);
    return taken;
}

std::optional<std::string_view> take_sized(std::string_view& bytes) {
    const auto size = take<std::uint32_t>(bytes);
    if (!size) return std::nullopt;
    return take_bytes(bytes, *size);
}

std::uint32_t checksum_of(std::string_view bytes) {
    return static_cast<std::uint32_t>(
        ::crc32_z(0, reinterpret_cast<const unsigned char*>(bytes.data()), static_cast<z_size_t>(bytes.size())));
}

std::size_t size_of(std::span<const std::string> orders) {
    std::size_t size = 0;
    for (const std::string& order : orders) size += sizeof(std::uint32_t) + order.size();
    return size;
}

std::string make_record(std::uint64_t sequence, std::span<const std::string> orders) {
    const std::size_t size = size_of(orders);
    std::string record;
    record.reserve(head_size + size);
    put(record, record_mark);
    put(record, std::uint32_t{0});
    put(record, sequence);
    put(record, static_cast<std::uint32_t>(orders.size()));
    put(record, static_cast<std::uint32_t>(size));
    for (const std::string& order : orders) {
        put(record, static_cast<std::uint32_t>(order.size()));
        record += order;
    }
    std::string checksum;
    put(checksum, checksum_of(std::string_view(record).substr(checksum_end)));
    record.replace(checksum_at, checksum.size(), checksum);
    return record;
}

std::optional<Head> read_head(std::string_view bytes) {
    const auto mark = take<std::uint32_t>(bytes);
    const auto checksum = take<std::uint32_t>(bytes);
    const auto sequence = take<std::uint64_t>(bytes);
    const auto orders = take<std::uint32_t>(bytes);
    const auto size = take<std::uint32_t>(bytes);
    if (!size || *mark != record_mark) return std::nullopt;
    return Head{*mark, *checksum, *sequence, *orders, *size};
}

// The whole record at `at`; empty where none was completely written.
std::optional<std::string> read_record(VfsFile& file, std::uint64_t at) {
    const std::optional<Head> head = read_head(file.read(at, head_size));
    if (!head) return std::nullopt;
    std::string record = file.read(at, head_size + head->size);
    if (record.size() != head_size + head->size) return std::nullopt;
    if (checksum_of(std::string_view(record).substr(checksum_end)) != head->checksum) return std::nullopt;
    return record;
}

// By its sizes alone, before its bytes are summed up: what a customer sent may look like a head, and must
// not cost the sum of what follows it.
bool has_form(const Head& head, std::string_view record) {
    std::string_view rest = record.substr(head_size);
    for (std::uint32_t i = 0; i < head.orders; ++i) {
        if (!take_sized(rest)) return false;
    }
    return head.orders > 0 && rest.empty();
}

// `bytes` begin with the head, and may end before the record does.
bool is_whole(const Head& head, std::string_view bytes) {
    if (bytes.size() - head_size < head.size) return false;
    const std::string_view record = bytes.substr(0, head_size + head.size);
    return has_form(head, record) && checksum_of(record.substr(checksum_end)) == head.checksum;
}

void look_through(std::string_view bytes, std::uint64_t above, OrderJournal::Found& found) {
    std::string mark;
    put(mark, record_mark);
    for (std::size_t at = bytes.find(mark); at != std::string_view::npos; at = bytes.find(mark, at + mark.size())) {
        const std::string_view rest = bytes.substr(at);
        const std::optional<Head> head = read_head(rest);
        const std::uint64_t newest = head ? head->sequence + head->orders - 1 : 0;
        if (newest <= above) continue;
        if (is_whole(*head, rest)) {
            found.newest = std::max(found.newest, newest);
        } else if (head->sequence == above + 1 && head->size <= bytes.size()) {
            found.broken_octets = head_size + head->size;
        }
    }
}

void visit_orders(const std::string& record, const std::function<void(JournaledOrder)>& visit) {
    const Head head = *read_head(record);
    std::string_view rest = std::string_view(record).substr(head_size);
    for (std::uint32_t i = 0; i < head.orders; ++i) {
        const std::optional<std::string_view> bytes = take_sized(rest);
        std::optional<JournaledOrder> order = bytes ? decode_journaled(head.sequence + i, *bytes) : std::nullopt;
        if (!order) throw std::runtime_error("a record of the order journal cannot be read");
        visit(*std::move(order));
    }
}

void visit_records(VfsFile& file, std::uint64_t at, std::uint64_t end,
                   const std::function<void(JournaledOrder)>& visit) {
    while (at < end) {
        const std::optional<std::string> record = read_record(file, at);
        if (!record) return;
        visit_orders(*record, visit);
        at += record->size();
    }
}

}  // namespace

std::string encode_journaled(const Order& order, const std::optional<IdempotencyKey>& idempotency) {
    const std::string placed = encode_order(order);
    std::string bytes;
    put(bytes, static_cast<std::uint32_t>(placed.size()));
    bytes += placed;
    if (!idempotency) return bytes;
    bytes.append(reinterpret_cast<const char*>(idempotency->request_hash.data()), idempotency->request_hash.size());
    bytes += idempotency->key;
    return bytes;
}

std::optional<JournaledOrder> decode_journaled(std::uint64_t sequence, std::string_view bytes) {
    const std::optional<std::string_view> placed = take_sized(bytes);
    if (!placed) return std::nullopt;
    std::optional<Order> order = decode_order(*placed);
    if (!order) return std::nullopt;
    JournaledOrder journaled{sequence, *std::move(order), std::nullopt};
    if (bytes.empty()) return journaled;
    IdempotencyKey& idempotency = journaled.idempotency.emplace();
    const std::optional<std::string_view> hash = take_bytes(bytes, idempotency.request_hash.size());
    if (!hash) return std::nullopt;
    std::ranges::copy(*hash, idempotency.request_hash.begin());
    idempotency.key = bytes;
    return journaled;
}

OrderJournal::OrderJournal(std::filesystem::path file, std::uint64_t half_bytes)
    : path_(std::move(file)), half_bytes_(half_bytes) {
    reopen();
}

void OrderJournal::reopen() {
    file_.reset();
    file_ = std::make_unique<VfsFile>(path_);
    size_ = file_->size();
    half_ = 0;
    newest_ = {};
    end_ = 0;
}

void OrderJournal::replay(const std::function<void(JournaledOrder)>& visit) {
    std::map<std::uint64_t, std::uint64_t> halves;  // where each begins, by its first number
    for (const std::size_t half : {0u, 1u}) {
        const std::optional<std::string> first = read_record(*file_, front(half));
        if (first) halves.emplace(read_head(*first)->sequence, front(half));
    }
    for (const auto& [sequence, at] : halves) visit_records(*file_, at, at + half_bytes_, visit);
}

OrderJournal::Found OrderJournal::look_beyond(std::uint64_t sequence) {
    Found found;
    for (const std::size_t half : {0u, 1u}) {
        look_through(file_->read(front(half), static_cast<std::size_t>(half_bytes_)), sequence, found);
    }
    return found;
}

OrderJournal::Outcome OrderJournal::append(std::uint64_t sequence, std::span<const std::string> orders) {
    if (!has_room_for(orders)) throw std::length_error("a batch does not fit into the order journal");
    const std::string record = make_record(sequence, orders);
    int code = make_room(end_ + record.size());
    // A full disk writes less than the whole record, and what is not whole is not in the journal.
    if ((code & 0xff) == SQLITE_FULL) return Outcome::not_written;
    if (code == SQLITE_OK) code = file_->write(end_, record);
    if ((code & 0xff) == SQLITE_FULL) return Outcome::not_written;
    newest_[half_] = sequence + orders.size() - 1;
#ifndef WAYBILL_MUTANT_COMMIT_WITHOUT_SYNC
    if (code == SQLITE_OK) code = file_->sync();
#endif
    if (code != SQLITE_OK) return Outcome::in_doubt;
    end_ += record.size();
    return Outcome::durable;
}

bool OrderJournal::has_room_for(std::span<const std::string> orders) const {
    return end_ + head_size + size_of(orders) <= front(half_) + half_bytes_;
}

void OrderJournal::turn() {
    half_ = 1 - half_;
    end_ = front(half_);
}

int OrderJournal::make_room(std::uint64_t end) {
    while (size_ < end) {
        const int code = file_->write(size_, std::string(growth_bytes, '\0'));
        if (code != SQLITE_OK) return code;
        size_ += growth_bytes;
    }
    return SQLITE_OK;
}

void OrderJournal::clear() {
    if (file_->truncate(0) == SQLITE_OK) size_ = 0;
    start_over();
}

}  // namespace waybill::sqlite
