// What a command answers instead of its result: MongoDB's code, its name, and error labels.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "tests/doubles/mongo/value.hpp"

namespace waybill::testing::mongo {

namespace code {
inline constexpr int internal_error = 1;
inline constexpr int bad_value = 2;
inline constexpr int failed_to_parse = 9;
inline constexpr int user_not_found = 11;
inline constexpr int unauthorized = 13;
inline constexpr int type_mismatch = 14;
inline constexpr int authentication_failed = 18;
inline constexpr int illegal_operation = 20;
inline constexpr int namespace_not_found = 26;
inline constexpr int path_not_viable = 28;
inline constexpr int lock_timeout = 24;
inline constexpr int conflicting_update_operators = 40;
inline constexpr int cursor_not_found = 43;
inline constexpr int namespace_exists = 48;
inline constexpr int max_time_expired = 50;
inline constexpr int dollar_prefixed_field_name = 52;
inline constexpr int command_not_found = 59;
inline constexpr int immutable_field = 66;
inline constexpr int cannot_create_index = 67;
inline constexpr int invalid_options = 72;
inline constexpr int invalid_namespace = 73;
inline constexpr int index_options_conflict = 85;
inline constexpr int index_key_specs_conflict = 86;
inline constexpr int write_conflict = 112;
inline constexpr int conflicting_operation_in_progress = 117;
inline constexpr int invalid_pipeline_operator = 168;
inline constexpr int primary_stepped_down = 189;
inline constexpr int transaction_too_old = 225;
inline constexpr int no_such_transaction = 251;
inline constexpr int transaction_committed = 256;
inline constexpr int transaction_too_large = 257;
inline constexpr int not_in_transaction = 263;
inline constexpr int not_writable_primary = 10107;
inline constexpr int document_too_large = 10334;
inline constexpr int duplicate_key = 11000;
inline constexpr int interrupted_by_step_down = 11602;
inline constexpr int not_primary_no_secondary_ok = 13435;
inline constexpr int unknown_field = 40415;
inline constexpr int document_too_large_after_update = 17419;
}  // namespace code

inline constexpr std::string_view transient_label = "TransientTransactionError";
inline constexpr std::string_view unknown_commit_label = "UnknownTransactionCommitResult";
inline constexpr std::string_view retryable_label = "RetryableWriteError";

// "Error" and the number for a code that the double does not know.
[[nodiscard]] std::string code_name(int code);

class CommandError : public std::runtime_error {
public:
    CommandError(int error_code, const std::string& message, std::vector<std::string> error_labels = {},
                 Object error_details = {})
        : std::runtime_error(message),
          code(error_code),
          labels(std::move(error_labels)),
          details(std::move(error_details)) {}

    int code;
    std::vector<std::string> labels;
    Object details;  // keyPattern and keyValue of a duplicate
};

// ok: 0 with everything that belongs to it.
[[nodiscard]] Object error_reply(const CommandError& error);
// The entry of writeErrors.
[[nodiscard]] Object write_error(const CommandError& error, std::size_t index);

}  // namespace waybill::testing::mongo
