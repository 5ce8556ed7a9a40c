// A change of one document, checked when it is made: a replacement, the update operators $set $unset
// $inc $mul $min $max $setOnInsert $push $pull $addToSet $rename $currentDate, or a pipeline of $set,
// $addFields, $unset and $replaceWith. Anything else is an error.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tests/doubles/mongo/expression.hpp"
#include "tests/doubles/mongo/filter.hpp"
#include "tests/doubles/mongo/value.hpp"

namespace waybill::testing::mongo {

class Update {
public:
    // Throws CommandError.
    Update(const Value& source, DateTime now);

    [[nodiscard]] bool is_replacement() const { return kind_ == Kind::replacement; }

    // The changed document; the id stays (code 66 otherwise).
    [[nodiscard]] Object apply(const Object& document) const;

    // The document that an upsert inserts; without an id in the query or the update it has none.
    [[nodiscard]] Object upserted(const Filter& query) const;

private:
    enum class Kind { replacement, operators, pipeline };
    struct Step {
        std::string operator_name;
        std::string path;
        Value operand;
    };
    struct Stage {
        std::string name;
        std::vector<std::string> paths;
        std::vector<Expression> expressions;
    };

    void parse_operators(const Object& source);
    void parse_stage(const Object& stage);
    void refuse_conflicts() const;
    [[nodiscard]] Object changed(const Object& document, bool inserting) const;
    [[nodiscard]] Object run_pipeline(Object document) const;

    Kind kind_ = Kind::replacement;
    DateTime now_;
    Object replacement_;
    std::vector<Step> steps_;
    std::vector<Stage> stages_;
};

// Sets, makes or removes the field at a dotted path. Throws CommandError 28 where a scalar is on the
// way.
void set_at(Object& object, std::string_view path, Value value);
void unset_at(Object& object, std::string_view path);

}  // namespace waybill::testing::mongo
