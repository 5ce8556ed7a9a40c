// The commands that the double knows: one row and one function for each.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "tests/doubles/mongo/engine.hpp"

namespace waybill::testing::mongo {

// Traits of a command.
inline constexpr unsigned takes_read_concern = 1;
inline constexpr unsigned takes_write_concern = 2;
inline constexpr unsigned on_secondary = 4;
inline constexpr unsigned before_login = 8;

struct CommandRow {
    using Handler = Object (*)(Call&);
    std::string_view name;
    Handler handler;
    Sessions::Rules rules;
    unsigned traits = 0;
    [[nodiscard]] bool has(unsigned trait) const { return (traits & trait) != 0; }

    std::vector<std::string_view> fields;  // besides those of every command
};

// Null when there is none.
[[nodiscard]] const CommandRow* find_command(std::string_view name);
// Throws 40415 for a field that the command does not have, 72 for a concern that does not belong.
void check_fields(const CommandRow& row, const Object& command);

[[nodiscard]] Object run_hello(Call& call);
[[nodiscard]] Object run_ping(Call& call);
[[nodiscard]] Object run_build_info(Call& call);
[[nodiscard]] Object run_connection_status(Call& call);

[[nodiscard]] Object run_sasl_start(Call& call);
[[nodiscard]] Object run_sasl_continue(Call& call);
// Throws 13 where a login is wanted and has not been.
void require_login(const Call& call);

[[nodiscard]] Object run_find(Call& call);
[[nodiscard]] Object run_get_more(Call& call);
[[nodiscard]] Object run_kill_cursors(Call& call);
[[nodiscard]] Object run_count(Call& call);
[[nodiscard]] Object run_aggregate(Call& call);

[[nodiscard]] Object run_insert(Call& call);
[[nodiscard]] Object run_update(Call& call);
[[nodiscard]] Object run_delete(Call& call);
[[nodiscard]] Object run_find_and_modify(Call& call);

[[nodiscard]] Object run_create(Call& call);
[[nodiscard]] Object run_create_indexes(Call& call);
[[nodiscard]] Object run_coll_mod(Call& call);
[[nodiscard]] Object run_list_collections(Call& call);
[[nodiscard]] Object run_list_indexes(Call& call);
[[nodiscard]] Object run_drop_database(Call& call);

[[nodiscard]] Object run_commit(Call& call);
[[nodiscard]] Object run_abort(Call& call);
[[nodiscard]] Object run_end_sessions(Call& call);
[[nodiscard]] Object run_kill_sessions(Call& call);

// The reply that opens a cursor, in the command's own transaction and session.
[[nodiscard]] Object open_cursor(Call& call, const std::string& name, std::vector<Object> documents,
                                 std::int64_t batch_size, bool single_batch);
// By each path in turn, 1 or -1; ties in no order, as on a server. Throws 15975 for anything else.
struct SortKeys {
    explicit SortKeys(const Object& source);
    [[nodiscard]] bool less(const Object& left, const Object& right) const;
    std::vector<IndexKey> keys;
};

// Documents that the call's transaction, or else the latest commit, shows: in order, and no more than
// `most` (0: all).
[[nodiscard]] std::vector<DocumentPtr> visible_documents(Call& call, const std::string& name, const Filter& filter,
                                                         const SortKeys& order, std::size_t most);

// Keeps or leaves out whole paths. Throws 31254 or 31253 for a mixture.
class Projection {
public:
    explicit Projection(const Object& source);
    [[nodiscard]] Object apply(const Object& document) const;

private:
    bool includes_ = false;
    bool with_id_ = true;
    std::vector<std::string> paths_;
};

}  // namespace waybill::testing::mongo
