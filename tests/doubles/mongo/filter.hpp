// A query, checked when it is made (an operator that the double does not know is an error even when
// no document is looked at), then asked of documents.
//
// Known: implicit equality, $eq $ne $gt $gte $lt $lte $in $nin $exists $not $size $type(name), and
// $and $or $nor $expr. Dotted paths enter objects and arrays as MongoDB does.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/doubles/mongo/expression.hpp"
#include "tests/doubles/mongo/value.hpp"

namespace waybill::testing::mongo {

class Filter {
public:
    Filter() = default;
    // Throws CommandError.
    explicit Filter(const Object& query, DateTime now = {});

    [[nodiscard]] bool matches(const Object& document) const;

    // What the query says of one path at its top level (through $and, and what all of an $or have), for the choice of
    // an index.
    struct Bounds {
        std::vector<Value> equals;  // any of these; empty: no such condition
        bool has_equals = false;
        std::optional<Value> low;
        std::optional<Value> high;
    };
    [[nodiscard]] Bounds bounds_of(std::string_view path) const;

    // Fields that an upsert takes from its query.
    [[nodiscard]] std::vector<Field> equalities() const;

private:
    enum class Op { eq, ne, gt, gte, lt, lte, in, nin, exists, not_, size, type, and_, or_, nor, expr };
    struct Node {
        Op op = Op::eq;
        std::string path;
        Value operand;
        std::vector<Node> children;
        std::shared_ptr<const Expression> expression;
    };

    static Node parse_query(const Object& query);
    static std::vector<Node> parse_all(const Value& list, std::string_view name);
    static std::vector<Node> parse_path(const std::string& path, const Value& condition);
    static Node parse_operator(const std::string& path, const Field& field);
    [[nodiscard]] bool holds(const Node& node, const Object& document) const;
    [[nodiscard]] static bool any_at(const Node& node, const Object& document, std::string_view path);
    [[nodiscard]] static bool test(const Node& node, const Value& value);
    [[nodiscard]] static bool test_one(const Node& node, const Value& value);
    static void collect_bounds(const Node& node, std::string_view path, Bounds& bounds);
    static void unite_bounds(const Node& node, std::string_view path, Bounds& bounds);
    static void collect_equalities(const Node& node, std::vector<Field>& out);

    Node root_{Op::and_, {}, {}, {}, nullptr};
    DateTime now_;
};

}  // namespace waybill::testing::mongo
