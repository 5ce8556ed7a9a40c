// Products and stock. Product reads come from the cache; a change that was answered is seen by every
// read that starts afterwards in this process, and after at most `stale_after` in others.
//
// Thread-safe; methods block on the store.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "app/id_maker.hpp"
#include "app/metrics.hpp"
#include "app/page.hpp"
#include "domain/product.hpp"
#include "domain/user.hpp"
#include "ports/cache.hpp"
#include "ports/clock.hpp"
#include "ports/store.hpp"

namespace waybill {

struct NewProduct {
    std::string name;
    std::string description;
    MinorUnits price = 0;
    bool active = true;
};

class Catalogue {
public:
    struct Options {
        Milliseconds cache_ttl{600'000};
        Milliseconds stale_after{2'000};
    };
    Catalogue(Options options, Store& store, Cache& cache, Clock& clock, Metrics& metrics);
    ~Catalogue();

    // Active ones, newest first.
    [[nodiscard]] Result<Page<Product>> list_products(const std::optional<PageKey>& after, std::size_t limit);

    // Errors: not_found.
    [[nodiscard]] Result<Product> get_product(const ProductId& id);

    // Errors: validation_failed (fields /name, /description, /price), not_found.
    [[nodiscard]] Result<Product> create_product(const NewProduct& product);
    [[nodiscard]] Result<Product> update_product(const ProductId& id, const ProductPatch& patch);

    // Errors: unknown_product, unknown_location (a name that is none), validation_failed (would go
    // below zero), idempotency_key_reused.
    [[nodiscard]] Result<StockChanged> change_stock(const StockChange& change);
    [[nodiscard]] Result<Page<StockLevel, StockLevel>> list_stock(const StockFilter& filter,
                                                                  const std::optional<StockLevel>& after,
                                                                  std::size_t limit);

    // Reads the store's catalogue version; to be called once a second.
    void read_version();

private:
    class State;
    std::unique_ptr<State> state_;
};

// What `waybill seed` and --seed-demo put in: three products and a million of each in bangalore.
[[nodiscard]] std::vector<SeedProduct> demo_catalogue(TimePoint now);

}  // namespace waybill
