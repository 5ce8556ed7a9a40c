#include <array>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <zlib.h>

#include "adapters/mongo/rows.hpp"
#include "adapters/sqlite/connection.hpp"
#include "adapters/sqlite/order_journal.hpp"
#include "domain/encoding.hpp"
#include "tests/fuzz/input.hpp"
#include "tests/fuzz/targets.hpp"
#include "tests/support/temporary_directory.hpp"

namespace waybill::fuzz {

namespace {

void order_bytes(std::string_view bytes) {
    if (const auto order = decode_order(bytes)) require(encode_order(*order) == bytes, "an order has one form");
    if (const auto lines = decode_lines(bytes)) require(encode_lines(*lines) == bytes, "lines have one form");
    if (const auto product = decode_product(bytes)) require(encode_product(*product) == bytes, "a product too");
    if (const auto products = decode_products(bytes)) require(encode_products(*products) == bytes, "and several");
    if (const auto placed = sqlite::decode_journaled(7, bytes)) {
        const auto again = sqlite::decode_journaled(7, sqlite::encode_journaled(placed->order, placed->idempotency));
        require(
            again && again->order == placed->order && again->idempotency.has_value() == placed->idempotency.has_value(),
            "an order of the journal reads as it is written");
    }
}

constexpr std::size_t head_size = 24;
constexpr std::size_t checksum_at = 4;
constexpr std::size_t checksum_end = 8;
constexpr std::size_t size_at = 20;

std::uint32_t number_at(const std::string& bytes, std::size_t at) {
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < 4; ++i) value |= std::uint32_t{static_cast<std::uint8_t>(bytes[at + i])} << (8 * i);
    return value;
}

// Gives the first record the checksum that its bytes need: a fuzzer finds no CRC by itself.
void mend_checksum(std::string& file) {
    if (file.size() < head_size) return;
    const std::size_t size = head_size + std::size_t{number_at(file, size_at)};
    if (size > file.size()) return;
    const auto* covered = reinterpret_cast<const unsigned char*>(file.data()) + checksum_end;
    const auto checksum = static_cast<std::uint32_t>(::crc32_z(0, covered, size - checksum_end));
    for (std::size_t i = 0; i < 4; ++i) file[checksum_at + i] = static_cast<char>(checksum >> (8 * i));
}

void replay(const std::filesystem::path& path, const std::string& bytes) {
    std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
    constexpr std::uint64_t half_bytes = 2'048;
    sqlite::OrderJournal journal(path, half_bytes);
    try {
        journal.replay([&](const sqlite::JournaledOrder& found) {
            const auto again =
                sqlite::decode_journaled(found.sequence, sqlite::encode_journaled(found.order, found.idempotency));
            require(again && again->order == found.order, "what is replayed is an order");
        });
    } catch (const std::runtime_error& error) {
        require(std::string_view(error.what()).contains("journal"), "a record that cannot be read is told as one");
    }
}

void order_journal(std::string_view bytes) {
    static const testing::TemporaryDirectory folder;
    const std::filesystem::path path = folder.path() / "orders.journal";
    std::string file(bytes);
    replay(path, file);
    mend_checksum(file);
    replay(path, file);
}

template <class Read>
void read(const mongo::View& view, Read reader) {
    try {
        (void)reader(view);
    } catch (const std::runtime_error& error) {
        require(std::string_view(error.what()).size() > 0, "a row that is not ours is told");
    }
}

void mongo_row(std::string_view bytes) {
    bson_t document;
    if (!bson_init_static(&document, reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size())) return;
    const mongo::View view(document);
    read(view, [](const mongo::View& found) {
        const Order order = mongo::read_order(found);
        const mongo::Document written = mongo::write_order(order);
        require(mongo::read_order(written) == order, "an order of MongoDB reads as it is written");
        return 0;
    });
    read(view, mongo::read_work_item);
    read(view, mongo::read_dead_letter);
    read(view, mongo::read_user);
    read(view, mongo::read_session);
    read(view, mongo::read_product);
    read(view, mongo::read_stock);
}

constexpr std::array targets{Target{"order_bytes", order_bytes}, Target{"order_journal", order_journal},
                             Target{"mongo_row", mongo_row}};

}  // namespace

std::span<const Target> store_targets() { return targets; }

}  // namespace waybill::fuzz
