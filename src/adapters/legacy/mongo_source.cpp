#include <mongoc/mongoc.h>

#include <set>
#include <utility>

#include "adapters/legacy/bson_value.hpp"
#include "adapters/legacy/legacy.hpp"
#include "libmongoc/handles.hpp"
#include "libmongoc/start.hpp"

namespace waybill::legacy {

namespace {

using libmongoc::Collection;
using libmongoc::Cursor;
using libmongoc::End;
using libmongoc::set_unless_given;
using libmongoc::Uri;
using Client = std::unique_ptr<mongoc_client_t, End<mongoc_client_destroy>>;
using Database = std::unique_ptr<mongoc_database_t, End<mongoc_database_destroy>>;

class OwnedBson {
public:
    explicit OwnedBson(bson_t* bson) : bson_(bson) {}
    OwnedBson(const OwnedBson&) = delete;
    OwnedBson& operator=(const OwnedBson&) = delete;
    ~OwnedBson() { bson_destroy(bson_); }
    [[nodiscard]] const bson_t* get() const { return bson_; }

private:
    bson_t* bson_;
};
using Names = std::unique_ptr<char*, End<bson_strfreev>>;

std::set<std::string> hosts_of(const mongoc_uri_t* uri) {
    std::set<std::string> hosts;
    if (const char* service = mongoc_uri_get_srv_hostname(uri)) hosts.insert(service);
    for (const mongoc_host_list_t* host = mongoc_uri_get_hosts(uri); host != nullptr; host = host->next) {
        hosts.insert(host->host_and_port);
    }
    return hosts;
}

std::string named(const std::set<std::string>& hosts) {
    std::string text;
    for (const std::string& host : hosts) text += (text.empty() ? "" : ", ") + host;
    return text;
}

class MongoSource final : public LegacySource {
public:
    MongoSource(Client client, std::string database, std::string hosts, int batch_documents)
        : client_(std::move(client)),
          database_(std::move(database)),
          hosts_(std::move(hosts)),
          batch_documents_(batch_documents) {}

    Result<std::vector<std::string>> list_collections() override {
        const Database database(mongoc_client_get_database(client_.get(), database_.c_str()));
        bson_error_t error{};
        const Names names(mongoc_database_get_collection_names_with_opts(database.get(), nullptr, &error));
        if (!names) return trouble(error);
        std::vector<std::string> all;
        for (char** name = names.get(); *name != nullptr; ++name) all.emplace_back(*name);
        return all;
    }

    Result<std::int64_t> count_documents(const std::string& collection) override {
        bson_error_t error{};
        const std::int64_t count =
            mongoc_collection_estimated_document_count(open(collection).get(), nullptr, nullptr, nullptr, &error);
        if (count < 0) return trouble(error);
        return count;
    }

    Result<void> read(const std::string& collection, const Visit& visit) override {
        const Collection target = open(collection);
        const OwnedBson all(bson_new());
        const OwnedBson options(
            BCON_NEW("sort", "{", "_id", BCON_INT32(1), "}", "batchSize", BCON_INT32(batch_documents_)));
        const Cursor cursor(mongoc_collection_find_with_opts(target.get(), all.get(), options.get(), nullptr));
        const bson_t* found = nullptr;
        while (mongoc_cursor_next(cursor.get(), &found)) {
            if (Result<void> visited = visit(to_document(*found)); !visited) return visited;
        }
        bson_error_t error{};
        if (mongoc_cursor_error(cursor.get(), &error)) return trouble(error);
        return {};
    }

private:
    [[nodiscard]] Collection open(const std::string& collection) const {
        return Collection(mongoc_client_get_collection(client_.get(), database_.c_str(), collection.c_str()));
    }

    // The server's own words may quote what is stored.
    [[nodiscard]] std::unexpected<Error> trouble(const bson_error_t& error) const {
        std::string why = "answered with code " + std::to_string(error.code);
        if (error.domain == MONGOC_ERROR_SERVER_SELECTION || error.domain == MONGOC_ERROR_STREAM) {
            why = "does not answer; check host, port and TLS";
        } else if (error.domain == MONGOC_ERROR_CLIENT || error.code == 18 || error.code == 13) {
            why = "refuses the user of the URI; it needs the right to read";
        }
        return fail(ErrorCode::unavailable, "The old database " + database_ + " at " + hosts_ + " " + why + ".");
    }

    Client client_;
    std::string database_;
    std::string hosts_;
    int batch_documents_;
};

}  // namespace

Result<std::unique_ptr<LegacySource>> open_legacy_source(const LegacyOptions& options) {
    libmongoc::start();
    bson_error_t error{};
    const Uri uri(mongoc_uri_new_with_error(options.uri.c_str(), &error));
    if (!uri) {
        // libmongoc's words quote the URI, and a password may stand in it.
        return fail(ErrorCode::validation_failed,
                    "The URI of --from cannot be read: write mongodb://user:password@host:port/database, with reserved "
                    "characters of user and password as %XX.");
    }
    const char* database = mongoc_uri_get_database(uri.get());
    const std::string hosts = named(hosts_of(uri.get()));
    if (database == nullptr || *database == '\0') {
        return fail(ErrorCode::validation_failed, "The URI of --from names no database: write mongodb://" + hosts +
                                                      "/database (with ?authSource=admin, if the user is kept there).");
    }
    set_unless_given(uri.get(), MONGOC_URI_CONNECTTIMEOUTMS, options.connect_timeout.count());
    set_unless_given(uri.get(), MONGOC_URI_SERVERSELECTIONTIMEOUTMS, options.server_selection_timeout.count());
    set_unless_given(uri.get(), MONGOC_URI_SOCKETTIMEOUTMS, options.socket_timeout.count());
    Client client(mongoc_client_new_from_uri_with_error(uri.get(), &error));
    if (!client) {
        return fail(ErrorCode::validation_failed, "The options of the URI of --from for " + hosts +
                                                      " cannot be used: check TLS files and authMechanism.");
    }
    mongoc_client_set_error_api(client.get(), MONGOC_ERROR_API_VERSION_2);
    return std::make_unique<MongoSource>(std::move(client), database, hosts, options.batch_documents);
}

bool is_same_database(const std::string& uri, const std::string& other_uri, const std::string& other_database) {
    libmongoc::start();
    const Uri one(mongoc_uri_new_with_error(uri.c_str(), nullptr));
    const Uri other(mongoc_uri_new_with_error(other_uri.c_str(), nullptr));
    if (!one || !other) return false;
    const char* database = mongoc_uri_get_database(one.get());
    if (database == nullptr || other_database != database) return false;
    const std::set<std::string> others = hosts_of(other.get());
    for (const std::string& host : hosts_of(one.get())) {
        if (others.contains(host)) return true;
    }
    return false;
}

}  // namespace waybill::legacy
