#include "tests/doubles/mongo/command_error.hpp"

#include <algorithm>
#include <array>

namespace waybill::testing::mongo {

std::string code_name(int code) {
    struct Named {
        int code;
        std::string_view name;
    };
    static constexpr std::array names = {
        Named{code::internal_error, "InternalError"},
        Named{code::bad_value, "BadValue"},
        Named{6, "HostUnreachable"},
        Named{7, "HostNotFound"},
        Named{code::failed_to_parse, "FailedToParse"},
        Named{code::user_not_found, "UserNotFound"},
        Named{code::unauthorized, "Unauthorized"},
        Named{code::type_mismatch, "TypeMismatch"},
        Named{code::authentication_failed, "AuthenticationFailed"},
        Named{code::illegal_operation, "IllegalOperation"},
        Named{code::lock_timeout, "LockTimeout"},
        Named{code::namespace_not_found, "NamespaceNotFound"},
        Named{code::path_not_viable, "PathNotViable"},
        Named{code::conflicting_update_operators, "ConflictingUpdateOperators"},
        Named{code::cursor_not_found, "CursorNotFound"},
        Named{code::namespace_exists, "NamespaceExists"},
        Named{code::max_time_expired, "MaxTimeMSExpired"},
        Named{code::dollar_prefixed_field_name, "DollarPrefixedFieldName"},
        Named{code::command_not_found, "CommandNotFound"},
        Named{64, "WriteConcernFailed"},
        Named{code::immutable_field, "ImmutableField"},
        Named{code::cannot_create_index, "CannotCreateIndex"},
        Named{code::invalid_options, "InvalidOptions"},
        Named{code::invalid_namespace, "InvalidNamespace"},
        Named{79, "UnknownReplWriteConcern"},
        Named{code::index_options_conflict, "IndexOptionsConflict"},
        Named{code::index_key_specs_conflict, "IndexKeySpecsConflict"},
        Named{89, "NetworkTimeout"},
        Named{91, "ShutdownInProgress"},
        Named{100, "UnsatisfiableWriteConcern"},
        Named{code::write_conflict, "WriteConflict"},
        Named{code::conflicting_operation_in_progress, "ConflictingOperationInProgress"},
        Named{code::invalid_pipeline_operator, "InvalidPipelineOperator"},
        Named{code::primary_stepped_down, "PrimarySteppedDown"},
        Named{code::transaction_too_old, "TransactionTooOld"},
        Named{code::no_such_transaction, "NoSuchTransaction"},
        Named{code::transaction_committed, "TransactionCommitted"},
        Named{code::transaction_too_large, "TransactionTooLarge"},
        Named{262, "ExceededTimeLimit"},
        Named{code::not_in_transaction, "OperationNotSupportedInTransaction"},
        Named{code::not_writable_primary, "NotWritablePrimary"},
        Named{code::document_too_large, "BSONObjectTooLarge"},
        Named{code::duplicate_key, "DuplicateKey"},
        Named{11600, "InterruptedAtShutdown"},
        Named{11601, "Interrupted"},
        Named{code::interrupted_by_step_down, "InterruptedDueToReplStateChange"},
        Named{code::not_primary_no_secondary_ok, "NotPrimaryNoSecondaryOk"},
        Named{13436, "NotPrimaryOrSecondary"},
    };
    const auto* const found = std::ranges::find(names, code, &Named::code);
    return found == names.end() ? "Location" + std::to_string(code) : std::string(found->name);
}

Object error_reply(const CommandError& error) {
    Object reply{{"ok", 0.0}, {"errmsg", error.what()}, {"code", error.code}, {"codeName", code_name(error.code)}};
    for (const Field& detail : error.details) reply.set(detail.name, detail.value);
    if (!error.labels.empty()) {
        Array labels;
        for (const std::string& label : error.labels) labels.emplace_back(label);
        reply.set("errorLabels", std::move(labels));
    }
    return reply;
}

Object write_error(const CommandError& error, std::size_t index) {
    Object entry{{"index", static_cast<std::int32_t>(index)}, {"code", error.code}};
    for (const Field& detail : error.details) entry.set(detail.name, detail.value);
    entry.set("errmsg", error.what());
    return entry;
}

}  // namespace waybill::testing::mongo
