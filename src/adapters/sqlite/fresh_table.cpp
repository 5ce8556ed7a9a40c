#include "adapters/sqlite/fresh_table.hpp"

#include <new>
#include <string>
#include <string_view>

#include "adapters/sqlite/order_steps.hpp"
#include "domain/encoding.hpp"
#include "domain/work.hpp"

namespace waybill::sqlite {

namespace {

constexpr const char* pointer_type = "waybill-fresh-batch";

constexpr const char* declaration =
    "CREATE TABLE fresh_orders (order_id, user_id, location, lines, total, created_at, key, request_hash,"
    " process_id, mail_id, trace, batch HIDDEN)";

enum Column : int {
    column_order_id,
    column_user_id,
    column_location,
    column_lines,
    column_total,
    column_created_at,
    column_key,
    column_request_hash,
    column_process_id,
    column_mail_id,
    column_trace,
    column_batch,
};

// SQLite's structures come first, so that its pointers are ours.
struct Cursor {
    sqlite3_vtab_cursor base{};
    FreshBatch batch;
    std::size_t row = 0;
};

Cursor& ours(sqlite3_vtab_cursor* cursor) { return *reinterpret_cast<Cursor*>(cursor); }

int connect(sqlite3* db, void*, int, const char* const*, sqlite3_vtab** table, char**) {
    const int code = sqlite3_declare_vtab(db, declaration);
    if (code != SQLITE_OK) return code;
    *table = new (std::nothrow) sqlite3_vtab{};
    return *table == nullptr ? SQLITE_NOMEM : SQLITE_OK;
}

int disconnect(sqlite3_vtab* table) {
    delete table;
    return SQLITE_OK;
}

// There is one way to read it: the batch that was given, from its front to its end.
int best_index(sqlite3_vtab*, sqlite3_index_info* info) {
    for (int i = 0; i < info->nConstraint; ++i) {
        const auto& constraint = info->aConstraint[i];
        if (constraint.iColumn != column_batch || constraint.op != SQLITE_INDEX_CONSTRAINT_EQ) continue;
        if (constraint.usable == 0) return SQLITE_CONSTRAINT;
        info->aConstraintUsage[i].argvIndex = 1;
        info->aConstraintUsage[i].omit = 1;
        return SQLITE_OK;
    }
    return SQLITE_CONSTRAINT;
}

int open(sqlite3_vtab*, sqlite3_vtab_cursor** cursor) {
    Cursor* const opened = new (std::nothrow) Cursor;
    if (opened == nullptr) return SQLITE_NOMEM;
    *cursor = &opened->base;
    return SQLITE_OK;
}

int close(sqlite3_vtab_cursor* cursor) {
    delete &ours(cursor);
    return SQLITE_OK;
}

int filter(sqlite3_vtab_cursor* cursor, int, const char*, int, sqlite3_value** values) {
    const void* batch = sqlite3_value_pointer(values[0], pointer_type);
    ours(cursor).batch = batch == nullptr ? FreshBatch{} : *static_cast<const FreshBatch*>(batch);
    ours(cursor).row = 0;
    return SQLITE_OK;
}

int next(sqlite3_vtab_cursor* cursor) {
    ++ours(cursor).row;
    return SQLITE_OK;
}

int at_end(sqlite3_vtab_cursor* cursor) { return ours(cursor).row >= ours(cursor).batch.size() ? 1 : 0; }

void answer(sqlite3_context* context, std::string_view text, sqlite3_destructor_type lifetime = SQLITE_STATIC) {
    sqlite3_result_text64(context, text.data(), text.size(), lifetime, SQLITE_UTF8);
}

void answer_blob(sqlite3_context* context, std::string_view bytes, sqlite3_destructor_type lifetime) {
    sqlite3_result_blob64(context, bytes.data(), bytes.size(), lifetime);
}

// The orders of the batch outlive the statement; what is made here does not.
void answer_column(sqlite3_context* context, const JournaledOrder& fresh, Column column) {
    const Order& order = fresh.order;
    switch (column) {
        case column_order_id:
            return answer(context, order.id.text);
        case column_user_id:
            return answer(context, order.user_id.text);
        case column_location:
            return answer(context, order.location);
        case column_lines:
            return answer_blob(context, encode_lines(order.lines), SQLITE_TRANSIENT);
        case column_total:
            return sqlite3_result_int64(context, order.total);
        case column_created_at:
            return sqlite3_result_int64(context, to_unix_ms(order.created_at));
        case column_key:
            if (fresh.idempotency) answer(context, fresh.idempotency->key);
            return;
        case column_request_hash:
            if (fresh.idempotency) answer_blob(context, as_bytes(fresh.idempotency->request_hash), SQLITE_STATIC);
            return;
        case column_process_id:
            return answer(context, process_work_id(order.id).text, SQLITE_TRANSIENT);
        case column_mail_id:
            return answer(context, mail_work_id(order.id, OrderStatus::processed).text, SQLITE_TRANSIENT);
        case column_trace:
            if (order.trace.is_set()) answer_blob(context, as_bytes(order.trace), SQLITE_STATIC);
            return;
        case column_batch:
            return;
    }
}

int column(sqlite3_vtab_cursor* cursor, sqlite3_context* context, int number) {
    const Cursor& at = ours(cursor);
    try {
        answer_column(context, *at.batch[at.row], static_cast<Column>(number));
    } catch (const std::bad_alloc&) {
        return SQLITE_NOMEM;  // no exception may pass SQLite
    }
    return SQLITE_OK;
}

int rowid(sqlite3_vtab_cursor* cursor, sqlite3_int64* id) {
    *id = static_cast<sqlite3_int64>(ours(cursor).row);
    return SQLITE_OK;
}

constexpr sqlite3_module make_module() {
    sqlite3_module module{};
    module.xConnect = connect;
    module.xDisconnect = disconnect;
    module.xBestIndex = best_index;
    module.xOpen = open;
    module.xClose = close;
    module.xFilter = filter;
    module.xNext = next;
    module.xEof = at_end;
    module.xColumn = column;
    module.xRowid = rowid;
    return module;
}

}  // namespace

Pointer as_pointer(const FreshBatch& batch) { return {&batch, pointer_type}; }

void add_fresh_table(Connection& db) {
    static constexpr sqlite3_module module = make_module();
    const int code = sqlite3_create_module_v2(db.handle(), "fresh_orders", &module, nullptr, nullptr);
    if (code != SQLITE_OK) throw SqliteError(code, sqlite3_errmsg(db.handle()));
}

}  // namespace waybill::sqlite
