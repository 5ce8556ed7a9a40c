// One reading of an older database, in the order accounts, catalogue, stock, orders; with its bookkeeping.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "app/import.hpp"

namespace waybill {

class ImportPass {
public:
    ImportPass(const ImportOptions& options, LegacySystem system, LegacySource& source, Store& store, Clock& clock,
               ImportMode mode);

    [[nodiscard]] Result<ImportReport> run();

private:
    enum class Outcome : std::uint8_t { imported, unchanged, skipped };

    // What waits for the store, and the remarks that count once it is in.
    template <class Row>
    struct Waiting {
        Row row;
        std::string label;
        std::vector<Remark> remarks;
    };
    // A product and place, from all the documents that name it.
    struct Sum {
        std::int64_t units = 0;
        std::vector<std::string> labels;
        std::vector<Remark> remarks;
    };
    struct WaitingOrder {
        Order order;
        std::string label;
        std::vector<Remark> remarks;
        std::int64_t items = 0;  // documents of their own
    };
    struct Item {
        OrderLine line;
        std::string label;
        std::vector<Remark> remarks;
    };
    struct Items {
        std::vector<Item> taken;
        std::string broken;  // the label of one that cannot be taken over
    };
    using StockKey = std::pair<ProductId, std::string>;

    [[nodiscard]] CollectionReport& report_of(const std::string& collection);
    static void note(std::map<std::string, RemarkList>& lists, const Remark& remark);
    static void book(CollectionReport& report, Outcome outcome, const std::vector<Remark>& remarks,
                     std::int64_t documents = 1);
    static void skip(CollectionReport& report, const Remark& reason);
    static Remark why_refused(const Error& error, const std::string& label);

    // Every document of the collection: counted, then `visit`ed.
    [[nodiscard]] Result<void> read(const std::string& collection,
                                    const std::function<Result<void>(const LegacyDocument&, CollectionReport&)>& visit);

    // Before a row, or what names it, is remembered until the end. Errors: validation_failed (too many).
    [[nodiscard]] Result<void> hold();

    // One answer for each row; an error that is not about a row ends the import.
    template <class Row>
    [[nodiscard]] Result<std::vector<Result<bool>>> put(std::span<const Row> rows, std::size_t rows_max,
                                                        std::vector<Result<bool>> (Store::*import)(std::span<const Row>,
                                                                                                   ImportMode));

    [[nodiscard]] Result<void> read_users(const std::string& collection);
    [[nodiscard]] Result<void> flush_users(std::vector<Waiting<User>>& waiting, CollectionReport& report);
    [[nodiscard]] Result<void> read_stocked_products(const std::string& collection);
    [[nodiscard]] Result<void> read_products(const std::string& collection);
    [[nodiscard]] Result<void> read_stock(const std::string& collection);
    [[nodiscard]] Result<void> read_items(const std::string& collection);
    [[nodiscard]] Result<void> read_orders(const std::string& collection);
    [[nodiscard]] Result<void> flush_orders(std::vector<WaitingOrder>& waiting, CollectionReport& report);

    [[nodiscard]] Taking<Order> take_order(const LegacyDocument& document, WaitingOrder& waiting);
    [[nodiscard]] Items items_of(const LegacyDocument& order);
    void skip_order(CollectionReport& report, const Remark& reason, std::int64_t items);
    void remark_unknown(WaitingOrder& waiting) const;
    void skip_orphans();

    const ImportOptions& options_;
    const LegacySystem system_;
    const LegacyTerms terms_;
    LegacySource& source_;
    Store& store_;
    Clock& clock_;
    const ImportMode mode_;
    ImportReport report_;
    std::size_t rows_held_ = 0;
    std::unordered_map<std::string, std::string> addresses_;  // and the user who comes first
    std::unordered_set<UserId> users_;                        // those that come along
    std::unordered_map<ProductId, std::string> products_;     // and their names
    std::unordered_set<std::string> order_ids_;
    std::unordered_map<std::string, Items> items_;  // by what they call their order
    std::size_t items_held_ = 0;
};

}  // namespace waybill
