#include "app/catalogue.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <limits>
#include <string_view>
#include <utility>
#include <vector>

#include "app/single_flight.hpp"
#include "domain/encoding.hpp"
#include "domain/utf8.hpp"

namespace waybill {

namespace {

void check_name(std::string_view name, std::vector<FieldProblem>& problems) {
    const std::optional<std::size_t> length = count_code_points(name);
    if (!length || has_control_character(name)) {
        problems.push_back({"/name", "bad-characters", "A name is UTF-8 without control characters."});
    } else if (*length < 1 || *length > product_name_length_max) {
        problems.push_back(
            {"/name", "bad-length", "A name has 1 to " + std::to_string(product_name_length_max) + " characters."});
    }
}

void check_description(std::string_view description, std::vector<FieldProblem>& problems) {
    const std::optional<std::size_t> length = count_code_points(description);
    if (!length) {
        problems.push_back({"/description", "bad-characters", "A description is UTF-8."});
    } else if (*length > product_description_length_max) {
        problems.push_back(
            {"/description", "bad-length",
             "A description has up to " + std::to_string(product_description_length_max) + " characters."});
    }
}

void check_price(MinorUnits price, std::vector<FieldProblem>& problems) {
    if (price >= 0 && price <= unit_price_max) return;
    problems.push_back(
        {"/price", "out-of-range", "A price is 0 to " + std::to_string(unit_price_max) + " minor units."});
}

void check_stock_change(const StockChange& change, std::vector<FieldProblem>& problems) {
    if (change.set.has_value() == change.delta.has_value()) {
        problems.push_back({"", "one-of", "Give either the new stock or a difference."});
    }
    if (change.set && (*change.set < 0 || *change.set > stock_max)) {
        problems.push_back({"/available", "out-of-range", "A stock is 0 to " + std::to_string(stock_max) + "."});
    }
    if (change.delta && (*change.delta < -stock_max || *change.delta > stock_max)) {
        problems.push_back(
            {"/delta", "out-of-range",
             "A difference is " + std::to_string(-stock_max) + " to " + std::to_string(stock_max) + "."});
    }
}

Result<void> as_result(std::vector<FieldProblem> problems) {
    if (problems.empty()) return {};
    Error error{ErrorCode::validation_failed, problems.front().message};
    error.fields = std::move(problems);
    return fail(std::move(error));
}

std::unexpected<Error> no_such_product() { return fail(ErrorCode::not_found, "There is no such product."); }

std::string product_key(const ProductId& id) { return "product:" + id.text; }

std::string page_key(const std::optional<PageKey>& after, std::size_t limit) {
    std::string key = "products:" + std::to_string(limit);
    if (after) key += ":" + std::to_string(to_unix_ms(after->created_at)) + ":" + after->id;
    return key;
}

// Only who knows the same version may share a read: one that began before a change was answered must not
// answer who asks after it.
std::string flight_key(const std::string& key, std::uint64_t version) { return key + "@" + std::to_string(version); }

// An entry is the catalogue version that was known before its rows were read, least octet first,
// and the rows.
constexpr std::size_t version_size = sizeof(std::uint64_t);

std::string make_entry(std::uint64_t version, std::string_view rows) {
    std::string entry;
    entry.reserve(version_size + rows.size());
    for (std::size_t i = 0; i < version_size; ++i) entry += static_cast<char>((version >> (8 * i)) & 0xff);
    entry += rows;
    return entry;
}

std::optional<std::string_view> rows_of_entry(std::string_view entry, std::uint64_t version_min) {
    if (entry.size() < version_size) return {};
    std::uint64_t version = 0;
    for (std::size_t i = 0; i < version_size; ++i) {
        version |= std::uint64_t{static_cast<unsigned char>(entry[i])} << (8 * i);
    }
    if (version < version_min) return {};
    return entry.substr(version_size);
}

template <class T>
void raise_to(std::atomic<T>& value, T other) {
    T seen = value.load();
    while (seen < other && !value.compare_exchange_weak(seen, other)) {
    }
}

}  // namespace

class Catalogue::State {
public:
    State(Options options, Store& store, Cache& cache, Clock& clock, Metrics& metrics)
        : options_(options), store_(store), cache_(cache), clock_(clock), metrics_(metrics), ids_(clock) {}

    Result<Page<Product>> list_products(const std::optional<PageKey>& after, std::size_t limit);
    Result<Product> get_product(const ProductId& id);
    Result<Product> create_product(const NewProduct& product);
    Result<Product> update_product(const ProductId& id, const ProductPatch& patch);
    Result<StockChanged> change_stock(const StockChange& change);
    Result<Page<StockLevel, StockLevel>> list_stock(const StockFilter& filter, const std::optional<StockLevel>& after,
                                                    std::size_t limit);
    bool read_version();

private:
    [[nodiscard]] std::optional<std::uint64_t> trusted_version();
    [[nodiscard]] std::optional<Product> find_cached(const ProductId& id, std::uint64_t version);
    [[nodiscard]] std::optional<std::vector<Product>> find_cached(const std::string& key, std::uint64_t version);
    [[nodiscard]] Result<std::optional<Product>> read_product(const ProductId& id,
                                                              const std::optional<std::uint64_t>& version);
    [[nodiscard]] Result<Product> adopt(Result<CatalogueWrite> write);

    static constexpr auto never = std::numeric_limits<SteadyTime::rep>::min();

    const Options options_;
    Store& store_;
    Cache& cache_;
    Clock& clock_;
    Metrics& metrics_;
    IdMaker ids_;
    SingleFlight<Result<std::optional<Product>>> product_reads_;
    SingleFlight<Result<std::vector<Product>>> page_reads_;

    // The version is raised before the time of its read: whoever sees the time sees the version.
    std::atomic<std::uint64_t> version_{0};
    std::atomic<SteadyTime::rep> read_began_{never};
};

bool Catalogue::State::read_version() {
    const SteadyTime began = clock_.steady_now();
    const Result<std::uint64_t> version = store_.catalogue_version();
    if (!version) return false;
    raise_to(version_, *version);
    raise_to(read_began_, began.time_since_epoch().count());
    return true;
}

// Empty when the store cannot tell: then nothing in the cache can be believed.
std::optional<std::uint64_t> Catalogue::State::trusted_version() {
    const SteadyTime::rep began = read_began_.load();
    const bool fresh =
        began != never && clock_.steady_now() - SteadyTime(SteadyTime::duration(began)) <= options_.stale_after;
    if (!fresh && !read_version()) return {};
    return version_.load();
}

std::optional<std::vector<Product>> Catalogue::State::find_cached(const std::string& key, std::uint64_t version) {
    const std::optional<std::string> entry = cache_.find(key);
    if (!entry) return {};
    const std::optional<std::string_view> rows = rows_of_entry(*entry, version);
    return rows ? decode_products(*rows) : std::nullopt;
}

std::optional<Product> Catalogue::State::find_cached(const ProductId& id, std::uint64_t version) {
    const std::optional<std::string> entry = cache_.find(product_key(id));
    if (!entry) return {};
    const std::optional<std::string_view> row = rows_of_entry(*entry, version);
    std::optional<Product> product = row ? decode_product(*row) : std::nullopt;
    if (!product || product->id != id) return {};
    return product;
}

Result<std::optional<Product>> Catalogue::State::read_product(const ProductId& id,
                                                              const std::optional<std::uint64_t>& version) {
    Result<std::optional<Product>> stored = store_.find_product(id);
    const bool keep = version && stored && *stored;
#ifdef WAYBILL_MUTANT_CACHE_FILLED_AFTER_INVALIDATION
    if (keep) cache_.put(product_key(id), make_entry(version_, encode_product(**stored)), options_.cache_ttl);
    if (keep) return stored;
#endif
    if (keep) cache_.put(product_key(id), make_entry(*version, encode_product(**stored)), options_.cache_ttl);
    return stored;
}

Result<Product> Catalogue::State::get_product(const ProductId& id) {
    if (!is_valid_id(id.text)) return no_such_product();
    const std::optional<std::uint64_t> version = trusted_version();
    std::optional<Product> cached = version ? find_cached(id, *version) : std::nullopt;
    (cached ? metrics_.cache_hits : metrics_.cache_misses).Increment();
    if (cached) return std::move(*cached);

    Result<std::optional<Product>> stored =
        version ? product_reads_.run(flight_key(product_key(id), *version), [&] { return read_product(id, version); })
                : read_product(id, version);
    if (!stored) return fail(std::move(stored.error()));
    if (!*stored) return no_such_product();
    return std::move(**stored);
}

Result<Page<Product>> Catalogue::State::list_products(const std::optional<PageKey>& after, std::size_t limit) {
    limit = std::clamp<std::size_t>(limit, 1, page_limit_max);
    const auto key_of = [](const Product& product) { return PageKey{product.created_at, product.id.text}; };
    const std::string key = page_key(after, limit);
    const std::optional<std::uint64_t> version = trusted_version();
    std::optional<std::vector<Product>> cached = version ? find_cached(key, *version) : std::nullopt;
    (cached ? metrics_.cache_hits : metrics_.cache_misses).Increment();
    if (cached) return make_page(std::move(*cached), limit, key_of);

    // A cursor is the client's own text: only one that could be ours earns an entry.
    const bool keep = version && (!after || is_valid_id(after->id));
    const auto read = [&] {
        Result<std::vector<Product>> rows = store_.list_products(after, limit + 1);
        if (keep && rows) cache_.put(key, make_entry(*version, encode_products(*rows)), options_.cache_ttl);
        return rows;
    };
    Result<std::vector<Product>> rows = keep ? page_reads_.run(flight_key(key, *version), read) : read();
    if (!rows) return fail(std::move(rows.error()));
    return make_page(std::move(*rows), limit, key_of);
}

Result<Product> Catalogue::State::create_product(const NewProduct& product) {
    std::vector<FieldProblem> problems;
    check_name(product.name, problems);
    check_description(product.description, problems);
    check_price(product.price, problems);
    if (auto valid = as_result(std::move(problems)); !valid) return fail(std::move(valid.error()));
    const TimePoint now = clock_.now();
    return adopt(store_.create_product(
        {ids_.make_product_id(), product.name, product.description, product.price, product.active, now, now}));
}

Result<Product> Catalogue::State::update_product(const ProductId& id, const ProductPatch& patch) {
    if (!is_valid_id(id.text)) return no_such_product();
    std::vector<FieldProblem> problems;
    if (patch.name) check_name(*patch.name, problems);
    if (patch.description) check_description(*patch.description, problems);
    if (patch.price) check_price(*patch.price, problems);
    if (auto valid = as_result(std::move(problems)); !valid) return fail(std::move(valid.error()));
    return adopt(store_.update_product(id, patch));
}

// A write that may have happened leaves no version to adopt: the next lookup asks for it.
Result<Product> Catalogue::State::adopt(Result<CatalogueWrite> write) {
    if (write) {
        raise_to(version_, write->catalogue_version);
        return std::move(write->product);
    }
    if (write.error().code == ErrorCode::outcome_unknown) read_began_ = never;
    return fail(std::move(write.error()));
}

Result<StockChanged> Catalogue::State::change_stock(const StockChange& change) {
    std::vector<FieldProblem> problems;
    check_stock_change(change, problems);
    if (auto valid = as_result(std::move(problems)); !valid) return fail(std::move(valid.error()));
    if (!is_valid_location(change.location)) {
        return fail(ErrorCode::unknown_location, "A location is 1 to 64 characters of A-Z, a-z, 0-9, _ and -.");
    }
    return store_.change_stock(change);
}

Result<Page<StockLevel, StockLevel>> Catalogue::State::list_stock(const StockFilter& filter,
                                                                  const std::optional<StockLevel>& after,
                                                                  std::size_t limit) {
    limit = std::clamp<std::size_t>(limit, 1, page_limit_max);
    Result<std::vector<StockLevel>> rows = store_.list_stock(filter, after, limit + 1);
    if (!rows) return fail(std::move(rows.error()));
    return make_page(std::move(*rows), limit, [](const StockLevel& level) { return level; });
}

Catalogue::Catalogue(Options options, Store& store, Cache& cache, Clock& clock, Metrics& metrics)
    : state_(std::make_unique<State>(options, store, cache, clock, metrics)) {}

Catalogue::~Catalogue() = default;

Result<Page<Product>> Catalogue::list_products(const std::optional<PageKey>& after, std::size_t limit) {
    return state_->list_products(after, limit);
}

Result<Product> Catalogue::get_product(const ProductId& id) { return state_->get_product(id); }

Result<Product> Catalogue::create_product(const NewProduct& product) { return state_->create_product(product); }

Result<Product> Catalogue::update_product(const ProductId& id, const ProductPatch& patch) {
    return state_->update_product(id, patch);
}

Result<StockChanged> Catalogue::change_stock(const StockChange& change) { return state_->change_stock(change); }

Result<Page<StockLevel, StockLevel>> Catalogue::list_stock(const StockFilter& filter,
                                                           const std::optional<StockLevel>& after, std::size_t limit) {
    return state_->list_stock(filter, after, limit);
}

void Catalogue::read_version() { state_->read_version(); }

std::vector<SeedProduct> demo_catalogue(TimePoint now) {
    constexpr std::int64_t available = 1'000'000;
    const auto make = [now](const char* id, const char* name, const char* description, MinorUnits price) {
        const ProductId product_id{id};
        return SeedProduct{{product_id, name, description, price, true, now, now},
                           {{product_id, "bangalore", available}}};
    };
    return {
        make("67c8830b7ef1b848ac52ebec", "Desk Lamp", "A warm light with a heavy foot and a long arm.", 149'900),
        make("67c8830b7ef1b848ac52ebed", "Desk Mat", "Felt on cork, 90 by 40 centimetres.", 89'900),
        make("67c8830b7ef1b848ac52ebee", "Monitor Stand", "Solid oak, with room for a keyboard below.", 141'250),
    };
}

}  // namespace waybill
