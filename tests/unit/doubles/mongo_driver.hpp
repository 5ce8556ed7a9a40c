// libmongoc as a client of the double, with documents as values of the double.
#pragma once

#include <mongoc/mongoc.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/doubles/mongo/mongo_double.hpp"

namespace waybill::testing {

using mongo::Array;
using mongo::Field;
using mongo::Object;
using mongo::Value;

// A bson_t that holds what an Object says.
class Bson {
public:
    explicit Bson(const Object& object) {
        std::string bytes;
        append_bytes(object, bytes);
        document_ = bson_new_from_data(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
    }
    ~Bson() { bson_destroy(document_); }
    Bson(const Bson&) = delete;
    Bson& operator=(const Bson&) = delete;

    [[nodiscard]] const bson_t* get() const { return document_; }
    [[nodiscard]] bson_t* get() { return document_; }

private:
    bson_t* document_ = nullptr;
};

[[nodiscard]] inline Object to_object(const bson_t& document) {
    return mongo::parse_object({bson_get_data(&document), document.len});
}

// A session of the driver.
class DriverSession {
public:
    explicit DriverSession(mongoc_client_t* client)
        : session_(mongoc_client_start_session(client, nullptr, nullptr), mongoc_client_session_destroy) {}

    bool start() { return mongoc_client_session_start_transaction(session_.get(), nullptr, nullptr); }
    Object commit() { return ended(mongoc_client_session_commit_transaction); }
    void abort() { mongoc_client_session_abort_transaction(session_.get(), nullptr); }
    [[nodiscard]] mongoc_client_session_t* get() const { return session_.get(); }
    [[nodiscard]] Object id() const { return to_object(*mongoc_client_session_get_lsid(session_.get())); }

private:
    Object ended(bool (*end)(mongoc_client_session_t*, bson_t*, bson_error_t*)) {
        bson_t reply;
        bson_error_t error{};
        const bool ok = end(session_.get(), &reply, &error);
        Object out = to_object(reply);
        bson_destroy(&reply);
        if (!out.has("ok")) out.set("ok", ok ? 1.0 : 0.0);
        return out;
    }
    std::unique_ptr<mongoc_client_session_t, void (*)(mongoc_client_session_t*)> session_;
};

class Driver {
public:
    explicit Driver(const std::string& address) {
        mongoc_init();
        const std::string options = "serverSelectionTimeoutMS=5000&socketTimeoutMS=20000&retryWrites=false";
        const std::string uri = address + (address.find('?') == std::string::npos ? "?" : "&") + options;
        client_.reset(mongoc_client_new(uri.c_str()));
        mongoc_client_set_error_api(client_.get(), 2);
    }

    // The reply, or {ok: 0, errmsg} when there was none.
    Object run(const Object& command, const DriverSession* session = nullptr, const std::string& database = "shop") {
        Bson options(Object{});
        bson_error_t error{};
        if (session) (void)mongoc_client_session_append(session->get(), options.get(), &error);
        bson_t reply;
        const Bson sent(command);
        (void)mongoc_client_command_with_opts(client_.get(), database.c_str(), sent.get(), nullptr, options.get(),
                                              &reply, &error);
        Object out = to_object(reply);
        bson_destroy(&reply);
        if (!out.has("ok")) out.set("ok", 0.0);
        if (out.at("ok") == Value(0.0) && !out.has("errmsg")) out.set("errmsg", std::string(error.message));
        return out;
    }

    [[nodiscard]] mongoc_client_t* get() const { return client_.get(); }

private:
    std::unique_ptr<mongoc_client_t, void (*)(mongoc_client_t*)> client_{nullptr, mongoc_client_destroy};
};

[[nodiscard]] inline bool is_ok(const Object& reply) { return reply.at("ok") == Value(1.0); }
[[nodiscard]] inline std::int64_t code_of(const Object& reply) {
    const Value* code = reply.find("code");
    return code ? code->to_int64() : 0;
}
[[nodiscard]] inline std::int64_t write_error_code(const Object& reply) {
    const Value* errors = reply.find("writeErrors");
    return errors ? errors->as<Array>()->front().as<Object>()->at("code").to_int64() : 0;
}
[[nodiscard]] inline bool has_label(const Object& reply, std::string_view label) {
    const Value* labels = reply.find("errorLabels");
    if (!labels) return false;
    for (const Value& one : *labels->as<Array>()) {
        if (one == Value(label)) return true;
    }
    return false;
}
[[nodiscard]] inline Array first_batch(const Object& reply) {
    return *reply.at("cursor").as<Object>()->at("firstBatch").as<Array>();
}

// Commands.
[[nodiscard]] inline Object insert_of(const std::string& collection, std::vector<Object> documents) {
    Array list;
    for (Object& document : documents) list.emplace_back(std::move(document));
    return Object{{"insert", collection}, {"documents", std::move(list)}};
}
[[nodiscard]] inline Object update_of(const std::string& collection, Object query, Value change, bool multi = false) {
    return Object{
        {"update", collection},
        {"updates", Array{Value(Object{{"q", std::move(query)}, {"u", std::move(change)}, {"multi", multi}})}}};
}
[[nodiscard]] inline Object delete_of(const std::string& collection, Object query, std::int32_t limit = 0) {
    return Object{{"delete", collection}, {"deletes", Array{Value(Object{{"q", std::move(query)}, {"limit", limit}})}}};
}
[[nodiscard]] inline Object find_of(const std::string& collection, Object filter = {}) {
    return Object{{"find", collection}, {"filter", std::move(filter)}};
}

}  // namespace waybill::testing
