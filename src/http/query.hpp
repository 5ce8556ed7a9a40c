// Reads the parameters of a query and collects what is wrong with them. Parameters that a route does
// not know are ignored; one that it knows may come once. Problems point to a parameter as to a
// member: /limit.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "domain/error.hpp"
#include "domain/order.hpp"
#include "http/cursor.hpp"
#include "http/message.hpp"

namespace waybill::http {

// Of a name or a value; empty when it is not percent-encoded UTF-8. '+' is a plus.
[[nodiscard]] std::optional<std::string> decode_query_text(std::string_view text);

class QueryReader {
public:
    explicit QueryReader(std::string_view query) : query_(query) {}

    [[nodiscard]] std::size_t limit();
    [[nodiscard]] std::optional<PageKey> after(CursorOf list);
    [[nodiscard]] std::optional<StockLevel> after_stock();
    [[nodiscard]] std::optional<OrderStatus> order_status();
    [[nodiscard]] std::optional<std::string> id(std::string_view name);
    [[nodiscard]] std::optional<std::string> location();

    // validation_failed, or bad_cursor when the cursor is all that is wrong.
    [[nodiscard]] std::optional<Response> refusal(const Request& request) const;

private:
    [[nodiscard]] std::optional<std::string> find(std::string_view name);
    void refuse(std::string_view name, std::string code, std::string message);

    std::string_view query_;
    std::vector<FieldProblem> problems_;
    bool bad_cursor_ = false;
};

}  // namespace waybill::http
