#include "tests/doubles/mongo/storage.hpp"

#include <algorithm>

#include "tests/doubles/mongo/command_error.hpp"

namespace waybill::testing::mongo {

namespace {

[[noreturn]] void refuse_conflict() {
    throw CommandError(code::write_conflict,
                       "WriteConflict error: this operation conflicted with another operation. Please retry your "
                       "operation or multi-document transaction.",
                       {std::string(transient_label)});
}

[[noreturn]] void refuse_duplicate(const Collection& collection, const std::string& index, const Object& pattern,
                                   const Object& value) {
    throw CommandError(code::duplicate_key,
                       "E11000 duplicate key error collection: " + collection.name() + " index: " + index +
                           " dup key: " + to_json(value),
                       {}, Object{{"keyPattern", pattern}, {"keyValue", value}});
}

const DocumentPtr& latest_of(const Record& record) {
    static const DocumentPtr none;
    return record.versions.empty() ? none : record.versions.back().document;
}

// Whether somebody else holds the record, or changed it after the transaction began.
bool conflicts(const Record& record, const Transaction& transaction) {
    if (record.writer && record.writer != &transaction) return true;
    return !record.versions.empty() && record.versions.back().commit > transaction.snapshot();
}

// The version that the transaction reads, or else the first one, which is newer than its snapshot.
std::vector<Record::Version>::const_iterator newest_seen(const Record& record, const Transaction& transaction) {
    auto at = record.versions.end();
    while (at != record.versions.begin()) {
        --at;
        if (at->commit <= transaction.snapshot()) break;
    }
    return at;
}

}  // namespace

Collection* Storage::find_collection(const std::string& name) {
    const auto found = collections_.find(name);
    return found == collections_.end() ? nullptr : &found->second;
}

Collection& Storage::create_collection(const std::string& name) {
    return collections_.try_emplace(name, name).first->second;
}

std::vector<Collection*> Storage::collections_of(std::string_view database) {
    std::vector<Collection*> found;
    for (auto& [name, collection] : collections_) {
        const bool inside = name.starts_with(database) && name.size() > database.size() && name[database.size()] == '.';
        if (database.empty() || inside) found.push_back(&collection);
    }
    return found;
}

void Storage::drop_collection(const std::string& name) {
    const auto found = collections_.find(name);
    if (found == collections_.end()) return;
    std::erase_if(garbage_, [&](const Garbage& item) { return item.collection == &found->second; });
    collections_.erase(found);
}

std::unique_ptr<Transaction> Storage::begin() {
    auto transaction = std::make_unique<Transaction>();
    transaction->snapshot_ = last_commit_;
    open_.insert(last_commit_);
    return transaction;
}

DocumentPtr Storage::visible(const Record& record, const Transaction& transaction) {
    if (record.writer == &transaction) return record.pending;
    const auto newest = newest_seen(record, transaction);
    const bool any = newest != record.versions.end() && newest->commit <= transaction.snapshot();
    return any ? newest->document : nullptr;
}

void Storage::count_bytes(Transaction& transaction, const Object* document) {
    static constexpr std::size_t entry_bytes = 100;  // what an oplog entry adds
    transaction.bytes_ += entry_bytes + (document ? encoded_size(*document) : 0);
    if (transaction.bytes_ > transaction_bytes_max) {
        throw CommandError(code::transaction_too_large, "Total size of all transaction operations must be less than " +
                                                            std::to_string(transaction_bytes_max) +
                                                            ". Actual size is " + std::to_string(transaction.bytes_));
    }
}

void Storage::check_unique(const Transaction& transaction, const Collection& collection, const Record& record,
                           const Object& document) {
    for (const Index& index : collection.indexes()) {
        const auto key = index.key_of(document);
        if (!index.options().unique || !key) continue;
        for (const Record* other : index.with_key(*key)) {
            if (other == &record) continue;
            const auto has_key = [&](const DocumentPtr& version) { return version && index.key_of(*version) == key; };
            const bool mine = other->writer == &transaction;
            if (!mine && conflicts(*other, transaction)) {
                // What others have written but not committed, or committed since, decides this.
                if (has_key(other->pending)) refuse_conflict();
                if (std::any_of(newest_seen(*other, transaction), other->versions.end(),
                                [&](const Record::Version& version) { return has_key(version.document); })) {
                    refuse_conflict();
                }
                continue;
            }
            if (!has_key(mine ? other->pending : latest_of(*other))) continue;
            Object pattern;
            Object value;
            for (std::size_t i = 0; i < key->size(); ++i) {
                const IndexKey& part = index.options().keys[i];
                pattern.set(part.path, std::int32_t{part.descending ? -1 : 1});
                value.set(part.path, (*key)[i]);
            }
            refuse_duplicate(collection, index.options().name, pattern, value);
        }
    }
}

void Storage::write(Transaction& transaction, Collection& collection, const Value& id, DocumentPtr document,
                    bool limited) {
    const auto [at, is_new] = collection.records_.try_emplace(id, Record{id, {}, nullptr, nullptr});
    try {
        check_write(transaction, collection, at->second, document.get());
        if (limited) count_bytes(transaction, document.get());
    } catch (...) {
        if (is_new) collection.records_.erase(at);
        throw;
    }
    put_pending(transaction, collection, at->second, std::move(document));
}

void Storage::check_write(const Transaction& transaction, const Collection& collection, const Record& record,
                          const Object* document) {
    if (conflicts(record, transaction)) refuse_conflict();
    if (document && encoded_size(*document) > document_bytes_max) {
        throw CommandError(code::document_too_large,
                           "object to insert too large. size in bytes: " + std::to_string(encoded_size(*document)) +
                               ", max size: 16777216");
    }
    if (document) check_unique(transaction, collection, record, *document);
}

void Storage::put_pending(Transaction& transaction, Collection& collection, Record& record, DocumentPtr document) {
    if (!record.writer) {
        record.writer = &transaction;
        transaction.writes_.push_back({&collection, record.id});
    }
    const DocumentPtr before = std::exchange(record.pending, document);
    for (Index& index : collection.indexes()) {
        if (document) index.add(*document, record);
        if (before) {
            const auto old_key = index.key_of(*before);
            const auto still = [&](const DocumentPtr& version) { return version && index.key_of(*version) == old_key; };
            const bool kept =
                still(record.pending) || std::ranges::any_of(record.versions, still, &Record::Version::document);
            if (old_key && !kept) index.remove(*old_key, record);
        }
    }
}

void Storage::insert(Transaction& transaction, Collection& collection, DocumentPtr document, bool limited) {
    const Value id = document->at("_id");
    if (const Record* record = collection.find(id)) {
        if (conflicts(*record, transaction)) refuse_conflict();
        if (visible(*record, transaction)) {
            refuse_duplicate(collection, "_id_", Object{{"_id", std::int32_t{1}}}, Object{{"_id", id}});
        }
    }
    write(transaction, collection, id, std::move(document), limited);
}

std::uint64_t Storage::commit(Transaction& transaction) {
    if (transaction.wrote()) ++last_commit_;
    release(transaction);
    for (const Transaction::Write& written : transaction.writes_) {
        Record& record = *written.collection->find(written.id);
        record.versions.push_back({last_commit_, std::move(record.pending)});
        record.pending = nullptr;
        record.writer = nullptr;
        prune(*written.collection, record);
        prune_later(*written.collection, written.id);
    }
    transaction.writes_.clear();
    prune_waiting();
    return last_commit_;
}

void Storage::abort(Transaction& transaction) {
    release(transaction);
    for (const Transaction::Write& written : transaction.writes_) {
        Record& record = *written.collection->find(written.id);
        const DocumentPtr undone = std::exchange(record.pending, nullptr);
        record.writer = nullptr;
        for (Index& index : written.collection->indexes()) {
            const auto key = undone ? index.key_of(*undone) : std::nullopt;
            const auto still = [&](const DocumentPtr& version) { return version && index.key_of(*version) == key; };
            if (key && std::ranges::none_of(record.versions, still, &Record::Version::document))
                index.remove(*key, record);
        }
        if (record.versions.empty()) {
            written.collection->records_.erase(written.id);
        } else {
            prune(*written.collection, record);
            prune_later(*written.collection, written.id);
        }
    }
    transaction.writes_.clear();
    prune_waiting();
}

void Storage::release(Transaction& transaction) {
    const auto open = open_.find(transaction.snapshot_);
    if (open != open_.end()) open_.erase(open);
}

// Drops the versions that no open transaction can see; a deleted record goes with its last one.
void Storage::prune(Collection& collection, Record& record) {
    const std::uint64_t oldest = open_.empty() ? last_commit_ : *open_.begin();
    auto& versions = record.versions;
    std::size_t keep_from = 0;
    while (keep_from + 1 < versions.size() && versions[keep_from + 1].commit <= oldest) ++keep_from;
    std::vector<Record::Version> gone(versions.begin(), versions.begin() + static_cast<std::ptrdiff_t>(keep_from));
    versions.erase(versions.begin(), versions.begin() + static_cast<std::ptrdiff_t>(keep_from));
    for (const Record::Version& old_version : gone) {
        if (!old_version.document) continue;
        for (Index& index : collection.indexes()) {
            const auto key = index.key_of(*old_version.document);
            const auto still = [&](const DocumentPtr& version) { return version && index.key_of(*version) == key; };
            if (key && !still(record.pending) && std::ranges::none_of(versions, still, &Record::Version::document)) {
                index.remove(*key, record);
            }
        }
    }
    if (versions.size() == 1 && !versions.back().document && versions.back().commit <= oldest && !record.writer) {
        const Value id = record.id;
        collection.records_.erase(id);
    }
}

void Storage::prune_later(Collection& collection, const Value& id) {
    const Record* record = collection.find(id);
    if (!record || record->versions.empty()) return;
    if (record->versions.size() > 1 || !record->versions.back().document) {
        garbage_.push_back({last_commit_, &collection, id});
    }
}

void Storage::prune_waiting() {
    const std::uint64_t oldest = open_.empty() ? last_commit_ : *open_.begin();
    while (!garbage_.empty() && garbage_.front().commit <= oldest) {
        const Garbage item = std::move(garbage_.front());
        garbage_.pop_front();
        if (Record* record = item.collection->find(item.id); record && !record->versions.empty()) {
            prune(*item.collection, *record);
        }
    }
}

}  // namespace waybill::testing::mongo
