#include "domain/product.hpp"

namespace waybill {

Product apply_patch(Product product, const ProductPatch& patch, TimePoint now) {
    if (patch.name) product.name = *patch.name;
    if (patch.description) product.description = *patch.description;
    if (patch.price) product.price = *patch.price;
    if (patch.active) product.active = *patch.active;
    product.updated_at = now;
    return product;
}

bool is_valid_location(std::string_view text) { return is_valid_id(text) && text != no_location; }

}  // namespace waybill
