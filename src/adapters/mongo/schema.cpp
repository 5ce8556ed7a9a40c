#include "adapters/mongo/schema.hpp"

#include <chrono>

namespace waybill::mongo {

namespace {

constexpr std::int64_t wire_version_4_0 = 7;
constexpr std::int64_t wire_version_4_2 = 8;

std::unexpected<Error> refuse(const std::string& sentence) { return fail(ErrorCode::unavailable, sentence); }

// An index of ascending keys.
Document index(const char* name, std::initializer_list<const char*> keys) {
    Document key;
    for (const char* field : keys) key.put(field, 1);
    return doc("name", name, "key", key);
}

bool is_refused_login(const MongoError& error) {
    return error.code() == code::authentication_failed ||
           (error.domain() == MONGOC_ERROR_CLIENT && error.code() == MONGOC_ERROR_CLIENT_AUTHENTICATE);
}

// libmongoc has no code of its own for it.
bool is_refused_certificate(const MongoError& error) {
    const std::string reason = error.reason();
    return reason.find("TLS handshake failed") != std::string::npos ||
           reason.find("certificate verify failed") != std::string::npos;
}

Document unique(Document made) {
    made.put("unique", true);
    return made;
}

Document partial(Document made, const Document& only) {
    made.put("partialFilterExpression", only);
    return made;
}

Document ending(Document made, Milliseconds after) {
    made.put("expireAfterSeconds", std::chrono::duration_cast<std::chrono::seconds>(after).count());
    return made;
}

void create_collection(Connection& connection, const char* name) {
    try {
        (void)connection.run_alone(doc("create", name), Durability::majority);
    } catch (const MongoError& error) {
        if (error.code() != code::namespace_exists) throw;
    }
}

// Makes the collection too.
void create_indexes(Connection& connection, const char* collection, const std::vector<Document>& indexes) {
    (void)connection.run_alone(doc("createIndexes", collection, "indexes", indexes), Durability::majority);
}

// Its time may be another one than when it was made.
void create_ending_index(Connection& connection, const char* collection, const Document& made) {
    try {
        create_indexes(connection, collection, {made});
    } catch (const MongoError& error) {
        if (error.code() != code::index_options_conflict) throw;
        const Document changed =
            doc("name", View(made).text("name"), "expireAfterSeconds", View(made).integer("expireAfterSeconds"));
        (void)connection.run_alone(doc("collMod", collection, "index", changed), Durability::majority);
    }
}

void create_all(Connection& connection, const MongoOptions& options) {
    for (const char* name : {collection::locations, collection::meta}) create_collection(connection, name);
    create_indexes(connection, collection::users, array(unique(index("by_email", {"email"}))));
    create_indexes(connection, collection::sessions,
                   array(index("live", {"user_id", "revoked_at", "created_at", "_id"}),
                         partial(index("revoked", {"revoked_at"}), doc("revoked_at", doc("$exists", true)))));
    create_ending_index(connection, collection::sessions, ending(index("by_end", {"expires_at"}), options.session_ttl));
    create_indexes(connection, collection::password_resets,
                   array(index("by_user", {"user_id"}), index("by_end", {"expires_at"}),
                         partial(index("to_mail", {"mail_ready_at"}), doc("mail_ready_at", doc("$exists", true)))));
    create_indexes(connection, collection::products, array(index("listed", {"active", "created_at", "_id"})));
    create_indexes(connection, collection::inventory,
                   array(unique(index("by_product", {"product_id", "location"})),
                         index("by_location", {"location", "product_id"})));
    create_indexes(
        connection, collection::orders,
        array(index("by_user", {"user_id", "created_at", "_id"}), index("by_status", {"status", "created_at", "_id"})));
    create_indexes(connection, collection::work,
                   array(index("by_ready", {"kind", "ready_at", "created_at"}),
                         partial(index("sent", {"ready_at"}), doc("state", "sent"))));
    create_indexes(connection, collection::dead_letters, array(index("by_time", {"created_at", "_id"})));
    create_ending_index(connection, collection::idempotency,
                        ending(index("by_time", {"created_at"}), options.idempotency_ttl));
}

// Leaves a document alone that is there.
void create_document(Connection& connection, const char* id, const Document& first) {
    const Document made = doc("q", doc("_id", id), "u", doc("$setOnInsert", first), "upsert", true);
    try {
        (void)connection.run_alone(doc("update", collection::meta, "updates", array(made)), Durability::majority);
    } catch (const MongoError& error) {
        // Two processes that start at once may both try to insert it.
        if (error.trouble() != Trouble::duplicate_key) throw;
    }
}

std::optional<std::int64_t> find_version(Connection& connection) {
    const auto found = connection.find(collection::meta, doc("_id", schema_id), {},
                                       [](const View& schema) { return schema.integer("version"); });
    if (found.empty()) return std::nullopt;
    return found.front();
}

}  // namespace

Result<void> check_deployment(const View& hello, const std::string& hosts) {
    const std::int64_t wire_version = hello.integer_or("maxWireVersion", 0);
    if (hello.text_or("msg", "") == "isdbgrid") {
        if (wire_version >= wire_version_4_2) return {};
        return refuse("The sharded MongoDB cluster at " + hosts +
                      " is too old for transactions: upgrade it to 4.2 or newer.");
    }
    if (!hello.has("setName")) {
        return refuse("The MongoDB server at " + hosts +
                      " stands alone and has no transactions: start it with --replSet rs0, run rs.initiate() once, "
                      "and add ?replicaSet=rs0 to the URI.");
    }
    if (wire_version < wire_version_4_0) {
        return refuse("The MongoDB replica set at " + hosts +
                      " is too old for transactions: upgrade it to 4.0 or newer.");
    }
    const bool is_primary = hello.has("isWritablePrimary") ? hello.boolean("isWritablePrimary")
                                                           : hello.has("ismaster") && hello.boolean("ismaster");
    if (!is_primary) {
        return refuse("The MongoDB server at " + hosts + " is not the primary of its replica set: add ?replicaSet=" +
                      hello.text("setName") + " to the URI, so that the primary is found.");
    }
    return {};
}

std::string why_not_opened(const MongoError& error, const MongoOptions& options, const std::string& hosts) {
    if (is_refused_login(error)) {
        return "MongoDB at " + hosts + " refuses the user and password of the URI: check them and authSource.";
    }
    if (error.code() == code::unauthorized) {
        return "The MongoDB user may not use the database " + options.database +
               ": give it the role readWrite there (and dbAdmin, to make indexes).";
    }
    if (error.code() == code::illegal_operation) {
        return "The MongoDB server at " + hosts + " has no transactions: use a replica set or a sharded cluster.";
    }
    if (is_refused_certificate(error)) {
        return "The certificate of MongoDB at " + hosts +
               " is not accepted: check that tlsCAFile of the URI holds its authority, and that it names this host.";
    }
    if (error.trouble() == Trouble::away) {
        return "MongoDB at " + hosts +
               " cannot be reached, or has no primary: check that it runs, and the hosts, replicaSet and TLS options "
               "of the URI.";
    }
    return "The MongoDB database " + options.database + " at " + hosts + " cannot be prepared (" + error.reason() +
           ").";
}

Result<void> prepare_schema(Connection& connection, const MongoOptions& options) {
    const std::optional<std::int64_t> version = find_version(connection);
    if (version.value_or(0) > schema_version) {
        return refuse("The MongoDB database " + options.database + " was written by a newer Waybill (schema " +
                      std::to_string(*version) + ", this one knows " + std::to_string(schema_version) +
                      "): use that version.");
    }
    create_all(connection, options);
    create_document(connection, catalogue_id, doc("version", 1));
    create_document(connection, relay_id, doc("rounds", 0));
    create_document(connection, turn_id, doc("holder", null, "counter", 0));
    create_document(connection, schema_id, doc("version", schema_version));
    return {};
}

}  // namespace waybill::mongo
