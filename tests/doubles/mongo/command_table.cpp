#include <algorithm>
#include <array>

#include "tests/doubles/mongo/commands.hpp"

namespace waybill::testing::mongo {

namespace {

constexpr Sessions::Rules alone{};
constexpr Sessions::Rules joins{.in_transaction = true, .retryable = false, .ends_transaction = false};
constexpr Sessions::Rules writes{.in_transaction = true, .retryable = true, .ends_transaction = false};
constexpr Sessions::Rules ends{.in_transaction = true, .retryable = false, .ends_transaction = true};

constexpr unsigned greeting = on_secondary | before_login;

const std::vector<CommandRow>& rows() {
    static const std::vector<std::string_view> hello_fields{
        "client", "compression", "helloOk", "saslSupportedMechs", "speculativeAuthenticate", "hostInfo"};
    static const std::vector<CommandRow> table{
        {"hello", run_hello, alone, greeting, hello_fields},
        {"isMaster", run_hello, alone, greeting, hello_fields},
        {"ismaster", run_hello, alone, greeting, hello_fields},
        {"ping", run_ping, alone, greeting, {}},
        {"buildInfo", run_build_info, alone, greeting, {}},
        {"buildinfo", run_build_info, alone, greeting, {}},
        {"saslStart", run_sasl_start, alone, greeting, {"mechanism", "payload", "autoAuthorize", "options"}},
        {"saslContinue", run_sasl_continue, alone, greeting, {"conversationId", "payload"}},
        {"connectionStatus", run_connection_status, alone, on_secondary, {"showPrivileges"}},

        {"find",
         run_find,
         joins,
         takes_read_concern,
         {"filter", "sort", "projection", "skip", "limit", "batchSize", "singleBatch", "noCursorTimeout",
          "allowDiskUse"}},
        {"getMore", run_get_more, joins, on_secondary, {"collection", "batchSize"}},
        {"killCursors", run_kill_cursors, joins, on_secondary, {"cursors"}},
        {"count", run_count, alone, takes_read_concern, {"query", "limit", "skip"}},
        {"aggregate", run_aggregate, joins, takes_read_concern, {"pipeline", "cursor", "allowDiskUse"}},

        {"insert",
         run_insert,
         writes,
         takes_write_concern,
         {"documents", "ordered", "bypassDocumentValidation", "stmtId"}},
        {"update",
         run_update,
         writes,
         takes_write_concern,
         {"updates", "ordered", "bypassDocumentValidation", "stmtId"}},
        {"delete", run_delete, writes, takes_write_concern, {"deletes", "ordered", "stmtId"}},
        {"findAndModify",
         run_find_and_modify,
         writes,
         takes_write_concern,
         {"query", "update", "remove", "new", "upsert", "fields", "sort", "bypassDocumentValidation", "stmtId"}},

        {"create", run_create, alone, takes_write_concern, {}},
        {"createIndexes", run_create_indexes, alone, takes_write_concern, {"indexes", "commitQuorum"}},
        {"collMod", run_coll_mod, alone, takes_write_concern, {"index"}},
        {"listCollections",
         run_list_collections,
         alone,
         takes_read_concern,
         {"filter", "cursor", "nameOnly", "authorizedCollections"}},
        {"listIndexes", run_list_indexes, alone, takes_read_concern, {"cursor"}},
        {"dropDatabase", run_drop_database, alone, takes_write_concern, {}},

        {"commitTransaction", run_commit, ends, takes_write_concern, {"recoveryToken"}},
        {"abortTransaction", run_abort, ends, takes_write_concern, {"recoveryToken"}},
        {"endSessions", run_end_sessions, alone, on_secondary, {}},
        {"refreshSessions", run_end_sessions, alone, on_secondary, {}},
        {"killSessions", run_kill_sessions, alone, on_secondary, {}},
    };
    return table;
}

constexpr std::array common_fields = {std::string_view("$db"),
                                      std::string_view("lsid"),
                                      std::string_view("$clusterTime"),
                                      std::string_view("txnNumber"),
                                      std::string_view("autocommit"),
                                      std::string_view("startTransaction"),
                                      std::string_view("$readPreference"),
                                      std::string_view("maxTimeMS"),
                                      std::string_view("comment")};

void check_write_concern(const Value& concern) {
    const auto* object = concern.as<Object>();
    if (!object) throw CommandError(code::type_mismatch, "writeConcern must be an object");
    for (const Field& field : *object) {
        if (field.name != "w" && field.name != "j" && field.name != "wtimeout" && field.name != "fsync") {
            throw CommandError(code::unknown_field,
                               "BSON field 'writeConcern." + field.name + "' is an unknown field.");
        }
    }
    const Value* w = object->find("w");
    if (w && w->is<std::string>() && *w->as<std::string>() != "majority") {
        throw CommandError(79, "No write concern mode named '" + *w->as<std::string>() + "' found");
    }
}

void check_read_concern(const Value& concern, bool in_transaction) {
    const auto* object = concern.as<Object>();
    if (!object) throw CommandError(code::type_mismatch, "readConcern must be an object");
    for (const Field& field : *object) {
        if (field.name != "level" && field.name != "afterClusterTime") {
            throw CommandError(code::unknown_field, "BSON field 'readConcern." + field.name + "' is an unknown field.");
        }
    }
    const Value* level = object->find("level");
    if (!level || *level == Value("local") || *level == Value("majority")) return;
    if (in_transaction && *level == Value("snapshot")) return;
    throw CommandError(code::invalid_options, "the double does not know the read concern " + to_json(*level) + " here");
}

}  // namespace

const CommandRow* find_command(std::string_view name) {
    const auto found = std::ranges::find(rows(), name, &CommandRow::name);
    return found == rows().end() ? nullptr : &*found;
}

void check_fields(const CommandRow& row, const Object& command) {
    const bool in_transaction = command.has("autocommit");
    for (auto at = command.begin() + 1; at != command.end(); ++at) {
        if (at->name == "readConcern") {
            if (!row.has(takes_read_concern) && !in_transaction) {
                throw CommandError(code::invalid_options, std::string(row.name) + " does not support a read concern");
            }
            check_read_concern(at->value, in_transaction);
        } else if (at->name == "writeConcern") {
            if (!row.has(takes_write_concern)) {
                throw CommandError(code::invalid_options, std::string(row.name) + " does not support a write concern");
            }
            check_write_concern(at->value);
        } else if (std::ranges::find(common_fields, at->name) == common_fields.end() &&
                   std::ranges::find(row.fields, at->name) == row.fields.end()) {
            throw CommandError(code::unknown_field,
                               "BSON field '" + std::string(row.name) + "." + at->name + "' is an unknown field.");
        }
    }
    const Value* preference = command.find("$readPreference");
    const auto* object = preference ? preference->as<Object>() : nullptr;
    const Value* mode = object ? object->find("mode") : nullptr;
    if (in_transaction && mode && *mode != Value("primary")) {
        throw CommandError(code::invalid_options, "Read preference in a transaction must be primary");
    }
}

}  // namespace waybill::testing::mongo
