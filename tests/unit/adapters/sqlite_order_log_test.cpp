#include <gmock/gmock.h>

#include <fstream>
#include <thread>

#include "tests/support/faulty_disk.hpp"
#include "tests/unit/adapters/sqlite_fixture.hpp"

namespace waybill::sqlite {
namespace {

using waybill::testing::DiskStep;
using waybill::testing::FaultyDisk;

using ::testing::HasSubstr;

class SqliteOrderLog : public SqliteTest {
protected:
    // What the disk holds at this moment, as after a crash.
    std::filesystem::path copy_of_disk(const std::string& name = "copy") {
        const std::filesystem::path copy = directory_.path() / name;
        std::filesystem::create_directory(copy);
        for (const char* file : {"orders.journal", "waybill.db", "waybill.db-wal"}) {
            if (std::filesystem::exists(data_dir() / file)) std::filesystem::copy(data_dir() / file, copy / file);
        }
        return copy;
    }

    [[nodiscard]] Result<StorePtr> open_at(const std::filesystem::path& dir) {
        SqliteOptions options = options_;
        options.data_dir = dir;
        return SqliteStore::open(options, clock_, log_);
    }

    static std::string bytes_of(const std::filesystem::path& file) {
        std::ifstream in(file, std::ios::binary);
        return {std::istreambuf_iterator<char>(in), {}};
    }

    static void write_bytes(const std::filesystem::path& file, const std::string& bytes) {
        std::ofstream(file, std::ios::binary) << bytes;
    }

    [[nodiscard]] static std::int64_t available(SqliteStore& store) {
        return store.list_stock({}, std::nullopt, 1)->at(0).available;
    }

    [[nodiscard]] static NewOrder order_of(const std::string& id, std::int64_t quantity) {
        NewOrder wanted = order(id);
        wanted.lines[0].quantity = quantity;
        return wanted;
    }

    [[nodiscard]] static Result<PlacedOrder> place_one(SqliteStore& store, const NewOrder& wanted) {
        return store.place_orders(std::span(&wanted, 1)).front();
    }

    [[nodiscard]] static Result<StockChanged> change_by(SqliteStore& store, std::int64_t delta) {
        return store.change_stock({.user_id = UserId("u1"),
                                   .product_id = ProductId("p1"),
                                   .location = "blr",
                                   .set = {},
                                   .delta = delta,
                                   .reason = {},
                                   .idempotency = {}});
    }

    static void limit_pages(SqliteStore& store, bool to_present) {
        ASSERT_TRUE(store.write([&](Transaction& transaction) -> Result<void> {
            if (to_present) {
                transaction.db.execute("PRAGMA max_page_count=1");
            } else {
                transaction.db.execute("PRAGMA max_page_count=1073741823");
            }
            return {};
        }));
    }

    FaultyDisk disk_;
};

TEST_F(SqliteOrderLog, what_was_acknowledged_survives_a_crash_before_the_tables_have_it) {
    const StorePtr store = open();
    stock_up(*store);
    const HeldTables held(*store);
    ASSERT_TRUE(place(*store, "o1"));
    ASSERT_TRUE(place(*store, "o2"));

    const Result<StorePtr> next = open_at(copy_of_disk());
    ASSERT_TRUE(next) << next.error().detail;
    EXPECT_EQ(log_.events_named("orders-recovered").front().fields.at("orders"), "2");
    EXPECT_EQ((*next)->find_order(OrderId("o1"))->value(), store->find_order(OrderId("o1"))->value());
    EXPECT_EQ(available(**next), 996);
    EXPECT_EQ((*next)->claim_work(WorkKind::process_order, 10, Milliseconds{15'000})->size(), 2u);
    EXPECT_TRUE(place(**next, "o2")->replayed) << "its key came with it";
}

TEST_F(SqliteOrderLog, a_crash_after_the_recovery_repeats_nothing) {
    const StorePtr store = open();
    stock_up(*store);
    const HeldTables held(*store);
    ASSERT_TRUE(place(*store, "o1"));
    const std::filesystem::path copy = copy_of_disk();
    const std::string journal = bytes_of(journal_file(copy));
    { ASSERT_TRUE(open_at(copy)); }
    write_bytes(journal_file(copy), journal);

    const Result<StorePtr> again = open_at(copy);
    ASSERT_TRUE(again);
    EXPECT_EQ(log_.count("orders-recovered"), 1u);
    EXPECT_EQ(available(**again), 998);
    EXPECT_TRUE(place(**again, "o2"));
    EXPECT_EQ(available(**again), 996);
}

// Wherever a crash cuts the journal, what was whole before the cut is there, and nothing else.
TEST_F(SqliteOrderLog, a_torn_record_is_no_order) {
    const StorePtr store = open();
    stock_up(*store);
    const HeldTables held(*store);
    ASSERT_TRUE(place(*store, "o1"));
    const std::size_t end_of_first = bytes_of(journal_file(data_dir())).find_last_not_of('\0') + 1;
    ASSERT_TRUE(place(*store, "o2"));
    const std::string journal = bytes_of(journal_file(data_dir()));
    const std::size_t end_of_second = journal.find_last_not_of('\0') + 1;

    for (std::size_t cut = end_of_first; cut <= end_of_second; cut += (end_of_second - end_of_first) / 8 + 1) {
        const std::filesystem::path copy = copy_of_disk("cut-" + std::to_string(cut));
        std::string torn = journal;
        torn.replace(cut, torn.size() - cut, torn.size() - cut, '\0');
        write_bytes(journal_file(copy), torn);
        const Result<StorePtr> next = open_at(copy);
        ASSERT_TRUE(next) << cut;
        EXPECT_TRUE((*next)->find_order(OrderId("o1"))->has_value()) << cut;
        EXPECT_FALSE((*next)->find_order(OrderId("o2"))->has_value()) << cut;
        EXPECT_EQ(available(**next), 998) << cut;
    }
}

// Nobody can tell it from one that a crash cut off.
TEST_F(SqliteOrderLog, a_broken_last_record_is_no_order_and_is_told) {
    const StorePtr store = open();
    stock_up(*store);
    const HeldTables held(*store);
    ASSERT_TRUE(place(*store, "o1"));
    const std::filesystem::path copy = copy_of_disk();
    std::string journal = bytes_of(journal_file(copy));
    journal[journal.find("Tea")] = 'S';
    write_bytes(journal_file(copy), journal);
    const Result<StorePtr> next = open_at(copy);
    ASSERT_TRUE(next);
    EXPECT_FALSE((*next)->find_order(OrderId("o1"))->has_value());
    const std::size_t size = journal.find_last_not_of('\0') + 1;
    EXPECT_EQ(log_.events_named("order-journal-record-broken").front().fields.at("octets"), std::to_string(size));
}

// A record is written after the one before it was synced, so no crash explains this.
TEST_F(SqliteOrderLog, refuses_a_journal_with_a_broken_record_before_a_whole_one) {
    const StorePtr store = open();
    stock_up(*store);
    const HeldTables held(*store);
    for (const std::string id : {"o1", "o2"}) ASSERT_TRUE(place(*store, id));
    const std::filesystem::path copy = copy_of_disk();
    const std::string journal = bytes_of(journal_file(copy));
    const std::size_t second = journal.find("WBJ1", 1);
    ASSERT_NE(second, std::string::npos);
    for (std::size_t at = 0; at < second; at += 7) {
        std::string damaged = journal;
        damaged[at] = static_cast<char>(damaged[at] ^ 0x10);
        write_bytes(journal_file(copy), damaged);
        const Result<StorePtr> next = open_at(copy);
        ASSERT_FALSE(next) << "octet " << at;
        EXPECT_THAT(next.error().detail, HasSubstr("was written by another version of Waybill, or is damaged."));
        EXPECT_THAT(next.error().detail, HasSubstr("move it away"));
        EXPECT_TRUE(bytes_of(journal_file(copy)) == damaged) << "it is left as it was";
    }
}

TEST_F(SqliteOrderLog, refuses_a_journal_with_a_broken_record_in_either_half) {
    options_.journal_half_bytes = 1'000;
    const StorePtr store = open();
    stock_up(*store);
    const HeldTables held(*store);
    for (int i = 0; i < 12; ++i) ASSERT_TRUE(place(*store, "o" + std::to_string(i)));
    const std::filesystem::path copy = copy_of_disk();
    const std::string journal = bytes_of(journal_file(copy));
    const std::size_t last = journal.rfind("WBJ1");
    ASSERT_GT(last, 1'000u) << "the second half holds more than one";
    for (std::size_t at = journal.find("WBJ1"); at != last; at = journal.find("WBJ1", at + 1)) {
        std::string damaged = journal;
        damaged[at + 50] = static_cast<char>(damaged[at + 50] ^ 1);
        write_bytes(journal_file(copy), damaged);
        EXPECT_FALSE(open_at(copy)) << "record at " << at;
    }
}

// The tables have those, whole or not.
TEST_F(SqliteOrderLog, a_broken_record_of_an_earlier_round_harms_nobody) {
    const StorePtr store = open();
    stock_up(*store);
    {
        const HeldTables held(*store);
        for (const std::string id : {"o1", "o2", "o3"}) ASSERT_TRUE(place(*store, id));
    }
    EXPECT_EQ(available(*store), 994) << "the tables have them all";
    const std::filesystem::path copy = copy_of_disk();
    std::string journal = bytes_of(journal_file(copy));
    journal[journal.find("Tea")] = 'S';
    write_bytes(journal_file(copy), journal);
    const Result<StorePtr> next = open_at(copy);
    ASSERT_TRUE(next) << next.error().detail;
    EXPECT_EQ(available(**next), 994);
    EXPECT_EQ(log_.count("order-journal-record-broken"), 0u);
}

// The records of the round before lie behind those of this one.
TEST_F(SqliteOrderLog, what_an_earlier_round_left_in_the_journal_is_not_placed_again) {
    const StorePtr store = open();
    stock_up(*store);
    {
        const HeldTables held(*store);
        for (const std::string id : {"o1", "o2", "o3"}) ASSERT_TRUE(place(*store, id));
    }
    EXPECT_EQ(available(*store), 994) << "the tables have them all";
    const HeldTables held(*store);
    ASSERT_TRUE(place(*store, "o4"));

    const Result<StorePtr> next = open_at(copy_of_disk());
    ASSERT_TRUE(next);
    EXPECT_EQ(log_.events_named("orders-recovered").front().fields.at("orders"), "1");
    EXPECT_EQ(available(**next), 992);
}

TEST_F(SqliteOrderLog, a_clean_end_leaves_nothing_to_recover) {
    {
        const StorePtr store = open();
        stock_up(*store);
        ASSERT_TRUE(place(*store, "o1"));
    }
    EXPECT_EQ(std::filesystem::file_size(journal_file(data_dir())), 0u);
    const StorePtr next = open();
    EXPECT_EQ(log_.count("orders-recovered"), 0u);
    EXPECT_EQ(available(*next), 998);
}

TEST_F(SqliteOrderLog, refuses_a_journal_that_does_not_continue_its_database) {
    const StorePtr store = open();
    stock_up(*store);
    const std::filesystem::path backup = copy_of_disk();
    ASSERT_TRUE(place(*store, "o1"));
    ASSERT_EQ(available(*store), 998);
    const HeldTables held(*store);
    ASSERT_TRUE(place(*store, "o2"));
    write_bytes(journal_file(backup), bytes_of(journal_file(data_dir())));

    const Result<StorePtr> next = open_at(backup);
    ASSERT_FALSE(next);
    EXPECT_THAT(next.error().detail, HasSubstr("orders.journal does not continue its database"));
    EXPECT_THAT(next.error().detail, HasSubstr("move it away"));
}

TEST_F(SqliteOrderLog, refuses_a_journal_whose_orders_do_not_fit_the_stock) {
    const StorePtr store = open();
    stock_up(*store);
    const HeldTables held(*store);
    ASSERT_TRUE(place(*store, "o1"));
    const std::filesystem::path copy = copy_of_disk();
    Connection(database_file(copy), Connection::Mode::write).run("UPDATE inventory SET available = 1");

    const Result<StorePtr> next = open_at(copy);
    ASSERT_FALSE(next);
    EXPECT_THAT(next.error().detail, HasSubstr("orders.journal does not fit its database"));
}

// ---- what is not in the tables yet

TEST_F(SqliteOrderLog, stock_that_was_just_taken_is_taken) {
    const StorePtr store = open();
    stock_up(*store);
    const HeldTables held(*store);
    ASSERT_TRUE(place_one(*store, order_of("o1", 600)));
    EXPECT_EQ(place_one(*store, order_of("o2", 401)).error().code, ErrorCode::insufficient_stock);
    EXPECT_TRUE(place_one(*store, order_of("o3", 400)));
    EXPECT_EQ(place_one(*store, order_of("o4", 1)).error().code, ErrorCode::insufficient_stock);
}

TEST_F(SqliteOrderLog, a_repeat_meets_the_order_before_the_tables_have_it) {
    const StorePtr store = open();
    stock_up(*store);
    const HeldTables held(*store);
    const Order placed = place(*store, "o1")->order;
    NewOrder same_key = order("o2");
    same_key.idempotency = order("o1").idempotency;
    EXPECT_EQ(place_one(*store, same_key)->order, placed);
    same_key.idempotency->request_hash[0] = 1;
    EXPECT_EQ(place_one(*store, same_key).error().code, ErrorCode::idempotency_key_reused);
    NewOrder same_id = order("o1");
    same_id.idempotency.reset();
    EXPECT_TRUE(place_one(*store, same_id)->replayed);
}

TEST_F(SqliteOrderLog, an_order_is_found_before_the_tables_have_it) {
    const StorePtr store = open();
    stock_up(*store);
    const HeldTables held(*store);
    const Order placed = place(*store, "o1")->order;
    EXPECT_EQ(store->find_order(OrderId("o1"))->value(), placed);
}

// Each waits for the tables; without that it would answer at once, and wrongly.
TEST_F(SqliteOrderLog, reads_and_changes_see_every_order_that_was_placed) {
    using Look = std::function<bool(SqliteStore&)>;
    const std::vector<Look> looks{
        [](SqliteStore& s) { return s.list_orders({.user_id = UserId("u1"), .status = {}}, {}, 10)->size() == 1; },
        [](SqliteStore& s) { return s.list_orders({}, {}, 10)->size() == 1; },
        [](SqliteStore& s) { return available(s) == 998; },
        [](SqliteStore& s) { return s.stats()->work[WorkKind::process_order].count == 1; },
        [](SqliteStore& s) { return s.mark_sent(10, 10, Milliseconds{15'000})->size() == 1; },
        [](SqliteStore& s) { return s.claim_work(WorkKind::process_order, 10, Milliseconds{15'000})->size() == 1; },
        [](SqliteStore& s) {
            const WorkId id = process_work_id(OrderId("o1"));
            return s.claim_work(std::span(&id, 1), Milliseconds{15'000}).front()->work.has_value();
        },
        [](SqliteStore& s) { return s.cancel_order(OrderId("o1"), {})->status == OrderStatus::cancelled; },
        [](SqliteStore& s) { return change_by(s, -1)->available == 997; },
        [](SqliteStore& s) { return change_by(s, -999).error().code == ErrorCode::validation_failed; },
    };
    for (std::size_t i = 0; i < looks.size(); ++i) {
        std::filesystem::remove_all(data_dir());
        const StorePtr store = open();
        stock_up(*store);
        auto held = std::make_unique<HeldTables>(*store);
        ASSERT_TRUE(place(*store, "o1"));
        bool is_right = false;
        std::jthread looking([&] { is_right = looks[i](*store); });
        held.reset();
        looking.join();
        EXPECT_TRUE(is_right) << "look " << i;
    }
}

// ---- what is remembered from batch to batch

TEST_F(SqliteOrderLog, stock_that_came_back_can_be_ordered_again) {
    const StorePtr store = open();
    stock_up(*store);
    ASSERT_TRUE(place_one(*store, order_of("o1", 1'000)));
    EXPECT_EQ(place_one(*store, order_of("o2", 1)).error().code, ErrorCode::insufficient_stock);
    ASSERT_TRUE(store->cancel_order(OrderId("o1"), std::nullopt));
    EXPECT_TRUE(place_one(*store, order_of("o2", 1'000)));
    EXPECT_EQ(place_one(*store, order_of("o3", 1)).error().code, ErrorCode::insufficient_stock);
    ASSERT_TRUE(change_by(*store, 5));
    EXPECT_TRUE(place_one(*store, order_of("o3", 5)));
    EXPECT_EQ(place_one(*store, order_of("o4", 1)).error().code, ErrorCode::insufficient_stock);
}

TEST_F(SqliteOrderLog, a_price_that_a_command_changed_prices_the_next_order) {
    const StorePtr server = open();
    stock_up(*server);
    const StorePtr command = open(Access::command);
    EXPECT_EQ(place(*server, "o1")->order.total, 500);
    ASSERT_TRUE(command->update_product(ProductId("p1"), {.name = {}, .description = {}, .price = 300, .active = {}}));
    EXPECT_EQ(place(*server, "o2")->order.total, 600);
}

TEST_F(SqliteOrderLog, an_order_that_was_not_stored_takes_no_stock) {
    const StorePtr store = open();
    stock_up(*store);
    ASSERT_TRUE(place_one(*store, order_of("o1", 1)));
    disk_.fail(DiskStep::write, SQLITE_FULL, 0, 1, "orders.journal");
    EXPECT_EQ(place_one(*store, order_of("o2", 999)).error().code, ErrorCode::unavailable);
    EXPECT_TRUE(place_one(*store, order_of("o2", 999)));
}

// ---- limits and failures

TEST_F(SqliteOrderLog, no_more_than_so_many_are_on_their_way_to_the_tables) {
    options_.fresh_orders_max = 2;
    options_.write_deadline = Milliseconds{20};
    const StorePtr store = open();
    stock_up(*store);
    auto held = std::make_unique<HeldTables>(*store);
    ASSERT_TRUE(place(*store, "o1"));
    ASSERT_TRUE(place(*store, "o2"));
    EXPECT_EQ(place(*store, "o3").error().code, ErrorCode::unavailable);
    EXPECT_FALSE(store->find_order(OrderId("o3"))->has_value());
    held.reset();
    while (!place(*store, "o3")) {
    }
    EXPECT_EQ(available(*store), 994);
}

TEST_F(SqliteOrderLog, the_journal_is_written_in_turns_and_never_grows_beyond_its_halves) {
    options_.journal_half_bytes = 1'000;
    const StorePtr store = open();
    stock_up(*store);
    // Where the tables keep up, every order begins at the front; a fast crowd fills the halves.
    for (int round = 1; round <= 20; ++round) {
        auto held = std::make_unique<HeldTables>(*store);
        for (int i = 0; i < 12; ++i) ASSERT_TRUE(place(*store, "o" + std::to_string(round * 100 + i)));
        held.reset();
        ASSERT_EQ(available(*store), 1'000 - round * 24);
    }
    EXPECT_LE(bytes_of(journal_file(data_dir())).find_last_not_of('\0'), 2'000u);
}

// One half is full and the other begun; nothing is in the tables.
TEST_F(SqliteOrderLog, a_crash_loses_nothing_of_either_half) {
    options_.journal_half_bytes = 1'000;
    const StorePtr store = open();
    stock_up(*store);
    const HeldTables held(*store);
    for (int i = 0; i < 12; ++i) ASSERT_TRUE(place(*store, "o" + std::to_string(i)));
    ASSERT_GT(bytes_of(journal_file(data_dir())).find_last_not_of('\0'), 1'000u) << "the second half is in use";
    const Result<StorePtr> next = open_at(copy_of_disk());
    ASSERT_TRUE(next) << next.error().detail;
    EXPECT_EQ(log_.events_named("orders-recovered").front().fields.at("orders"), "12");
    EXPECT_EQ(available(**next), 976);
}

TEST_F(SqliteOrderLog, a_half_is_not_written_over_while_the_tables_lack_its_orders) {
    options_.journal_half_bytes = 1'000;
    options_.write_deadline = Milliseconds{20};
    const StorePtr store = open();
    stock_up(*store);
    auto held = std::make_unique<HeldTables>(*store);
    int placed = 0;
    while (placed < 100 && place(*store, "o" + std::to_string(placed))) ++placed;
    ASSERT_LT(placed, 100);
    EXPECT_EQ(place(*store, "never").error().code, ErrorCode::unavailable);
    const Result<StorePtr> next = open_at(copy_of_disk());
    ASSERT_TRUE(next) << next.error().detail;
    EXPECT_EQ(available(**next), 1'000 - 2 * placed);
    held.reset();
    while (!place(*store, "later")) {
    }
    EXPECT_EQ(available(*store), 1'000 - 2 * placed - 2);
}

TEST_F(SqliteOrderLog, a_failed_sync_leaves_the_outcome_unknown_and_the_order_placed) {
    const StorePtr store = open();
    stock_up(*store);
    disk_.fail(DiskStep::sync, SQLITE_IOERR_FSYNC, 0, 1, "orders.journal");
    EXPECT_EQ(place(*store, "o1").error().code, ErrorCode::outcome_unknown);
    EXPECT_EQ(disk_.failures(), 1);
    EXPECT_EQ(available(*store), 998) << "a restart might find it in the journal, so its stock is taken";
    EXPECT_TRUE(place(*store, "o1")->replayed);
    EXPECT_TRUE(place(*store, "o2"));
    EXPECT_EQ(log_.count("order-journal-opened-again"), 1u);
}

TEST_F(SqliteOrderLog, nothing_is_acknowledged_until_the_tables_hold_what_is_in_doubt) {
    options_.write_deadline = Milliseconds{20};
    const StorePtr store = open();
    stock_up(*store);
    auto held = std::make_unique<HeldTables>(*store);
    disk_.fail(DiskStep::sync, SQLITE_IOERR_FSYNC, 0, 1, "orders.journal");
    EXPECT_EQ(place(*store, "o1").error().code, ErrorCode::outcome_unknown);
    EXPECT_EQ(place(*store, "o2").error().code, ErrorCode::unavailable);
    held.reset();
    while (!place(*store, "o2")) {
    }
    EXPECT_EQ(available(*store), 996);
}

TEST_F(SqliteOrderLog, a_second_failed_sync_is_final) {
    int fatal = 0;
    options_.on_fatal = [&](const std::string&) { ++fatal; };
    const StorePtr store = open();
    stock_up(*store);
    disk_.fail(DiskStep::sync, SQLITE_IOERR_FSYNC, 0, 2, "orders.journal");
    EXPECT_EQ(place(*store, "o1").error().code, ErrorCode::outcome_unknown);
    EXPECT_EQ(fatal, 0);
    EXPECT_EQ(place(*store, "o2").error().code, ErrorCode::outcome_unknown);
    EXPECT_EQ(fatal, 1);
    EXPECT_EQ(place(*store, "o3").error().code, ErrorCode::unavailable);
}

TEST_F(SqliteOrderLog, a_failed_sync_is_forgotten_after_a_good_one) {
    int fatal = 0;
    options_.on_fatal = [&](const std::string&) { ++fatal; };
    const StorePtr store = open();
    stock_up(*store);
    for (const std::string id : {"o1", "o2", "o3"}) {
        disk_.fail(DiskStep::sync, SQLITE_IOERR_FSYNC, 0, 1, "orders.journal");
        EXPECT_EQ(place(*store, id).error().code, ErrorCode::outcome_unknown);
        EXPECT_TRUE(place(*store, id + "-next"));
    }
    EXPECT_EQ(fatal, 0);
}

TEST_F(SqliteOrderLog, a_full_disk_refuses_the_order_and_keeps_none_of_it) {
    const StorePtr store = open();
    stock_up(*store);
    disk_.fail(DiskStep::write, SQLITE_FULL, 0, 1, "orders.journal");
    const Result<PlacedOrder> refused = place(*store, "o1");
    EXPECT_EQ(refused.error().code, ErrorCode::unavailable);
    EXPECT_THAT(refused.error().detail, HasSubstr("disk of the store is full"));
    EXPECT_FALSE(store->find_order(OrderId("o1"))->has_value());
    EXPECT_EQ(available(*store), 1'000);
    EXPECT_FALSE(place(*store, "o1")->replayed);
}

TEST_F(SqliteOrderLog, a_full_disk_is_told_once_and_so_is_its_end) {
    const StorePtr store = open();
    stock_up(*store);
    EXPECT_TRUE(store->is_well());
    disk_.fail(DiskStep::write, SQLITE_FULL, 0, FaultyDisk::for_ever);
    for (const std::string id : {"o1", "o2", "o3"}) EXPECT_FALSE(place(*store, id));
    EXPECT_FALSE(change_by(*store, 1));
    ASSERT_EQ(log_.count("store-disk-full"), 1u);
    EXPECT_EQ(log_.events_named("store-disk-full").front().level, LogLevel::error);
    EXPECT_THAT(log_.events_named("store-disk-full").front().fields.at("reason"), HasSubstr("make room"));
    EXPECT_EQ(log_.count("store-write-failed"), 0u) << "that would be a line for each write";
    EXPECT_FALSE(store->is_well());

    disk_.heal();
    EXPECT_TRUE(place(*store, "o1"));
    EXPECT_EQ(log_.count("store-disk-has-room"), 0u) << "the next may fail";
    clock_.advance(Milliseconds{5'000});
    EXPECT_TRUE(place(*store, "o2"));
    EXPECT_EQ(log_.count("store-disk-has-room"), 1u);
    EXPECT_TRUE(store->is_well());
    EXPECT_EQ(log_.count("store-disk-full"), 1u);
}

// Whoever shares the load away from a full disk would else never hear of its end.
TEST_F(SqliteOrderLog, room_is_found_where_nobody_orders) {
    const StorePtr store = open();
    stock_up(*store);
    disk_.fail(DiskStep::write, SQLITE_FULL, 0, FaultyDisk::for_ever);
    EXPECT_FALSE(place(*store, "o1"));
    clock_.advance(Milliseconds{60'000});
    EXPECT_TRUE(store->stats());
    EXPECT_FALSE(store->is_well());
    disk_.heal();
    clock_.advance(Milliseconds{5'000});
    EXPECT_TRUE(store->stats());
    EXPECT_TRUE(store->is_well());
}

// What was acknowledged before stays in the journal; what comes is told the truth at once.
TEST_F(SqliteOrderLog, while_the_tables_are_full_orders_are_refused_and_none_is_lost) {
    const StorePtr store = open();
    stock_up(*store);
    std::optional<Error> full;
    int placed = 0;
    limit_pages(*store, true);
    for (; !full && placed < 1'000; ++placed) {
        if (const Result<PlacedOrder> order = place(*store, "o" + std::to_string(placed)); !order) {
            full = order.error();
            break;
        }
        // Orders may run ahead of the tables; the lists say when they cannot follow.
        if (const auto stock = store->list_stock({}, std::nullopt, 1); !stock) {
            EXPECT_EQ(stock.error().code, ErrorCode::unavailable);
            EXPECT_EQ(place(*store, "never").error().code, ErrorCode::unavailable);
            full = stock.error();
        }
    }
    ASSERT_TRUE(full);
    EXPECT_THAT(full->detail, HasSubstr("disk"));
    EXPECT_EQ(log_.count("orders-not-absorbed"), 1u);
    EXPECT_FALSE(store->find_order(OrderId("never"))->has_value());

    limit_pages(*store, false);
    while (!store->list_stock({}, std::nullopt, 1)) {
    }
    EXPECT_EQ(available(*store), 1'000 - 2 * placed);
    EXPECT_TRUE(place(*store, "later"));
}

}  // namespace
}  // namespace waybill::sqlite
