// Which rows serve a path. Built once; a lookup walks the segments of the path and allocates only
// when one of them is percent-encoded.
#pragma once

#include <array>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "http/routes.hpp"

namespace waybill::http {

inline constexpr std::size_t path_segments_max = 8;

struct Row {
    Route route;
    std::size_t meter = 0;
};

// The rows of one pattern, by method.
struct Endpoint {
    std::array<const Row*, 7> rows{};
    [[nodiscard]] const Row* find(Method method) const;  // HEAD finds the row of GET
    [[nodiscard]] std::string allow() const;             // "GET, HEAD, OPTIONS"
    bool long_ids = false;                               // a parameter may be the id of a work item
};

struct PathMatch {
    const Endpoint* endpoint = nullptr;  // null: no such path
    bool is_api = false;
    std::array<std::string_view, 2> params{};
    std::vector<char> decoded;  // what params point into where the path was percent-encoded
};

// Immutable after construction, so thread-safe.
class RouteTable {
public:
    // `meter_of` gives each row its place in the figures.
    RouteTable(std::span<const std::span<const Route>> api, std::span<const Route> root,
               const std::function<std::size_t(const Route&)>& meter_of);

    // Views of the match point into `path` or the match itself. A segment that is empty, `.`, `..`,
    // wrongly encoded, or hides a slash or NUL matches nothing.
    [[nodiscard]] PathMatch find(std::string_view path) const;

private:
    struct Node {
        std::vector<std::pair<std::string_view, std::unique_ptr<Node>>> literals;
        std::unique_ptr<Node> param;
        Endpoint endpoint;
        bool used = false;
    };
    void add(Node& tree, const Route& route, std::size_t meter);

    std::deque<Row> rows_;
    Node api_;
    Node root_;
};

}  // namespace waybill::http
