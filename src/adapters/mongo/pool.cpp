// The URI and its options become a pool.
#include <string>

#include "adapters/mongo/connection.hpp"
#include "libmongoc/handles.hpp"
#include "libmongoc/start.hpp"

namespace waybill::mongo {

namespace {

using libmongoc::set_unless_given;
using libmongoc::Uri;

// Ours whatever the URI says: every promise of the store rests on them. Concerns are said with each
// read and transaction.
void set_what_must_be(mongoc_uri_t* uri) {
    mongoc_read_prefs_t* primary = mongoc_read_prefs_new(MONGOC_READ_PRIMARY);
    mongoc_uri_set_read_prefs_t(uri, primary);
    mongoc_read_prefs_destroy(primary);
    mongoc_read_concern_t* no_read_concern = mongoc_read_concern_new();
    mongoc_uri_set_read_concern(uri, no_read_concern);
    mongoc_read_concern_destroy(no_read_concern);
    mongoc_write_concern_t* no_write_concern = mongoc_write_concern_new();
    mongoc_uri_set_write_concern(uri, no_write_concern);
    mongoc_write_concern_destroy(no_write_concern);
    // The store repeats by itself, with a backoff and a deadline.
    mongoc_uri_set_option_as_bool(uri, MONGOC_URI_RETRYWRITES, false);
    mongoc_uri_set_option_as_bool(uri, MONGOC_URI_RETRYREADS, false);
}

void apply(const MongoOptions& options, mongoc_uri_t* uri) {
    set_unless_given(uri, MONGOC_URI_MAXPOOLSIZE, options.pool_size);
    set_unless_given(uri, MONGOC_URI_CONNECTTIMEOUTMS, options.connect_timeout.count());
    set_unless_given(uri, MONGOC_URI_SERVERSELECTIONTIMEOUTMS, options.server_selection_timeout.count());
    set_unless_given(uri, MONGOC_URI_SOCKETTIMEOUTMS, options.socket_timeout.count());
    set_unless_given(uri, MONGOC_URI_WAITQUEUETIMEOUTMS, options.wait_queue_timeout.count());
    if (mongoc_uri_get_appname(uri) == nullptr) mongoc_uri_set_appname(uri, "waybill");
    set_what_must_be(uri);
}

std::string hosts_of(const mongoc_uri_t* uri) {
    if (const char* service = mongoc_uri_get_srv_hostname(uri)) return service;
    std::string hosts;
    for (const mongoc_host_list_t* host = mongoc_uri_get_hosts(uri); host != nullptr; host = host->next) {
        if (!hosts.empty()) hosts += ", ";
        hosts += host->host_and_port;
    }
    return hosts;
}

// Database names of MongoDB: no longer than 63 octets, and without these.
bool is_database_name(std::string_view name) {
    return !name.empty() && name.size() <= 63 && name.find_first_of("/\\. \"$*<>:|?") == std::string_view::npos;
}

}  // namespace

Result<std::unique_ptr<ConnectionPool>> ConnectionPool::make(const MongoOptions& options) {
    libmongoc::start();
    if (!is_database_name(options.database)) {
        return fail(ErrorCode::validation_failed,
                    "The name of the MongoDB database must have 1 to 63 characters, none of them a space or one of "
                    "/ \\ . \" $ * < > : | ?");
    }
    bson_error_t error{};
    const Uri uri(mongoc_uri_new_with_error(options.uri.c_str(), &error));
    if (!uri) {
        // libmongoc's words quote the URI, and a password may stand in it.
        return fail(ErrorCode::validation_failed,
                    "The MongoDB URI cannot be read: write mongodb://user:password@host:port/?replicaSet=name, with "
                    "reserved characters of user and password as %XX.");
    }
    apply(options, uri.get());
    Pool pool(mongoc_client_pool_new_with_error(uri.get(), &error));
    if (!pool) {
        return fail(ErrorCode::validation_failed,
                    "The options of the MongoDB URI for " + hosts_of(uri.get()) +
                        " cannot be used: check TLS files, authMechanism and replicaSet.");
    }
    mongoc_client_pool_set_error_api(pool.get(), MONGOC_ERROR_API_VERSION_2);
    return std::unique_ptr<ConnectionPool>(new ConnectionPool(std::move(pool), hosts_of(uri.get()), options));
}

ConnectionPool::ConnectionPool(Pool pool, std::string hosts, const MongoOptions& options)
    : on_command_(options.on_command), pool_(std::move(pool)), hosts_(std::move(hosts)), database_(options.database) {
    if (!on_command_) return;
    mongoc_apm_callbacks_t* const callbacks = mongoc_apm_callbacks_new();
    mongoc_apm_set_command_started_cb(callbacks, [](const mongoc_apm_command_started_t* event) {
        (*static_cast<std::function<void()>*>(mongoc_apm_command_started_get_context(event)))();
    });
    mongoc_client_pool_set_apm_callbacks(pool_.get(), callbacks, &on_command_);
    mongoc_apm_callbacks_destroy(callbacks);
}

Result<Connection> ConnectionPool::take() {
    mongoc_client_t* client = mongoc_client_pool_pop(pool_.get());
    if (client == nullptr) return fail(ErrorCode::overloaded, "Every connection to the store is in use.");
    return Connection(pool_.get(), client, database_);
}

}  // namespace waybill::mongo

#ifdef __SANITIZE_THREAD__
// Debian's libmongoc is not instrumented: ThreadSanitizer does not see the atomic counters by which
// it shares what it knows of the cluster between its clients.
extern "C" const char* __tsan_default_suppressions();
extern "C" const char* __tsan_default_suppressions() { return "race:libmongoc-1.0.so\nrace:libbson-1.0.so\n"; }
#endif
