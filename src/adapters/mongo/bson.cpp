#include "adapters/mongo/bson.hpp"

#include <array>
#include <charconv>
#include <stdexcept>

namespace waybill::mongo {

namespace {

int length_of(std::string_view text) { return static_cast<int>(text.size()); }

// A document takes 2 GiB at most; libbson says so by refusing.
void must_fit(bool appended) {
    if (!appended) throw std::length_error("a document is too long for BSON");
}

std::uint32_t octets(std::size_t count) { return static_cast<std::uint32_t>(count); }

// Calls `put_element(array, key, index)` for each element of an array.
template <class PutElement>
void put_array(bson_t* bson, std::string_view name, std::size_t count, PutElement put_element) {
    bson_t array;
    must_fit(bson_append_array_begin(bson, name.data(), length_of(name), &array));
    for (std::uint32_t i = 0; i < count; ++i) {
        std::array<char, 16> buffer{};
        const char* key = nullptr;
        const std::size_t length = bson_uint32_to_string(i, &key, buffer.data(), buffer.size());
        put_element(&array, std::string_view(key, length), i);
    }
    must_fit(bson_append_array_end(bson, &array));
}

[[noreturn]] void unreadable(const char* name) {
    throw std::runtime_error(std::string("a stored document has no usable field ") + name);
}

bson_iter_t find(const bson_t* bson, const char* name) {
    bson_iter_t found;
    if (!bson_iter_init_find(&found, bson, name)) unreadable(name);
    return found;
}

}  // namespace

void Document::put(std::string_view name, std::string_view value) {
    must_fit(bson_append_utf8(bson_, name.data(), length_of(name), value.data(), length_of(value)));
}

void Document::put(std::string_view name, bool value) {
    must_fit(bson_append_bool(bson_, name.data(), length_of(name), value));
}

void Document::put(std::string_view name, TimePoint value) {
    must_fit(bson_append_date_time(bson_, name.data(), length_of(name), to_unix_ms(value)));
}

void Document::put(std::string_view name, std::span<const std::uint8_t> bytes) {
    must_fit(bson_append_binary(bson_, name.data(), length_of(name), BSON_SUBTYPE_BINARY, bytes.data(),
                                octets(bytes.size())));
}

void Document::put(std::string_view name, const Document& value) {
    must_fit(bson_append_document(bson_, name.data(), length_of(name), value.get()));
}

void Document::put(std::string_view name, const std::vector<Document>& values) {
    put_array(bson_, name, values.size(), [&](bson_t* array, std::string_view key, std::size_t i) {
        must_fit(bson_append_document(array, key.data(), length_of(key), values[i].get()));
    });
}

void Document::put(std::string_view name, const std::vector<std::string>& values) {
    put_array(bson_, name, values.size(), [&](bson_t* array, std::string_view key, std::size_t i) {
        must_fit(bson_append_utf8(array, key.data(), length_of(key), values[i].data(), length_of(values[i])));
    });
}

void Document::put(std::string_view name, Null) { must_fit(bson_append_null(bson_, name.data(), length_of(name))); }

void Document::put_integer(std::string_view name, std::int64_t value) {
    must_fit(bson_append_int64(bson_, name.data(), length_of(name), value));
}

bool View::has(const char* name) const {
    bson_iter_t found;
    return bson_iter_init_find(&found, bson_, name) && !BSON_ITER_HOLDS_NULL(&found);
}

std::string View::text(const char* name) const {
    const bson_iter_t found = find(bson_, name);
    if (!BSON_ITER_HOLDS_UTF8(&found)) unreadable(name);
    std::uint32_t length = 0;
    const char* text = bson_iter_utf8(&found, &length);
    return {text, length};
}

std::int64_t View::integer(const char* name) const {
    const bson_iter_t found = find(bson_, name);
    if (!BSON_ITER_HOLDS_NUMBER(&found)) unreadable(name);
    return bson_iter_as_int64(&found);
}

bool View::boolean(const char* name) const {
    const bson_iter_t found = find(bson_, name);
    if (!BSON_ITER_HOLDS_BOOL(&found)) unreadable(name);
    return bson_iter_bool(&found);
}

TimePoint View::time(const char* name) const {
    const bson_iter_t found = find(bson_, name);
    if (!BSON_ITER_HOLDS_DATE_TIME(&found)) unreadable(name);
    return from_unix_ms(bson_iter_date_time(&found));
}

std::optional<TimePoint> View::optional_time(const char* name) const {
    if (!has(name)) return std::nullopt;
    return time(name);
}

std::string View::binary(const char* name) const {
    const bson_iter_t found = find(bson_, name);
    if (!BSON_ITER_HOLDS_BINARY(&found)) unreadable(name);
    bson_subtype_t subtype = BSON_SUBTYPE_BINARY;
    std::uint32_t length = 0;
    const std::uint8_t* bytes = nullptr;
    bson_iter_binary(&found, &subtype, &length, &bytes);
    return {reinterpret_cast<const char*>(bytes), length};
}

namespace {

Document copy_of(const bson_iter_t& at, const char* name) {
    if (!BSON_ITER_HOLDS_DOCUMENT(&at)) unreadable(name);
    std::uint32_t length = 0;
    const std::uint8_t* bytes = nullptr;
    bson_iter_document(&at, &length, &bytes);
    bson_t inner;
    if (!bson_init_static(&inner, bytes, length)) unreadable(name);
    return Document(inner);
}

}  // namespace

Document View::document(const char* name) const { return copy_of(find(bson_, name), name); }

std::vector<Document> View::documents(const char* name) const {
    const bson_iter_t found = find(bson_, name);
    bson_iter_t element;
    if (!BSON_ITER_HOLDS_ARRAY(&found) || !bson_iter_recurse(&found, &element)) unreadable(name);
    std::vector<Document> all;
    while (bson_iter_next(&element)) all.push_back(copy_of(element, name));
    return all;
}

Document View::only(const char* name) const {
    const bson_iter_t found = find(bson_, name);
    Document made;
    must_fit(bson_append_iter(made.get(), nullptr, 0, &found));
    return made;
}

std::int64_t View::integer_or(const char* name, std::int64_t otherwise) const {
    return has(name) ? integer(name) : otherwise;
}

std::string View::text_or(const char* name, std::string otherwise) const {
    return has(name) ? text(name) : std::move(otherwise);
}

void require(bool holds, const char* what) {
    if (!holds) throw std::runtime_error(what);
}

}  // namespace waybill::mongo
