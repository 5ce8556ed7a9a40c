#include "tests/doubles/mongo/update.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include "tests/doubles/mongo/command_error.hpp"

namespace waybill::testing::mongo {

namespace {

constexpr std::array operators = {"$set",         "$unset", "$inc",  "$mul",      "$min",    "$max",
                                  "$setOnInsert", "$push",  "$pull", "$addToSet", "$rename", "$currentDate"};

std::optional<std::size_t> index_in(const std::string_view name) {
    std::size_t index = 0;
    const auto [end, failed] = std::from_chars(name.data(), name.data() + name.size(), index);
    if (failed != std::errc{} || end != name.data() + name.size()) return std::nullopt;
    return index;
}

// An element must exist: the double does not grow arrays by index.
Value& element_of(Array& elements, std::string_view name) {
    const auto index = index_in(name);
    if (!index || *index >= elements.size()) {
        throw CommandError(code::path_not_viable, "Cannot create field '" + std::string(name) + "' in an array");
    }
    return elements[*index];
}

Value number_result(const Value& old_value, const Value& operand, std::string_view name) {
    if (!operand.is_number()) {
        throw CommandError(code::type_mismatch, "Cannot use " + std::string(name) + " with a non-numeric argument");
    }
    if (old_value.is_missing()) return name == "$inc" ? operand : Value(std::int32_t{0});
    if (!old_value.is_number()) {
        throw CommandError(code::type_mismatch,
                           "Cannot apply " + std::string(name) + " to a value of non-numeric type");
    }
    const bool adds = name == "$inc";
    if (old_value.is<double>() || operand.is<double>()) {
        return adds ? old_value.to_double() + operand.to_double() : old_value.to_double() * operand.to_double();
    }
    std::int64_t result = 0;
    const bool overflows = adds ? __builtin_add_overflow(old_value.to_int64(), operand.to_int64(), &result)
                                : __builtin_mul_overflow(old_value.to_int64(), operand.to_int64(), &result);
    if (overflows) throw CommandError(code::bad_value, "Failed to apply " + std::string(name) + ": it overflows");
    const bool small =
        old_value.is<std::int32_t>() && operand.is<std::int32_t>() && result == static_cast<std::int32_t>(result);
    return small ? Value(static_cast<std::int32_t>(result)) : Value(result);
}

Array array_of(const Value& value, std::string_view name) {
    if (value.is_missing()) return {};
    const Array* elements = value.as<Array>();
    if (!elements) {
        throw CommandError(code::bad_value, "The field must be an array for " + std::string(name) + " but is of type " +
                                                std::string(type_name(value)));
    }
    return *elements;
}

// $each is the only modifier that is known.
Array pushed(const Value& operand, std::string_view name) {
    const auto* object = operand.as<Object>();
    if (!object || object->empty() || !object->begin()->name.starts_with("$")) return Array{operand};
    const Value* each = object->find("$each");
    if (!each || object->size() != 1 || !each->is<Array>()) {
        throw CommandError(code::bad_value, "the double knows " + std::string(name) + " with $each only");
    }
    return *each->as<Array>();
}

void apply_to_array(Object& document, const std::string& path, const Value& operand, std::string_view name) {
    const Value& old_value = value_at(document, path);
    Array elements = array_of(old_value, name);
    if (name == "$pull") {
        if (old_value.is_missing()) return;
        std::erase_if(elements, [&](const Value& element) { return compare(element, operand) == 0; });
    } else {
        for (Value& added : pushed(operand, name)) {
            const auto same = [&](const Value& element) { return compare(element, added) == 0; };
            if (name == "$addToSet" && std::ranges::any_of(elements, same)) continue;
            elements.push_back(std::move(added));
        }
    }
    set_at(document, path, std::move(elements));
}

bool overlap(std::string_view left, std::string_view right) {
    if (left.size() > right.size()) std::swap(left, right);
    return right.starts_with(left) && (right.size() == left.size() || right[left.size()] == '.');
}

// As the server writes it: the id first.
void put_id_first(Object& document) {
    const Value* id = document.find("_id");
    if (id) document.prepend("_id", Value(*id));
}

}  // namespace

void set_at(Object& object, std::string_view path, Value value) {
    const std::size_t dot = path.find('.');
    const std::string_view name = path.substr(0, dot);
    if (name.empty()) throw CommandError(56, "The update path contains an empty field name");
    if (dot == std::string_view::npos) {
        object.set(name, std::move(value));
        return;
    }
    std::string_view rest = path.substr(dot + 1);
    Value* inner = object.find(name);
    if (!inner) {
        object.set(name, Object{});
        inner = object.find(name);
    }
    while (auto* elements = inner->as<Array>()) {
        const std::size_t next = rest.find('.');
        inner = &element_of(*elements, rest.substr(0, next));
        if (next == std::string_view::npos) {
            *inner = std::move(value);
            return;
        }
        rest = rest.substr(next + 1);
    }
    auto* child = inner->as<Object>();
    if (!child) {
        throw CommandError(code::path_not_viable, "Cannot create field '" + std::string(rest) + "' in element {" +
                                                      std::string(name) + ": " + to_json(*inner) + "}");
    }
    set_at(*child, rest, std::move(value));
}

void unset_at(Object& object, std::string_view path) {
    const std::size_t dot = path.find('.');
    if (dot == std::string_view::npos) return object.erase(path);
    Value* inner = object.find(path.substr(0, dot));
    if (inner && inner->is<Object>()) unset_at(*inner->as<Object>(), path.substr(dot + 1));
}

Update::Update(const Value& source, DateTime now) : now_(now) {
    if (const auto* stages = source.as<Array>()) {
        kind_ = Kind::pipeline;
        for (const Value& stage : *stages) {
            const auto* object = stage.as<Object>();
            if (!object)
                throw CommandError(code::type_mismatch, "Each element of the 'pipeline' array must be an object");
            parse_stage(*object);
        }
        return;
    }
    const auto* object = source.as<Object>();
    if (!object) throw CommandError(code::failed_to_parse, "Update argument must be either an object or an array");
    if (!object->empty() && object->begin()->name.starts_with("$")) {
        kind_ = Kind::operators;
        parse_operators(*object);
        refuse_conflicts();
        return;
    }
    for (const Field& field : *object) {
        if (field.name.starts_with("$")) {
            throw CommandError(code::dollar_prefixed_field_name, "The dollar ($) prefixed field '" + field.name +
                                                                     "' is not allowed in the context of an "
                                                                     "update's replacement document");
        }
    }
    replacement_ = *object;
}

void Update::parse_operators(const Object& source) {
    for (const Field& by_operator : source) {
        if (std::ranges::find(operators, by_operator.name) == operators.end()) {
            throw CommandError(code::failed_to_parse, "Unknown modifier: " + by_operator.name);
        }
        const auto* fields = by_operator.value.as<Object>();
        if (!fields) {
            throw CommandError(code::failed_to_parse,
                               "Modifiers operate on fields but we found another type for " + by_operator.name);
        }
        for (const Field& field : *fields) {
            if (field.name.empty() || field.name.starts_with("$") || field.name.find(".$") != std::string::npos) {
                throw CommandError(code::bad_value, "the double does not update the path '" + field.name + "'");
            }
            steps_.push_back(Step{by_operator.name, field.name, field.value});
        }
    }
}

void Update::refuse_conflicts() const {
    for (std::size_t i = 0; i < steps_.size(); ++i) {
        for (std::size_t j = i + 1; j < steps_.size(); ++j) {
            if (overlap(steps_[i].path, steps_[j].path)) {
                throw CommandError(
                    code::conflicting_update_operators,
                    "Updating the path '" + steps_[j].path + "' would create a conflict at '" + steps_[i].path + "'");
            }
        }
    }
}

void Update::parse_stage(const Object& stage) {
    if (stage.size() != 1) {
        throw CommandError(40323, "A pipeline stage specification object must contain exactly one field.");
    }
    const Field& only = *stage.begin();
    Stage parsed{only.name, {}, {}};
    if (only.name == "$set" || only.name == "$addFields") {
        const auto* fields = only.value.as<Object>();
        if (!fields) throw CommandError(40272, only.name + " specification stage must be an object");
        for (const Field& field : *fields) {
            parsed.paths.push_back(field.name);
            parsed.expressions.emplace_back(field.value);
        }
    } else if (only.name == "$unset") {
        const Array list = only.value.is<Array>() ? *only.value.as<Array>() : Array{only.value};
        for (const Value& path : list) {
            if (!path.is<std::string>()) throw CommandError(31002, "$unset needs names of fields");
            parsed.paths.push_back(*path.as<std::string>());
        }
    } else if (only.name == "$replaceWith") {
        parsed.expressions.emplace_back(only.value);
    } else {
        throw CommandError(code::invalid_options, only.name + " is not allowed to be used within an update");
    }
    stages_.push_back(std::move(parsed));
}

Object Update::apply(const Object& document) const {
    Object out = changed(document, false);
    const Value* old_id = document.find("_id");
    const Value* new_id = out.find("_id");
    if (old_id && (!new_id || compare(*old_id, *new_id) != 0)) {
        throw CommandError(code::immutable_field,
                           "Performing an update on the path '_id' would modify the immutable field '_id'");
    }
    return out;
}

Object Update::upserted(const Filter& query) const {
    Object base;
    for (const Field& field : query.equalities()) {
        if (kind_ == Kind::replacement && field.name != "_id") continue;
        set_at(base, field.name, field.value);
    }
    Object out = changed(base, true);
    const Value* query_id = base.find("_id");
    const Value* new_id = out.find("_id");
    if (query_id && new_id && compare(*query_id, *new_id) != 0) {
        throw CommandError(code::immutable_field,
                           "Performing an update on the path '_id' would modify the immutable field '_id'");
    }
    put_id_first(out);
    return out;
}

Object Update::changed(const Object& document, bool inserting) const {
    if (kind_ == Kind::pipeline) return run_pipeline(document);
    if (kind_ == Kind::replacement) {
        Object out = replacement_;
        if (!out.has("_id") && document.has("_id")) out.prepend("_id", document.at("_id"));
        put_id_first(out);
        return out;
    }
    Object out = document;
    for (const Step& step : steps_) {
        const std::string& name = step.operator_name;
        const Value& old_value = value_at(out, step.path);
        if (name == "$set" || (name == "$setOnInsert" && inserting)) {
            set_at(out, step.path, step.operand);
        } else if (name == "$unset") {
            unset_at(out, step.path);
        } else if (name == "$inc" || name == "$mul") {
            set_at(out, step.path, number_result(old_value, step.operand, name));
        } else if (name == "$min" || name == "$max") {
            const auto order = compare(step.operand, old_value);
            if (old_value.is_missing() || (name == "$max" ? order > 0 : order < 0))
                set_at(out, step.path, step.operand);
        } else if (name == "$currentDate") {
            set_at(out, step.path, now_);
        } else if (name == "$rename") {
            if (!step.operand.is<std::string>()) throw CommandError(code::bad_value, "$rename needs a name");
            if (old_value.is_missing()) continue;
            Value moved = old_value;
            unset_at(out, step.path);
            set_at(out, *step.operand.as<std::string>(), std::move(moved));
        } else if (name != "$setOnInsert") {
            apply_to_array(out, step.path, step.operand, name);
        }
    }
    return out;
}

Object Update::run_pipeline(Object document) const {
    for (const Stage& stage : stages_) {
        if (stage.name == "$unset") {
            for (const std::string& path : stage.paths) unset_at(document, path);
            continue;
        }
        if (stage.name == "$replaceWith") {
            Value whole = stage.expressions.front().evaluate(document, now_);
            auto* object = whole.as<Object>();
            if (!object) throw CommandError(40228, "'replacement document' must evaluate to an object");
            Value id = value_at(document, "_id");
            document = std::move(*object);
            if (!document.has("_id") && !id.is_missing()) document.prepend("_id", std::move(id));
            continue;
        }
        const Object before = document;
        for (std::size_t i = 0; i < stage.paths.size(); ++i) {
            Value value = stage.expressions[i].evaluate(before, now_);
            if (value.is_missing()) {
                unset_at(document, stage.paths[i]);
            } else {
                set_at(document, stage.paths[i], std::move(value));
            }
        }
    }
    return document;
}

}  // namespace waybill::testing::mongo
