#include <algorithm>
#include <span>

#include "tests/doubles/mongo/command_error.hpp"
#include "tests/doubles/mongo/storage.hpp"

namespace waybill::testing::mongo {

Index::Index(IndexOptions options) : options_(std::move(options)) {
    if (options_.partial) partial_.emplace(*options_.partial);
}

std::optional<std::vector<Value>> Index::key_of(const Object& document) const {
    if (partial_ && !partial_->matches(document)) return std::nullopt;
    std::vector<Value> key;
    bool any = false;
    for (const IndexKey& part : options_.keys) {
        const Value& value = value_at(document, part.path);
        if (value.is<Array>()) {
            throw CommandError(code::cannot_create_index, "the double indexes no arrays: " + part.path);
        }
        any = any || !value.is_missing();
        key.push_back(value.is_missing() ? Value(Null{}) : value);
    }
    if (options_.sparse && !any) return std::nullopt;
    return key;
}

void Index::add(const Object& document, Record& record) {
    if (auto key = key_of(document)) entries_.insert(Entry{std::move(*key), &record});
}

void Index::remove(const std::vector<Value>& key, Record& record) { entries_.erase(Entry{key, &record}); }

std::vector<Record*> Index::with_key(const std::vector<Value>& key) const {
    std::vector<Record*> found;
    for (auto at = entries_.lower_bound(Entry{key, nullptr}); at != entries_.end(); ++at) {
        if (ValueLess{}(key, at->key)) break;
        found.push_back(at->record);
    }
    return found;
}

void Index::scan(const std::vector<Value>& prefix, bool descending, const Visit& visit) const {
    const auto inside = [&](const Entry& entry) { return std::equal(prefix.begin(), prefix.end(), entry.key.begin()); };
    std::vector<Value> past_end = prefix;
    past_end.emplace_back(MaxKey{});
    auto first = entries_.lower_bound(Entry{prefix, nullptr});
    auto last = entries_.lower_bound(Entry{past_end, nullptr});
    while (first != last) {
        const auto at = descending ? --last : first++;
        if (!inside(*at) || !visit(at->key, *at->record)) return;
    }
}

std::vector<Record*> Index::between(const Value* low, const Value* high) const {
    std::vector<Record*> found;
    // A key of one part sorts before every longer one that begins with it.
    auto at = low ? entries_.lower_bound(Entry{{*low}, nullptr}) : entries_.begin();
    for (; at != entries_.end(); ++at) {
        if (high && compare(at->key.front(), *high) > 0) break;
        found.push_back(at->record);
    }
    return found;
}

// No record sorts before every record.
bool Index::EntryLess::operator()(const Entry& left, const Entry& right) const {
    const ValueLess less;
    if (less(left.key, right.key)) return true;
    if (less(right.key, left.key)) return false;
    if (!left.record || !right.record) return !left.record && right.record;
    return less(left.record->id, right.record->id);
}

void Collection::add_index(const IndexOptions& options) {
    Index index(options);
    for (auto& [id, record] : records_) {
        if (record.writer) throw CommandError(code::lock_timeout, "an open transaction has written to " + name_);
        for (const Record::Version& version : record.versions) {
            if (version.document) index.add(*version.document, record);
        }
        const DocumentPtr latest = record.versions.empty() ? nullptr : record.versions.back().document;
        if (!latest || !options.unique) continue;
        const auto key = index.key_of(*latest);
        if (!key) continue;
        for (const Record* other : index.with_key(*key)) {
            const DocumentPtr& theirs = other->versions.back().document;
            if (other != &record && theirs && index.key_of(*theirs) == key) {
                throw CommandError(code::duplicate_key, "E11000 duplicate key error collection: " + name_ +
                                                            " index: " + options.name + " dup key");
            }
        }
    }
    indexes_.push_back(std::move(index));
}

Record* Collection::find(const Value& id) {
    const auto found = records_.find(id);
    return found == records_.end() ? nullptr : &found->second;
}

std::optional<Collection::Ordered> Collection::ordered_by(const Filter& filter,
                                                          const std::vector<IndexKey>& order) const {
    if (order.empty()) return std::nullopt;
    for (const Index& index : indexes_) {
        if (index.options().partial || index.options().sparse) continue;
        const std::vector<IndexKey>& keys = index.options().keys;
        Ordered found{&index, {}, false};
        std::size_t at = 0;
        while (at < keys.size() && keys[at].path != order.front().path) {
            const Filter::Bounds bounds = filter.bounds_of(keys[at].path);
            if (bounds.equals.size() != 1) break;
            const Value& value = bounds.equals.front();
            found.prefix.push_back(value.is_missing() ? Value(Null{}) : value);
            ++at;
        }
        if (order.size() > keys.size() - at) continue;
        // Entries are kept ascending, whatever the index says: one direction for all, either way.
        found.descending = order.front().descending;
        const bool serves = std::ranges::equal(
            order, std::span(keys).subspan(at, order.size()), [&](const IndexKey& wanted, const IndexKey& key) {
                return wanted.path == key.path && wanted.descending == found.descending;
            });
        if (serves) return found;
    }
    return std::nullopt;
}

std::vector<Record*> Collection::candidates(const Filter& filter) {
    std::vector<Record*> found;
    const Filter::Bounds by_id = filter.bounds_of("_id");
    if (by_id.has_equals) {
        for (const Value& id : by_id.equals) {
            Record* record = find(id);
            if (record && (found.empty() || found.back() != record)) found.push_back(record);
        }
        return found;
    }
    for (const Index& index : indexes_) {
        // A sparse or partial index does not hold every document.
        if (index.options().partial || index.options().sparse) continue;
        const Filter::Bounds bounds = filter.bounds_of(index.options().keys.front().path);
        if (bounds.has_equals) {
            for (const Value& value : bounds.equals) {
                const Value key = value.is_missing() ? Value(Null{}) : value;
                const std::vector<Record*> some = index.between(&key, &key);
                found.insert(found.end(), some.begin(), some.end());
            }
        } else if (bounds.low || bounds.high) {
            found = index.between(bounds.low ? &*bounds.low : nullptr, bounds.high ? &*bounds.high : nullptr);
        } else {
            continue;
        }
        const auto by_record_id = [](const Record* left, const Record* right) {
            return ValueLess{}(left->id, right->id);
        };
        std::ranges::sort(found, by_record_id);
        found.erase(std::ranges::unique(found).begin(), found.end());
        return found;
    }
    for (auto& [id, record] : records_) found.push_back(&record);
    return found;
}

}  // namespace waybill::testing::mongo
