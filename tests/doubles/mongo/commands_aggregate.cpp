#include <algorithm>
#include <map>

#include "domain/time.hpp"
#include "tests/doubles/mongo/commands.hpp"

namespace waybill::testing::mongo {

namespace {

const Object& object_of(const Value& value, const std::string& stage) {
    const auto* object = value.as<Object>();
    if (!object) throw CommandError(15959, "the " + stage + " stage must be an object");
    return *object;
}

// One accumulator of a $group; fed with each value of its group.
class Accumulator {
public:
    explicit Accumulator(const Field& source) : name_(source.name), expression_(check(source)) {}

    [[nodiscard]] const Expression& expression() const { return expression_; }
    [[nodiscard]] Value start() const {
        if (name_ == "$sum") return std::int32_t{0};
        if (name_ == "$push" || name_ == "$addToSet") return Array{};
        return Value{};
    }
    void feed(Value& state, Value value) const {
        if (name_ == "$sum") {
            if (!value.is_number()) return;
            if (state.is<double>() || value.is<double>()) {
                state = state.to_double() + value.to_double();
            } else {
                const std::int64_t sum = state.to_int64() + value.to_int64();
                const bool small =
                    state.is<std::int32_t>() && value.is<std::int32_t>() && sum == static_cast<std::int32_t>(sum);
                state = small ? Value(static_cast<std::int32_t>(sum)) : Value(sum);
            }
        } else if (name_ == "$min" || name_ == "$max") {
            if (value.is_null()) return;
            const auto order = compare(value, state);
            if (state.is_missing() || (name_ == "$max" ? order > 0 : order < 0)) state = std::move(value);
        } else if (name_ == "$first") {
            if (state.is_missing()) state = value.is_missing() ? Value(Null{}) : std::move(value);
        } else if (name_ == "$last") {
            state = value.is_missing() ? Value(Null{}) : std::move(value);
        } else if (!value.is_missing()) {
            Array& elements = *state.as<Array>();
            const bool known = std::ranges::find(elements, value) != elements.end();
            if (name_ == "$push" || !known) elements.push_back(std::move(value));
        }
    }

private:
    static const Value& check(const Field& source) {
        for (const char* known : {"$sum", "$min", "$max", "$first", "$last", "$push", "$addToSet"}) {
            if (source.name == known) return source.value;
        }
        throw CommandError(15952, "unknown group operator '" + source.name + "'");
    }

    std::string name_;
    Expression expression_;
};

std::vector<Object> group(const Object& spec, const std::vector<Object>& documents, DateTime now) {
    const Value* id = spec.find("_id");
    if (!id) throw CommandError(15955, "a group specification must include an _id");
    const Expression key(*id);
    std::vector<std::pair<std::string, Accumulator>> accumulators;
    for (const Field& field : spec) {
        if (field.name == "_id") continue;
        const Object& call = object_of(field.value, "$group");
        if (call.size() != 1) throw CommandError(40238, "The field '" + field.name + "' must specify one accumulator");
        accumulators.emplace_back(field.name, Accumulator(*call.begin()));
    }
    std::map<Value, std::vector<Value>, ValueLess> groups;
    for (const Object& document : documents) {
        Value at = key.evaluate(document, now);
        auto& states = groups[at.is_missing() ? Value(Null{}) : std::move(at)];
        if (states.empty()) {
            for (const auto& [name, accumulator] : accumulators) states.push_back(accumulator.start());
        }
        for (std::size_t i = 0; i < accumulators.size(); ++i) {
            const Accumulator& accumulator = accumulators[i].second;
            accumulator.feed(states[i], accumulator.expression().evaluate(document, now));
        }
    }
    std::vector<Object> out;
    for (auto& [at, states] : groups) {
        Object document{{"_id", at}};
        for (std::size_t i = 0; i < accumulators.size(); ++i) {
            document.set(accumulators[i].first, states[i].is_missing() ? Value(Null{}) : states[i]);
        }
        out.push_back(std::move(document));
    }
    return out;
}

std::int64_t whole_number(const Value& value, const std::string& stage) {
    if (!value.is_number() || value.to_int64() < 0)
        throw CommandError(15957, stage + " needs a number that is not negative");
    return value.to_int64();
}

// $project of 0 and 1, and of computed fields beside kept ones.
std::vector<Object> project(const Object& spec, const std::vector<Object>& documents, DateTime now) {
    Object plain;
    std::vector<std::pair<std::string, Expression>> computed;
    for (const Field& field : spec) {
        if (field.value.is_number() || field.value.is<bool>()) {
            plain.set(field.name, field.value);
        } else {
            computed.emplace_back(field.name, Expression(field.value));
        }
    }
    const bool only_id = plain.size() == 1 && plain.has("_id") && !plain.at("_id").truthy() && !computed.empty();
    if (plain.empty()) plain.set("_id", std::int32_t{1});
    const Projection projection(plain);
    std::vector<Object> out;
    for (const Object& document : documents) {
        Object shown = only_id ? Object{} : projection.apply(document);
        for (const auto& [name, expression] : computed) {
            Value value = expression.evaluate(document, now);
            if (!value.is_missing()) shown.set(name, std::move(value));
        }
        out.push_back(std::move(shown));
    }
    return out;
}

std::vector<Object> run_stage(const Field& stage, std::vector<Object> documents, DateTime now);

std::vector<const Field*> stages_of(const Array& pipeline) {
    std::vector<const Field*> stages;
    for (const Value& stage : pipeline) {
        const auto* object = stage.as<Object>();
        if (!object || object->size() != 1) {
            throw CommandError(40323, "A pipeline stage specification object must contain exactly one field.");
        }
        stages.push_back(&*object->begin());
    }
    return stages;
}

// A $lookup whose pipeline does not depend on the document: {from, pipeline, as}.
std::vector<Object> look_up(Call& call, const Object& spec, std::vector<Object> documents, DateTime now) {
    for (const Field& field : spec) {
        if (field.name != "from" && field.name != "pipeline" && field.name != "as") {
            throw CommandError(9, "the double knows no '" + field.name + "' in $lookup");
        }
    }
    const auto* from = spec.find("from") ? spec.at("from").as<std::string>() : nullptr;
    const auto* pipeline = spec.find("pipeline") ? spec.at("pipeline").as<Array>() : nullptr;
    const auto* as = spec.find("as") ? spec.at("as").as<std::string>() : nullptr;
    if (!from || !pipeline || !as) throw CommandError(9, "$lookup needs from, pipeline and as");
    std::vector<Object> joined;
    for (const DocumentPtr& found :
         visible_documents(call, call.database + "." + *from, Filter(Object{}, now), SortKeys(Object{}), 0)) {
        joined.push_back(*found);
    }
    for (const Field* stage : stages_of(*pipeline)) joined = run_stage(*stage, std::move(joined), now);
    const Array values(joined.begin(), joined.end());
    for (Object& document : documents) document.set(*as, values);
    return documents;
}

std::vector<Object> run_stage(const Field& stage, std::vector<Object> documents, DateTime now) {
    if (stage.name == "$match") {
        const Filter filter(object_of(stage.value, stage.name), now);
        std::erase_if(documents, [&](const Object& document) { return !filter.matches(document); });
        return documents;
    }
    if (stage.name == "$group") return group(object_of(stage.value, stage.name), documents, now);
    if (stage.name == "$project") return project(object_of(stage.value, stage.name), documents, now);
    if (stage.name == "$sort") {
        const SortKeys keys(object_of(stage.value, stage.name));
        if (keys.keys.empty()) throw CommandError(15976, "$sort stage must have at least one sort key");
        const auto less = [&](const Object& left, const Object& right) { return keys.less(left, right); };
        std::ranges::sort(documents, less);
        return documents;
    }
    if (stage.name == "$limit" || stage.name == "$skip") {
        const auto count = static_cast<std::size_t>(whole_number(stage.value, stage.name));
        if (stage.name == "$limit" && count == 0) throw CommandError(15958, "the limit must be positive");
        const auto cut = static_cast<std::ptrdiff_t>(std::min(count, documents.size()));
        if (stage.name == "$limit") documents.erase(documents.begin() + cut, documents.end());
        if (stage.name == "$skip") documents.erase(documents.begin(), documents.begin() + cut);
        return documents;
    }
    if (stage.name == "$count") {
        const auto* name = stage.value.as<std::string>();
        if (!name || name->empty()) throw CommandError(40156, "the count field must be a non-empty string");
        if (documents.empty()) return {};
        return {Object{{*name, static_cast<std::int32_t>(documents.size())}}};
    }
    throw CommandError(40324, "Unrecognized pipeline stage name: '" + stage.name + "'");
}

Object idle_session(const ServerSession& session, Engine& engine) {
    const auto micros = [](auto duration) {
        return static_cast<std::int64_t>(std::chrono::duration_cast<std::chrono::microseconds>(duration).count());
    };
    const SteadyTime now = engine.clock().steady_now();
    const std::int64_t inactive = micros(now - session.last_used);
    const std::int64_t open = micros(now - session.began);
    Object lsid = session.id;
    // The digest of no user, as a server without access control shows it.
    lsid.set("uid", Binary{0, std::string(32, '\x5a')});
    return Object{
        {"type", "idleSession"},
        {"host", "127.0.0.1"},
        {"desc", "inactive transaction"},
        {"client", session.client},
        {"active", false},
        {"lsid", std::move(lsid)},
        {"transaction", Object{{"parameters", Object{{"txnNumber", session.txn_number}, {"autocommit", false}}},
                               {"readTimestamp", Timestamp{0, 0}},
                               {"startWallClockTime", format_rfc3339(session.began_wall)},
                               {"timeOpenMicros", open},
                               {"timeActiveMicros", open - inactive},
                               {"timeInactiveMicros", inactive}}},
        {"waitingForLock", false}};
}

std::vector<Object> current_operations(Call& call, const Object& spec) {
    bool idle_sessions = true;
    for (const Field& field : spec) {
        if (field.name != "allUsers" && field.name != "idleSessions" && field.name != "idleConnections" &&
            field.name != "localOps") {
            throw CommandError(code::failed_to_parse, "Unrecognized option '" + field.name + "' in $currentOp stage.");
        }
        if (!field.value.is<bool>()) throw CommandError(code::failed_to_parse, field.name + " must be a boolean");
        if (field.name == "idleSessions") idle_sessions = *field.value.as<bool>();
    }
    if (call.database != "admin") throw CommandError(code::invalid_namespace, "$currentOp must be run against admin");
    if (call.taking.transaction) {
        throw CommandError(code::not_in_transaction, "$currentOp cannot run within a multi-document transaction");
    }
    std::vector<Object> out{Object{{"type", "op"}, {"active", true}, {"client", call.client.address}}};
    if (!idle_sessions) return out;
    for (const ServerSession* session : call.engine.sessions().open_transactions()) {
        out.push_back(idle_session(*session, call.engine));
    }
    return out;
}

const Array& pipeline_of(Call& call) {
    const auto* pipeline = call.option<Array>("pipeline");
    if (!pipeline) throw CommandError(40414, "BSON field 'aggregate.pipeline' is missing");
    return *pipeline;
}

}  // namespace

Object run_aggregate(Call& call) {
    const std::vector<const Field*> stages = stages_of(pipeline_of(call));
    const auto* options = call.option<Object>("cursor");
    if (!options) throw CommandError(code::failed_to_parse, "The 'cursor' option is required");
    const Value* size = options->find("batchSize");
    const DateTime now = call.engine.now();
    const bool of_database = call.command.begin()->value.is_number();
    const std::string name = of_database ? call.database + ".$cmd.aggregate" : call.collection_name();
    std::vector<Object> documents;
    std::size_t next = 0;
    if (of_database) {
        if (stages.empty() || stages.front()->name != "$currentOp") {
            throw CommandError(code::invalid_namespace, "{aggregate: 1} is not valid for this pipeline");
        }
        documents = current_operations(call, object_of(stages.front()->value, "$currentOp"));
        next = 1;
    } else {
        const bool matches = !stages.empty() && stages.front()->name == "$match";
        const Filter filter(matches ? object_of(stages.front()->value, "$match") : Object{}, now);
        const std::vector<DocumentPtr> found = visible_documents(call, name, filter, SortKeys(Object{}), 0);
        for (const DocumentPtr& document : found) documents.push_back(*document);
        next = matches ? 1 : 0;
    }
    // With no documents too, so that a stage that is not known is an error.
    for (; next < stages.size(); ++next) {
        const Field& stage = *stages[next];
        documents = stage.name == "$lookup"
                        ? look_up(call, object_of(stage.value, stage.name), std::move(documents), now)
                        : run_stage(stage, std::move(documents), now);
    }
    return open_cursor(call, name, std::move(documents), size ? size->to_int64() : 101, false);
}

}  // namespace waybill::testing::mongo
