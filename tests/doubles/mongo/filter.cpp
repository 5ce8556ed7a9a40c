#include "tests/doubles/mongo/filter.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "tests/doubles/mongo/command_error.hpp"

namespace waybill::testing::mongo {

namespace {

bool is_operators(const Value& condition) {
    const auto* object = condition.as<Object>();
    return object && !object->empty() && object->begin()->name.starts_with("$");
}

const Object& object_of(const Value& value, std::string_view name) {
    const auto* object = value.as<Object>();
    if (!object) throw CommandError(code::bad_value, std::string(name) + " needs an object");
    return *object;
}

const Value* element_at(const Array& elements, std::string_view name) {
    std::size_t index = 0;
    const auto [end, failed] = std::from_chars(name.data(), name.data() + name.size(), index);
    if (failed != std::errc{} || end != name.data() + name.size() || index >= elements.size()) return nullptr;
    return &elements[index];
}

}  // namespace

Filter::Filter(const Object& query, DateTime now) : root_(parse_query(query)), now_(now) {}

std::vector<Filter::Node> Filter::parse_all(const Value& list, std::string_view name) {
    const auto* queries = list.as<Array>();
    if (!queries || queries->empty())
        throw CommandError(code::bad_value, std::string(name) + " must be a nonempty array");
    std::vector<Node> nodes;
    for (const Value& query : *queries) nodes.push_back(parse_query(object_of(query, name)));
    return nodes;
}

Filter::Node Filter::parse_query(const Object& query) {
    Node all{Op::and_, {}, {}, {}, nullptr};
    for (const Field& field : query) {
        if (!field.name.starts_with("$")) {
            for (Node& node : parse_path(field.name, field.value)) all.children.push_back(std::move(node));
        } else if (field.name == "$and") {
            all.children.push_back(Node{Op::and_, {}, {}, parse_all(field.value, field.name), nullptr});
        } else if (field.name == "$or") {
            all.children.push_back(Node{Op::or_, {}, {}, parse_all(field.value, field.name), nullptr});
        } else if (field.name == "$nor") {
            all.children.push_back(Node{Op::nor, {}, {}, parse_all(field.value, field.name), nullptr});
        } else if (field.name == "$expr") {
            all.children.push_back(Node{Op::expr, {}, {}, {}, std::make_shared<Expression>(field.value)});
        } else if (field.name != "$comment") {
            throw CommandError(code::bad_value, "unknown top level operator: " + field.name);
        }
    }
    return all;
}

std::vector<Filter::Node> Filter::parse_path(const std::string& path, const Value& condition) {
    std::vector<Node> nodes;
    if (!is_operators(condition)) {
        nodes.push_back(Node{Op::eq, path, condition, {}, nullptr});
        return nodes;
    }
    for (const Field& field : *condition.as<Object>()) nodes.push_back(parse_operator(path, field));
    return nodes;
}

Filter::Node Filter::parse_operator(const std::string& path, const Field& field) {
    struct Known {
        std::string_view name;
        Op op;
    };
    static constexpr std::array known = {
        Known{"$eq", Op::eq},    Known{"$ne", Op::ne},     Known{"$gt", Op::gt},         Known{"$gte", Op::gte},
        Known{"$lt", Op::lt},    Known{"$lte", Op::lte},   Known{"$in", Op::in},         Known{"$nin", Op::nin},
        Known{"$not", Op::not_}, Known{"$size", Op::size}, Known{"$exists", Op::exists}, Known{"$type", Op::type},
    };
    const auto* const found = std::ranges::find(known, field.name, &Known::name);
    if (found == known.end()) throw CommandError(code::bad_value, "unknown operator: " + field.name);
    Node node{found->op, path, field.value, {}, nullptr};
    if (node.op == Op::in || node.op == Op::nin) {
        const auto* list = field.value.as<Array>();
        if (!list) throw CommandError(code::bad_value, field.name + " needs an array");
        if (std::ranges::any_of(*list, is_operators)) {
            throw CommandError(code::bad_value, "cannot nest $ under " + field.name);
        }
        // Sorted, so that long lists are searched quickly.
        Array sorted = *list;
        std::ranges::sort(sorted, ValueLess{});
        node.operand = std::move(sorted);
    }
    if (node.op == Op::not_) {
        if (!is_operators(field.value)) throw CommandError(code::bad_value, "$not needs an object of operators");
        node.children = parse_path(path, field.value);
    }
    if (node.op == Op::type && !field.value.is<std::string>()) {
        throw CommandError(code::bad_value, "the double knows $type by name only");
    }
    if (node.op == Op::size && !field.value.is_integer())
        throw CommandError(code::bad_value, "$size needs a whole number");
    return node;
}

bool Filter::matches(const Object& document) const { return holds(root_, document); }

bool Filter::holds(const Node& node, const Object& document) const {
    const auto holds_here = [&](const Node& child) { return holds(child, document); };
    switch (node.op) {
        case Op::and_:
            return std::ranges::all_of(node.children, holds_here);
        case Op::or_:
            return std::ranges::any_of(node.children, holds_here);
        case Op::nor:
            return std::ranges::none_of(node.children, holds_here);
        case Op::not_:
            return !std::ranges::all_of(node.children, holds_here);
        case Op::expr:
            return node.expression->evaluate(document, now_).truthy();
        case Op::ne:
            return !any_at(Node{Op::eq, node.path, node.operand, {}, nullptr}, document, node.path);
        case Op::nin:
            return !any_at(Node{Op::in, node.path, node.operand, {}, nullptr}, document, node.path);
        case Op::exists:
            return any_at(node, document, node.path) == node.operand.truthy();
        case Op::eq:
        case Op::gt:
        case Op::gte:
        case Op::lt:
        case Op::lte:
        case Op::in:
        case Op::size:
        case Op::type:
            return any_at(node, document, node.path);
    }
    return false;
}

// Whether one of the values that the path leads to passes; arrays on the way are entered.
bool Filter::any_at(const Node& node, const Object& document, std::string_view path) {
    const std::size_t dot = path.find('.');
    const Value* found = document.find(path.substr(0, dot));
    if (!found) return test(node, Value{});
    if (dot == std::string_view::npos) return test(node, *found);
    const std::string_view rest = path.substr(dot + 1);
    if (const auto* inner = found->as<Object>()) return any_at(node, *inner, rest);
    const auto* elements = found->as<Array>();
    if (!elements) return test(node, Value{});
    const std::size_t next_dot = rest.find('.');
    if (const Value* element = element_at(*elements, rest.substr(0, next_dot))) {
        if (next_dot == std::string_view::npos) return test(node, *element);
        const auto* inner = element->as<Object>();
        if (inner && any_at(node, *inner, rest.substr(next_dot + 1))) return true;
    }
    return std::ranges::any_of(*elements, [&](const Value& element) {
        const auto* inner = element.as<Object>();
        return inner && any_at(node, *inner, rest);
    });
}

bool Filter::test(const Node& node, const Value& value) {
    if (test_one(node, value)) return true;
    const auto* elements = value.as<Array>();
    if (!elements || node.op == Op::size || node.op == Op::exists) return false;
    return std::ranges::any_of(*elements, [&](const Value& element) { return test_one(node, element); });
}

bool Filter::test_one(const Node& node, const Value& value) {
    const auto comparable = [&] { return type_rank(value) == type_rank(node.operand); };
    if (node.op == Op::eq) return compare(value, node.operand) == 0;
    if (node.op == Op::gt) return comparable() && compare(value, node.operand) > 0;
    if (node.op == Op::gte) return comparable() && compare(value, node.operand) >= 0;
    if (node.op == Op::lt) return comparable() && compare(value, node.operand) < 0;
    if (node.op == Op::lte) return comparable() && compare(value, node.operand) <= 0;
    if (node.op == Op::in) return std::ranges::binary_search(*node.operand.as<Array>(), value, ValueLess{});
    if (node.op == Op::exists) return !value.is_missing();
    if (node.op == Op::type) {
        return type_name(value) == *node.operand.as<std::string>() ||
               (*node.operand.as<std::string>() == "number" && value.is_number());
    }
    const auto* elements = value.as<Array>();  // $size
    return elements && static_cast<std::int64_t>(elements->size()) == node.operand.to_int64();
}

Filter::Bounds Filter::bounds_of(std::string_view path) const {
    Bounds bounds;
    collect_bounds(root_, path, bounds);
    return bounds;
}

void Filter::collect_bounds(const Node& node, std::string_view path, Bounds& bounds) {
    if (node.op == Op::and_) {
        for (const Node& child : node.children) collect_bounds(child, path, bounds);
        return;
    }
    if (node.op == Op::or_) {
        unite_bounds(node, path, bounds);
        return;
    }
    if (node.path != path || node.operand.is<Array>() != (node.op == Op::in)) return;
    if (node.op == Op::eq || node.op == Op::in) {
        bounds.has_equals = true;
        bounds.equals = node.op == Op::eq ? std::vector<Value>{node.operand} : *node.operand.as<Array>();
    }
    if (node.op == Op::gt || node.op == Op::gte) bounds.low = node.operand;
    if (node.op == Op::lt || node.op == Op::lte) bounds.high = node.operand;
}

// Of alternatives only what each of them has.
void Filter::unite_bounds(const Node& node, std::string_view path, Bounds& bounds) {
    Bounds all;
    all.has_equals = true;
    for (const Node& child : node.children) {
        Bounds one;
        collect_bounds(child, path, one);
        if (!one.has_equals) return;
        for (Value& value : one.equals) {
            if (std::ranges::find(all.equals, value) == all.equals.end()) all.equals.push_back(std::move(value));
        }
    }
    bounds.has_equals = true;
    bounds.equals = std::move(all.equals);
}

std::vector<Field> Filter::equalities() const {
    std::vector<Field> out;
    collect_equalities(root_, out);
    return out;
}

void Filter::collect_equalities(const Node& node, std::vector<Field>& out) {
    if (node.op == Op::and_) {
        for (const Node& child : node.children) collect_equalities(child, out);
    }
    if (node.op == Op::eq) out.push_back(Field{node.path, node.operand});
}

}  // namespace waybill::testing::mongo
