#include <array>
#include <vector>

#include "http/routes.hpp"

namespace waybill::http {

std::span<const std::span<const Route>> api_routes() {
    static const std::array<std::span<const Route>, 5> tables{auth_routes(), order_routes(), product_routes(),
                                                              inventory_routes(), admin_routes()};
    return tables;
}

std::span<const Route> root_routes() {
    static const std::vector<Route> rows = [] {
        std::vector<Route> all(probe_routes().begin(), probe_routes().end());
        all.insert(all.end(), docs_routes().begin(), docs_routes().end());
        return all;
    }();
    return rows;
}

}  // namespace waybill::http
