// Collections, indexes and the schema version; and what kind of deployment may hold them.
#pragma once

#include "adapters/mongo/connection.hpp"

namespace waybill::mongo {

namespace collection {
inline constexpr const char* users = "users";
inline constexpr const char* sessions = "sessions";
inline constexpr const char* password_resets = "password_resets";
inline constexpr const char* products = "products";
inline constexpr const char* inventory = "inventory";
inline constexpr const char* locations = "locations";
inline constexpr const char* orders = "orders";
inline constexpr const char* work = "work";
inline constexpr const char* dead_letters = "dead_letters";
inline constexpr const char* idempotency = "idempotency";
inline constexpr const char* meta = "meta";
}  // namespace collection

// The documents of `meta`.
inline constexpr const char* schema_id = "schema";
inline constexpr const char* catalogue_id = "catalogue";
inline constexpr const char* relay_id = "relay";
inline constexpr const char* turn_id = "turn";

inline constexpr std::int64_t schema_version = 1;

// Errors: unavailable, one sentence that says what to do, for a server that has no transactions, is
// too old, or is no primary.
[[nodiscard]] Result<void> check_deployment(const View& hello, const std::string& hosts);

// One sentence for a person about an error at open.
[[nodiscard]] std::string why_not_opened(const MongoError& error, const MongoOptions& options,
                                         const std::string& hosts);

// Makes what is missing; nothing else changes. Collections cannot be made inside transactions.
// Errors: unavailable, the database was written by a newer Waybill. Throws MongoError.
[[nodiscard]] Result<void> prepare_schema(Connection& connection, const MongoOptions& options);

}  // namespace waybill::mongo
