#include "http/decode.hpp"

#include "http/body_reader.hpp"
#include "http/problem.hpp"

namespace waybill::http {

namespace {

Response refuse_json(const Request& request, const JsonProblem& found) {
    if (found.malformed) return problem(request, ProtocolError::malformed_json, found.detail);
    return problem(request, Error{ErrorCode::validation_failed, found.detail, {found.field}});
}

Response refuse_members(const Request& request, BodyProblems problems) {
    if (problems.invalid.empty()) {
        return problem(request, ProtocolError::unknown_field,
                       "There is no member " + problems.unknown.front().pointer + ".", problems.unknown);
    }
    Error error{ErrorCode::validation_failed,
                problems.invalid.front().pointer + ": " + problems.invalid.front().message,
                std::move(problems.invalid)};
    error.fields.insert(error.fields.end(), problems.unknown.begin(), problems.unknown.end());
    return problem(request, error);
}

// `read` takes the members of the body's object through a BodyReader.
template <class Read>
auto decode(const Request& request, Read read) -> Decoded<std::invoke_result_t<Read, BodyReader&, BodyProblems&>> {
    const auto json = read_json(request.body);
    if (!json) return std::unexpected(refuse_json(request, json.error()));
    BodyProblems problems;
    BodyReader body(*json, "", problems);
    auto value = read(body, problems);
    body.finish();
    if (problems.any()) return std::unexpected(refuse_members(request, std::move(problems)));
    return value;
}

RequestedLine read_line(const Json& item, std::size_t index, BodyProblems& problems) {
    BodyReader body(item, "/items/" + std::to_string(index), problems);
    RequestedLine line{ProductId(body.required_string("productId")), body.required_integer("quantity")};
    body.ignore("name");
    body.ignore("price");
    body.finish();
    return line;
}

// Where the types are right: whether a line can be part of any order.
void check_line(const RequestedLine& line, std::size_t index, BodyProblems& problems) {
    const std::string pointer = "/items/" + std::to_string(index);
    if (!is_valid_id(line.product_id.text)) {
        problems.invalid.push_back(
            {pointer + "/productId", "invalid-id", "A product id is 1 to 64 characters A-Z, a-z, 0-9, '_' or '-'."});
    }
    if (line.quantity < 1 || line.quantity > line_quantity_max) {
        problems.invalid.push_back(
            {pointer + "/quantity", "out-of-range",
             "The quantity of a product must be 1 to " + std::to_string(line_quantity_max) + "."});
    }
}

std::vector<RequestedLine> read_lines(BodyReader& body, BodyProblems& problems) {
    std::vector<RequestedLine> lines;
    const std::vector<Json>* items = body.required_array("items");
    if (items == nullptr) return lines;
    if (items->empty() || items->size() > order_lines_max) {
        body.refuse("items", "out-of-range", "An order has 1 to " + std::to_string(order_lines_max) + " items.");
        return lines;
    }
    lines.reserve(items->size());
    for (std::size_t i = 0; i < items->size(); ++i) {
        const std::size_t before = problems.invalid.size();
        lines.push_back(read_line((*items)[i], i, problems));
        if (problems.invalid.size() == before && !problems.full()) check_line(lines.back(), i, problems);
    }
    return lines;
}

void check_location(BodyReader& body, const std::optional<std::string>& location) {
    if (!location || is_valid_location(*location)) return;
    body.refuse("location", "invalid-location", "A location is 1 to 64 characters A-Z, a-z, 0-9, '_' or '-'.");
}

}  // namespace

Decoded<Registration> decode_registration(const Request& request) {
    return decode(request, [](BodyReader& body, BodyProblems&) {
        Registration registration;
        registration.email = body.required_string("email");
        registration.password = body.required_string("password");
        registration.name = body.optional_string("name").value_or("");
        return registration;
    });
}

Decoded<Credentials> decode_credentials(const Request& request) {
    return decode(request, [](BodyReader& body, BodyProblems&) {
        Credentials credentials;
        credentials.email = body.required_string("email");
        credentials.password = body.required_string("password");
        return credentials;
    });
}

Decoded<PasswordChange> decode_password_change(const Request& request) {
    return decode(request, [](BodyReader& body, BodyProblems&) {
        PasswordChange change;
        change.current = body.required_string("current");
        change.replacement = body.required_string("new");
        return change;
    });
}

Decoded<std::string> decode_forgotten_password(const Request& request) {
    return decode(request, [](BodyReader& body, BodyProblems&) { return body.required_string("email"); });
}

Decoded<PasswordReset> decode_password_reset(const Request& request) {
    return decode(request, [](BodyReader& body, BodyProblems&) {
        PasswordReset reset;
        reset.token = body.required_string("token");
        reset.password = body.required_string("password");
        return reset;
    });
}

Decoded<OrderRequest> decode_order_request(const Request& request, const Currency& currency) {
    return decode(request, [&](BodyReader& body, BodyProblems& problems) {
        OrderRequest order;
        order.location = body.optional_string("location");
        check_location(body, order.location);
        order.expected_total = body.optional_amount("totalAmount", currency);
        order.lines = read_lines(body, problems);
        order.size = request.body.size();
        return order;
    });
}

Decoded<NewProduct> decode_new_product(const Request& request, const Currency& currency) {
    return decode(request, [&](BodyReader& body, BodyProblems&) {
        NewProduct product;
        product.name = body.required_string("name");
        product.description = body.optional_string("description").value_or("");
        product.price = body.required_amount("price", currency);
        product.active = body.optional_boolean("active").value_or(true);
        return product;
    });
}

Decoded<ProductPatch> decode_product_patch(const Request& request, const Currency& currency) {
    return decode(request, [&](BodyReader& body, BodyProblems&) {
        ProductPatch patch;
        patch.name = body.optional_string("name");
        patch.description = body.optional_string("description");
        patch.price = body.optional_amount("price", currency);
        patch.active = body.optional_boolean("active");
        return patch;
    });
}

Decoded<std::int64_t> decode_stock_level(const Request& request) {
    return decode(request, [](BodyReader& body, BodyProblems&) { return body.required_integer("available"); });
}

Decoded<StockAdjustment> decode_stock_adjustment(const Request& request) {
    return decode(request, [](BodyReader& body, BodyProblems&) {
        StockAdjustment adjustment;
        adjustment.delta = body.required_integer("delta");
        adjustment.reason = body.optional_string("reason").value_or("");
        if (count_code_points(adjustment.reason).value_or(0) > stock_reason_length_max) {
            body.refuse("reason", "bad-length",
                        "A reason has up to " + std::to_string(stock_reason_length_max) + " characters.");
        }
        return adjustment;
    });
}

Decoded<void> decode_nothing(const Request& request) {
    if (request.body.empty()) return {};
    const auto nothing = decode(request, [](BodyReader&, BodyProblems&) { return true; });
    if (!nothing) return std::unexpected(nothing.error());
    return {};
}

}  // namespace waybill::http
