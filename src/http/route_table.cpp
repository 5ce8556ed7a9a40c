#include "http/route_table.hpp"

#include <algorithm>
#include <optional>
#include <stdexcept>

#include "domain/percent.hpp"
#include "domain/work.hpp"

namespace waybill::http {

namespace {

struct Segments {
    std::array<std::string_view, path_segments_max> items{};
    std::size_t count = 0;
    [[nodiscard]] std::span<const std::string_view> view() const { return {items.data(), count}; }
};

// Decodes once, into `storage`, which must have room. Empty when the encoding is wrong, or hides
// what would change the path.
std::optional<std::string_view> decode_segment(std::string_view text, std::vector<char>& storage) {
    const std::size_t start = storage.size();
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '%') {
            storage.push_back(text[i]);
            continue;
        }
        const std::optional<char> decoded = read_percent_escape(text.substr(i));
        if (!decoded || *decoded == '\0' || *decoded == '/') return std::nullopt;
        storage.push_back(*decoded);
        i += percent_escape_length - 1;
    }
    return std::string_view(storage.data() + start, storage.size() - start);
}

// Empty when no route can match.
std::optional<Segments> split_path(std::string_view path, std::vector<char>& storage) {
    if (!path.starts_with('/')) return std::nullopt;
    Segments segments;
    if (path == "/") return segments;
    const bool encoded = path.find('%') != std::string_view::npos;
    if (encoded) storage.reserve(path.size());  // so that views into it stay
    for (std::size_t at = 1; at <= path.size();) {
        const std::size_t end = std::min(path.find('/', at), path.size());
        std::optional<std::string_view> segment = path.substr(at, end - at);
        if (encoded) segment = decode_segment(*segment, storage);
        if (!segment || segment->empty() || *segment == "." || *segment == "..") return std::nullopt;
        if (segments.count == path_segments_max) return std::nullopt;
        segments.items[segments.count++] = *segment;
        at = end + 1;
    }
    return segments;
}

template <class Node>
struct Search {
    PathMatch& match;
    std::size_t params = 0;

    // Literal segments win over parameters.
    const Endpoint* find(const Node& node, std::span<const std::string_view> rest) {
        if (rest.empty()) return accepts(node) ? &node.endpoint : nullptr;
        for (const auto& [literal, child] : node.literals) {
            if (literal != rest.front()) continue;
            if (const Endpoint* found = find(*child, rest.subspan(1))) return found;
            break;
        }
        if (!node.param || params == match.params.size() || !is_valid_work_id(rest.front())) return nullptr;
        match.params[params++] = rest.front();
        const Endpoint* found = find(*node.param, rest.subspan(1));
        if (!found) match.params[--params] = {};
        return found;
    }

    bool accepts(const Node& node) const {
        if (!node.used) return false;
        return node.endpoint.long_ids ||
               std::ranges::all_of(match.params, [](std::string_view param) { return param.size() <= id_length_max; });
    }
};

constexpr std::array<Method, 7> methods{Method::get,   Method::head, Method::post,   Method::put,
                                        Method::patch, Method::del,  Method::options};

}  // namespace

const Row* Endpoint::find(Method method) const {
    if (method == Method::other) return nullptr;
    const Row* row = rows[static_cast<std::size_t>(method)];
    if (row == nullptr && method == Method::head) return rows[static_cast<std::size_t>(Method::get)];
    return row;
}

std::string Endpoint::allow() const {
    std::string text;
    for (const Method method : methods) {
        if (method != Method::options && find(method) == nullptr) continue;
        if (!text.empty()) text += ", ";
        text += to_text(method);
    }
    return text;
}

RouteTable::RouteTable(std::span<const std::span<const Route>> api, std::span<const Route> root,
                       const std::function<std::size_t(const Route&)>& meter_of) {
    for (const std::span<const Route> routes : api) {
        for (const Route& route : routes) add(api_, route, meter_of(route));
    }
    for (const Route& route : root) add(root_, route, meter_of(route));
}

void RouteTable::add(Node& tree, const Route& route, std::size_t meter) {
    if (route.method == Method::other || (route.handler == nullptr) == (route.completing == nullptr))
        throw std::logic_error("a route needs a method and one handler: " + std::string(route.pattern));
    std::vector<char> storage;
    const std::optional<Segments> segments = split_path(route.pattern, storage);
    if (!segments) throw std::logic_error("no pattern of a route: " + std::string(route.pattern));
    Node* node = &tree;
    for (const std::string_view segment : segments->view()) {
        if (segment.starts_with('{')) {
            if (!node->param) node->param = std::make_unique<Node>();
            node = node->param.get();
            continue;
        }
        const auto found = std::ranges::find(node->literals, segment, [](const auto& child) { return child.first; });
        if (found == node->literals.end()) {
            node->literals.emplace_back(segment, std::make_unique<Node>());
            node = node->literals.back().second.get();
        } else {
            node = found->second.get();
        }
    }
    const Row*& place = node->endpoint.rows[static_cast<std::size_t>(route.method)];
    if (place != nullptr) throw std::logic_error("two routes are the same: " + std::string(route.pattern));
    place = &rows_.emplace_back(Row{route, meter});
    node->used = true;
    node->endpoint.long_ids = route.pattern.starts_with("/admin/dead-letters/");
}

PathMatch RouteTable::find(std::string_view path) const {
    PathMatch match;
    const std::optional<Segments> segments = split_path(path, match.decoded);
    match.is_api = path.starts_with("/api/");
    if (!segments) return match;
    std::span<const std::string_view> rest = segments->view();
    match.is_api = !rest.empty() && rest.front() == "api";
    // A path below /api/v1 is never read as one below /api.
    if (match.is_api) rest = rest.subspan(rest.size() > 1 && rest[1] == "v1" ? 2 : 1);
    match.endpoint = Search<Node>{match}.find(match.is_api ? api_ : root_, rest);
    return match;
}

}  // namespace waybill::http
