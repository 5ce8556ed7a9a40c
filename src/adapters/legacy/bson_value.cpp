#include "adapters/legacy/bson_value.hpp"

#include <array>
#include <utility>

namespace waybill::legacy {

namespace {

constexpr int depth_max = 32;

LegacyDocument read_fields(bson_iter_t& at, int depth);

LegacyValue text_of(const bson_iter_t& at) {
    std::uint32_t length = 0;
    const char* text = bson_iter_utf8(&at, &length);
    if (!bson_utf8_validate(text, length, true)) return {LegacyOther{"text that is not UTF-8"}};
    return {std::string(text, length)};
}

LegacyValue id_of(const bson_iter_t& at) {
    std::array<char, 25> hex{};
    bson_oid_to_string(bson_iter_oid(&at), hex.data());
    return {LegacyObjectId{hex.data()}};
}

LegacyValue nested_in(const bson_iter_t& at, int depth) {
    bson_iter_t inner;
    if (depth >= depth_max || !bson_iter_recurse(&at, &inner)) return {LegacyOther{"a document that is too deep"}};
    LegacyDocument document = read_fields(inner, depth + 1);
    if (bson_iter_type(&at) == BSON_TYPE_DOCUMENT) return {std::move(document)};
    LegacyArray elements;
    for (auto& [index, value] : document.fields) elements.push_back(std::move(value));
    return {std::move(elements)};
}

LegacyValue value_at(const bson_iter_t& at, int depth) {
    const bson_type_t type = bson_iter_type(&at);
    if (type == BSON_TYPE_NULL || type == BSON_TYPE_UNDEFINED) return {};
    if (type == BSON_TYPE_UTF8) return text_of(at);
    if (type == BSON_TYPE_OID) return id_of(at);
    if (type == BSON_TYPE_DOUBLE) return {bson_iter_double(&at)};
    if (type == BSON_TYPE_INT32) return {std::int64_t{bson_iter_int32(&at)}};
    if (type == BSON_TYPE_INT64) return {std::int64_t{bson_iter_int64(&at)}};
    if (type == BSON_TYPE_BOOL) return {bson_iter_bool(&at)};
    if (type == BSON_TYPE_DATE_TIME) return {from_unix_ms(bson_iter_date_time(&at))};
    if (type == BSON_TYPE_DOCUMENT || type == BSON_TYPE_ARRAY) return nested_in(at, depth);
    if (type == BSON_TYPE_DECIMAL128) return {LegacyOther{"Decimal128"}};
    return {LegacyOther{"BSON " + std::to_string(static_cast<int>(type))}};
}

LegacyDocument read_fields(bson_iter_t& at, int depth) {
    LegacyDocument document;
    while (bson_iter_next(&at)) document.fields.emplace_back(bson_iter_key(&at), value_at(at, depth));
    return document;
}

}  // namespace

LegacyDocument to_document(const bson_t& bson) {
    bson_iter_t at;
    if (!bson_iter_init(&at, &bson)) return {};
    return read_fields(at, 0);
}

}  // namespace waybill::legacy
