#include "tests/doubles/mongo/value.hpp"

#include <bson/bson.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>

namespace waybill::testing::mongo {

namespace {

const Value missing_value;

Value parse_value(const bson_iter_t& at);

Object parse_fields(bson_iter_t& at) {
    Object out;
    while (bson_iter_next(&at)) {
        const std::string_view name{bson_iter_key(&at), bson_iter_key_len(&at)};
        if (out.has(name)) throw BadBson("the field " + std::string(name) + " is there twice");
        out.set(name, parse_value(at));
    }
    return out;
}

Array parse_elements(bson_iter_t& at) {
    Array out;
    while (bson_iter_next(&at)) out.push_back(parse_value(at));
    return out;
}

template <class Parse>
Value parse_nested(const bson_iter_t& at, Parse parse) {
    bson_iter_t child;
    if (!bson_iter_recurse(&at, &child)) throw BadBson("a nested document is no BSON");
    return parse(child);
}

Value parse_binary(const bson_iter_t& at) {
    bson_subtype_t subtype = BSON_SUBTYPE_BINARY;
    std::uint32_t size = 0;
    const std::uint8_t* bytes = nullptr;
    bson_iter_binary(&at, &subtype, &size, &bytes);
    Binary binary{static_cast<std::uint8_t>(subtype), std::string(size, '\0')};
    if (size > 0) std::memcpy(binary.bytes.data(), bytes, size);
    return binary;
}

Value parse_text(const bson_iter_t& at) {
    std::uint32_t size = 0;
    const char* text = bson_iter_utf8(&at, &size);
    return std::string(text, size);
}

Value parse_timestamp(const bson_iter_t& at) {
    Timestamp time;
    bson_iter_timestamp(&at, &time.seconds, &time.increment);
    return time;
}

Value parse_value(const bson_iter_t& at) {
    const bson_type_t type = bson_iter_type(&at);
    switch (type) {
        case BSON_TYPE_DOUBLE:
            return bson_iter_double(&at);
        case BSON_TYPE_UTF8:
            return parse_text(at);
        case BSON_TYPE_DOCUMENT:
            return parse_nested(at, parse_fields);
        case BSON_TYPE_ARRAY:
            return parse_nested(at, parse_elements);
        case BSON_TYPE_BINARY:
            return parse_binary(at);
        case BSON_TYPE_OID: {
            const bson_oid_t* oid = bson_iter_oid(&at);
            return ObjectId{std::string(reinterpret_cast<const char*>(oid->bytes), 12)};
        }
        case BSON_TYPE_BOOL:
            return bson_iter_bool(&at);
        case BSON_TYPE_DATE_TIME:
            return DateTime{bson_iter_date_time(&at)};
        case BSON_TYPE_NULL:
            return Null{};
        case BSON_TYPE_INT32:
            return bson_iter_int32(&at);
        case BSON_TYPE_TIMESTAMP:
            return parse_timestamp(at);
        case BSON_TYPE_INT64:
            return static_cast<std::int64_t>(bson_iter_int64(&at));
        case BSON_TYPE_MINKEY:
            return MinKey{};
        case BSON_TYPE_MAXKEY:
            return MaxKey{};
        default:
            break;
    }
    throw BadBson("the double does not speak the BSON type " + std::to_string(static_cast<int>(type)) + " of " +
                  bson_iter_key(&at));
}

void append_int32(std::int32_t number, std::string& out) {
    out.append(reinterpret_cast<const char*>(&number), sizeof number);
}
void append_int64(std::int64_t number, std::string& out) {
    out.append(reinterpret_cast<const char*>(&number), sizeof number);
}

// Starts a document and tells where its length belongs.
std::size_t open_document(std::string& out) {
    out.append(4, '\0');
    return out.size() - 4;
}

void close_document(std::size_t start, std::string& out) {
    out.push_back('\0');
    const auto size = static_cast<std::int32_t>(out.size() - start);
    std::memcpy(out.data() + start, &size, sizeof size);
}

void append_field(std::string_view name, const Value& value, std::string& out);

struct Writer {
    std::string_view name;
    std::string& out;

    void head(int type) const {
        out.push_back(static_cast<char>(type));
        out.append(name);
        out.push_back('\0');
    }
    void operator()(Missing) const {}
    void operator()(Null) const { head(BSON_TYPE_NULL); }
    void operator()(MinKey) const { head(BSON_TYPE_MINKEY); }
    void operator()(MaxKey) const { head(BSON_TYPE_MAXKEY); }
    void operator()(bool flag) const {
        head(BSON_TYPE_BOOL);
        out.push_back(flag ? '\1' : '\0');
    }
    void operator()(std::int32_t number) const {
        head(BSON_TYPE_INT32);
        append_int32(number, out);
    }
    void operator()(std::int64_t number) const {
        head(BSON_TYPE_INT64);
        append_int64(number, out);
    }
    void operator()(double number) const {
        head(BSON_TYPE_DOUBLE);
        out.append(reinterpret_cast<const char*>(&number), sizeof number);
    }
    void operator()(const std::string& text) const {
        head(BSON_TYPE_UTF8);
        append_int32(static_cast<std::int32_t>(text.size() + 1), out);
        out.append(text);
        out.push_back('\0');
    }
    void operator()(const ObjectId& id) const {
        head(BSON_TYPE_OID);
        out.append(id.bytes);
    }
    void operator()(DateTime time) const {
        head(BSON_TYPE_DATE_TIME);
        append_int64(time.ms, out);
    }
    void operator()(Timestamp time) const {
        head(BSON_TYPE_TIMESTAMP);
        append_int32(static_cast<std::int32_t>(time.increment), out);
        append_int32(static_cast<std::int32_t>(time.seconds), out);
    }
    void operator()(const Binary& binary) const {
        head(BSON_TYPE_BINARY);
        append_int32(static_cast<std::int32_t>(binary.bytes.size()), out);
        out.push_back(static_cast<char>(binary.subtype));
        out.append(binary.bytes);
    }
    void operator()(const Array& elements) const {
        head(BSON_TYPE_ARRAY);
        const std::size_t start = open_document(out);
        for (std::size_t i = 0; i < elements.size(); ++i) append_field(std::to_string(i), elements[i], out);
        close_document(start, out);
    }
    void operator()(const Object& object) const {
        head(BSON_TYPE_DOCUMENT);
        append_bytes(object, out);
    }
};

void append_field(std::string_view name, const Value& value, std::string& out) {
    std::visit(Writer{name, out}, value.data());
}

std::size_t value_size(const Value& value) {
    struct Sizer {
        std::size_t operator()(Missing) const { return 0; }
        std::size_t operator()(Null) const { return 0; }
        std::size_t operator()(MinKey) const { return 0; }
        std::size_t operator()(MaxKey) const { return 0; }
        std::size_t operator()(bool) const { return 1; }
        std::size_t operator()(std::int32_t) const { return 4; }
        std::size_t operator()(std::int64_t) const { return 8; }
        std::size_t operator()(double) const { return 8; }
        std::size_t operator()(const std::string& text) const { return text.size() + 5; }
        std::size_t operator()(const ObjectId&) const { return 12; }
        std::size_t operator()(DateTime) const { return 8; }
        std::size_t operator()(Timestamp) const { return 8; }
        std::size_t operator()(const Binary& binary) const { return binary.bytes.size() + 5; }
        std::size_t operator()(const Array& elements) const {
            std::size_t sum = 5;
            for (std::size_t i = 0; i < elements.size(); ++i) {
                sum += 2 + std::to_string(i).size() + value_size(elements[i]);
            }
            return sum;
        }
        std::size_t operator()(const Object& object) const { return encoded_size(object); }
    };
    return std::visit(Sizer{}, value.data());
}

std::weak_ordering compare_doubles(double left, double right) {
    if (std::isnan(left) || std::isnan(right)) return std::isnan(right) <=> std::isnan(left);
    return left < right ? std::weak_ordering::less
                        : (left > right ? std::weak_ordering::greater : std::weak_ordering::equivalent);
}

std::weak_ordering compare_mixed(std::int64_t left, double right) {
    if (std::isnan(right)) return std::weak_ordering::greater;
    if (right >= 0x1.0p63) return std::weak_ordering::less;
    if (right < -0x1.0p63) return std::weak_ordering::greater;
    const double whole = std::trunc(right);
    const auto by_whole = left <=> static_cast<std::int64_t>(whole);
    if (by_whole != 0) return by_whole;
    return compare_doubles(whole, right);
}

std::weak_ordering compare_numbers(const Value& left, const Value& right) {
    if (left.is_integer() && right.is_integer()) return left.to_int64() <=> right.to_int64();
    if (left.is_integer()) return compare_mixed(left.to_int64(), right.to_double());
    if (right.is_integer()) return 0 <=> compare_mixed(right.to_int64(), left.to_double());
    return compare_doubles(left.to_double(), right.to_double());
}

std::weak_ordering compare_bytes(std::string_view left, std::string_view right) {
    return left.compare(right) <=> 0;  // char_traits compares as unsigned bytes
}

std::weak_ordering compare_arrays(const Array& left, const Array& right) {
    for (std::size_t i = 0; i < std::min(left.size(), right.size()); ++i) {
        if (const auto by = compare(left[i], right[i]); by != 0) return by;
    }
    return left.size() <=> right.size();
}

// Type, then name, then value of each field in turn.
std::weak_ordering compare_objects(const Object& left, const Object& right) {
    auto a = left.begin();
    auto b = right.begin();
    for (; a != left.end() && b != right.end(); ++a, ++b) {
        if (const auto by = type_rank(a->value) <=> type_rank(b->value); by != 0) return by;
        if (const auto by = compare_bytes(a->name, b->name); by != 0) return by;
        if (const auto by = compare(a->value, b->value); by != 0) return by;
    }
    return left.size() <=> right.size();
}

std::weak_ordering compare_binaries(const Binary& left, const Binary& right) {
    if (const auto by = left.bytes.size() <=> right.bytes.size(); by != 0) return by;
    if (const auto by = left.subtype <=> right.subtype; by != 0) return by;
    return compare_bytes(left.bytes, right.bytes);
}

}  // namespace

Object::Object() = default;
Object::Object(std::initializer_list<Field> fields) : fields_(fields) {}
Object::Object(const Object&) = default;
Object::Object(Object&&) noexcept = default;
Object& Object::operator=(const Object&) = default;
Object& Object::operator=(Object&&) noexcept = default;
Object::~Object() = default;

bool Object::empty() const { return fields_.empty(); }
std::size_t Object::size() const { return fields_.size(); }

const Value* Object::find(std::string_view name) const {
    const auto found = std::ranges::find(fields_, name, &Field::name);
    return found == fields_.end() ? nullptr : &found->value;
}

Value* Object::find(std::string_view name) {
    const auto found = std::ranges::find(fields_, name, &Field::name);
    return found == fields_.end() ? nullptr : &found->value;
}

const Value& Object::at(std::string_view name) const {
    const Value* found = find(name);
    if (!found) throw std::out_of_range("no field " + std::string(name));
    return *found;
}

void Object::set(std::string_view name, Value value) {
    if (Value* found = find(name)) {
        *found = std::move(value);
    } else {
        fields_.push_back(Field{std::string(name), std::move(value)});
    }
}

void Object::prepend(std::string_view name, Value value) {
    erase(name);
    fields_.insert(fields_.begin(), Field{std::string(name), std::move(value)});
}

void Object::erase(std::string_view name) {
    std::erase_if(fields_, [&](const Field& field) { return field.name == name; });
}

std::vector<Field>::const_iterator Object::begin() const { return fields_.begin(); }
std::vector<Field>::const_iterator Object::end() const { return fields_.end(); }

std::int64_t Value::to_int64() const {
    if (const auto* small = as<std::int32_t>()) return *small;
    if (const auto* large = as<std::int64_t>()) return *large;
    if (const auto* real = as<double>()) {
        if (std::isfinite(*real) && std::abs(*real) < 0x1.0p63) return static_cast<std::int64_t>(*real);
    }
    throw BadBson("a number was expected, not " + std::string(type_name(*this)));
}

double Value::to_double() const {
    if (const auto* real = as<double>()) return *real;
    return static_cast<double>(to_int64());
}

bool Value::truthy() const {
    if (is_null()) return false;
    if (const auto* flag = as<bool>()) return *flag;
    if (is_number()) return to_double() != 0.0;
    return true;
}

Object parse_object(std::span<const std::uint8_t> bytes) {
    bson_t document;
    std::size_t offset = 0;
    if (!bson_init_static(&document, bytes.data(), bytes.size()) ||
        !bson_validate(&document,
                       static_cast<bson_validate_flags_t>(BSON_VALIDATE_UTF8 | BSON_VALIDATE_UTF8_ALLOW_NULL),
                       &offset)) {
        throw BadBson("no valid BSON at byte " + std::to_string(offset));
    }
    bson_iter_t at;
    bson_iter_init(&at, &document);
    return parse_fields(at);
}

void append_bytes(const Object& object, std::string& out) {
    const std::size_t start = open_document(out);
    for (const Field& field : object) append_field(field.name, field.value, out);
    close_document(start, out);
}

std::size_t encoded_size(const Object& object) {
    std::size_t sum = 5;
    for (const Field& field : object) {
        if (!field.value.is_missing()) sum += 2 + field.name.size() + value_size(field.value);
    }
    return sum;
}

std::string to_json(const Value& value) {
    std::string bytes;
    append_bytes(Object{{"v", value}}, bytes);
    bson_t document;
    if (!bson_init_static(&document, reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size())) return "?";
    const std::unique_ptr<char, void (*)(void*)> text{bson_as_relaxed_extended_json(&document, nullptr), bson_free};
    const std::string all = text ? text.get() : "?";
    // { "v" : ... }
    return all.size() > 10 ? all.substr(8, all.size() - 10) : all;
}

std::string_view type_name(const Value& value) {
    static constexpr std::string_view names[] = {"missing", "null",   "bool",     "int",   "long",
                                                 "double",  "string", "objectId", "date",  "timestamp",
                                                 "binData", "minKey", "maxKey",   "array", "object"};
    return names[value.data().index()];
}

int type_rank(const Value& value) {
    // In the order of Value::Data.
    static constexpr int ranks[] = {5, 5, 40, 10, 10, 10, 15, 35, 45, 47, 30, -1, 127, 25, 20};
    return ranks[value.data().index()];
}

std::weak_ordering compare(const Value& left, const Value& right) {
    if (const auto by = type_rank(left) <=> type_rank(right); by != 0) return by;
    if (left.is_number()) return compare_numbers(left, right);
    if (const auto* text = left.as<std::string>()) return compare_bytes(*text, *right.as<std::string>());
    if (const auto* id = left.as<ObjectId>()) return compare_bytes(id->bytes, right.as<ObjectId>()->bytes);
    if (const auto* flag = left.as<bool>()) return *flag <=> *right.as<bool>();
    if (const auto* time = left.as<DateTime>()) return time->ms <=> right.as<DateTime>()->ms;
    if (const auto* stamp = left.as<Timestamp>()) {
        const Timestamp other = *right.as<Timestamp>();
        return std::pair(stamp->seconds, stamp->increment) <=> std::pair(other.seconds, other.increment);
    }
    if (const auto* binary = left.as<Binary>()) return compare_binaries(*binary, *right.as<Binary>());
    if (const auto* elements = left.as<Array>()) return compare_arrays(*elements, *right.as<Array>());
    if (const auto* object = left.as<Object>()) return compare_objects(*object, *right.as<Object>());
    return std::weak_ordering::equivalent;
}

bool ValueLess::operator()(const std::vector<Value>& left, const std::vector<Value>& right) const {
    return compare_arrays(left, right) < 0;
}

const Value& value_at(const Object& object, std::string_view path) {
    const std::size_t dot = path.find('.');
    const Value* found = object.find(path.substr(0, dot));
    if (!found) return missing_value;
    if (dot == std::string_view::npos) return *found;
    const Object* inner = found->as<Object>();
    return inner ? value_at(*inner, path.substr(dot + 1)) : missing_value;
}

}  // namespace waybill::testing::mongo
