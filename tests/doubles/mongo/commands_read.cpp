#include <algorithm>

#include "tests/doubles/mongo/commands.hpp"

namespace waybill::testing::mongo {

namespace {

constexpr std::int64_t first_batch_default = 101;
constexpr std::size_t batch_bytes_max = 16UL * 1024 * 1024;

Array next_batch(Cursor& cursor, std::int64_t batch_size) {
    Array batch;
    std::size_t bytes = 0;
    while (cursor.next < cursor.documents.size() && static_cast<std::int64_t>(batch.size()) < batch_size) {
        Object& document = cursor.documents[cursor.next];
        bytes += encoded_size(document);
        if (!batch.empty() && bytes > batch_bytes_max) break;
        batch.emplace_back(std::move(document));
        ++cursor.next;
    }
    return batch;
}

std::string session_key(const Call& call) {
    return call.taking.session ? to_json(Value(call.taking.session->id)) : std::string{};
}

std::int64_t transaction_number(const Call& call) {
    return call.taking.transaction ? call.taking.session->txn_number : -1;
}

std::int64_t batch_size_of(const Call& call, std::int64_t otherwise) {
    const std::int64_t size = call.number("batchSize", otherwise);
    if (size < 0) throw CommandError(code::bad_value, "batchSize must not be negative");
    return size;
}

void put_path(Object& out, const Object& document, std::string_view path) {
    const Value& value = value_at(document, path);
    if (value.is_missing()) return;
    const std::size_t dot = path.find('.');
    if (dot == std::string_view::npos) {
        out.set(path, value);
        return;
    }
    const std::string_view name = path.substr(0, dot);
    Object inner = out.has(name) ? *out.find(name)->as<Object>() : Object{};
    put_path(inner, *document.find(name)->as<Object>(), path.substr(dot + 1));
    out.set(name, std::move(inner));
}

void drop_path(Object& out, std::string_view path) {
    const std::size_t dot = path.find('.');
    if (dot == std::string_view::npos) {
        out.erase(path);
        return;
    }
    Value* inner = out.find(path.substr(0, dot));
    if (inner && inner->is<Object>()) drop_path(*inner->as<Object>(), path.substr(dot + 1));
}

std::vector<DocumentPtr> read_any(Collection& collection, const Filter& filter, const Transaction& reader) {
    std::vector<DocumentPtr> found;
    for (const Record* record : collection.candidates(filter)) {
        DocumentPtr document = Storage::visible(*record, reader);
        if (document && filter.matches(*document)) found.push_back(std::move(document));
    }
    return found;
}

std::vector<DocumentPtr> read_in_order(const Collection::Ordered& ordered, const Filter& filter,
                                       const Transaction& reader, std::size_t most) {
    std::vector<DocumentPtr> found;
    ordered.index->scan(ordered.prefix, ordered.descending, [&](const std::vector<Value>& key, const Record& record) {
        DocumentPtr document = Storage::visible(record, reader);
        // The key may be another version's.
        if (document && filter.matches(*document) && ordered.index->key_of(*document) == key) {
            found.push_back(std::move(document));
        }
        return most == 0 || found.size() < most;
    });
    return found;
}

}  // namespace

SortKeys::SortKeys(const Object& source) {
    for (const Field& field : source) {
        if (!field.value.is_number() || (field.value.to_int64() != 1 && field.value.to_int64() != -1)) {
            throw CommandError(15975, "$sort key ordering must be 1 (for ascending) or -1 (for descending)");
        }
        keys.push_back({field.name, field.value.to_int64() < 0});
    }
}

bool SortKeys::less(const Object& left, const Object& right) const {
    for (const IndexKey& key : keys) {
        const auto by = compare(value_at(left, key.path), value_at(right, key.path));
        if (by != 0) return key.descending ? by > 0 : by < 0;
    }
    return false;
}

Projection::Projection(const Object& source) {
    bool any = false;
    for (const Field& field : source) {
        if (!field.value.is_number() && !field.value.is<bool>()) {
            throw CommandError(31252, "the double projects by 0 and 1 only, not " + field.name);
        }
        const bool keep = field.value.truthy();
        if (field.name == "_id" && source.size() > 1) {
            with_id_ = keep;
            continue;
        }
        if (any && keep != includes_) {
            throw CommandError(keep ? 31253 : 31254, "Cannot mix inclusion and exclusion on field " + field.name);
        }
        any = true;
        includes_ = keep;
        if (field.name == "_id") with_id_ = keep;
        paths_.push_back(field.name);
    }
}

Object Projection::apply(const Object& document) const {
    Object out;
    if (includes_) {
        if (with_id_ && document.has("_id")) out.set("_id", document.at("_id"));
        for (const std::string& path : paths_) put_path(out, document, path);
        return out;
    }
    out = document;
    if (!with_id_) out.erase("_id");
    for (const std::string& path : paths_) drop_path(out, path);
    return out;
}

std::vector<DocumentPtr> visible_documents(Call& call, const std::string& name, const Filter& filter,
                                           const SortKeys& order, std::size_t most) {
    Storage& storage = call.engine.storage();
    Collection* collection = storage.find_collection(name);
    if (call.taking.transaction) call.taking.session->collections.insert(name);
    if (!collection) return {};
    const std::unique_ptr<Transaction> own = call.taking.transaction ? nullptr : storage.begin();
    const Transaction& reader = own ? *own : *call.taking.transaction;
    const auto ordered = collection->ordered_by(filter, order.keys);
    std::vector<DocumentPtr> found =
        ordered ? read_in_order(*ordered, filter, reader, most) : read_any(*collection, filter, reader);
    if (own) storage.commit(*own);
    if (!ordered && !order.keys.empty()) {
        std::ranges::sort(found,
                          [&](const DocumentPtr& left, const DocumentPtr& right) { return order.less(*left, *right); });
    }
    if (most > 0 && found.size() > most) found.resize(most);
    return found;
}

Object open_cursor(Call& call, const std::string& name, std::vector<Object> documents, std::int64_t batch_size,
                   bool single_batch) {
    Cursor cursor{name, session_key(call), transaction_number(call), std::move(documents), 0};
    Array batch = next_batch(cursor, batch_size);
    std::int64_t id = 0;
    if (!single_batch && cursor.next < cursor.documents.size()) {
        id = call.engine.new_cursor_id();
        call.engine.cursors().emplace(id, std::move(cursor));
    }
    return Object{{"cursor", Object{{"firstBatch", std::move(batch)}, {"id", id}, {"ns", name}}}};
}

Object run_find(Call& call) {
    const std::string name = call.collection_name();
    const auto* query = call.option<Object>("filter");
    const Filter filter(query ? *query : Object{}, call.engine.now());
    const auto* sort = call.option<Object>("sort");
    const SortKeys keys(sort ? *sort : Object{});
    const auto* fields = call.option<Object>("projection");
    const Projection projection(fields ? *fields : Object{});
    const std::int64_t limit = call.number("limit", 0);
    const std::int64_t skip = call.number("skip", 0);
    if (limit < 0 || skip < 0) throw CommandError(51024, "limit and skip must not be negative");

    const auto most = limit == 0 ? 0 : static_cast<std::size_t>(skip + limit);
    const std::vector<DocumentPtr> found = visible_documents(call, name, filter, keys, most);
    const auto from = std::min(found.size(), static_cast<std::size_t>(skip));
    const auto count =
        limit == 0 ? found.size() - from : std::min(found.size() - from, static_cast<std::size_t>(limit));
    std::vector<Object> documents;
    documents.reserve(count);
    for (std::size_t i = from; i < from + count; ++i) {
        documents.push_back(fields ? projection.apply(*found[i]) : *found[i]);
    }
    return open_cursor(call, name, std::move(documents), batch_size_of(call, first_batch_default),
                       call.flag("singleBatch", false));
}

Object run_get_more(Call& call) {
    const auto* id = call.option<std::int64_t>("getMore");
    const auto* collection = call.option<std::string>("collection");
    if (!id || !collection) throw CommandError(code::bad_value, "getMore needs the id of a cursor and its collection");
    const auto found = call.engine.cursors().find(*id);
    if (found == call.engine.cursors().end()) {
        throw CommandError(code::cursor_not_found, "cursor id " + std::to_string(*id) + " not found");
    }
    Cursor& cursor = found->second;
    if (cursor.name != call.database + "." + *collection) {
        throw CommandError(code::unauthorized, "the cursor belongs to another collection");
    }
    if (cursor.session != session_key(call)) throw CommandError(50738, "the cursor was created in another session");
    if (cursor.txn_number != transaction_number(call)) {
        throw CommandError(50740, "the cursor was created in another transaction");
    }
    Array batch = next_batch(cursor, batch_size_of(call, static_cast<std::int64_t>(cursor.documents.size())));
    const std::string name = cursor.name;
    const bool ended = cursor.next == cursor.documents.size();
    if (ended) call.engine.cursors().erase(found);
    return Object{
        {"cursor", Object{{"nextBatch", std::move(batch)}, {"id", ended ? std::int64_t{0} : *id}, {"ns", name}}}};
}

Object run_kill_cursors(Call& call) {
    const auto* ids = call.option<Array>("cursors");
    if (!ids) throw CommandError(40414, "BSON field 'killCursors.cursors' is missing");
    Array killed;
    Array unknown;
    for (const Value& id : *ids) (call.engine.cursors().erase(id.to_int64()) > 0 ? killed : unknown).push_back(id);
    return Object{{"cursorsKilled", killed},
                  {"cursorsNotFound", unknown},
                  {"cursorsAlive", Array{}},
                  {"cursorsUnknown", Array{}}};
}

Object run_count(Call& call) {
    const auto* query = call.option<Object>("query");
    const Filter filter(query ? *query : Object{}, call.engine.now());
    const auto all = static_cast<std::int64_t>(
        visible_documents(call, call.collection_name(), filter, SortKeys(Object{}), 0).size());
    const std::int64_t rest = std::max<std::int64_t>(0, all - call.number("skip", 0));
    const std::int64_t limit = call.number("limit", 0);
    return Object{{"n", static_cast<std::int32_t>(limit > 0 ? std::min(rest, limit) : rest)}};
}

}  // namespace waybill::testing::mongo
