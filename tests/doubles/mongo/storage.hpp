// Documents in versions, one for each commit that changed them: a transaction reads what was
// committed when it began and its own writes, and may write only what nobody else wrote since.
//
// Not thread-safe: the engine's lock guards it. A Transaction must end (commit or abort) before it
// is destroyed. Errors are CommandErrors: 112 for a conflict, 11000 for a duplicate.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "tests/doubles/mongo/filter.hpp"
#include "tests/doubles/mongo/value.hpp"

namespace waybill::testing::mongo {

inline constexpr std::size_t document_bytes_max = 16UL * 1024 * 1024;
inline constexpr std::size_t transaction_bytes_max = 16'793'600;

using DocumentPtr = std::shared_ptr<const Object>;

class Transaction;

struct Record {
    struct Version {
        std::uint64_t commit = 0;
        DocumentPtr document;  // null: deleted
    };
    Value id;
    std::vector<Version> versions;  // oldest first
    Transaction* writer = nullptr;  // holds the lock
    DocumentPtr pending;
};

struct IndexKey {
    std::string path;
    bool descending = false;
};

struct IndexOptions {
    std::string name;
    std::vector<IndexKey> keys;
    bool unique = false;
    bool sparse = false;
    std::optional<Object> partial{};
    std::optional<std::int64_t> expire_after_seconds{};
};

class Index {
public:
    explicit Index(IndexOptions options);

    [[nodiscard]] const IndexOptions& options() const { return options_; }
    void set_expiry(std::int64_t seconds) { options_.expire_after_seconds = seconds; }

    // Nothing when the index does not hold the document.
    [[nodiscard]] std::optional<std::vector<Value>> key_of(const Object& document) const;
    void add(const Object& document, Record& record);
    void remove(const std::vector<Value>& key, Record& record);

    // Records one of whose versions has exactly this key.
    [[nodiscard]] std::vector<Record*> with_key(const std::vector<Value>& key) const;
    // In the order of the keys that begin with the prefix, until the visit says false. A record comes
    // once for each key that one of its versions has.
    using Visit = std::function<bool(const std::vector<Value>& key, Record& record)>;
    void scan(const std::vector<Value>& prefix, bool descending, const Visit& visit) const;
    // Records by the first path of the key; null bounds are open, both ends are included.
    [[nodiscard]] std::vector<Record*> between(const Value* low, const Value* high) const;

private:
    struct Entry {
        std::vector<Value> key;
        Record* record = nullptr;
    };
    struct EntryLess {
        bool operator()(const Entry& left, const Entry& right) const;
    };
    IndexOptions options_;
    std::optional<Filter> partial_;
    std::set<Entry, EntryLess> entries_;
};

class Collection {
public:
    explicit Collection(std::string name) : name_(std::move(name)) {}

    [[nodiscard]] const std::string& name() const { return name_; }  // with its database
    [[nodiscard]] std::vector<Index>& indexes() { return indexes_; }
    [[nodiscard]] const std::vector<Index>& indexes() const { return indexes_; }
    // Fills it from the documents. Throws 11000 where they break it.
    void add_index(const IndexOptions& options);

    [[nodiscard]] Record* find(const Value& id);

    // A superset of the records that can match, without repeats; by id when no index serves.
    [[nodiscard]] std::vector<Record*> candidates(const Filter& filter);

    // An index that gives what the filter finds in this order: its first paths have one value each,
    // the next ones are the order. Null when there is none.
    struct Ordered {
        const Index* index;
        std::vector<Value> prefix;
        bool descending;
    };
    [[nodiscard]] std::optional<Ordered> ordered_by(const Filter& filter, const std::vector<IndexKey>& order) const;

private:
    friend class Storage;
    std::string name_;
    std::map<Value, Record, ValueLess> records_;
    std::vector<Index> indexes_;
};

// What one transaction has read from and written.
class Transaction {
public:
    [[nodiscard]] std::uint64_t snapshot() const { return snapshot_; }
    [[nodiscard]] bool wrote() const { return !writes_.empty(); }

private:
    friend class Storage;
    struct Write {
        Collection* collection;
        Value id;
    };
    std::uint64_t snapshot_ = 0;
    std::size_t bytes_ = 0;
    std::vector<Write> writes_;
};

class Storage {
public:
    [[nodiscard]] Collection* find_collection(const std::string& name);
    Collection& create_collection(const std::string& name);
    // Of every database when it is empty.
    [[nodiscard]] std::vector<Collection*> collections_of(std::string_view database);
    // The caller makes sure that no transaction is open.
    void drop_collection(const std::string& name);

    [[nodiscard]] std::unique_ptr<Transaction> begin();
    // Returns the number of the commit.
    std::uint64_t commit(Transaction& transaction);
    void abort(Transaction& transaction);
    [[nodiscard]] std::uint64_t last_commit() const { return last_commit_; }

    [[nodiscard]] static DocumentPtr visible(const Record& record, const Transaction& transaction);

    // A null document deletes. With `limited`, the bytes count against a transaction's limit.
    void write(Transaction& transaction, Collection& collection, const Value& id, DocumentPtr document, bool limited);
    // Throws 11000 when the id is taken.
    void insert(Transaction& transaction, Collection& collection, DocumentPtr document, bool limited);

    [[nodiscard]] std::size_t open_transactions() const { return open_.size(); }

private:
    static void count_bytes(Transaction& transaction, const Object* document);
    static void check_write(const Transaction& transaction, const Collection& collection, const Record& record,
                            const Object* document);
    static void put_pending(Transaction& transaction, Collection& collection, Record& record, DocumentPtr document);
    static void check_unique(const Transaction& transaction, const Collection& collection, const Record& record,
                             const Object& document);
    void release(Transaction& transaction);
    void prune(Collection& collection, Record& record);
    void prune_later(Collection& collection, const Value& id);
    void prune_waiting();

    struct Garbage {
        std::uint64_t commit;
        Collection* collection;
        Value id;
    };
    std::map<std::string, Collection, std::less<>> collections_;
    std::uint64_t last_commit_ = 1;
    std::multiset<std::uint64_t> open_;  // snapshots
    std::deque<Garbage> garbage_;
};

}  // namespace waybill::testing::mongo
