#include "tests/doubles/mongo/expression.hpp"

#include <algorithm>
#include <array>
#include <limits>

#include "tests/doubles/mongo/command_error.hpp"

namespace waybill::testing::mongo {

namespace {

using Arguments = std::vector<Value>;

template <class Test>
Value compared(const Arguments& arguments, Test test) {
    return Value(test(compare(arguments[0], arguments[1])));
}

Value fit(std::int64_t number, bool large) {
    const bool small =
        number >= std::numeric_limits<std::int32_t>::min() && number <= std::numeric_limits<std::int32_t>::max();
    if (small && !large) return static_cast<std::int32_t>(number);
    return number;
}

bool any_null(const Arguments& arguments) { return std::ranges::any_of(arguments, &Value::is_null); }

bool any_large(const Arguments& arguments) {
    return std::ranges::any_of(arguments, [](const Value& value) { return value.is<std::int64_t>(); });
}

bool any_real(const Arguments& arguments) {
    return std::ranges::any_of(arguments, [](const Value& value) { return value.is<double>(); });
}

void want_numbers(const Arguments& arguments, const char* name) {
    for (const Value& value : arguments) {
        if (!value.is_number()) {
            throw CommandError(code::type_mismatch, std::string(name) + " only supports numeric types, not " +
                                                        std::string(type_name(value)));
        }
    }
}

// One date may be among the terms; the others are then milliseconds.
Value add(const Arguments& arguments) {
    if (any_null(arguments)) return Null{};
    std::int64_t sum = 0;
    double real = 0;
    bool date = false;
    Arguments numbers;
    for (const Value& value : arguments) {
        if (const auto* time = value.as<DateTime>()) {
            if (date) throw CommandError(16612, "only one date allowed in an $add expression");
            date = true;
            sum += time->ms;
            continue;
        }
        want_numbers({value}, "$add");
        numbers.push_back(value);
        if (value.is<double>()) {
            real += value.to_double();
        } else {
            sum += value.to_int64();
        }
    }
    if (date) return DateTime{sum + static_cast<std::int64_t>(real)};
    if (any_real(numbers)) return real + static_cast<double>(sum);
    return fit(sum, any_large(numbers));
}

Value subtract(const Arguments& arguments) {
    if (any_null(arguments)) return Null{};
    const auto* from = arguments[0].as<DateTime>();
    const auto* to = arguments[1].as<DateTime>();
    if (from && to) return from->ms - to->ms;
    if (from) return DateTime{from->ms - arguments[1].to_int64()};
    want_numbers(arguments, "$subtract");
    if (any_real(arguments)) return arguments[0].to_double() - arguments[1].to_double();
    return fit(arguments[0].to_int64() - arguments[1].to_int64(), any_large(arguments));
}

Value multiply(const Arguments& arguments) {
    if (any_null(arguments)) return Null{};
    want_numbers(arguments, "$multiply");
    std::int64_t whole = 1;
    double real = 1;
    for (const Value& value : arguments) {
        real *= value.to_double();
        if (!value.is<double>()) whole *= value.to_int64();
    }
    return any_real(arguments) ? Value(real) : fit(whole, any_large(arguments));
}

const Array& list_of(const Value& value, const char* name) {
    const Array* list = value.as<Array>();
    if (!list)
        throw CommandError(40081, std::string(name) + " requires an array, not " + std::string(type_name(value)));
    return *list;
}

Value extreme(const Arguments& arguments, bool largest) {
    const bool one_list = arguments.size() == 1 && arguments[0].is<Array>();
    const Array& values = one_list ? *arguments[0].as<Array>() : arguments;
    Value best = Null{};
    for (const Value& value : values) {
        if (value.is_null()) continue;
        const auto order = compare(value, best);
        if (best.is_null() || (largest ? order > 0 : order < 0)) best = value;
    }
    return best;
}

Value if_null(const Arguments& arguments) {
    for (const Value& value : arguments) {
        if (!value.is_null()) return value;
    }
    return arguments.back();
}

struct Known {
    std::string_view name;
    std::size_t least;
    std::size_t most;
    Value (*function)(const Arguments&);
};

constexpr std::size_t any_number = 1'000;

const std::array known = {
    Known{"$eq", 2, 2, [](const Arguments& a) { return compared(a, [](auto by) { return by == 0; }); }},
    Known{"$ne", 2, 2, [](const Arguments& a) { return compared(a, [](auto by) { return by != 0; }); }},
    Known{"$gt", 2, 2, [](const Arguments& a) { return compared(a, [](auto by) { return by > 0; }); }},
    Known{"$gte", 2, 2, [](const Arguments& a) { return compared(a, [](auto by) { return by >= 0; }); }},
    Known{"$lt", 2, 2, [](const Arguments& a) { return compared(a, [](auto by) { return by < 0; }); }},
    Known{"$lte", 2, 2, [](const Arguments& a) { return compared(a, [](auto by) { return by <= 0; }); }},
    Known{"$and", 0, any_number, [](const Arguments& a) { return Value(std::ranges::all_of(a, &Value::truthy)); }},
    Known{"$or", 0, any_number, [](const Arguments& a) { return Value(std::ranges::any_of(a, &Value::truthy)); }},
    Known{"$not", 1, 1, [](const Arguments& a) { return Value(!a[0].truthy()); }},
    Known{"$cond", 3, 3, [](const Arguments& a) { return a[0].truthy() ? a[1] : a[2]; }},
    Known{"$ifNull", 2, any_number, if_null},
    Known{"$add", 0, any_number, add},
    Known{"$subtract", 2, 2, subtract},
    Known{"$multiply", 0, any_number, multiply},
    Known{"$max", 1, any_number, [](const Arguments& a) { return extreme(a, true); }},
    Known{"$min", 1, any_number, [](const Arguments& a) { return extreme(a, false); }},
    Known{"$in", 2, 2,
          [](const Arguments& a) {
              return Value(std::ranges::any_of(list_of(a[1], "$in"),
                                               [&](const Value& value) { return compare(value, a[0]) == 0; }));
          }},
    Known{"$size", 1, 1,
          [](const Arguments& a) { return Value(static_cast<std::int32_t>(list_of(a[0], "$size").size())); }},
    Known{"$type", 1, 1, [](const Arguments& a) { return Value(type_name(a[0])); }},
};

}  // namespace

Expression::Expression(const Value& source) {
    if (const auto* text = source.as<std::string>()) {
        parse_text(*text);
    } else if (const auto* object = source.as<Object>()) {
        parse_object(*object);
    } else if (const auto* elements = source.as<Array>()) {
        kind_ = Kind::array;
        for (const Value& element : *elements) parts_.emplace_back(element);
    } else {
        literal_ = source;
    }
}

void Expression::parse_text(const std::string& text) {
    if (text == "$$NOW") {
        kind_ = Kind::now;
    } else if (text == "$$ROOT" || text == "$$CURRENT") {
        kind_ = Kind::root;
    } else if (text.starts_with("$$")) {
        throw CommandError(17276, "Use of undefined variable: " + text.substr(2));
    } else if (text.starts_with("$")) {
        kind_ = Kind::path;
        path_ = text.substr(1);
    } else {
        literal_ = text;
    }
}

void Expression::parse_object(const Object& object) {
    if (!object.empty() && object.begin()->name.starts_with("$")) {
        if (object.size() != 1) {
            throw CommandError(15983, "An object representing an expression must have exactly one field");
        }
        return parse_call(*object.begin());
    }
    kind_ = Kind::object;
    for (const Field& field : object) {
        names_.push_back(field.name);
        parts_.emplace_back(field.value);
    }
}

void Expression::parse_call(const Field& call) {
    if (call.name == "$literal") {
        literal_ = call.value;
        return;
    }
    const auto* const found = std::ranges::find(known, call.name, &Known::name);
    if (found == known.end()) {
        throw CommandError(code::invalid_pipeline_operator, "Unrecognized expression '" + call.name + "'");
    }
    kind_ = Kind::call;
    operator_ = call.name;
    function_ = found->function;
    const auto* named = call.value.as<Object>();
    if (call.name == "$cond" && named) {
        if (named->size() != 3 || !named->has("if") || !named->has("then") || !named->has("else")) {
            throw CommandError(17080, "$cond needs exactly if, then and else");
        }
        for (const char* part : {"if", "then", "else"}) parts_.emplace_back(named->at(part));
        return;
    }
    if (const auto* elements = call.value.as<Array>()) {
        for (const Value& element : *elements) parts_.emplace_back(element);
    } else {
        parts_.emplace_back(call.value);
    }
    if (parts_.size() < found->least || parts_.size() > found->most) {
        throw CommandError(16020, "Expression " + call.name + " got " + std::to_string(parts_.size()) + " arguments");
    }
}

Value Expression::evaluate(const Object& document, DateTime now) const {
    switch (kind_) {
        case Kind::literal:
            return literal_;
        case Kind::path:
            return value_at(document, path_);
        case Kind::now:
            return now;
        case Kind::root:
            return document;
        case Kind::object: {
            Object out;
            for (std::size_t i = 0; i < parts_.size(); ++i) {
                Value value = parts_[i].evaluate(document, now);
                if (!value.is_missing()) out.set(names_[i], std::move(value));
            }
            return out;
        }
        case Kind::array: {
            Array out;
            for (const Expression& part : parts_) {
                Value value = part.evaluate(document, now);
                out.push_back(value.is_missing() ? Value(Null{}) : std::move(value));
            }
            return out;
        }
        case Kind::call: {
            Arguments arguments;
            for (const Expression& part : parts_) arguments.push_back(part.evaluate(document, now));
            return function_(arguments);
        }
    }
    return {};
}

}  // namespace waybill::testing::mongo
