// Building and reading BSON: `doc("a", 1, "b", doc("$in", ids))`, and fields by name.
//
// Reading throws std::runtime_error when a field is absent or of another kind: such a document was
// not written by us.
#pragma once

#include <bson/bson.h>

#include <concepts>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "domain/ids.hpp"
#include "domain/time.hpp"

namespace waybill::mongo {

struct Null {};
inline constexpr Null null{};

// An owned document.
class Document {
public:
    Document() : bson_(bson_new()) {}
    explicit Document(const bson_t& other) : bson_(bson_copy(&other)) {}
    Document(const Document& other) : bson_(bson_copy(other.bson_)) {}
    Document(Document&& other) noexcept : Document() { std::swap(bson_, other.bson_); }
    Document& operator=(Document other) noexcept {
        std::swap(bson_, other.bson_);
        return *this;
    }
    ~Document() { bson_destroy(bson_); }

    [[nodiscard]] const bson_t* get() const { return bson_; }
    [[nodiscard]] bson_t* get() { return bson_; }
    [[nodiscard]] std::string_view bytes() const {
        return {reinterpret_cast<const char*>(bson_get_data(bson_)), bson_->len};
    }

    void put(std::string_view name, std::string_view value);
    void put(std::string_view name, const char* value) { put(name, std::string_view(value)); }
    void put(std::string_view name, bool value);
    void put(std::string_view name, TimePoint value);
    void put(std::string_view name, std::span<const std::uint8_t> bytes);
    void put(std::string_view name, const Document& value);
    void put(std::string_view name, const std::vector<Document>& values);
    void put(std::string_view name, const std::vector<std::string>& values);
    void put(std::string_view name, Null);

    template <std::integral Number>
    requires(!std::same_as<Number, bool>) void put(std::string_view name, Number value) {
        put_integer(name, static_cast<std::int64_t>(value));
    }
    template <class Tag>
    void put(std::string_view name, const Id<Tag>& id) {
        put(name, std::string_view(id.text));
    }
    // Absent when empty.
    template <class T>
    void put(std::string_view name, const std::optional<T>& value) {
        if (value) put(name, *value);
    }

private:
    void put_integer(std::string_view name, std::int64_t value);

    bson_t* bson_;  // never null; on the heap, since a bson_t cannot be moved
};

template <class... Pairs>
[[nodiscard]] Document doc(const Pairs&... pairs) {
    static_assert(sizeof...(Pairs) % 2 == 0, "names and values");
    Document made;
    const auto put_all = [&made](const auto& self, const auto& name, const auto& value, const auto&... rest) -> void {
        made.put(name, value);
        if constexpr (sizeof...(rest) > 0) self(self, rest...);
    };
    if constexpr (sizeof...(Pairs) > 0) put_all(put_all, pairs...);
    return made;
}

template <class... Documents>
[[nodiscard]] std::vector<Document> array(Documents... documents) {
    std::vector<Document> made;
    made.reserve(sizeof...(documents));
    (made.push_back(std::move(documents)), ...);
    return made;
}

// A document that somebody else owns.
class View {
public:
    View(const bson_t& bson) : bson_(&bson) {}                 // NOLINT(google-explicit-constructor)
    View(const Document& document) : bson_(document.get()) {}  // NOLINT(google-explicit-constructor)

    [[nodiscard]] bool has(const char* name) const;  // and is not null
    [[nodiscard]] std::string text(const char* name) const;
    [[nodiscard]] std::int64_t integer(const char* name) const;  // any number that is whole
    [[nodiscard]] bool boolean(const char* name) const;
    [[nodiscard]] TimePoint time(const char* name) const;
    [[nodiscard]] std::optional<TimePoint> optional_time(const char* name) const;
    [[nodiscard]] std::string binary(const char* name) const;
    [[nodiscard]] Document document(const char* name) const;
    [[nodiscard]] std::vector<Document> documents(const char* name) const;  // an array of documents

    [[nodiscard]] Document only(const char* name) const;  // a document of this field

    [[nodiscard]] std::int64_t integer_or(const char* name, std::int64_t otherwise) const;
    [[nodiscard]] std::string text_or(const char* name, std::string otherwise) const;

private:
    const bson_t* bson_;
};

// The texts of ids, for `$in`.
template <class Ids>
[[nodiscard]] std::vector<std::string> texts(const Ids& ids) {
    std::vector<std::string> made;
    for (const auto& id : ids) made.push_back(id.text);
    return made;
}

// A broken invariant: what was read or written is not what must be.
void require(bool holds, const char* what);

}  // namespace waybill::mongo
