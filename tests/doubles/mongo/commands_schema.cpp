#include <algorithm>

#include "tests/doubles/mongo/commands.hpp"

namespace waybill::testing::mongo {

namespace {

constexpr std::size_t indexes_max = 64;

std::string default_name(const std::vector<IndexKey>& keys) {
    std::string name;
    for (const IndexKey& key : keys) {
        name += (name.empty() ? "" : "_") + key.path + (key.descending ? "_-1" : "_1");
    }
    return name;
}

std::vector<IndexKey> parse_keys(const Value& source) {
    const auto* object = source.as<Object>();
    if (!object || object->empty())
        throw CommandError(code::cannot_create_index, "index keys must be a non-empty object");
    std::vector<IndexKey> keys;
    for (const Field& field : *object) {
        if (!field.value.is_number() || (field.value.to_int64() != 1 && field.value.to_int64() != -1)) {
            throw CommandError(code::cannot_create_index, "the double knows ascending and descending keys only");
        }
        keys.push_back({field.name, field.value.to_int64() < 0});
    }
    return keys;
}

IndexOptions parse_index(const Value& source) {
    const auto* object = source.as<Object>();
    if (!object || !object->has("key"))
        throw CommandError(code::failed_to_parse, "The 'key' field is required of an index");
    IndexOptions options;
    for (const Field& field : *object) {
        if (field.name == "key") {
            options.keys = parse_keys(field.value);
        } else if (field.name == "name" && field.value.is<std::string>()) {
            options.name = *field.value.as<std::string>();
        } else if (field.name == "unique") {
            options.unique = field.value.truthy();
        } else if (field.name == "sparse") {
            options.sparse = field.value.truthy();
        } else if (field.name == "expireAfterSeconds" && field.value.is_number()) {
            options.expire_after_seconds = field.value.to_int64();
        } else if (field.name == "partialFilterExpression" && field.value.is<Object>()) {
            options.partial = *field.value.as<Object>();
            (void)Filter(*options.partial);
        } else if (field.name != "background" && field.name != "v") {
            throw CommandError(197, "The field '" + field.name + "' is not valid for an index specification.");
        }
    }
    if (options.expire_after_seconds && options.keys.size() > 1) {
        throw CommandError(code::cannot_create_index, "TTL indexes are single-field indexes");
    }
    if (options.sparse && options.partial) {
        throw CommandError(code::cannot_create_index, "cannot mix \"partialFilterExpression\" and \"sparse\" options");
    }
    if (!object->has("name")) {
        throw CommandError(code::failed_to_parse, "The 'name' field is a required property of an index specification");
    }
    if (options.name.empty()) options.name = default_name(options.keys);
    return options;
}

bool same_keys(const IndexOptions& left, const IndexOptions& right) {
    return std::ranges::equal(left.keys, right.keys, [](const IndexKey& a, const IndexKey& b) {
        return a.path == b.path && a.descending == b.descending;
    });
}

bool same_options(const IndexOptions& left, const IndexOptions& right) {
    const auto partial = [](const IndexOptions& options) {
        return options.partial ? Value(*options.partial) : Value{};
    };
    return left.unique == right.unique && left.sparse == right.sparse &&
           left.expire_after_seconds == right.expire_after_seconds && partial(left) == partial(right);
}

// Whether it is there already. Throws 85 or 86 where another one is in the way.
bool exists_already(const Collection& collection, const IndexOptions& wanted) {
    for (const Index& index : collection.indexes()) {
        const IndexOptions& there = index.options();
        if (there.name == wanted.name) {
            if (!same_keys(there, wanted)) {
                throw CommandError(code::index_key_specs_conflict,
                                   "An existing index has the same name as the requested index: " + wanted.name);
            }
            if (!same_options(there, wanted)) {
                throw CommandError(
                    code::index_options_conflict,
                    "An equivalent index already exists with the same name but different options: " + wanted.name);
            }
            return true;
        }
        if (same_keys(there, wanted) && !there.partial && !wanted.partial) {
            throw CommandError(code::index_options_conflict,
                               "Index already exists with a different name: " + there.name);
        }
    }
    return false;
}

Object describe(const IndexOptions& index) {
    Object keys;
    for (const IndexKey& key : index.keys) keys.set(key.path, std::int32_t{key.descending ? -1 : 1});
    Object out{{"v", std::int32_t{2}}, {"key", std::move(keys)}, {"name", index.name}};
    if (index.unique) out.set("unique", true);
    if (index.sparse) out.set("sparse", true);
    if (index.partial) out.set("partialFilterExpression", *index.partial);
    if (index.expire_after_seconds) {
        out.set("expireAfterSeconds", static_cast<std::int32_t>(*index.expire_after_seconds));
    }
    return out;
}

// As an exclusive lock waits for the transactions that have touched the collection.
void wait_until_unused(Call& call, const std::string& name) {
    while (call.engine.sessions().in_use(name)) call.engine.wait_for_change(call);
}

}  // namespace

Object run_create(Call& call) {
    const std::string name = call.collection_name();
    if (call.engine.storage().find_collection(name)) {
        throw CommandError(code::namespace_exists, "Collection " + name + " already exists.");
    }
    call.engine.storage().create_collection(name);
    return Object{};
}

Object run_create_indexes(Call& call) {
    const std::string name = call.collection_name();
    const auto* sources = call.option<Array>("indexes");
    if (!sources || sources->empty()) throw CommandError(code::bad_value, "Must specify at least one index to create");
    std::vector<IndexOptions> wanted;
    for (const Value& source : *sources) wanted.push_back(parse_index(source));

    Storage& storage = call.engine.storage();
    const bool made = storage.find_collection(name) == nullptr;
    Collection& collection = storage.create_collection(name);
    const auto before = static_cast<std::int32_t>(collection.indexes().size() + 1);
    for (const IndexOptions& options : wanted) {
        if (exists_already(collection, options)) continue;
        if (collection.indexes().size() + 1 >= indexes_max) {
            throw CommandError(code::cannot_create_index, "add index fails, too many indexes for " + name);
        }
        wait_until_unused(call, name);
        collection.add_index(options);
    }
    return Object{{"numIndexesBefore", before},
                  {"numIndexesAfter", static_cast<std::int32_t>(collection.indexes().size() + 1)},
                  {"createdCollectionAutomatically", made}};
}

Object run_coll_mod(Call& call) {
    const std::string name = call.collection_name();
    Collection* collection = call.engine.storage().find_collection(name);
    if (!collection) throw CommandError(code::namespace_not_found, "ns does not exist: " + name);
    const auto* change = call.option<Object>("index");
    const Value* index_name = change ? change->find("name") : nullptr;
    const Value* seconds = change ? change->find("expireAfterSeconds") : nullptr;
    if (!index_name || !seconds || change->size() != 2) {
        throw CommandError(code::invalid_options, "the double changes the expiry of an index, by its name, only");
    }
    for (Index& index : collection->indexes()) {
        if (Value(index.options().name) != *index_name) continue;
        if (!index.options().expire_after_seconds) {
            throw CommandError(code::invalid_options, "no expireAfterSeconds field to update");
        }
        const std::int64_t before = *index.options().expire_after_seconds;
        index.set_expiry(seconds->to_int64());
        return Object{{"expireAfterSeconds_old", before}, {"expireAfterSeconds_new", seconds->to_int64()}};
    }
    throw CommandError(27, "cannot find index " + to_json(*index_name) + " for ns " + name);
}

Object run_list_collections(Call& call) {
    const auto* query = call.option<Object>("filter");
    const Filter filter(query ? *query : Object{});
    std::vector<Object> found;
    for (const Collection* collection : call.engine.storage().collections_of(call.database)) {
        Object entry{{"name", collection->name().substr(call.database.size() + 1)}, {"type", "collection"}};
        if (!call.flag("nameOnly", false)) {
            entry.set("options", Object{});
            entry.set("info", Object{{"readOnly", false}});
        }
        if (filter.matches(entry)) found.push_back(std::move(entry));
    }
    const auto all = static_cast<std::int64_t>(found.size());
    return open_cursor(call, call.database + ".$cmd.listCollections", std::move(found), all, true);
}

Object run_list_indexes(Call& call) {
    const std::string name = call.collection_name();
    const Collection* collection = call.engine.storage().find_collection(name);
    if (!collection) throw CommandError(code::namespace_not_found, "ns does not exist: " + name);
    std::vector<Object> found{
        Object{{"v", std::int32_t{2}}, {"key", Object{{"_id", std::int32_t{1}}}}, {"name", "_id_"}}};
    for (const Index& index : collection->indexes()) found.push_back(describe(index.options()));
    const auto all = static_cast<std::int64_t>(found.size());
    return open_cursor(call, name, std::move(found), all, true);
}

Object run_drop_database(Call& call) {
    for (const Collection* collection : call.engine.storage().collections_of(call.database)) {
        wait_until_unused(call, collection->name());
    }
    for (const Collection* collection : call.engine.storage().collections_of(call.database)) {
        call.engine.storage().drop_collection(std::string(collection->name()));
    }
    return Object{{"dropped", call.database}};
}

}  // namespace waybill::testing::mongo
