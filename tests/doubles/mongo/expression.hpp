// An aggregation expression, checked when it is made: "$path", "$$NOW", "$$ROOT", literals, objects,
// and the operators of the table in expression.cpp. Any other operator is an error.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tests/doubles/mongo/value.hpp"

namespace waybill::testing::mongo {

class Expression {
public:
    // Throws CommandError.
    explicit Expression(const Value& source);

    [[nodiscard]] Value evaluate(const Object& document, DateTime now) const;

private:
    enum class Kind { literal, path, now, root, object, array, call };
    using Function = Value (*)(const std::vector<Value>&);

    void parse_text(const std::string& text);
    void parse_object(const Object& object);
    void parse_call(const Field& call);

    Kind kind_ = Kind::literal;
    Value literal_;
    std::string path_;
    std::vector<std::string> names_;
    std::vector<Expression> parts_;
    Function function_ = nullptr;
    std::string operator_;
};

}  // namespace waybill::testing::mongo
