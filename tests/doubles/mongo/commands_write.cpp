#include <algorithm>
#include <optional>

#include "tests/doubles/mongo/commands.hpp"
#include "tests/doubles/mongo/update.hpp"

namespace waybill::testing::mongo {

namespace {

constexpr std::size_t write_batch_max = 100'000;

bool identical(const Object& left, const Object& right) {
    std::string left_bytes;
    std::string right_bytes;
    append_bytes(left, left_bytes);
    append_bytes(right, right_bytes);
    return left_bytes == right_bytes;
}

// A collection is made by its first write, but not inside a transaction.
Collection& collection_for_insert(Call& call, const std::string& name) {
    Storage& storage = call.engine.storage();
    if (Collection* found = storage.find_collection(name)) return *found;
    if (call.taking.transaction) {
        throw CommandError(code::not_in_transaction,
                           "Cannot create namespace " + name + " in multi-document transaction.");
    }
    return storage.create_collection(name);
}

// Runs a change of one document in the call's transaction, or in one of its own that is repeated
// after each conflict, as the server does.
template <class Change>
auto change_one(Call& call, Change change) {
    if (call.taking.transaction) return change(*call.taking.transaction);
    Storage& storage = call.engine.storage();
    for (;;) {
        const std::unique_ptr<Transaction> own = storage.begin();
        try {
            auto result = change(*own);
            storage.commit(*own);
            return result;
        } catch (const CommandError& error) {
            storage.abort(*own);
            if (error.code != code::write_conflict) throw;
        } catch (...) {
            storage.abort(*own);
            throw;
        }
        call.engine.wait_for_change(call);
    }
}

Object with_id(const Object& document, Call& call) {
    Object out = document;
    if (const Value* id = document.find("_id")) {
        if (id->is<Array>()) throw CommandError(53, "The '_id' value cannot be of type array");
        out.prepend("_id", Value(*id));
    } else {
        ObjectId made{std::string(12, '\0')};
        call.engine.clock().fill_random({reinterpret_cast<std::uint8_t*>(made.bytes.data()), made.bytes.size()});
        out.prepend("_id", made);
    }
    for (const Field& field : out) {
        if (field.name.starts_with("$")) {
            throw CommandError(code::dollar_prefixed_field_name,
                               "The dollar ($) prefixed field '" + field.name + "' is not valid for storage.");
        }
    }
    return out;
}

struct Counts {
    std::int32_t n = 0;
    std::int32_t modified = 0;
    std::optional<Value> upserted;
};

// What is the error of the whole command and not of one statement: what a transaction is repeated
// for, and interruptions.
bool ends_command(int error) {
    return error == code::write_conflict || error == code::not_in_transaction || error == code::transaction_too_large ||
           error == code::max_time_expired || error == 11'600 || error == code::interrupted_by_step_down;
}

// The statements of one write command: each in turn, errors by index, results of retryable writes
// kept by statement.
template <class Run>
Object run_statements(Call& call, const char* field, Run run) {
    const auto* statements = call.option<Array>(field);
    if (!statements) throw CommandError(40414, "BSON field '" + call.name + "." + field + "' is missing");
    if (statements->empty() || statements->size() > write_batch_max) {
        throw CommandError(16, "Write batch sizes must be between 1 and 100000. Got " +
                                   std::to_string(statements->size()) + " operations.");
    }
    if (call.taking.transaction) call.taking.session->collections.insert(call.collection_name());
    const bool ordered = call.flag("ordered", true);
    const auto first_statement = static_cast<std::int32_t>(call.number("stmtId", 0));
    Counts sum;
    Array upserted;
    Array errors;
    for (std::size_t i = 0; i < statements->size(); ++i) {
        try {
            const auto* statement = (*statements)[i].as<Object>();
            if (!statement) throw CommandError(code::type_mismatch, std::string(field) + " must hold objects");
            const auto number = first_statement + static_cast<std::int32_t>(i);
            const Counts counts = once(call, number, [&] { return run(*statement); });
            sum.n += counts.n;
            sum.modified += counts.modified;
            if (counts.upserted) {
                upserted.emplace_back(Object{{"index", static_cast<std::int32_t>(i)}, {"_id", *counts.upserted}});
            }
        } catch (const CommandError& error) {
            if (ends_command(error.code)) throw;
            errors.emplace_back(write_error(error, i));
            if (ordered || call.taking.transaction) break;
        }
    }
    Object reply{{"n", sum.n}};
    if (call.name == "update") reply.set("nModified", sum.modified);
    if (!upserted.empty()) reply.set("upserted", std::move(upserted));
    if (!errors.empty()) reply.set("writeErrors", std::move(errors));
    return reply;
}

template <class Run>
Counts once(Call& call, std::int32_t statement, Run run) {
    if (!call.taking.retryable) return run();
    auto& results = call.taking.session->results;
    if (const auto done = results.find(statement); done != results.end()) {
        Counts counts;
        counts.n = static_cast<std::int32_t>(done->second.at("n").to_int64());
        counts.modified = static_cast<std::int32_t>(done->second.at("modified").to_int64());
        if (const Value* id = done->second.find("upserted")) counts.upserted = *id;
        return counts;
    }
    const Counts counts = run();
    Object kept{{"n", counts.n}, {"modified", counts.modified}};
    if (counts.upserted) kept.set("upserted", *counts.upserted);
    results.emplace(statement, std::move(kept));
    return counts;
}

void check_statement(const Object& statement, std::string_view command, std::initializer_list<std::string_view> known) {
    for (const Field& field : statement) {
        if (std::ranges::find(known, field.name) == known.end()) {
            throw CommandError(code::unknown_field,
                               "BSON field '" + std::string(command) + "." + field.name + "' is an unknown field.");
        }
    }
}

const Object& query_of(const Object& statement) {
    const Value* query = statement.find("q");
    const auto* object = query ? query->as<Object>() : nullptr;
    if (!object) throw CommandError(40414, "BSON field 'q' is missing");
    return *object;
}

std::vector<Value> matching_ids(Call& call, const std::string& name, const Filter& filter, const SortKeys& keys,
                                bool multi) {
    const std::vector<DocumentPtr> found = visible_documents(call, name, filter, keys, multi ? 0 : 1);
    std::vector<Value> ids;
    for (const DocumentPtr& document : found) ids.push_back(document->at("_id"));
    return ids;
}

// The document if it still matches, as the transaction sees it.
DocumentPtr still_matching(Collection& collection, const Value& id, const Filter& filter,
                           const Transaction& transaction) {
    const Record* record = collection.find(id);
    DocumentPtr document = record ? Storage::visible(*record, transaction) : nullptr;
    return document && filter.matches(*document) ? document : nullptr;
}

struct Changed {
    DocumentPtr before;
    DocumentPtr after;
    [[nodiscard]] bool modified() const { return before && after && before != after; }
};

// A document that somebody else holds is waited for even when it would not match any more.
Changed change_by_id(Call& call, Collection& collection, const Value& id, const Filter& filter, const Update* update) {
    const bool limited = call.taking.transaction != nullptr;
    return change_one(call, [&](Transaction& transaction) {
        Changed changed{still_matching(collection, id, filter, transaction), nullptr};
        if (!changed.before) return changed;
        if (!update) {
            call.engine.storage().write(transaction, collection, id, nullptr, limited);
            return changed;
        }
        auto after = std::make_shared<const Object>(update->apply(*changed.before));
        if (identical(*changed.before, *after)) {
            changed.after = changed.before;
            return changed;
        }
        call.engine.storage().write(transaction, collection, id, after, limited);
        changed.after = std::move(after);
        return changed;
    });
}

DocumentPtr upsert(Call& call, const std::string& name, const Filter& filter, const Update& update) {
    Collection& collection = collection_for_insert(call, name);
    auto document = std::make_shared<const Object>(with_id(update.upserted(filter), call));
    change_one(call, [&](Transaction& transaction) {
        call.engine.storage().insert(transaction, collection, document, call.taking.transaction != nullptr);
        return true;
    });
    return document;
}

Update update_from(const Call& call, const Value& source) {
    if (source.is<Array>() && call.engine.options().wire_version_max < wire_version_4_2) {
        throw CommandError(code::type_mismatch, "an update is no array before MongoDB 4.2");
    }
    return {source, call.engine.now()};
}

Counts update_statement(Call& call, const std::string& name, const Object& statement) {
    check_statement(statement, "update.updates", {"q", "u", "multi", "upsert"});
    const Filter filter(query_of(statement), call.engine.now());
    const Value* source = statement.find("u");
    if (!source) throw CommandError(40414, "BSON field 'update.updates.u' is missing");
    const Update update = update_from(call, *source);
    const bool multi = statement.has("multi") && statement.at("multi").truthy();
    if (multi && update.is_replacement()) {
        throw CommandError(code::failed_to_parse, "multi update is not supported for replacement-style update");
    }
    if (multi && call.taking.retryable) {
        throw CommandError(code::invalid_options, "Cannot use (or request) retryable writes with multi=true");
    }
    Counts counts;
    if (Collection* collection = call.engine.storage().find_collection(name)) {
        for (const Value& id : matching_ids(call, name, filter, SortKeys(Object{}), multi)) {
            const Changed changed = change_by_id(call, *collection, id, filter, &update);
            counts.n += changed.before ? 1 : 0;
            counts.modified += changed.modified() ? 1 : 0;
        }
    }
    if (counts.n == 0 && statement.has("upsert") && statement.at("upsert").truthy()) {
        counts.upserted = upsert(call, name, filter, update)->at("_id");
        counts.n = 1;
    }
    return counts;
}

Counts delete_statement(Call& call, const std::string& name, const Object& statement) {
    check_statement(statement, "delete.deletes", {"q", "limit"});
    const Filter filter(query_of(statement), call.engine.now());
    const Value* limit = statement.find("limit");
    if (!limit || !limit->is_number() || limit->to_int64() < 0 || limit->to_int64() > 1) {
        throw CommandError(code::failed_to_parse, "The limit field in delete objects must be 0 or 1.");
    }
    const bool multi = limit->to_int64() == 0;
    if (multi && call.taking.retryable) {
        throw CommandError(code::invalid_options, "Cannot use (or request) retryable writes with limit=0");
    }
    Counts counts;
    Collection* collection = call.engine.storage().find_collection(name);
    if (!collection) return counts;
    for (const Value& id : matching_ids(call, name, filter, SortKeys(Object{}), multi)) {
        if (change_by_id(call, *collection, id, filter, nullptr).before) ++counts.n;
    }
    return counts;
}

Object modify_reply(const DocumentPtr& shown, bool existing, bool removes, const std::optional<Value>& upserted) {
    Object last{{"n", std::int32_t{existing || upserted ? 1 : 0}}};
    if (!removes) last.set("updatedExisting", existing);
    if (upserted) last.set("upserted", *upserted);
    return Object{{"lastErrorObject", std::move(last)}, {"value", shown ? Value(*shown) : Value(Null{})}};
}

Object find_and_modify(Call& call) {
    const std::string name = call.collection_name();
    const auto* query = call.option<Object>("query");
    const Filter filter(query ? *query : Object{}, call.engine.now());
    const auto* sort = call.option<Object>("sort");
    const SortKeys keys(sort ? *sort : Object{});
    const auto* fields = call.option<Object>("fields");
    const Value* source = call.command.find("update");
    const bool removes = call.flag("remove", false);
    const bool shows_new = call.flag("new", false);
    if (removes == (source != nullptr)) {
        throw CommandError(code::failed_to_parse, "Either an update or remove=true must be specified");
    }
    if (removes && (shows_new || call.flag("upsert", false))) {
        throw CommandError(code::failed_to_parse, "Cannot specify new or upsert together with remove=true");
    }
    std::optional<Update> update;
    if (source) update.emplace(update_from(call, *source));
    if (call.taking.transaction) call.taking.session->collections.insert(name);

    Changed changed;
    std::optional<Value> upserted;
    Collection* collection = call.engine.storage().find_collection(name);
    while (collection) {
        const std::vector<Value> ids = matching_ids(call, name, filter, keys, false);
        if (ids.empty()) break;
        changed = change_by_id(call, *collection, ids.front(), filter, update ? &*update : nullptr);
        if (changed.before) break;
    }
    if (!changed.before && update && call.flag("upsert", false)) {
        changed.after = upsert(call, name, filter, *update);
        upserted = changed.after->at("_id");
    }
    DocumentPtr shown = shows_new ? changed.after : changed.before;
    if (shown && fields) shown = std::make_shared<const Object>(Projection(*fields).apply(*shown));
    return modify_reply(shown, changed.before != nullptr, removes, upserted);
}

}  // namespace

Object run_insert(Call& call) {
    const std::string name = call.collection_name();
    return run_statements(call, "documents", [&](const Object& source) {
        Collection& collection = collection_for_insert(call, name);
        const auto document = std::make_shared<const Object>(with_id(source, call));
        change_one(call, [&](Transaction& transaction) {
            call.engine.storage().insert(transaction, collection, document, call.taking.transaction != nullptr);
            return true;
        });
        return Counts{1, 0, std::nullopt};
    });
}

Object run_update(Call& call) {
    const std::string name = call.collection_name();
    return run_statements(call, "updates",
                          [&](const Object& statement) { return update_statement(call, name, statement); });
}

Object run_delete(Call& call) {
    const std::string name = call.collection_name();
    return run_statements(call, "deletes",
                          [&](const Object& statement) { return delete_statement(call, name, statement); });
}

Object run_find_and_modify(Call& call) {
    if (!call.taking.retryable) return find_and_modify(call);
    auto& results = call.taking.session->results;
    const auto statement = static_cast<std::int32_t>(call.number("stmtId", 0));
    if (const auto done = results.find(statement); done != results.end()) return done->second;
    Object reply = find_and_modify(call);
    results.emplace(statement, reply);
    return reply;
}

}  // namespace waybill::testing::mongo
