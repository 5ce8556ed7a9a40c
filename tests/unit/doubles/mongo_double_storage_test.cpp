#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <random>
#include <vector>

#include "tests/doubles/mongo/command_error.hpp"
#include "tests/doubles/mongo/storage.hpp"

namespace waybill::testing::mongo {

namespace {

// The same as a Storage of one collection, in the plainest way: every transaction has its own copy.
class Model {
public:
    using Documents = std::map<int, int>;  // id to its unique key

    struct Open {
        std::unique_ptr<Transaction> transaction;
        Documents before;
        Documents now;
        std::map<int, bool> written;
    };

    // Whether somebody else has written to the document, or to one with the key, since or meanwhile.
    [[nodiscard]] bool conflicts(const Open& mine, int id, std::optional<int> key) const {
        if (disturbed(mine, id)) return true;
        if (!key) return false;
        for (int other = 0; other < ids; ++other) {
            if (other != id && disturbed(mine, other) && (had_key(other, *key) || history_had_key(mine, other, *key))) {
                return true;
            }
        }
        return false;
    }
    [[nodiscard]] static bool duplicate(const Open& mine, int id, int key) {
        for (const auto& [other, its_key] : mine.now) {
            if (other != id && its_key == key) return true;
        }
        return false;
    }

    static constexpr int ids = 12;
    Documents committed;
    std::map<int, std::uint64_t> changed_at;
    std::map<int, std::vector<std::pair<std::uint64_t, int>>> keys_at;  // that a commit gave
    std::vector<std::optional<Open>> open{4};

private:
    [[nodiscard]] bool disturbed(const Open& mine, int id) const {
        for (const auto& other : open) {
            if (other && &*other != &mine && other->written.contains(id)) return true;
        }
        const auto changed = changed_at.find(id);
        return changed != changed_at.end() && changed->second > mine.transaction->snapshot();
    }
    // Held by somebody's pending write.
    [[nodiscard]] bool had_key(int id, int key) const {
        for (const auto& other : open) {
            if (!other || !other->written.contains(id)) continue;
            const auto found = other->now.find(id);
            if (found != other->now.end() && found->second == key) return true;
        }
        const auto found = committed.find(id);
        return found != committed.end() && found->second == key;
    }
    // In what the transaction sees, or was committed since.
    [[nodiscard]] bool history_had_key(const Open& mine, int id, int key) const {
        const auto seen = mine.before.find(id);
        if (seen != mine.before.end() && seen->second == key) return true;
        const auto given = keys_at.find(id);
        if (given == keys_at.end()) return false;
        for (const auto& [commit, its_key] : given->second) {
            if (commit > mine.transaction->snapshot() && its_key == key) return true;
        }
        return false;
    }
};

class MongoDoubleStorage : public ::testing::Test {
protected:
    MongoDoubleStorage() {
        collection.add_index(IndexOptions{.name = "by_k", .keys = {{"k", false}}, .unique = true});
        collection.add_index(IndexOptions{.name = "by_half", .keys = {{"half", false}, {"k", true}}});
    }

    static DocumentPtr document(int id, int key) {
        return std::make_shared<const Object>(Object{{"_id", id}, {"k", key}, {"half", key / 2}});
    }

    // What the transaction sees, by every way to it.
    void expect_sees(const Transaction& transaction, const Model::Documents& expected) {
        Model::Documents scanned;
        for (const Record* record : collection.candidates(Filter(Object{}))) {
            const DocumentPtr found = Storage::visible(*record, transaction);
            if (found) scanned[static_cast<int>(record->id.to_int64())] = static_cast<int>(found->at("k").to_int64());
        }
        EXPECT_EQ(scanned, expected);
        for (const Index& index : collection.indexes()) {
            Model::Documents by_index;
            index.scan({}, false, [&](const std::vector<Value>& key, const Record& record) {
                const DocumentPtr found = Storage::visible(record, transaction);
                if (found && index.key_of(*found) == key) {
                    by_index[static_cast<int>(record.id.to_int64())] = static_cast<int>(found->at("k").to_int64());
                }
                return true;
            });
            EXPECT_EQ(by_index, expected) << index.options().name;
        }
    }

    void write(Model::Open& mine, int id, std::optional<int> key) {
        const bool conflict = model.conflicts(mine, id, key);
        const bool duplicate = !conflict && key && Model::duplicate(mine, id, *key);
        int refused = 0;
        try {
            storage.write(*mine.transaction, collection, Value(id), key ? document(id, *key) : nullptr, true);
        } catch (const CommandError& error) {
            refused = error.code;
        }
        ASSERT_EQ(refused, conflict ? code::write_conflict : (duplicate ? code::duplicate_key : 0));
        if (refused != 0) return;
        mine.written[id] = true;
        if (key) {
            mine.now[id] = *key;
        } else {
            mine.now.erase(id);
        }
    }

    void commit(std::optional<Model::Open>& mine) {
        const std::uint64_t number = storage.commit(*mine->transaction);
        for (const auto& [id, written] : mine->written) {
            model.changed_at[id] = number;
            const auto found = mine->now.find(id);
            if (found == mine->now.end()) {
                model.committed.erase(id);
            } else {
                model.committed[id] = found->second;
                model.keys_at[id].emplace_back(number, found->second);
            }
        }
        mine.reset();
    }

    Storage storage;
    Collection& collection = storage.create_collection("shop.things");
    Model model;
};

TEST_F(MongoDoubleStorage, agrees_with_a_copy_for_each_transaction) {
    std::mt19937 random(20'260'101);
    const auto dice = [&](int sides) { return static_cast<int>(random() % static_cast<unsigned>(sides)); };
    for (int step = 0; step < 20'000 && !HasFailure(); ++step) {
        auto& mine = model.open[static_cast<std::size_t>(dice(4))];
        if (!mine) {
            mine.emplace(Model::Open{storage.begin(), model.committed, model.committed, {}});
            continue;
        }
        const int what = dice(10);
        if (what == 0) {
            commit(mine);
        } else if (what == 1) {
            storage.abort(*mine->transaction);
            mine.reset();
        } else if (what < 7) {
            write(*mine, dice(Model::ids), dice(4) == 0 ? std::nullopt : std::optional(dice(20)));
        } else {
            expect_sees(*mine->transaction, mine->now);
        }
    }
}

TEST_F(MongoDoubleStorage, keeps_nothing_that_nobody_can_see) {
    const auto reader = storage.begin();
    for (int round = 0; round < 3; ++round) {
        for (int id = 0; id < Model::ids; ++id) {
            const auto writer = storage.begin();
            storage.write(*writer, collection, Value(id),
                          round == 2 && id > 3 ? nullptr : document(id, 100 * round + id), true);
            (void)storage.commit(*writer);
        }
    }
    expect_sees(*reader, {});
    (void)storage.commit(*reader);

    const std::vector<Record*> kept = collection.candidates(Filter(Object{}));
    EXPECT_EQ(kept.size(), 4U);
    for (const Record* record : kept) EXPECT_EQ(record->versions.size(), 1U);
    std::size_t entries = 0;
    collection.indexes().front().scan({}, false,
                                      [&](const std::vector<Value>&, const Record&) { return ++entries > 0; });
    EXPECT_EQ(entries, 4U);
}

}  // namespace

}  // namespace waybill::testing::mongo
